/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CTL_ESCAPE_H
#define CTL_ESCAPE_H

#include <stddef.h>

/**
 * escape_text - somebody else's bytes as printable ASCII, for a terminal
 *
 * Anything else, and the backslash, comes out as \xHH. What does not fit ends in "...". out:
 * size bytes, at least 4; NUL-terminated. Returns its length, which is its width too.
 */
size_t escape_text(const char *text, size_t len, char *out, size_t size);

/** escape_line - the same for a text that may end in newlines, which are cut off */
size_t escape_line(const char *text, char *out, size_t size);

#endif
