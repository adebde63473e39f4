/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/log_view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool put(const char *text, struct err *err)
{
    return puts(text) >= 0 ||
           err_set(err, errno, "write to standard output: %s", strerror(errno));
}

static bool show(struct log_view *view, const struct log_record *record, const char *line,
                 struct err *err)
{
    char row[LOG_ROW_MAX];

    view->nr_shown++;
    if (!view->is_table)
        return put(line, err);
    if (!view->is_headed) {
        view->is_headed = true;
        log_table_head(&view->table, row);
        if (!put(row, err))
            return false;
    }
    log_table_row(&view->table, record, row);
    return put(row, err);
}

static bool keep(struct log_view *view, const char *line, struct err *err)
{
    if (view->kept == NULL)
        view->kept = calloc(view->tail, sizeof(*view->kept));
    if (view->kept == NULL)
        return err_set(err, ENOMEM, "out of memory");
    free(view->kept[view->next]);
    view->kept[view->next] = strdup(line);
    if (view->kept[view->next] == NULL)
        return err_set(err, ENOMEM, "out of memory");
    view->next = (view->next + 1) % view->tail;
    return true;
}

/* The log's writer escapes everything else: what is not so is none of its lines. */
static bool is_ascii(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (line[i] < ' ' || line[i] > '~')
            return false;
    return true;
}

static bool take_line(void *arg, const char *line, size_t len, struct err *err)
{
    struct log_view *view = arg;
    struct log_record record;
    struct err why;
    bool is_good = true;

    if (!is_ascii(line, len) || !log_record_parse(line, len, &record, &why)) {
        view->nr_bad++;
        return true;
    }
    if (log_place_passes(&view->place, &record) && log_filter_takes(&view->filter, &record)) {
        log_hint_count(&view->hint, &record);
        is_good = view->tail ? keep(view, line, err) : show(view, &record, line, err);
    }
    log_record_clear(&record);
    return is_good;
}

bool log_view_take(void *arg, const void *bytes, size_t len, struct err *err)
{
    struct log_view *view = arg;

    return log_lines_feed(&view->lines, bytes, len, take_line, view, err) &&
           (fflush(stdout) == 0 ||
            err_set(err, errno, "write to standard output: %s", strerror(errno)));
}

bool log_view_flush(struct log_view *view, struct err *err)
{
    bool is_good = true;
    size_t tail = view->tail;

    view->tail = 0;
    for (size_t i = 0; view->kept && i < tail; i++) {
        const char *line = view->kept[(view->next + i) % tail];
        struct log_record record;
        struct err why;

        if (is_good && line && log_record_parse(line, strlen(line), &record, &why)) {
            is_good = show(view, &record, line, err);
            log_record_clear(&record);
        }
        free(view->kept[(view->next + i) % tail]);
    }
    free(view->kept);
    view->kept = NULL;
    return is_good && (fflush(stdout) == 0 ||
                       err_set(err, errno, "write to standard output: %s", strerror(errno)));
}

void log_view_clear(struct log_view *view)
{
    for (size_t i = 0; view->kept && i < view->tail; i++)
        free(view->kept[i]);
    free(view->kept);
    view->kept = NULL;
}
