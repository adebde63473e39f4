/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_HTTP_REQUEST_H
#define SNI_FILTER_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/attr.h"
#include "common/hostname.h"
#include "sni-filter/cursor.h"
#include "sni-filter/parse.h"

#define HTTP_METHOD_MAX     32
#define HTTP_HEAD_BYTES_MAX 65536 /* of a request's head, its empty line included */

struct http_request {
    char method[HTTP_METHOD_MAX + 1]; /* a token, as sent */
    char name[HOSTNAME_MAX + 1];      /* canonical; of an address: as addr_format() writes it */
    bool is_name_addr;
    struct addr addr;  /* when is_name_addr */
    uint16_t port;     /* 0: none was named */
    bool is_head_only; /* its answer has no body: method HEAD */
    bool is_chunked;
    uint64_t content_length; /* of the body, when not chunked; 0 also when there is none */
};

/**
 * http_request_parse - the head of a request, from its first byte to its empty line
 *
 * bytes: what has come, maybe more than the head; *used says how much the head is. Returns
 * PARSE_OK; PARSE_MORE while it is not whole; PARSE_BAD, as soon as that is known. Never
 * PARSE_ABSENT. why: out, may be NULL; on PARSE_BAD a static sentence for the log and the
 * client. Unless PARSE_OK *out is zero and *used 0.
 *
 * Spec: RFC 9112 §2 to §6, RFC 9110 §7.2. Read so that no server could read it otherwise:
 * HTTP/1.0 or 1.1; the target is a path, "*" for OPTIONS or an http: URI without user; exactly
 * one Host, in HTTP/1.0 too, which names what the URI names; no empty line before the request;
 * one Content-Length of plain digits, or Transfer-Encoding: chunked alone, never both, never
 * the latter in HTTP/1.0; no CONNECT, no Upgrade; of Expect only 100-continue; lines as
 * http_line_next() and http_field_split() say.
 */
MUST_CHECK enum parse_rc http_request_parse(struct cursor bytes, struct http_request *out,
                                            size_t *used, const char **why);

#endif
