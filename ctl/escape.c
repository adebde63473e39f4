/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/escape.h"

#include <stdio.h>
#include <string.h>

#define DOTS 3 /* "..." */

static size_t escape_byte(unsigned char byte, char out[5])
{
    if (byte >= ' ' && byte < 0x7f && byte != '\\') {
        out[0] = (char)byte;
        out[1] = '\0';
        return 1;
    }
    snprintf(out, 5, "\\x%02x", byte);
    return 4;
}

size_t escape_text(const char *text, size_t len, char *out, size_t size)
{
    size_t used = 0, safe = 0; /* safe: where the dots would still fit */
    char byte[5];

    for (size_t i = 0; i < len; i++) {
        size_t n = escape_byte((unsigned char)text[i], byte);

        if (used + n >= size) {
            memcpy(out + safe, "...", DOTS + 1);
            return safe + DOTS;
        }
        memcpy(out + used, byte, n);
        used += n;
        if (used + DOTS < size)
            safe = used;
    }
    out[used] = '\0';
    return used;
}

size_t escape_line(const char *text, char *out, size_t size)
{
    size_t len = strlen(text);

    while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    return escape_text(text, len, out, size);
}
