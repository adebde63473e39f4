/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/notice.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void notice(const char *format, ...)
{
    char line[512];
    va_list args;
    size_t len;

    va_start(args, format);
    vsnprintf(line, sizeof(line) - 1, format, args);
    va_end(args);
    len = strlen(line);
    line[len++] = '\n';
    (void)!write(STDERR_FILENO, line, len);
}
