/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "ctl/env_file.h"
#include "tests/support/cm.h"
#include "tests/support/exact.h"

static int next(const char *text, struct env_pair *pair, struct err *err)
{
    uint8_t *bytes = exact(text, strlen(text));
    struct textfile file = { .file = ".env", .text = (char *)bytes, .len = strlen(text) };
    int rc;

    file.err = err;
    rc = env_file_next(&file, pair);
    if (rc == 1) /* the key points into the bytes */
        pair->key.text = strstr(text, "KEY");
    free(bytes);
    return rc;
}

static void values_are_read(void **state)
{
    static const struct {
        const char *line, *value;
    } cases[] = {
        { "KEY=value", "value" },
        { "KEY=value\r\n", "value" },
        { "\n# comment\n  # another\nKEY=value\n", "value" },
        { "  KEY = value  ", "value" },
        { "export KEY=value", "value" },
        { "export\tKEY=value", "value" },
        { "KEY=", "" },
        { "KEY=   ", "" },
        { "KEY=# nothing", "" },
        { "KEY=a b # comment", "a b" },
        { "KEY=a#b", "a#b" },
        { "KEY=a=b", "a=b" },
        { "KEY=it's", "it's" },
        { "KEY='a # b'", "a # b" },
        { "KEY='$HOME \\n'  # comment", "$HOME \\n" },
        { "KEY=\"a # b\"", "a # b" },
        { "KEY=\"\\\"\\\\\\$X\\n\\t\"", "\"\\$X\n\t" },
        { "KEY=\"it's\"", "it's" },
        { "KEY=''", "" },
        { "KEY=a$", "a$" },
        { "KEY=a$1", "a$1" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct env_pair pair;
        struct err err = { 0 };

        if (next(cases[i].line, &pair, &err) != 1)
            fail_msg("%s: %s", cases[i].line, err.text);
        assert_true(token_is(pair.key, "KEY"));
        assert_string_equal(pair.value, cases[i].value);
        assert_int_equal(pair.value_len, strlen(cases[i].value));
    }
}

static void what_is_no_pair_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "KEY", ".env:1:4: no \"=\" after \"KEY\", expected KEY=VALUE" },
        { "\nKEY value", ".env:2:10: no \"=\" after \"KEY value\", expected KEY=VALUE" },
        { "export", ".env:1:7: no \"=\" after \"export\", expected KEY=VALUE" },
        { "=x",
          ".env:1:1: \"\" is no key, expected letters, digits and \"_\", no digit first" },
        { " 1A=x",
          ".env:1:2: \"1A\" is no key, expected letters, digits and \"_\", no digit first" },
        { "A-B=x",
          ".env:1:1: \"A-B\" is no key, expected letters, digits and \"_\", no digit first" },
        { "A B=x",
          ".env:1:1: \"A B\" is no key, expected letters, digits and \"_\", no digit first" },
        { "KEY='a", ".env:1:5: no closing ', expected one on the same line" },
        { "KEY=\"a\nb\"", ".env:1:5: no closing \", expected one on the same line" },
        { "KEY=\"a\\\"", ".env:1:5: no closing \", expected one on the same line" },
        { "KEY=\"\\", ".env:1:6: unknown escape, expected \\n, \\t, \\\", \\\\ or \\$" },
        { "KEY=\"\\x\"", ".env:1:6: unknown escape, expected \\n, \\t, \\\", \\\\ or \\$" },
        { "KEY='a' b", ".env:1:9: \"b\" after the closing quote, expected the end of the line "
                       "or a comment" },
        { "KEY='a'#b", ".env:1:8: \"#b\" after the closing quote, expected the end of the line "
                       "or a comment" },
        { "KEY=a${X}",
          ".env:1:6: \"$\" of a variable, which is not expanded here, expected the value "
          "itself, in single quotes if it has a \"$\"" },
        { "KEY=\"$X\"",
          ".env:1:6: \"$\" of a variable, which is not expanded here, expected the value "
          "itself, in single quotes if it has a \"$\"" },
        { "KEY=a\x01", ".env:1:6: control character 0x01, expected text" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct env_pair pair;
        struct err err = { 0 };

        assert_int_equal(next(cases[i].text, &pair, &err), -1);
        assert_string_equal(err.text, cases[i].error);
    }
}

static void the_longest_line_fits(void **state)
{
    static char line[TEXTFILE_LINE_MAX + 1] = "KEY=";
    static struct env_pair pair;
    struct err err = { 0 };

    (void)state;
    memset(line + 4, 'x', sizeof(line) - 5);
    assert_int_equal(next(line, &pair, &err), 1);
    assert_int_equal(pair.value_len, TEXTFILE_LINE_MAX - 4);
}

static void an_empty_file_has_no_pair(void **state)
{
    struct env_pair pair;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(next("", &pair, &err), 0);
    assert_int_equal(next("\n \n#KEY=x\n", &pair, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read),
        cmocka_unit_test(what_is_no_pair_is_refused_with_its_place),
        cmocka_unit_test(the_longest_line_fits),
        cmocka_unit_test(an_empty_file_has_no_pair),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
