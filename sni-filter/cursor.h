/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_CURSOR_H
#define SNI_FILTER_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"

/* Invariant: off <= len. Each read compares its size with what is left, so two
 * attacker-chosen lengths are never added. A failed read moves and writes nothing. */
struct cursor {
    const uint8_t *base; /* borrowed */
    size_t len;          /* bytes readable at base */
    size_t off;          /* bytes consumed so far */
};

static inline size_t cursor_left(const struct cursor *c)
{
    return c->len - c->off;
}

/* Cut the next n bytes into *part, which cannot see past them. part != c. */
MUST_CHECK static inline bool cursor_split(struct cursor *c, size_t n, struct cursor *part)
{
    if (n > c->len - c->off)
        return false;
    *part = (struct cursor) { .base = n ? c->base + c->off : NULL, .len = n };
    c->off += n;
    return true;
}

MUST_CHECK static inline bool cursor_skip(struct cursor *c, size_t n)
{
    if (n > c->len - c->off)
        return false;
    c->off += n;
    return true;
}

/* Read a big-endian unsigned integer of width 1..4 bytes. */
MUST_CHECK static inline bool cursor_uint(struct cursor *c, size_t width, uint32_t *out)
{
    struct cursor raw;
    uint32_t v = 0;

    if (width < 1 || width > 4 || !cursor_split(c, width, &raw))
        return false;
    for (size_t i = 0; i < width; i++)
        v = v << 8 | raw.base[i];
    *out = v;
    return true;
}

/* Read a length of width bytes and split that many bytes; moves c only when both succeed. */
MUST_CHECK static inline bool cursor_vec(struct cursor *c, size_t width, struct cursor *body)
{
    struct cursor saved = *c;
    uint32_t n;

    if (!cursor_uint(c, width, &n) || !cursor_split(c, n, body)) {
        *c = saved;
        return false;
    }
    return true;
}

#endif
