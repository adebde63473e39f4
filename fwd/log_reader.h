/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The verdict log's lines, over the change from one file to the next.
 */
#ifndef FWD_LOG_READER_H
#define FWD_LOG_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "common/attr.h"
#include "common/err.h"

#define LOG_TIME_MAX  28 /* "2026-11-23T14:00:00.123456Z" with its NUL */
#define LOG_LINES_MAX 1000000

/**
 * log_time_parse - a time as RFC 3339 has it, as a record's "ts" would say it
 *
 * Fractions and offsets may be there. Such texts sort as the times do. Pure.
 */
MUST_CHECK bool log_time_parse(const char *text, char out[LOG_TIME_MAX]);

/** log_line_is_since - is the record's "ts" since or later? true for a line without one. Pure.
 */
bool log_line_is_since(const char *line, size_t len, const char *since);

struct log_wish {
    const char *path;
    const char *since;  /* "" or as log_time_parse() gives it */
    unsigned long last; /* only so many lines of what is there; 0: all */
    bool is_followed;
};

/**
 * log_print - the file before, then the file, to out; followed until out is closed
 *
 * False with *err when neither file can be read, or out takes no more.
 */
MUST_CHECK bool log_print(const struct log_wish *wish, FILE *out, struct err *err);

#endif
