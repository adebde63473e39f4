/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Chunked bodies made by hand from RFC 9112 §7.1.
 */
#include "sni-filter/http_body.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sni-filter/http_field.h"
#include "tests/support/cm.h"
#include "tests/support/exact.h"

#define V(what, next, literal, rc, content, after)                                             \
    {                                                                                          \
        what, next, literal, sizeof(literal) - 1, rc, content, after                           \
    }
#define FIRST   HTTP_BODY_FIRST_CHUNK
#define CHUNK   HTTP_BODY_CHUNK
#define TRAILER HTTP_BODY_TRAILER
#define OVER    HTTP_BODY_OVER

/* clang-format off */
static const struct {
    const char *what;
    int next;
    const char *bytes;
    size_t len;
    enum parse_rc rc;
    uint64_t content;
    int after;
} cases[] = {
    V("first chunk",            FIRST,   "1a\r\n",               PARSE_OK,  26, CHUNK),
    V("the largest",            FIRST,   "ffffFFFF\r\n",         PARSE_OK,  UINT32_MAX, CHUNK),
    V("zeros before",           FIRST,   "0000000A\r\n",         PARSE_OK,  10, CHUNK),
    V("next chunk",             CHUNK,   "\r\n5\r\n",            PARSE_OK,  5, CHUNK),
    V("last chunk at once",     FIRST,   "0\r\n",                PARSE_OK,  0, TRAILER),
    V("last chunk",             CHUNK,   "\r\n000\r\n",          PARSE_OK,  0, TRAILER),
    V("no trailer",             TRAILER, "\r\n",                 PARSE_OK,  0, OVER),
    V("trailer",                TRAILER, "A: b\r\nC:\r\n\r\n",   PARSE_OK,  0, OVER),

    V("no size",                FIRST,   "\r\n",                 PARSE_BAD, 0, FIRST),
    V("nine digits",            FIRST,   "000000001",            PARSE_BAD, 0, FIRST),
    V("sign",                   FIRST,   "+1",                   PARSE_BAD, 0, FIRST),
    V("0x",                     FIRST,   "0x1",                  PARSE_BAD, 0, FIRST),
    V("no digit",               FIRST,   "g",                    PARSE_BAD, 0, FIRST),
    V("below the digits",       FIRST,   "/",                    PARSE_BAD, 0, FIRST),
    V("above the digits",       FIRST,   ":",                    PARSE_BAD, 0, FIRST),
    V("above the letters",      FIRST,   "G",                    PARSE_BAD, 0, FIRST),
    V("space before",           FIRST,   " 1",                   PARSE_BAD, 0, FIRST),
    V("space behind",           FIRST,   "1 ",                   PARSE_BAD, 0, FIRST),
    V("extension",              FIRST,   "1;a=b\r\n",            PARSE_BAD, 0, FIRST),
    V("bare LF",                FIRST,   "1\n",                  PARSE_BAD, 0, FIRST),
    V("bare CR",                FIRST,   "1\r1",                 PARSE_BAD, 0, FIRST),
    V("more than it said",      CHUNK,   "a",                    PARSE_BAD, 0, CHUNK),
    V("more, then the end",     CHUNK,   "a\r\n1\r\n",           PARSE_BAD, 0, CHUNK),
    V("LF behind content",      CHUNK,   "\n1\r\n",              PARSE_BAD, 0, CHUNK),
    V("CR without LF there",    CHUNK,   "\r1",                  PARSE_BAD, 0, CHUNK),
    V("size missing",           CHUNK,   "\r\n\r\n",             PARSE_BAD, 0, CHUNK),
    V("trailer is no field",    TRAILER, "GET / HTTP/1.1\r\n",   PARSE_BAD, 0, TRAILER),
    V("folded trailer",         TRAILER, "A: b\r\n c\r\n",       PARSE_BAD, 0, TRAILER),
    V("Host in a trailer",      TRAILER, "Host: a.test\r\n",     PARSE_BAD, 0, TRAILER),
    V("length in a trailer",    TRAILER, "Content-Length: 1\r\n", PARSE_BAD, 0, TRAILER),
    V("encoding in a trailer",  TRAILER, "Transfer-Encoding: chunked\r\n", PARSE_BAD, 0, TRAILER),
    V("LF in a trailer",        TRAILER, "A: b\n",               PARSE_BAD, 0, TRAILER),
    V("nothing can follow",     OVER,    "\r\n",                 PARSE_BAD, 0, OVER),
};
/* clang-format on */

static enum parse_rc next(struct http_body *body, const char *bytes, size_t len, size_t *used,
                          uint64_t *content)
{
    uint8_t *p = exact(bytes, len);
    enum parse_rc rc =
        http_body_next(body, (struct cursor) { .base = p, .len = len }, used, content);

    free(p);
    return rc;
}

static void each_piece_has_its_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_body body = { .next = (unsigned)cases[i].next };
        uint64_t content;
        size_t used;
        enum parse_rc rc = next(&body, cases[i].bytes, cases[i].len, &used, &content);

        if (rc != cases[i].rc || content != cases[i].content ||
            (int)body.next != cases[i].after || used != (rc == PARSE_OK ? cases[i].len : 0))
            fail_msg("%s: %d, %zu bytes, content %llu, then %d", cases[i].what, (int)rc, used,
                     (unsigned long long)content, (int)body.next);
    }
}

static void every_cut_of_a_good_piece_wants_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t len = 0; cases[i].rc == PARSE_OK && len < cases[i].len; len++) {
            struct http_body body = { .next = (unsigned)cases[i].next };
            uint64_t content;
            size_t used;

            if (next(&body, cases[i].bytes, len, &used, &content) != PARSE_MORE ||
                (int)body.next != cases[i].next)
                fail_msg("%s, cut after %zu bytes", cases[i].what, len);
        }
}

static void what_follows_a_piece_is_not_of_it(void **state)
{
    struct http_body body = { .next = CHUNK };
    uint64_t content;
    size_t used;

    (void)state;
    assert_int_equal(next(&body, "\r\n3\r\nab\0", 8, &used, &content), PARSE_OK);
    assert_int_equal(used, 5);
    body.next = TRAILER;
    assert_int_equal(next(&body, "\r\n\0", 3, &used, &content), PARSE_OK);
    assert_int_equal(used, 2);
}

static void a_trailer_section_is_bounded(void **state)
{
    static char many[HTTP_TRAILER_MAX * 2];
    struct http_body body = { .next = TRAILER };
    uint64_t content;
    size_t used, len = 0;

    (void)state;
    for (size_t i = 0; i < HTTP_FIELDS_MAX + 1; i++)
        len += (size_t)sprintf(many + len, "A: b\r\n");
    assert_int_equal(next(&body, many, len, &used, &content), PARSE_BAD);
    memcpy(many + len - 6, "\r\n", 2);
    assert_int_equal(next(&body, many, len - 4, &used, &content), PARSE_OK);
    body.next = TRAILER;
    memset(many, 'a', sizeof(many));
    assert_int_equal(next(&body, many, HTTP_TRAILER_MAX, &used, &content), PARSE_MORE);
    assert_int_equal(next(&body, many, HTTP_TRAILER_MAX + 1, &used, &content), PARSE_BAD);
    memcpy(many, "A:", 2);
    memcpy(many + HTTP_TRAILER_MAX - 4, "\r\n\r\n", 4);
    assert_int_equal(next(&body, many, HTTP_TRAILER_MAX, &used, &content), PARSE_OK);
    body.next = TRAILER;
    memcpy(many + HTTP_TRAILER_MAX - 4, "aa\r\n\r\n", 6);
    assert_int_equal(next(&body, many, HTTP_TRAILER_MAX + 2, &used, &content), PARSE_BAD);
}

static void a_head_says_what_comes(void **state)
{
    const struct http_request none = { 0 }, some = { .content_length = 7 },
                              chunked = { .is_chunked = true };
    uint64_t content;

    (void)state;
    assert_int_equal(http_body_begin(&none, &content).next, OVER);
    assert_int_equal(content, 0);
    assert_int_equal(http_body_begin(&some, &content).next, OVER);
    assert_int_equal(content, 7);
    assert_int_equal(http_body_begin(&chunked, &content).next, FIRST);
    assert_int_equal(content, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_piece_has_its_answer),
        cmocka_unit_test(every_cut_of_a_good_piece_wants_more),
        cmocka_unit_test(what_follows_a_piece_is_not_of_it),
        cmocka_unit_test(a_trailer_section_is_bounded),
        cmocka_unit_test(a_head_says_what_comes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
