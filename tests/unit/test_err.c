/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "common/err.h"
#include "tests/support/cm.h"

static void a_message_is_formatted_and_false_comes_back(void **state)
{
    struct err err;

    (void)state;
    assert_false(err_set(&err, 7, "read %s: line %d", "x", 3));
    assert_int_equal(err.code, 7);
    assert_string_equal(err.text, "read x: line 3");
}

static void a_context_goes_in_front_and_the_code_stays(void **state)
{
    struct err err;

    (void)state;
    err_set(&err, 7, "why");
    assert_false(err_wrap(&err, "load %d", 5));
    assert_int_equal(err.code, 7);
    assert_string_equal(err.text, "load 5: why");
}

static void an_argument_may_be_the_text_itself(void **state)
{
    struct err err;

    (void)state;
    err_set(&err, 0, "inner");
    err_set(&err, 0, "outer(%s)", err.text);
    assert_string_equal(err.text, "outer(inner)");
    err_wrap(&err, "[%s]", err.text);
    assert_string_equal(err.text, "[outer(inner)]: outer(inner)");
}

static void a_long_text_is_cut_at_the_end(void **state)
{
    struct err err;
    char text[600];

    (void)state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    err_set(&err, 0, "%s", text);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    for (size_t len = sizeof(err.text) - 4; len < sizeof(err.text) + 2; len++) {
        err_set(&err, 0, "why");
        err_wrap(&err, "%.*s", (int)len, text);
        assert_int_equal(strlen(err.text),
                         len + 5 < sizeof(err.text) ? len + 5 : sizeof(err.text) - 1);
    }
    err_set(&err, 0, "%s", text);
    err_wrap(&err, "front");
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    assert_memory_equal(err.text, "front: xxx", 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_formatted_and_false_comes_back),
        cmocka_unit_test(a_context_goes_in_front_and_the_code_stays),
        cmocka_unit_test(an_argument_may_be_the_text_itself),
        cmocka_unit_test(a_long_text_is_cut_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
