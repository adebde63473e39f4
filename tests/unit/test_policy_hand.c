/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "ctl/policy_hand.h"
#include "tests/support/cm.h"

static void all_files_are_sections_of_one_text(void **state)
{
    struct policy_source sources[] = {
        { "allowlist", NULL, "a.example\n", 10 },
        { "agents/claude", "claude", "b.example", 9 },
        { "agents/other", "other", "", 0 },
    };
    struct policy_source ceiling = { "ceiling", NULL, ".example\n", 9 };
    const struct policy_dir dir = { sources, ARRAY_LEN(sources), &ceiling };
    static const char expected[] = "%% whole\n%% allowlist\na.example\n%% agents/claude\n"
                                   "b.example\n%% agents/other\n";
    static const char resolv[] = "%% resolv.conf\nnameserver 192.0.2.1\n";
    size_t len;
    char *text = policy_hand_text(&dir, NULL, &len);

    (void)state;
    assert_non_null(text);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(text, expected, len);
    free(text);
    text = policy_hand_text(&dir, "nameserver 192.0.2.1\n", &len);
    assert_non_null(text);
    assert_int_equal(len, strlen(expected) + strlen(resolv));
    assert_memory_equal(text, expected, strlen(expected));
    assert_memory_equal(text + strlen(expected), resolv, strlen(resolv));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_files_are_sections_of_one_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
