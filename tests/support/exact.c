/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/exact.h"

#include <stdlib.h>
#include <string.h>

uint8_t *exact(const void *bytes, size_t len)
{
    uint8_t *copy = malloc(len); /* NOLINT(clang-analyzer-optin.portability.UnixAPI): 0 too */

    if (copy == NULL && len != 0)
        abort();
    if (len != 0)
        memcpy(copy, bytes, len);
    return copy;
}

static unsigned nibble(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = memchr(digits, c, 16);

    if (at == NULL)
        abort();
    return (unsigned)(at - digits);
}

uint8_t *exact_hex(const char *hex, size_t *len)
{
    size_t room = strlen(hex) / 2 + 1, nr = 0;
    uint8_t *bytes = malloc(room), *copy;

    if (bytes == NULL)
        abort();
    while (*hex != '\0') {
        if (*hex == ' ') {
            hex++;
            continue;
        }
        bytes[nr++] = (uint8_t)(nibble(hex[0]) << 4 | nibble(hex[1]));
        hex += 2;
    }
    copy = exact(bytes, nr);
    free(bytes);
    *len = nr;
    return copy;
}
