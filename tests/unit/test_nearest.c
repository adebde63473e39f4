/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include <limits.h>

#include "common/attr.h"
#include "common/nearest.h"
#include "tests/support/cm.h"

static void edits_are_counted(void **state)
{
    static const struct {
        const char *a, *b;
        unsigned edits;
    } cases[] = {
        { "", "", 0 },         { "", "abc", 3 },      { "abc", "", 3 },
        { "mode", "mode", 0 }, { "moed", "mode", 2 }, { "kitten", "sitting", 3 },
        { "ab", "b", 1 },      { "b", "ab", 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(nearest_distance(cases[i].a, cases[i].b), cases[i].edits);
}

static void texts_that_are_too_long_are_far_from_everything(void **state)
{
    char text[NEAREST_LEN_MAX + 2];

    (void)state;
    memset(text, 'a', sizeof(text));
    text[NEAREST_LEN_MAX + 1] = '\0';
    assert_int_equal(nearest_distance(text, "a"), UINT_MAX);
    assert_int_equal(nearest_distance("a", text), UINT_MAX);
    text[NEAREST_LEN_MAX] = '\0';
    assert_int_equal(nearest_distance(text, text), 0);
}

static void the_nearest_word_is_found_or_none(void **state)
{
    static const char *const words[] = { "check", "version", "help", "ech" };

    (void)state;
    assert_string_equal(nearest_word("chekc", words, 4), "check");
    assert_string_equal(nearest_word("halp", words, 4), "help");
    assert_null(nearest_word("start", words, 4));
    assert_null(nearest_word("", words, 4));
    assert_null(nearest_word("xyh", words + 3, 0));
    assert_null(nearest_word("e", (const char *const[]) { "x" }, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edits_are_counted),
        cmocka_unit_test(texts_that_are_too_long_are_far_from_everything),
        cmocka_unit_test(the_nearest_word_is_found_or_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
