/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_LINE_MAX  1024
#define LOG_BYTES_MAX 80

static const char *log_program = "secctl";
static enum log_level log_level = LOG_LEVEL_INFO;

void log_set(const char *program, enum log_level level)
{
    log_program = program;
    log_level = level;
}

static void log_line(enum log_level level, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
static void log_line(enum log_level level, const char *format, va_list args)
{
    static const char *const names[] = { "error", "warning", "info", "debug" };
    char line[LOG_LINE_MAX];
    const int saved = errno;
    size_t len;
    int n;

    if (level > log_level)
        return;
    n = snprintf(line, sizeof(line), "%s: %s: ", log_program, names[level]);
    len = n < 0 ? 0 : (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1;
    (void)vsnprintf(line + len, sizeof(line) - len, format, args); /* cut is fine */
    len = strlen(line);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    line[len < sizeof(line) - 1 ? len++ : len - 1] = '\n';
    while (write(STDERR_FILENO, line, len) < 0 && errno == EINTR)
        ;
    errno = saved;
}

#define LOG_FUNCTION(name, level)                                                              \
    void name(const char *format, ...)                                                         \
    {                                                                                          \
        va_list args;                                                                          \
                                                                                               \
        va_start(args, format);                                                                \
        log_line(level, format, args);                                                         \
        va_end(args);                                                                          \
    }

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warn, LOG_LEVEL_WARN)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)

const char *log_quote(const void *bytes, size_t len, char buf[LOG_QUOTE_MAX])
{
    const unsigned char *p = bytes;
    const size_t shown = len < LOG_BYTES_MAX ? len : LOG_BYTES_MAX;
    char *out = buf;

    *out++ = '"';
    for (size_t i = 0; i < shown; i++) {
        if (p[i] < ' ' || p[i] > '~' || p[i] == '"' || p[i] == '\\')
            out += sprintf(out, "\\x%02x", p[i]);
        else
            *out++ = (char)p[i];
    }
    snprintf(out, LOG_QUOTE_MAX - (size_t)(out - buf), "%s", shown < len ? "\"..." : "\"");
    return buf;
}
