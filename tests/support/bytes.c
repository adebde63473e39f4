/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/bytes.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/exact.h"

void bytes_add(struct bytes *b, const void *bytes, size_t len)
{
    if (len > sizeof(b->at) - b->len)
        abort();
    if (len != 0)
        memcpy(b->at + b->len, bytes, len);
    b->len += len;
}

void bytes_hex(struct bytes *b, const char *hex)
{
    size_t len;
    uint8_t *bytes = exact_hex(hex, &len);

    bytes_add(b, bytes, len);
    free(bytes);
}

void bytes_uint(struct bytes *b, size_t width, uint32_t value)
{
    for (size_t i = width; i-- > 0;) {
        uint8_t byte = (uint8_t)(value >> (8 * i));

        bytes_add(b, &byte, 1);
    }
}

void bytes_fill(struct bytes *b, uint8_t value, size_t len)
{
    if (len > sizeof(b->at) - b->len)
        abort();
    memset(b->at + b->len, value, len);
    b->len += len;
}

size_t bytes_open(struct bytes *b, size_t width)
{
    bytes_uint(b, width, 0);
    return b->len;
}

void bytes_close(struct bytes *b, size_t mark, size_t width)
{
    size_t end = b->len, len = end - mark;

    if (width < sizeof(len) && len >> (8 * width) != 0)
        abort();
    b->len = mark - width;
    bytes_uint(b, width, (uint32_t)len);
    b->len = end;
}
