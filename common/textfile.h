/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading files that people write, line by line, with errors that say where.
 */
#ifndef COMMON_TEXTFILE_H
#define COMMON_TEXTFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "common/err.h"

#define TEXTFILE_LINE_MAX 4096 /* bytes, without the line's end */

/* Bytes of a line; no NUL at the end. */
struct token {
    const char *text;
    size_t len;
};

/* The arguments of "%.*s": at most 80 bytes of a token in a message. */
#define TOKEN_SHOWN(token) (int)((token).len < 80 ? (token).len : 80), (token).text

struct textfile {
    const char *file; /* its name, for errors */
    const char *text; /* what is left; borrowed */
    size_t len;
    unsigned line;     /* of start; 0 before the first */
    const char *start; /* of the line that was read last */
    struct err *err;
};

/**
 * textfile_next - cut off the next line, LF or CRLF at its end removed
 *
 * Returns 1 with *line, 0 at the end, -1 with the error set for a control character other than
 * tab, or a line of more than TEXTFILE_LINE_MAX bytes.
 */
MUST_CHECK int textfile_next(struct textfile *file, struct token *line);

/** textfile_fail - set the error to "FILE:LINE:COLUMN: ..."; at: a byte of the line, or its
 * end. Returns false always. */
bool textfile_fail(const struct textfile *file, const char *at, const char *format, ...)
    PRINTF_LIKE(3, 4);

/** token_next - cut the next word off *rest, blanks before it skipped; false when there is none
 */
bool token_next(struct token *rest, struct token *token);

/** token_trim - token without blanks at either end */
struct token token_trim(struct token token);

bool token_is(struct token token, const char *word);

/** token_find - the first c in token, or NULL */
const char *token_find(struct token token, char c);

/** token_has_only - is every byte of token one of set? true for an empty one */
bool token_has_only(struct token token, const char *set);

/** token_head, token_tail - what is before, and after, the byte at, which is in token */
struct token token_head(struct token token, const char *at);
struct token token_tail(struct token token, const char *at);

/** token_number - read decimal digits, which are all of token, up to max; false otherwise */
MUST_CHECK bool token_number(struct token token, unsigned long max, unsigned long *out);

#endif
