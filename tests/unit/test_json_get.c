/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>

#include "ctl/json_get.h"
#include "ctl/json_make.h"
#include "tests/support/cm.h"

static const char text[] =
    "{\"s\":\"text\",\"n\":7,\"f\":1.5,\"big\":1e300,\"b\":true,\"null\":null,"
    "\"o\":{\"in\":{\"deep\":\"x\"}},\"a\":[1,2]}\n";

static cJSON *document(void)
{
    struct err err;
    cJSON *json = json_parse("it", text, sizeof(text) - 1, &err);

    assert_non_null(json);
    return json;
}

static void good_fields_are_returned(void **state)
{
    cJSON *json = document();
    const char *string;
    const cJSON *item;
    struct err err;
    int64_t number;
    bool is_true;

    (void)state;
    assert_true(json_string(json, "s", &string, &err));
    assert_string_equal(string, "text");
    assert_true(json_string(json, "o/in/deep", &string, &err));
    assert_string_equal(string, "x");
    assert_true(json_integer(json, "n", &number, &err));
    assert_int_equal(number, 7);
    assert_true(json_bool(json, "b", &is_true, &err));
    assert_true(is_true);
    assert_true(json_object(json, "o/in", &item, &err));
    assert_true(json_array(json, "a", &item, &err));
    assert_int_equal(cJSON_GetArraySize(item), 2);
    cJSON_Delete(json);
}

static void a_missing_field_is_named(void **state)
{
    cJSON *json = document();
    const char *string = "kept";
    const cJSON *item;
    struct err err;
    int64_t number;
    bool is_true;

    (void)state;
    assert_false(json_string(json, "o/none", &string, &err));
    assert_string_equal(err.text, "field \"o/none\" is missing, expected a string");
    assert_string_equal(string, "kept");
    assert_false(json_string(json, "null", &string, &err));
    assert_string_equal(err.text, "field \"null\" is missing, expected a string");
    assert_false(json_string(json, "none/deeper", &string, &err));
    assert_string_equal(err.text, "field \"none/deeper\" is missing, expected a string");
    assert_false(json_integer(json, "x", &number, &err));
    assert_string_equal(err.text, "field \"x\" is missing, expected a whole number");
    assert_false(json_bool(json, "x", &is_true, &err));
    assert_string_equal(err.text, "field \"x\" is missing, expected a boolean");
    assert_false(json_object(json, "x", &item, &err));
    assert_string_equal(err.text, "field \"x\" is missing, expected an object");
    assert_false(json_array(json, "x", &item, &err));
    assert_string_equal(err.text, "field \"x\" is missing, expected a list");
    assert_false(json_array(NULL, "x", &item, &err));
    assert_string_equal(err.text, "field \"x\" is missing, expected a list");
    cJSON_Delete(json);
}

static void a_field_of_another_type_is_named(void **state)
{
    cJSON *json = document();
    const char *string;
    const cJSON *item;
    struct err err;
    int64_t number;
    bool is_true;

    (void)state;
    assert_false(json_string(json, "n", &string, &err));
    assert_string_equal(err.text, "field \"n\" is a number, expected a string");
    assert_false(json_integer(json, "f", &number, &err));
    assert_string_equal(err.text, "field \"f\" is a number, expected a whole number");
    assert_false(json_integer(json, "big", &number, &err));
    assert_string_equal(err.text, "field \"big\" is a number, expected a whole number");
    assert_false(json_bool(json, "s", &is_true, &err));
    assert_string_equal(err.text, "field \"s\" is a string, expected a boolean");
    assert_false(json_object(json, "a", &item, &err));
    assert_string_equal(err.text, "field \"a\" is a list, expected an object");
    assert_false(json_array(json, "o", &item, &err));
    assert_string_equal(err.text, "field \"o\" is an object, expected a list");
    assert_false(json_string(json, "s/deeper", &string, &err));
    assert_string_equal(err.text, "field \"s\" is a string, expected an object");
    cJSON_Delete(json);
}

static void a_field_that_may_be_missing_may_not_be_of_another_type(void **state)
{
    cJSON *json = document();
    const char *string;
    const cJSON *item;
    struct err err;
    int64_t number;
    bool is_true;

    (void)state;
    assert_true(json_string_or(json, "x", "fallback", &string, &err));
    assert_string_equal(string, "fallback");
    assert_false(json_string_or(json, "n", "fallback", &string, &err));
    assert_true(json_integer_or(json, "null", -1, &number, &err));
    assert_int_equal(number, -1);
    assert_false(json_integer_or(json, "s", -1, &number, &err));
    assert_true(json_bool_or(json, "x", true, &is_true, &err));
    assert_true(is_true);
    assert_false(json_bool_or(json, "s", true, &is_true, &err));
    assert_true(json_object_or_null(json, "x", &item, &err));
    assert_null(item);
    assert_false(json_object_or_null(json, "s", &item, &err));
    assert_true(json_array_or_null(json, "x", &item, &err));
    assert_null(item);
    assert_false(json_array_or_null(json, "s", &item, &err));
    cJSON_Delete(json);
}

static void what_is_no_json_is_shown(void **state)
{
    struct err err;

    (void)state;
    assert_null(json_parse("the answer", "{\"a\":}", 6, &err));
    assert_string_equal(err.text, "the answer is no JSON: \"{\"a\":}\" at byte 6");
    assert_null(json_parse("the answer", "{} {}", 5, &err));
    assert_string_equal(err.text, "the answer goes on after its JSON, at byte 4");
    assert_null(json_parse("the answer", "", 0, &err));
}

static void what_was_built_is_printed(void **state)
{
    struct json_make make = { .is_failed = false };
    cJSON *root = json_make_object(&make, NULL, NULL), *list;
    struct err err;
    char *printed;

    (void)state;
    json_put(&make, root, "a", "text");
    json_putf(&make, root, "f", "%d.%d", 1, 2);
    json_put_integer(&make, root, "i", 1234567890123);
    json_put_bool(&make, root, "b", false);
    list = json_make_array(&make, root, "l");
    json_append(&make, list, "x");
    json_appendf(&make, list, "%s", "y");
    json_put(&make, json_make_object(&make, list, NULL), "k", "v");
    root = json_finish(&make, root, &err);
    assert_non_null(root);
    printed = json_text(root, &err);
    assert_string_equal(printed,
                        "{\"a\":\"text\",\"f\":\"1.2\",\"i\":1234567890123,\"b\":false,"
                        "\"l\":[\"x\",\"y\",{\"k\":\"v\"}]}");
    cJSON_free(printed);
    cJSON_Delete(root);
}

static void a_text_that_does_not_fit_is_a_failure(void **state)
{
    struct json_make make = { .is_failed = false };
    cJSON *root = json_make_object(&make, NULL, NULL);
    struct err err;

    (void)state;
    json_putf(&make, root, "f", "%5000d", 1);
    json_put(&make, json_make_object(&make, root, "later"), "k", "v");
    assert_null(json_finish(&make, root, &err));
    assert_int_equal(err.code, ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_fields_are_returned),
        cmocka_unit_test(a_missing_field_is_named),
        cmocka_unit_test(a_field_of_another_type_is_named),
        cmocka_unit_test(a_field_that_may_be_missing_may_not_be_of_another_type),
        cmocka_unit_test(what_is_no_json_is_shown),
        cmocka_unit_test(what_was_built_is_printed),
        cmocka_unit_test(a_text_that_does_not_fit_is_a_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
