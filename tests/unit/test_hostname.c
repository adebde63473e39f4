/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "common/hostname.h"
#include "tests/support/cm.h"
#include "tests/support/exact.h"

#define L63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"
#define N253                                                                                   \
    L63 "." L63 "." L63 "."                                                                    \
        "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffg"

#define V(text, canonical)                                                                     \
    {                                                                                          \
        text, sizeof(text) - 1, canonical, 0, NULL                                             \
    }
#define BAD(text, at, why)                                                                     \
    {                                                                                          \
        text, sizeof(text) - 1, NULL, at, why                                                  \
    }

static const char empty[] = "the name is empty", empty_label[] = "a label is empty",
                  letter[] = "not a letter, digit, \"-\", \"_\" or \".\"",
                  number[] = "the last label is a number, as in an IPv4 address",
                  long_label[] = "a label is longer than 63 bytes",
                  long_name[] = "the name is longer than 253 bytes";

static const struct {
    const char *text;
    size_t len;
    const char *canonical;
    size_t at;
    const char *why;
} cases[] = {
    V("api.example.com", "api.example.com"),
    V("API.Example.COM.", "api.example.com"),
    V("localhost", "localhost"),
    V("_dmarc.a-b_c.example", "_dmarc.a-b_c.example"),
    V("r3---sn-x.example", "r3---sn-x.example"),
    V("-a-.example", "-a-.example"),
    V("1.2.3.4.example", "1.2.3.4.example"),
    V("1.2.3.4a", "1.2.3.4a"),
    V("0xfg", "0xfg"),
    V("x0", "x0"),
    V(L63 ".example", L63 ".example"),
    V(N253, N253),
    V(N253 ".", N253),
    BAD("", 0, empty),
    BAD(".", 0, empty_label),
    BAD("..", 0, empty_label),
    BAD("a..", 2, empty_label),
    BAD(".a", 0, empty_label),
    BAD("a..b", 2, empty_label),
    BAD("a b", 1, letter),
    BAD("a/b", 1, letter),
    BAD("a:443", 1, letter),
    BAD("*.a", 0, letter),
    BAD("a\0b", 1, letter),
    BAD("a.b\0", 3, letter),
    BAD("a@b", 1, letter),
    BAD("a`b", 1, letter),
    BAD("a[b", 1, letter),
    BAD("a{b", 1, letter),
    BAD("b\xc3\xbc"
        "cher",
        1, letter),
    BAD("a\x80", 1, letter),
    BAD("1.2.3.4", 6, number),
    BAD("1.2.3.4.", 6, number),
    BAD("example.0", 8, number),
    BAD("123", 0, number),
    BAD("a.0x7f", 2, number),
    BAD("a.0X", 2, number),
    BAD("a.0xAf", 2, number),
    BAD(L63 "a.example", 63, long_label),
    BAD("a." L63 "a", 65, long_label),
    BAD(N253 "a", 253, long_name),
    BAD(N253 "a.", 253, long_name),
    BAD(N253 "..", 253, long_name),
};

static void names_are_folded_or_refused_at_the_byte_that_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t *copy = exact(cases[i].text, cases[i].len);
        struct hostname_fault fault = { 99, NULL };
        char *out = malloc(HOSTNAME_MAX + 1);
        size_t len = hostname_canonical(copy, cases[i].len, out);

        if (cases[i].canonical) {
            assert_string_equal(out, cases[i].canonical);
            assert_int_equal(len, strlen(out));
            assert_true(hostname_check(copy, cases[i].len, NULL));
        } else {
            assert_int_equal(len, 0);
            assert_string_equal(out, "");
            assert_false(hostname_check(copy, cases[i].len, &fault));
            assert_string_equal(fault.why, cases[i].why);
            assert_int_equal(fault.at, cases[i].at);
            assert_false(hostname_check(copy, cases[i].len, NULL));
        }
        free(out);
        free(copy);
    }
}

static void only_letters_digits_hyphen_and_underscore_stand_in_a_label(void **state)
{
    static const char good[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char text[4] = { 'a', (char)byte, 'z', 0 }, out[HOSTNAME_MAX + 1];
        bool is_good = byte == '.' || (byte != 0 && strchr(good, byte));

        assert_int_equal(hostname_canonical((uint8_t *)text, 3, out), is_good ? 3 : 0);
    }
}

static void
every_cut_of_a_name_is_a_name_unless_a_label_would_be_empty_or_a_number(void **state)
{
    static const char text[] = "a1.b.example";

    (void)state;
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        uint8_t *copy = exact(text, len);
        char out[HOSTNAME_MAX + 1];
        size_t want = len && text[len - 1] == '.' ? len - 1 : len;

        assert_int_equal(hostname_canonical(copy, len, out), want);
        free(copy);
    }
}

static void names_of_people_become_a_labels(void **state)
{
    static const struct {
        const char *text, *canonical;
    } good[] = {
        { "Example.COM.", "example.com" },
        { "b\xc3\xbc"
          "cher.example",
          "xn--bcher-kva.example" },
        { "B\xc3\x9c"
          "CHER.Example",
          "xn--bcher-kva.example" },
        { "bu\xcc\x88"
          "cher.example",
          "xn--bcher-kva.example" },                    /* u + combining diaeresis */
        { "fa\xc3\x9f.example", "xn--fa-hia.example" }, /* non-transitional sharp s */
        { "_dmarc.b\xc3\xbc"
          "cher.example",
          "_dmarc.xn--bcher-kva.example" },
        { "b\xc3\xbc"
          "cher\xe3\x80\x82"
          "example",
          "xn--bcher-kva.example" }, /* U+3002 is a dot */
        { "r3---sn-x.example", "r3---sn-x.example" },
        { "_x.example", "_x.example" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        char out[HOSTNAME_MAX + 1];
        struct err err = { 0 };

        if (!hostname_from_user(good[i].text, out, &err))
            fail_msg("%s", err.text);
        assert_string_equal(out, good[i].canonical);
    }
}

static void names_of_people_are_refused_with_the_reason(void **state)
{
    static const struct {
        const char *text, *error;
    } bad[] = {
        { "", "\"\" is no host name: the name is empty (byte 1)" },
        { "a b",
          "\"a b\" is no host name: not a letter, digit, \"-\", \"_\" or \".\" (byte 2)" },
        { "a\nb",
          "\"a\\x0ab\" is no host name: not a letter, digit, \"-\", \"_\" or \".\" (byte 2)" },
        { "1.2.3.4", "\"1.2.3.4\" is no host name: the last label is a number, as in an IPv4 "
                     "address (byte 7)" },
        { "\xff.example", "\"\xff.example\" is no host name: string encoding error" },
        { "b\xc3\xbc cher", "\"b\xc3\xbc cher\" is no host name: not a letter, digit, \"-\", "
                            "\"_\" or \".\" (byte 2)" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char out[HOSTNAME_MAX + 1] = "x";
        struct err err = { 0 };

        assert_false(hostname_from_user(bad[i].text, out, &err));
        assert_string_equal(out, "");
        if (i < 5)
            assert_string_equal(err.text, bad[i].error);
        else
            assert_non_null(strstr(err.text, "is no host name"));
    }
}

static void a_long_name_is_cut_in_the_message(void **state)
{
    char text[400], out[HOSTNAME_MAX + 1];
    struct err err = { 0 };

    (void)state;
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    assert_false(hostname_from_user(text, out, &err));
    assert_non_null(strstr(err.text, "aaa...\" is no host name"));
    assert_true(strlen(err.text) < 200);
    memset(text, 1, sizeof(text) - 1);
    assert_false(hostname_from_user(text, out, &err));
    assert_true(strlen(err.text) < 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_folded_or_refused_at_the_byte_that_is_wrong),
        cmocka_unit_test(only_letters_digits_hyphen_and_underscore_stand_in_a_label),
        cmocka_unit_test(
            every_cut_of_a_name_is_a_name_unless_a_label_would_be_empty_or_a_number),
        cmocka_unit_test(names_of_people_become_a_labels),
        cmocka_unit_test(names_of_people_are_refused_with_the_reason),
        cmocka_unit_test(a_long_name_is_cut_in_the_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
