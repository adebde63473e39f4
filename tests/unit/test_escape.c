/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "common/attr.h"
#include "ctl/escape.h"
#include "tests/support/cm.h"

static void what_a_terminal_could_obey_is_escaped(void **state)
{
    static const struct {
        const char *text, *out;
    } cases[] = {
        { "", "" },
        { "plain text ~", "plain text ~" },
        { "\x1b[2J", "\\x1b[2J" },
        { "a\nb\tc\x7f", "a\\x0ab\\x09c\\x7f" },
        { "\\x1b", "\\x5cx1b" },
        { "\xe2\x80\xae", "\\xe2\\x80\\xae" },
        { "\x9b"
          "1m",
          "\\x9b1m" },
    };
    char out[64];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(escape_text(cases[i].text, strlen(cases[i].text), out, sizeof(out)),
                         strlen(cases[i].out));
        assert_string_equal(out, cases[i].out);
    }
    assert_int_equal(escape_text("a\0b", 3, out, sizeof(out)), 6);
    assert_string_equal(out, "a\\x00b");
}

static void what_does_not_fit_ends_in_dots(void **state)
{
    static const struct {
        size_t size;
        const char *out;
    } cases[] = {
        { 4, "..." },   { 5, "a..." },        { 6, "ab..." },
        { 7, "ab..." }, { 10, "ab\\x01..." }, { 11, "ab\\x01cdef" },
    };
    char out[16];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        memset(out, '#', sizeof(out));
        (void)escape_text("ab\x01"
                          "cdef",
                          7, out, cases[i].size);
        assert_string_equal(out, cases[i].out);
        assert_int_equal(out[cases[i].size], '#');
    }
}

static void a_lines_end_is_cut_off(void **state)
{
    char out[16];

    (void)state;
    (void)escape_line("a\r\n\n", out, sizeof(out));
    assert_string_equal(out, "a");
    (void)escape_line("\n", out, sizeof(out));
    assert_string_equal(out, "");
    (void)escape_line("a\nb\n", out, sizeof(out));
    assert_string_equal(out, "a\\x0ab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_terminal_could_obey_is_escaped),
        cmocka_unit_test(what_does_not_fit_ends_in_dots),
        cmocka_unit_test(a_lines_end_is_cut_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
