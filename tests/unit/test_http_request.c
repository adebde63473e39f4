/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Heads made by hand from RFC 9112 and RFC 9110.
 */
#include "sni-filter/http_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sni-filter/http_field.h"
#include "tests/support/cm.h"
#include "tests/support/exact.h"

#define GET     "GET / HTTP/1.1\r\n"
#define POST    "POST /x HTTP/1.1\r\nHost: a.test\r\n"
#define HOST    "Host: a.test\r\n"
#define END     "\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"

#define V(what, literal, rc, name)                                                             \
    {                                                                                          \
        what, literal, sizeof(literal) - 1, rc, name                                           \
    }
#define GOOD(what, literal, name) V(what, literal, PARSE_OK, name)
#define BAD(what, literal)        V(what, literal, PARSE_BAD, NULL)

/* clang-format off */
static const struct {
    const char *what, *bytes;
    size_t len;
    enum parse_rc rc;
    const char *name;
} cases[] = {
    GOOD("the least",                  GET HOST END, "a.test"),
    GOOD("upper case and a dot",       GET "hOsT:A.TEST." END END, "a.test"),
    GOOD("white space around",         GET "Host:\t  a.test \t" END END, "a.test"),
    GOOD("port",                       GET "Host: a.test:80" END END, "a.test"),
    GOOD("dotted quad",                GET "Host: 203.0.113.9" END END, "203.0.113.9"),
    GOOD("IPv6",                       GET "Host: [2001:DB8::1]:80" END END, "2001:db8::1"),
    GOOD("HTTP/1.0",                   "GET / HTTP/1.0\r\n" HOST END, "a.test"),
    GOOD("absolute URI",               "GET http://a.test/x HTTP/1.1\r\n" HOST END, "a.test"),
    GOOD("in capitals, with a port",   "GET HTTP://A.test:80?q HTTP/1.1\r\n" HOST END, "a.test"),
    GOOD("nothing behind authority",   "GET http://a.test HTTP/1.1\r\n" HOST END, "a.test"),
    GOOD("OPTIONS *",                  "OPTIONS * HTTP/1.1\r\n" HOST END, "a.test"),
    GOOD("other method",               "M-SEARCH / HTTP/1.1\r\n" HOST END, "a.test"),
    GOOD("obs-text in a value",        GET HOST "X: \xe4\tb" END END, "a.test"),
    GOOD("empty value",                GET HOST "X:" END END, "a.test"),
    GOOD("length",                     POST "Content-Length: 10" END END, "a.test"),
    GOOD("length 0",                   POST "content-length:0" END END, "a.test"),
    GOOD("chunked",                    POST "Transfer-Encoding: Chunked" END END, "a.test"),
    GOOD("100-continue",               POST "Expect: 100-Continue" END END, "a.test"),
    GOOD("Upgrade-Insecure-Requests",  GET HOST "Upgrade-Insecure-Requests: 1" END END, "a.test"),

    V("empty line missing",            GET HOST, PARSE_MORE, NULL),
    V("nothing",                       "", PARSE_MORE, NULL),
    V("CR at the end",                 "GET / HTTP/1.1\r", PARSE_MORE, NULL),

    BAD("empty line first",            "\r\n" GET HOST END),
    BAD("LF first",                    "\n" GET HOST END),
    BAD("bare LF behind the line",     "GET / HTTP/1.1\n" HOST END),
    BAD("bare LF in a field",          GET "X: a\nHost: b.test\r\n" HOST END),
    BAD("bare LF at the end",          GET HOST "\n"),
    BAD("bare CR",                     GET "X: a\rb\r\n" HOST END),
    BAD("CR CR LF",                    GET HOST "X: a\r\r\n" END),
    BAD("NUL in a value",              GET HOST "X: \0" END END),
    BAD("DEL in a value",              GET HOST "X: \x7f" END END),
    BAD("NUL before the line ends",    "GET /\0"),
    BAD("TLS",                         "\x16\x03\x01\x02"),

    BAD("HTTP/0.9",                    "GET /\r\n"),
    BAD("HTTP/1.2",                    "GET / HTTP/1.2\r\n"),
    BAD("HTTP/2",                      "PRI * HTTP/2.0\r\n"),
    BAD("http/1.1",                    "GET / http/1.1\r\n"),
    BAD("byte behind the version",     "GET / HTTP/1.1 \r\n"),
    BAD("two spaces",                  "GET  / HTTP/1.1\r\n"),
    BAD("two spaces before version",   "GET /  HTTP/1.1\r\n"),
    BAD("tab for space",               "GET\t/ HTTP/1.1\r\n"),
    BAD("space first",                 " GET / HTTP/1.1\r\n"),
    BAD("method only",                 "GET\r\n"),
    BAD("no token",                    "G(T / HTTP/1.1\r\n"),
    BAD("long method",                 "GETGETGETGETGETGETGETGETGETGETGETG / HTTP/1.1\r\n"),
    BAD("CONNECT",                     "CONNECT a.test:80 HTTP/1.1\r\n"),
    BAD("CONNECT with a path",         "connect / HTTP/1.1\r\n"),
    BAD("answer",                      "HTTP/1.1 200 OK\r\n"),
    BAD("target without slash",        "GET a.test/ HTTP/1.1\r\n"),
    BAD("GET *",                       "GET * HTTP/1.1\r\n"),
    BAD("OPTIONS **",                  "OPTIONS ** HTTP/1.1\r\n"),
    BAD("fragment",                    "GET /# HTTP/1.1\r\n"),
    BAD("obs-text in the target",      "GET /\xe4 HTTP/1.1\r\n"),
    BAD("tab in the target",           "GET /\t HTTP/1.1\r\n"),
    BAD("https:",                      "GET https://a.test/ HTTP/1.1\r\n"),
    BAD("another scheme",              "GET xttp://a.test/ HTTP/1.1\r\n" HOST END),
    BAD("http: without authority",     "GET http:/// HTTP/1.1\r\n"),
    BAD("http: alone",                 "GET http:// HTTP/1.1\r\n"),
    BAD("user",                        "GET http://u@a.test/ HTTP/1.1\r\n"),
    BAD("user and password",           "GET http://a.test:80@b.test/ HTTP/1.1\r\n"),

    BAD("no Host",                     GET END),
    BAD("HTTP/1.0 without Host",       "GET / HTTP/1.0\r\n\r\n"),
    BAD("absolute URI without Host",   "GET http://a.test/ HTTP/1.1\r\n\r\n"),
    BAD("empty Host",                  GET "Host:" END END),
    BAD("port alone",                  GET "Host: :80" END END),
    BAD("two Hosts",                   GET HOST "Host: b.test" END END),
    BAD("the same Host twice",         GET HOST HOST END),
    BAD("list of hosts",               GET "Host: a.test, b.test" END END),
    BAD("no host name",                GET "Host: a..test" END END),
    BAD("number for an address",       GET "Host: 3405803786" END END),
    BAD("port that is none",           GET "Host: a.test:80x" END END),
    BAD("empty port",                  GET "Host: a.test:" END END),
    BAD("port 0",                      GET "Host: a.test:0" END END),
    BAD("port 65536",                  GET "Host: a.test:65536" END END),
    BAD("port of 6 digits",            GET "Host: a.test:000080" END END),
    BAD("user in Host",                GET "Host: u@a.test" END END),
    BAD("bracket missing",             GET "Host: [2001:db8::1" END END),
    BAD("byte behind the bracket",     GET "Host: [2001:db8::1]x80" END END),
    BAD("IPv4 in brackets",            GET "Host: [203.0.113.9]" END END),
    BAD("IPv6 without brackets",       GET "Host: 2001:db8::1" END END),
    BAD("URI against Host",            "GET http://b.test/ HTTP/1.1\r\n" HOST END),
    BAD("URI's port against Host's",   "GET http://a.test:81/ HTTP/1.1\r\nHost: a.test:80\r\n\r\n"),

    BAD("no colon",                    GET HOST "X" END END),
    BAD("empty name",                  GET HOST ": x" END END),
    BAD("space before the colon",      GET HOST "X : a" END END),
    BAD("tab before the colon",        GET HOST "X\t: a" END END),
    BAD("folded line",                 GET HOST " b" END END),
    BAD("folded by a tab",             GET HOST "\tb: c" END END),
    BAD("no token for a name",         GET HOST "X(: a" END END),

    BAD("two lengths",                 POST "Content-Length: 1\r\nContent-Length: 1" END END),
    BAD("list of lengths",             POST "Content-Length: 1, 1" END END),
    BAD("signed length",               POST "Content-Length: +1" END END),
    BAD("negative length",             POST "Content-Length: -1" END END),
    BAD("hexadecimal length",          POST "Content-Length: 0x1" END END),
    BAD("leading zero",                POST "Content-Length: 010" END END),
    BAD("empty length",                POST "Content-Length:" END END),
    BAD("length of 19 digits",         POST "Content-Length: 1000000000000000000" END END),
    BAD("two encodings",               POST CHUNKED CHUNKED END),
    BAD("other encoding",              POST "Transfer-Encoding: gzip, chunked" END END),
    BAD("nearly chunked",              POST "Transfer-Encoding: xchunked" END END),
    BAD("chunked in quotes",           POST "Transfer-Encoding: \"chunked\"" END END),
    BAD("empty encoding",              POST "Transfer-Encoding:" END END),
    BAD("length, then encoding",       POST "Content-Length: 3\r\n" CHUNKED END),
    BAD("encoding, then length",       POST CHUNKED "Content-Length: 3" END END),
    BAD("encoding in HTTP/1.0",        "GET / HTTP/1.0\r\n" HOST CHUNKED END),
    BAD("lookalike length",            POST "Content_Length: 3" END END),
    BAD("lookalike encoding",          POST "Transfer_Encoding: chunked" END END),
    BAD("h2c",                         GET HOST "Upgrade: h2c" END END),
    BAD("websocket",                   GET HOST "upgrade:websocket" END END),
    BAD("other Expect",                POST "Expect: 200-ok" END END),
};
/* clang-format on */

static enum parse_rc parse(const char *bytes, size_t len, struct http_request *out,
                           size_t *used, const char **why)
{
    uint8_t *p = exact(bytes, len);
    enum parse_rc rc =
        http_request_parse((struct cursor) { .base = p, .len = len }, out, used, why);

    free(p);
    return rc;
}

static void each_head_has_its_answer(void **state)
{
    static const struct http_request nothing;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_request request;
        const char *why = NULL;
        size_t used;
        enum parse_rc rc = parse(cases[i].bytes, cases[i].len, &request, &used, &why);

        if (rc != cases[i].rc)
            fail_msg("%s: %d, not %d (%s)", cases[i].what, (int)rc, (int)cases[i].rc, why);
        assert_int_equal(used, rc == PARSE_OK ? cases[i].len : 0);
        assert_true((why[0] != '\0') == (rc == PARSE_BAD));
        if (rc == PARSE_OK)
            assert_string_equal(request.name, cases[i].name);
        else
            assert_memory_equal(&request, &nothing, sizeof(request));
    }
}

static void what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *bytes, *why;
    } wrongs[] = {
        { "\r\n", "it does not begin with a method and a target" },
        { GET HOST HOST, "it has two Host fields" },
        { "GET http://b.test/ HTTP/1.1\r\n" HOST,
          "its target and its Host field name different hosts" },
        { GET HOST "Upgrade: WebSocket\r\n",
          "Upgrade: a WebSocket in plain text cannot be read, use TLS (wss:)" },
        { GET HOST "Upgrade: h2c\r\n",
          "Upgrade: HTTP/2 in plain text cannot be read, use HTTP/1.1 or TLS" },
        { GET HOST "Upgrade: h2c, websocket\r\n",
          "Upgrade: what follows in another protocol cannot be read" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrongs); i++) {
        struct http_request request;
        const char *why;
        size_t used;

        assert_int_equal(parse(wrongs[i].bytes, strlen(wrongs[i].bytes), &request, &used, &why),
                         PARSE_BAD);
        assert_string_equal(why, wrongs[i].why);
    }
    assert_false(http_is_token((struct span) { (const uint8_t *)"a\0b", 3 }));
}

static void every_cut_of_a_good_head_wants_more(void **state)
{
    struct http_request request;
    size_t used;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t len = 0; cases[i].rc == PARSE_OK && len < cases[i].len; len++)
            if (parse(cases[i].bytes, len, &request, &used, NULL) != PARSE_MORE)
                fail_msg("%s, cut after %zu bytes", cases[i].what, len);
}

static void a_bad_head_is_bad_whatever_follows(void **state)
{
    struct http_request request;
    char longer[512];
    size_t used;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (cases[i].rc != PARSE_BAD)
            continue;
        memcpy(longer, cases[i].bytes, cases[i].len);
        memcpy(longer + cases[i].len, HOST END, sizeof(HOST END));
        if (parse(longer, cases[i].len + sizeof(HOST END) - 1, &request, &used, NULL) !=
            PARSE_BAD)
            fail_msg("%s", cases[i].what);
    }
}

static void what_follows_a_head_is_not_of_it(void **state)
{
    static const char two[] = GET HOST END "\0garbage";
    struct http_request request;
    size_t used;

    (void)state;
    assert_int_equal(parse(two, sizeof(two) - 1, &request, &used, NULL), PARSE_OK);
    assert_int_equal(used, sizeof(GET HOST END) - 1);
}

static struct http_request good(const char *text)
{
    struct http_request request;
    size_t used;

    assert_int_equal(parse(text, strlen(text), &request, &used, NULL), PARSE_OK);
    return request;
}

#define METHOD32 "M-!#$%&'*+.^_`|~0123456789abcdef"

static void what_a_head_says_is_told(void **state)
{
    (void)state;
    assert_int_equal(good(POST "Content-Length: 999999999999999999" END END).content_length,
                     999999999999999999);
    assert_false(good(POST "Content-Length: 7" END END).is_chunked);
    assert_true(good(POST CHUNKED END).is_chunked);
    assert_int_equal(good(POST CHUNKED END).content_length, 0);
    assert_int_equal(good(GET HOST END).port, 0);
    assert_int_equal(good(GET "Host: a.test:65535" END END).port, 65535);
    assert_int_equal(good("GET http://a.test:81 HTTP/1.1\r\n" HOST END).port, 81);
    assert_int_equal(good("GET http://a.test HTTP/1.1\r\nHost: a.test:81\r\n\r\n").port, 81);
    assert_true(good("HEAD / HTTP/1.1\r\n" HOST END).is_head_only);
    assert_string_equal(good("HEAD / HTTP/1.1\r\n" HOST END).method, "HEAD");
    assert_string_equal(good(METHOD32 " / HTTP/1.1\r\n" HOST END).method, METHOD32);
    assert_false(good("HEAD2 / HTTP/1.1\r\n" HOST END).is_head_only);
    assert_false(good("head / HTTP/1.1\r\n" HOST END).is_head_only);
    assert_true(good(GET "Host: [::1]:80" END END).is_name_addr);
    assert_int_equal(good(GET "Host: [::1]:80" END END).addr.family, ADDR_V6);
    assert_int_equal(good(GET "Host: 10.0.0.1" END END).addr.family, ADDR_V4);
    assert_false(good(GET HOST END).is_name_addr);
}

/* A head with so many fields, or one field so long that the head has so many bytes. */
static char *make_head(size_t nr_fields, size_t len)
{
    char *head = malloc(len + nr_fields * 8 + 128), *p = head;

    assert_non_null(head);
    p += sprintf(p, GET HOST);
    for (size_t i = 1; i < nr_fields; i++)
        p += sprintf(p, "X: a\r\n");
    if (len > 0) {
        size_t fill = len - (size_t)(p - head) - sizeof("Y: \r\n\r\n") + 1;

        p += sprintf(p, "Y: ");
        memset(p, 'a', fill);
        p += fill;
        p += sprintf(p, "\r\n");
    }
    sprintf(p, "\r\n");
    return head;
}

static enum parse_rc parse_made(size_t nr_fields, size_t len)
{
    char *head = make_head(nr_fields, len);
    struct http_request request;
    size_t used;
    enum parse_rc rc;

    if (len > 0)
        assert_int_equal(strlen(head), len);
    rc = parse(head, strlen(head), &request, &used, NULL);
    free(head);
    return rc;
}

static void a_head_is_bounded(void **state)
{
    char *endless = malloc(HTTP_HEAD_BYTES_MAX + 1);
    struct http_request request;
    size_t used;

    (void)state;
    assert_non_null(endless);
    assert_int_equal(parse_made(HTTP_FIELDS_MAX, 0), PARSE_OK);
    assert_int_equal(parse_made(HTTP_FIELDS_MAX + 1, 0), PARSE_BAD);
    assert_int_equal(parse_made(1, HTTP_HEAD_BYTES_MAX), PARSE_OK);
    assert_int_equal(parse_made(1, HTTP_HEAD_BYTES_MAX + 1), PARSE_BAD);
    memset(endless, 'G', HTTP_HEAD_BYTES_MAX + 1);
    assert_int_equal(parse(endless, HTTP_HEAD_BYTES_MAX, &request, &used, NULL), PARSE_MORE);
    assert_int_equal(parse(endless, HTTP_HEAD_BYTES_MAX + 1, &request, &used, NULL), PARSE_BAD);
    free(endless);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_head_has_its_answer),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(every_cut_of_a_good_head_wants_more),
        cmocka_unit_test(a_bad_head_is_bad_whatever_follows),
        cmocka_unit_test(what_follows_a_head_is_not_of_it),
        cmocka_unit_test(what_a_head_says_is_told),
        cmocka_unit_test(a_head_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
