/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Vectors made by hand from RFC 6066 §3.
 */
#include "sni-filter/tls_hello.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/bytes.h"
#include "tests/support/cm.h"
#include "tests/support/exact.h"

#define V(what, literal, rc, name)                                                             \
    {                                                                                          \
        what, literal, sizeof(literal) - 1, rc, name                                           \
    }

/* clang-format off */
static const struct {
    const char *what, *bytes;
    size_t len;
    enum parse_rc rc;
    const char *name;
} cases[] = {
    V("one name",                "\0\x06\0\0\x03" "a.b",           PARSE_OK,     "a.b"),
    V("case is kept",            "\0\x06\0\0\x03" "A.b",           PARSE_OK,     "A.b"),
    V("trailing dot",            "\0\x07\0\0\x04" "a.b.",          PARSE_OK,     "a.b."),
    V("dotted quad",             "\0\x0a\0\0\x07" "1.2.3.4",       PARSE_OK,     "1.2.3.4"),
    V("only another type",       "\0\x04\x07\0\x01x",              PARSE_ABSENT, NULL),
    V("another type, empty",     "\0\x03\x07\0\0",                 PARSE_ABSENT, NULL),
    V("two of other types",      "\0\x08\x07\0\x01" "x\x08\0\x01" "y", PARSE_ABSENT, NULL),
    V("IPv6 literal",            "\0\x06\0\0\x03" "::1",           PARSE_BAD,    NULL),
    V("IPv6 in brackets",        "\0\x08\0\0\x05" "[::1]",         PARSE_BAD,    NULL),
    V("number as an address",    "\0\x0d\0\0\x0a" "2130706433",    PARSE_BAD,    NULL),
    V("NUL inside the name",     "\0\x06\0\0\x03" "a\0b",          PARSE_BAD,    NULL),
    V("two trailing dots",       "\0\x08\0\0\x05" "a.b..",         PARSE_BAD,    NULL),
    V("empty label",             "\0\x07\0\0\x04" "a..b",          PARSE_BAD,    NULL),
    V("wildcard",                "\0\x06\0\0\x03" "*.b",           PARSE_BAD,    NULL),
    V("port",                    "\0\x08\0\0\x05" "a.b:1",         PARSE_BAD,    NULL),
    V("newline",                 "\0\x06\0\0\x03" "a\nb",          PARSE_BAD,    NULL),
    V("UTF-8",                   "\0\x07\0\0\x04" "\xc3\xa4.b",    PARSE_BAD,    NULL),
    V("empty name",              "\0\x03\0\0\0",                   PARSE_BAD,    NULL),
    V("empty name, then a name", "\0\x07\0\0\0" "\0\0\x01" "b",    PARSE_BAD,    NULL),
    V("two host names",          "\0\x08\0\0\x01" "a\0\0\x01" "b", PARSE_BAD,    NULL),
    V("the same twice",          "\0\x08\0\0\x01" "a\0\0\x01" "a", PARSE_BAD,    NULL),
    V("another type before",     "\0\x08\x07\0\x01" "x\0\0\x01" "a", PARSE_BAD,  NULL),
    V("another type behind",     "\0\x08\0\0\x01" "a\x07\0\x01" "x", PARSE_BAD,  NULL),
    V("byte after the list",     "\0\x06\0\0\x03" "a.bZ",          PARSE_BAD,    NULL),
    V("byte after the name",     "\0\x07\0\0\x03" "a.bZ",          PARSE_BAD,    NULL),
    V("list too long",           "\0\x07\0\0\x03" "a.b",           PARSE_BAD,    NULL),
    V("name too long",           "\0\x06\0\0\x04" "a.b",           PARSE_BAD,    NULL),
    V("name too short",          "\0\x06\0\0\x02" "a.b",           PARSE_BAD,    NULL),
    V("empty list",              "\0\0",                           PARSE_BAD,    NULL),
    V("nothing",                 "",                               PARSE_BAD,    NULL),
};
/* clang-format on */

static void each_vector_has_its_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t *p = exact(cases[i].bytes, cases[i].len);
        struct span name = { p, 9 };
        enum parse_rc rc =
            tls_sni_parse((struct cursor) { .base = p, .len = cases[i].len }, &name);

        if (rc != cases[i].rc)
            print_error("%s\n", cases[i].what);
        assert_int_equal(rc, cases[i].rc);
        assert_int_equal(name.len, cases[i].name ? strlen(cases[i].name) : 0);
        if (cases[i].name) {
            assert_ptr_equal(name.base, p + 5);
            assert_memory_equal(name.base, cases[i].name, name.len);
        } else {
            assert_null(name.base);
        }
        free(p);
    }
}

static void every_cut_of_a_good_vector_is_refused(void **state)
{
    (void)state;
    for (size_t len = 0; len < cases[0].len; len++) {
        uint8_t *p = exact(cases[0].bytes, len);
        struct span name;

        assert_int_equal(tls_sni_parse((struct cursor) { .base = p, .len = len }, &name),
                         PARSE_BAD);
        free(p);
    }
}

static void a_name_of_253_bytes_is_taken_and_of_254_is_not(void **state)
{
    (void)state;
    for (uint32_t len = 253; len <= 254; len++) {
        static struct bytes b;
        struct span name;

        b.len = 0;
        bytes_uint(&b, 2, len + 3);
        bytes_uint(&b, 1, 0);
        bytes_uint(&b, 2, len);
        for (uint32_t i = 0; i < len; i++)
            bytes_add(&b, i % 50 == 49 ? "." : "x", 1);
        assert_int_equal(tls_sni_parse((struct cursor) { .base = b.at, .len = b.len }, &name),
                         len == 253 ? PARSE_OK : PARSE_BAD);
        assert_int_equal(name.len, len == 253 ? 253 : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_vector_has_its_answer),
        cmocka_unit_test(every_cut_of_a_good_vector_is_refused),
        cmocka_unit_test(a_name_of_253_bytes_is_taken_and_of_254_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
