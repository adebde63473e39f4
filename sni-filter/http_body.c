/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/http_body.h"

#include "sni-filter/http_field.h"

#define SIZE_DIGITS_MAX 8

struct http_body http_body_begin(const struct http_request *request, uint64_t *content)
{
    *content = request->is_chunked ? 0 : request->content_length;
    return (struct http_body) { request->is_chunked ? HTTP_BODY_FIRST_CHUNK : HTTP_BODY_OVER };
}

static bool hex_digit(uint8_t c, uint64_t *value)
{
    if (c >= '0' && c <= '9')
        *value = (uint64_t)(c - '0');
    else if (c >= 'a' && c <= 'f')
        *value = (uint64_t)(c - 'a') + 10;
    else if (c >= 'A' && c <= 'F')
        *value = (uint64_t)(c - 'A') + 10;
    else
        return false;
    return true;
}

/* The size, as far as its line has come. */
static bool read_size(struct cursor digits, uint64_t *size)
{
    uint64_t digit = 0;

    *size = 0;
    if (digits.len > SIZE_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (!hex_digit(digits.base[i], &digit))
            return false;
        *size = *size << 4 | digit;
    }
    return true;
}

/* The bytes before the first CR or LF, or all. */
static struct cursor before_end(struct cursor bytes)
{
    struct cursor part = { 0 };
    size_t n = 0;

    while (n < bytes.len && bytes.base[n] != '\r' && bytes.base[n] != '\n')
        n++;
    return cursor_split(&bytes, n, &part) ? part : (struct cursor) { 0 };
}

static enum parse_rc read_chunk_line(struct http_body *body, struct cursor bytes, size_t *used,
                                     uint64_t *content)
{
    struct cursor rest = { 0 }, digits;
    struct span line;
    enum parse_rc rc = PARSE_OK;
    uint64_t size;

    if (body->next == HTTP_BODY_CHUNK) { /* the end of the last chunk's content */
        rc = http_line_next(&bytes, &line);
        if (rc == PARSE_MORE && before_end(bytes).len != 0)
            rc = PARSE_BAD;
        if (rc != PARSE_OK)
            return rc;
        if (line.len != 0)
            return PARSE_BAD;
    }
    if (!cursor_split(&bytes, cursor_left(&bytes), &rest))
        return PARSE_BAD;
    digits = before_end(rest);
    if (!read_size(digits, &size))
        return PARSE_BAD;
    rc = http_line_next(&rest, &line);
    if (rc != PARSE_OK)
        return rc;
    if (line.len == 0)
        return PARSE_BAD;
    *used = bytes.off - rest.len + rest.off;
    *content = size;
    body->next = size != 0 ? HTTP_BODY_CHUNK : HTTP_BODY_TRAILER;
    return PARSE_OK;
}

static enum parse_rc read_trailer(struct http_body *body, struct cursor bytes, size_t *used)
{
    size_t nr_fields = 0;
    struct http_field field;
    struct span line;
    enum parse_rc rc;

    while ((rc = http_line_next(&bytes, &line)) == PARSE_OK) {
        if (bytes.off > HTTP_TRAILER_MAX)
            return PARSE_BAD;
        if (line.len == 0) {
            *used = bytes.off;
            body->next = HTTP_BODY_OVER;
            return PARSE_OK;
        }
        if (++nr_fields > HTTP_FIELDS_MAX || !http_field_split(line, &field) ||
            http_framing(field.name) != HTTP_OTHER)
            return PARSE_BAD;
    }
    return rc == PARSE_MORE && bytes.len > HTTP_TRAILER_MAX ? PARSE_BAD : rc;
}

enum parse_rc http_body_next(struct http_body *body, struct cursor bytes, size_t *used,
                             uint64_t *content)
{
    struct cursor part = { 0 };

    *used = 0;
    *content = 0;
    if (!cursor_split(&bytes, cursor_left(&bytes), &part))
        return PARSE_BAD;
    switch (body->next) {
    case HTTP_BODY_FIRST_CHUNK:
    case HTTP_BODY_CHUNK:
        return read_chunk_line(body, part, used, content);
    case HTTP_BODY_TRAILER:
        return read_trailer(body, part, used);
    case HTTP_BODY_OVER:
        break;
    }
    return PARSE_BAD;
}
