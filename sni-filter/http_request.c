/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/http_request.h"

#include <assert.h>
#include <string.h>

#include "sni-filter/http_field.h"

#define DIGITS_MAX 18 /* of a Content-Length: fits 63 bits */

struct reading {
    struct http_request *out;
    const char *why;
    bool is_http_1_0, has_uri_name, has_host, has_length, has_encoding;
};

static bool bad(struct reading *r, const char *why)
{
    r->why = why;
    return false;
}

/* The part of text before the first byte of stops; *text keeps the rest, that byte first. */
static struct span cut_before(struct span *text, const char *stops)
{
    struct span part = *text;
    size_t n = 0;

    while (n < text->len && (text->base[n] == '\0' || strchr(stops, text->base[n]) == NULL))
        n++;
    part.len = n;
    *text = (struct span) { text->base + n, text->len - n };
    return part;
}

static bool read_port(struct span text, uint16_t *port)
{
    uint32_t n = 0;

    if (text.len > 5)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.base[i] < '0' || text.base[i] > '9')
            return false;
        n = n * 10 + (uint32_t)(text.base[i] - '0');
    }
    *port = (uint16_t)n;
    return n >= 1 && n <= 65535;
}

static_assert(ADDR_TEXT_MAX <= HOSTNAME_MAX + 1, "an address has room where a name has");

static bool read_addr(struct span text, enum addr_family family, struct http_request *out)
{
    if (!addr_parse((const char *)text.base, text.len, &out->addr) ||
        out->addr.family != family)
        return false;
    out->is_name_addr = true;
    (void)addr_format(&out->addr, out->name);
    return true;
}

/* host[:port] (RFC 9110 §7.2): a name, a dotted quad, or an IPv6 address in brackets. */
static bool read_authority(struct span text, struct http_request *out)
{
    bool is_v6 = text.len > 0 && text.base[0] == '[', is_fine;
    struct span host;

    if (is_v6) {
        text = (struct span) { text.base + 1, text.len - 1 };
        host = cut_before(&text, "]");
        if (text.len == 0)
            return false;
        text = (struct span) { text.base + 1, text.len - 1 };
        is_fine = read_addr(host, ADDR_V6, out);
    } else {
        host = cut_before(&text, ":");
        is_fine = host.len > 0 && (read_addr(host, ADDR_V4, out) ||
                                   hostname_canonical(host.base, host.len, out->name) > 0);
    }
    if (!is_fine || text.len == 0)
        return is_fine;
    return text.base[0] == ':' &&
           read_port((struct span) { text.base + 1, text.len - 1 }, &out->port);
}

/* A second source of the name must say the same as the first. */
static bool take_name(struct reading *r, struct span text)
{
    struct http_request one = { 0 };
    bool is_second = r->has_uri_name;

    if (!read_authority(text, &one))
        return bad(r, "its host is neither a host name nor an address, or its port is no "
                      "number");
    if (is_second && strcmp(one.name, r->out->name) != 0)
        return bad(r, "its target and its Host field name different hosts");
    if (is_second && one.port != 0 && r->out->port != 0 && one.port != r->out->port)
        return bad(r, "its target and its Host field name different ports");
    memcpy(r->out->name, one.name, sizeof(one.name));
    r->out->is_name_addr = one.is_name_addr;
    r->out->addr = one.addr;
    if (one.port != 0)
        r->out->port = one.port;
    return true;
}

static bool is_visible(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.base[i] <= ' ' || text.base[i] >= 0x7f || text.base[i] == '#')
            return false;
    return text.len > 0;
}

static bool read_target(struct reading *r, struct span method, struct span target)
{
    static const char scheme[] = "http://";
    const size_t len = sizeof(scheme) - 1;

    if (!is_visible(target))
        return bad(r, "its target holds a byte that no target may hold");
    if (target.base[0] == '/')
        return true;
    if (target.len == 1 && target.base[0] == '*')
        return (method.len == 7 && memcmp(method.base, "OPTIONS", 7) == 0) ||
               bad(r, "its target \"*\" is for OPTIONS only");
    if (target.len <= len || !http_is((struct span) { target.base, len }, scheme))
        return bad(r, "its target is neither a path nor an http: URI");
    target = (struct span) { target.base + len, target.len - len };
    if (!take_name(r, cut_before(&target, "/?")))
        return false;
    r->has_uri_name = true;
    return true;
}

static bool read_request_line(struct reading *r, struct span line)
{
    struct span method = cut_before(&line, " "), target;

    if (!http_is_token(method) || method.len > HTTP_METHOD_MAX || line.len == 0)
        return bad(r, "it does not begin with a method and a target");
    line = (struct span) { line.base + 1, line.len - 1 };
    target = cut_before(&line, " ");
    if (line.len == 9 && memcmp(line.base, " HTTP/1.0", 9) == 0)
        r->is_http_1_0 = true;
    else if (line.len != 9 || memcmp(line.base, " HTTP/1.1", 9) != 0)
        return bad(r, "it is not HTTP/1.1 or HTTP/1.0");
    if (http_is(method, "connect"))
        return bad(r, "CONNECT: what is in a tunnel cannot be read");
    memcpy(r->out->method, method.base, method.len);
    r->out->is_head_only = method.len == 4 && memcmp(method.base, "HEAD", 4) == 0;
    return read_target(r, method, target);
}

static bool read_length(struct reading *r, struct span value)
{
    uint64_t n = 0;

    if (r->has_length)
        return bad(r, "it has two Content-Length fields");
    if (value.len < 1 || value.len > DIGITS_MAX || (value.len > 1 && value.base[0] == '0'))
        return bad(r, "its Content-Length is no plain number");
    for (size_t i = 0; i < value.len; i++) {
        if (value.base[i] < '0' || value.base[i] > '9')
            return bad(r, "its Content-Length is no plain number");
        n = n * 10 + (uint64_t)(value.base[i] - '0');
    }
    r->has_length = true;
    r->out->content_length = n;
    return true;
}

static bool read_encoding(struct reading *r, struct span value)
{
    if (r->has_encoding)
        return bad(r, "it has two Transfer-Encoding fields");
    if (!http_is(value, "chunked"))
        return bad(r, "its Transfer-Encoding is not \"chunked\" alone");
    r->has_encoding = true;
    r->out->is_chunked = true;
    return true;
}

static bool read_host(struct reading *r, struct span value)
{
    if (r->has_host)
        return bad(r, "it has two Host fields");
    r->has_host = true;
    return take_name(r, value);
}

/* What follows an Upgrade would be in another protocol. Says what to do instead. */
static bool refuse_upgrade(struct reading *r, struct span value)
{
    if (http_is(value, "websocket"))
        return bad(r, "Upgrade: a WebSocket in plain text cannot be read, use TLS (wss:)");
    if (http_is(value, "h2c"))
        return bad(r, "Upgrade: HTTP/2 in plain text cannot be read, use HTTP/1.1 or TLS");
    return bad(r, "Upgrade: what follows in another protocol cannot be read");
}

static bool read_field(struct reading *r, struct span line)
{
    struct http_field field;

    if (!http_field_split(line, &field))
        return bad(r, "it has a field that is folded or has no proper name");
    switch (http_framing(field.name)) {
    case HTTP_HOST:
        return read_host(r, field.value);
    case HTTP_CONTENT_LENGTH:
        return read_length(r, field.value);
    case HTTP_TRANSFER_ENCODING:
        return read_encoding(r, field.value);
    case HTTP_UPGRADE:
        return refuse_upgrade(r, field.value);
    case HTTP_EXPECT:
        return http_is(field.value, "100-continue") ||
               bad(r, "its Expect field is not \"100-continue\"");
    case HTTP_LOOKALIKE:
        return bad(r, "it has a field whose name has \"_\" where a known one has \"-\"");
    case HTTP_OTHER:
        break;
    }
    return true;
}

static bool check_whole(struct reading *r)
{
    if (!r->has_host)
        return bad(r, "it has no Host field");
    if (r->has_length && r->has_encoding)
        return bad(r, "it has both Content-Length and Transfer-Encoding");
    if (r->is_http_1_0 && r->has_encoding)
        return bad(r, "it is HTTP/1.0 with Transfer-Encoding");
    return true;
}

static enum parse_rc read_all(struct reading *r, struct cursor *bytes)
{
    size_t nr_lines = 0;
    struct span line;
    enum parse_rc rc;

    while ((rc = http_line_next(bytes, &line)) == PARSE_OK) {
        if (bytes->off > HTTP_HEAD_BYTES_MAX)
            break;
        if (line.len == 0 && nr_lines > 0)
            return check_whole(r) ? PARSE_OK : PARSE_BAD;
        if (nr_lines > HTTP_FIELDS_MAX) {
            (void)bad(r, "it has more than 256 fields");
            return PARSE_BAD;
        }
        if (!(nr_lines == 0 ? read_request_line(r, line) : read_field(r, line)))
            return PARSE_BAD;
        nr_lines++;
    }
    if (rc == PARSE_BAD)
        (void)bad(r, "it has a control character, or a line that does not end with CR LF");
    if (rc != PARSE_BAD && bytes->len > HTTP_HEAD_BYTES_MAX) {
        (void)bad(r, "its head is longer than 64 KiB");
        return PARSE_BAD;
    }
    return rc;
}

enum parse_rc http_request_parse(struct cursor bytes, struct http_request *out, size_t *used,
                                 const char **why)
{
    struct reading r = { .out = out, .why = "" };
    struct cursor part;
    enum parse_rc rc;

    *out = (struct http_request) { 0 };
    *used = 0;
    if (!cursor_split(&bytes, cursor_left(&bytes), &part))
        return PARSE_BAD;
    rc = read_all(&r, &part);
    if (rc == PARSE_OK)
        *used = part.off;
    else
        *out = (struct http_request) { 0 };
    if (why != NULL)
        *why = r.why;
    return rc;
}
