/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CTL_HTTP_HEAD_H
#define CTL_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"

#define HTTP_HEAD_MAX 16384

enum http_head_rc { HTTP_HEAD_OK, HTTP_HEAD_MORE, HTTP_HEAD_BAD };

struct http_head {
    int status;
    size_t len;       /* of the head, its empty line included */
    bool is_upgraded; /* 101, or 200 with a raw stream behind it as old engines answer */
};

/**
 * http_head_parse - the head of an HTTP/1.x answer to a request to upgrade
 *
 * bytes: what came so far. Returns HTTP_HEAD_MORE while it is not whole, HTTP_HEAD_BAD when it
 * is none or longer than HTTP_HEAD_MAX.
 */
MUST_CHECK enum http_head_rc http_head_parse(const char *bytes, size_t len,
                                             struct http_head *head);

#endif
