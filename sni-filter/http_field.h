/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Lines and fields of HTTP/1.x messages, read strictly: what two programs could read in two
 * ways is PARSE_BAD. Pure.
 */
#ifndef SNI_FILTER_HTTP_FIELD_H
#define SNI_FILTER_HTTP_FIELD_H

#include <stdbool.h>

#include "common/attr.h"
#include "common/hostname.h"
#include "sni-filter/cursor.h"
#include "sni-filter/parse.h"

#define HTTP_FIELDS_MAX 256 /* fields of one head, or of one trailer section */

/**
 * http_line_next - cut the next line
 *
 * line: out, without its CRLF; points into in. Returns PARSE_OK; PARSE_MORE when it has no end
 * yet, in is not moved; PARSE_BAD as soon as there is a byte in it that no line may hold: a
 * control character but tab (CR without LF, LF without CR and NUL are such). Never
 * PARSE_ABSENT. Unless PARSE_OK *line is { NULL, 0 }. Spec: RFC 9112 §2.2; stricter: a bare LF
 * ends no line, a bare CR is no space.
 */
MUST_CHECK enum parse_rc http_line_next(struct cursor *in, struct span *line);

struct http_field {
    struct span name, value; /* value: without the white space around it, may be empty */
};

/**
 * http_field_split - name and value of a field line
 *
 * False when it is none: no colon, an empty name, a byte in the name that is no token's (so
 * neither white space before the colon nor a folded line, RFC 9112 §5.1 and §5.2).
 */
MUST_CHECK bool http_field_split(struct span line, struct http_field *out);

/** http_is_token - one or more token characters (RFC 9110 §5.6.2) */
MUST_CHECK bool http_is_token(struct span text);

/** http_is - text equals word (lower case), whatever its case */
MUST_CHECK bool http_is(struct span text, const char *word);

enum http_framing {
    HTTP_OTHER,
    HTTP_HOST,
    HTTP_CONTENT_LENGTH,
    HTTP_TRANSFER_ENCODING,
    HTTP_UPGRADE,
    HTTP_EXPECT,
    HTTP_LOOKALIKE
};

/** http_framing - what a field's name means for where its message goes and ends. LOOKALIKE:
 * with
 * "_" for "-" it would be one of them, which some servers take it for. */
enum http_framing http_framing(struct span name);

#endif
