/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Both functions write to a buffer of their own first: an argument may be err->text itself. */

bool err_set(struct err *err, int code, const char *format, ...)
{
    char text[sizeof(err->text)];
    va_list args;

    va_start(args, format);
    if (vsnprintf(text, sizeof(text), format, args) < 0)
        text[0] = '\0';
    va_end(args);
    err->code = code;
    memcpy(err->text, text, sizeof(text));
    return false;
}

bool err_wrap(struct err *err, const char *format, ...)
{
    char text[sizeof(err->text)];
    size_t used, left, tail;
    va_list args;

    va_start(args, format);
    if (vsnprintf(text, sizeof(text), format, args) < 0)
        text[0] = '\0';
    va_end(args);
    used = strlen(text);
    for (const char *p = ": "; *p && used < sizeof(text) - 1; p++)
        text[used++] = *p;
    left = sizeof(text) - 1 - used;
    tail = strnlen(err->text, sizeof(err->text) - 1);
    if (tail > left)
        tail = left;
    memcpy(text + used, err->text, tail);
    text[used + tail] = '\0';
    memcpy(err->text, text, used + tail + 1);
    return false;
}
