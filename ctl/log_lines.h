/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bytes that come in any pieces, cut into lines. Pure.
 */
#ifndef CTL_LOG_LINES_H
#define CTL_LOG_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "common/err.h"

#define LOG_LINE_MAX 8192 /* bytes; a record has at most 4096 */

/* Takes a line without its end, NUL-terminated. Returns false with *err to stop. */
typedef bool log_line_sink(void *arg, const char *line, size_t len, struct err *err);

/* Zeroed: at the start. */
struct log_lines {
    char line[LOG_LINE_MAX];
    size_t len;
    bool is_skipped; /* the line is too long: its rest is dropped */
    size_t nr_too_long;
};

/** log_lines_feed - give every line that is whole now to sink */
MUST_CHECK bool log_lines_feed(struct log_lines *lines, const void *bytes, size_t len,
                               log_line_sink *sink, void *arg, struct err *err);

/** log_lines_restart - the next bytes begin a line; what is left of the last one is dropped:
 * the writer ends each line, so it is half of one */
void log_lines_restart(struct log_lines *lines);

#endif
