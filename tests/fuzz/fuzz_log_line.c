/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Promises, of any bytes in the verdict log: a row of the table is printable ASCII and fits the
 * terminal; a suggested command holds nothing but a host name and a service; a line that is no
 * record leaves nothing behind.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/log_hint.h"
#include "ctl/log_lines.h"
#include "ctl/log_table.h"

#define ALLOWED "secctl allow "

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct log_hint hint;

static void promise(bool is_kept)
{
    if (!is_kept)
        abort();
}

static void check_row(const struct log_record *record, size_t width)
{
    const struct log_table table = { .width = width };
    char row[LOG_ROW_MAX];

    log_table_row(&table, record, row);
    promise(strlen(row) <= width);
    for (const char *p = row; *p; p++)
        promise(*p >= ' ' && *p <= '~');
}

static bool take(void *arg, const char *line, size_t len, struct err *err)
{
    struct log_record record;
    struct err why;

    (void)arg;
    (void)err;
    promise(len < LOG_LINE_MAX && line[len] == '\0');
    if (!log_record_parse(line, len, &record, &why)) {
        promise(record.json == NULL && why.text[0]);
        return true;
    }
    for (size_t width = LOG_WIDTH_MIN; width <= LOG_WIDTH_MAX; width += 50)
        check_row(&record, width);
    log_hint_count(&hint, &record);
    log_record_clear(&record);
    return true;
}

static void check_hint(void)
{
    static char text[LOG_HINT_MAX];

    log_hint_text(&hint, NULL, text);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char *comment = strstr(line, "    # refused ");

        promise(comment && strncmp(line, ALLOWED, strlen(ALLOWED)) == 0);
        *comment = '\0';
        promise(strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789-_./ ") == strlen(line));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct log_lines lines;
    size_t first = size / 3;
    struct err err;

    memset(&lines, 0, sizeof(lines));
    hint.nr = 0;
    promise(log_lines_feed(&lines, data, first, take, NULL, &err));
    promise(log_lines_feed(&lines, data + first, size - first, take, NULL, &err));
    promise(log_lines_feed(&lines, "\n", 1, take, NULL, &err));
    check_hint();
    return 0;
}
