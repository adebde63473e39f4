/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where a request ends: the framing of its body, followed piece by piece. Content is never
 * looked at, only counted. Pure.
 */
#ifndef SNI_FILTER_HTTP_BODY_H
#define SNI_FILTER_HTTP_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "sni-filter/cursor.h"
#include "sni-filter/http_request.h"
#include "sni-filter/parse.h"

/* The longest piece of framing of a chunked body: CR LF, a size, CR LF. */
#define HTTP_CHUNK_LINE_MAX 12
#define HTTP_TRAILER_MAX    8192 /* bytes of the trailer section, its empty line included */

struct http_body {
    enum { HTTP_BODY_OVER, HTTP_BODY_FIRST_CHUNK, HTTP_BODY_CHUNK, HTTP_BODY_TRAILER } next;
};

/** http_body_begin - what follows a head. content: out, bytes of content that come at once */
struct http_body http_body_begin(const struct http_request *request, uint64_t *content);

/**
 * http_body_next - the next piece of framing
 *
 * body: not OVER; it has moved on when PARSE_OK. bytes: from where the piece begins; *used says
 * how many belong to it, *content how many bytes of content follow it, before the next one.
 * PARSE_MORE while it is not whole. PARSE_BAD: a chunk's size is 1 to 8 hex digits and nothing
 * else, no extension (RFC 9112 §7.1.1); trailers must be fields (§7.1.2) that have nothing to
 * do with framing. Never PARSE_ABSENT. Unless PARSE_OK *used and *content are 0.
 */
MUST_CHECK enum parse_rc http_body_next(struct http_body *body, struct cursor bytes,
                                        size_t *used, uint64_t *content);

#endif
