/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/log_lines.h"

#include <string.h>

void log_lines_restart(struct log_lines *lines)
{
    lines->len = 0;
    lines->is_skipped = false;
}

static void keep(struct log_lines *lines, const char *bytes, size_t len)
{
    if (lines->is_skipped)
        return;
    if (len >= sizeof(lines->line) - lines->len) {
        lines->is_skipped = true;
        lines->nr_too_long++;
        return;
    }
    memcpy(lines->line + lines->len, bytes, len);
    lines->len += len;
}

bool log_lines_feed(struct log_lines *lines, const void *bytes, size_t len, log_line_sink *sink,
                    void *arg, struct err *err)
{
    const char *at = bytes;

    while (len) {
        const char *end = memchr(at, '\n', len);
        size_t part = end ? (size_t)(end - at) : len;
        bool is_wanted;

        keep(lines, at, part);
        if (end == NULL)
            return true;
        lines->line[lines->len] = '\0';
        is_wanted = !lines->is_skipped && lines->len;
        if (is_wanted && !sink(arg, lines->line, lines->len, err))
            return false;
        log_lines_restart(lines);
        at += part + 1;
        len -= part + 1;
    }
    return true;
}
