/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Messages put together piece by piece, for tests. Anything that does not fit aborts.
 */
#ifndef TESTS_SUPPORT_BYTES_H
#define TESTS_SUPPORT_BYTES_H

#include <stddef.h>
#include <stdint.h>

struct bytes {
    uint8_t at[140000];
    size_t len;
};

void bytes_add(struct bytes *b, const void *bytes, size_t len);
void bytes_hex(struct bytes *b, const char *hex);
void bytes_uint(struct bytes *b, size_t width, uint32_t value);
void bytes_fill(struct bytes *b, uint8_t value, size_t len);

/** bytes_open, bytes_close - a length field of width bytes, and where what it counts ends */
size_t bytes_open(struct bytes *b, size_t width);
void bytes_close(struct bytes *b, size_t mark, size_t width);

#endif
