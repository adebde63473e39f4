/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Each byte, and the edges of a line: what stands behind it in memory is none of its business.
 */
#include <string.h>

#include "sni-filter/http_field.h"
#include "tests/support/cm.h"

static struct span part(const char *text, size_t len)
{
    return (struct span) { (const uint8_t *)text, len };
}

/* RFC 9110 §5.6.2 */
static void a_token_holds_these_bytes_and_no_others(void **state)
{
    static const char tokens[] = "!#$%&'*+-.^_`|~0123456789"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[] = { 'a', (char)byte, 'a' };
        bool is_token = byte != 0 && strchr(tokens, (char)byte) != NULL;

        if (http_is_token(part(text, sizeof(text))) != is_token)
            fail_msg("byte %02x", byte);
    }
    assert_false(http_is_token(part("", 0)));
}

static void letters_are_compared_whatever_their_case(void **state)
{
    (void)state;
    assert_true(
        http_is(part("ABCDEFGHIJKLMNOPQRSTUVWXYZ@[", 28), "abcdefghijklmnopqrstuvwxyz@["));
    assert_false(http_is(part("@", 1), "`"));
    assert_false(http_is(part("[", 1), "{"));
    assert_int_equal(http_framing(part("HOST", 4)), HTTP_HOST);
    assert_int_equal(http_framing(part("Transfer_Encoding", 17)), HTTP_LOOKALIKE);
}

static void a_colon_behind_the_line_makes_no_field(void **state)
{
    struct http_field field;

    (void)state;
    assert_false(http_field_split(part("Name: value", 4), &field));
    assert_false(http_field_split(part("Names: value", 4), &field));
}

static void white_space_around_a_value_is_none_of_it(void **state)
{
    static const struct {
        const char *text, *value;
        size_t len;
    } lines[] = {
        { "N:v   ", "v", 3 }, { "N: \t v w \t x", "v w", 10 },
        { "N:    ", "", 2 },  { "N:    ", "", 4 },
        { "N:v", "", 2 },     { "N:\t\t\t\t", "", 5 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct http_field field;

        assert_true(http_field_split(part(lines[i].text, lines[i].len), &field));
        assert_int_equal(field.name.len, 1);
        if (field.value.len != strlen(lines[i].value))
            fail_msg("line %zu: value of %zu bytes", i, field.value.len);
        assert_memory_equal(field.value.base, lines[i].value, field.value.len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_holds_these_bytes_and_no_others),
        cmocka_unit_test(letters_are_compared_whatever_their_case),
        cmocka_unit_test(a_colon_behind_the_line_makes_no_field),
        cmocka_unit_test(white_space_around_a_value_is_none_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
