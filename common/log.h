/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a program says to its admin: lines on stderr, one each, "event=... key=value". The
 * verdict log is another matter (common/record.h).
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stddef.h>

#include "common/attr.h"

enum log_level {
    LOG_LEVEL_NONE = -1,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG
};

/** log_set - program: its name, kept; level: the least important one that is written. Before
 * that: "secctl" and LOG_LEVEL_INFO. */
void log_set(const char *program, enum log_level level);

/* Control characters in what is written come out as "?"; past 1,000 bytes a line is cut. */
void log_error(const char *format, ...) PRINTF_LIKE(1, 2);
void log_warn(const char *format, ...) PRINTF_LIKE(1, 2);
void log_info(const char *format, ...) PRINTF_LIKE(1, 2);
void log_debug(const char *format, ...) PRINTF_LIKE(1, 2);

#define LOG_QUOTE_MAX 332 /* 80 bytes as \xHH, quotes, "..." and NUL */

/** log_quote - bytes of a peer's as quoted, escaped ASCII, 80 of them at most; returns buf */
const char *log_quote(const void *bytes, size_t len, char buf[LOG_QUOTE_MAX]);

#endif
