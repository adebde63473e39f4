/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "tests/support/cm.h"
#include "tests/support/policy_texts.h"

#define OUTSIDE(place, what)                                                                   \
    "allowlist:" place " " what " is outside the ceiling: no line of ceiling covers this "     \
    "target and service, expected one "                                                        \
    "that it covers"

static void what_the_ceiling_does_not_cover_is_an_error(void **state)
{
    static const struct {
        const char *base, *ceiling, *error;
    } cases[] = {
        { "a.example", "a.example", NULL },
        { "a.example tls/443", ".example.com\n.a.example", NULL },
        { "a.example", "b.example", OUTSIDE("1:1:", "\"a.example\" tls/443") },
        { "a.example", "a.example tls/443", OUTSIDE("1:1:", "\"a.example\" quic/443") },
        { "a.example tcp/443", "a.example", OUTSIDE("1:1:", "\"a.example\" tcp/443") },
        { "a.example", "*.a.example", OUTSIDE("1:1:", "\"a.example\" tls/443") },
        { ".a.example", "a.example", OUTSIDE("1:1:", "\".a.example\" tls/443") },
        { "*.a.example", "x.a.example", OUTSIDE("1:1:", "\"*.a.example\" tls/443") },
        { ".a.example", "*.a.example\na.example", NULL },
        { ".x.a.example", "*.a.example", NULL },
        { "\n *.a.example", "a.example", OUTSIDE("2:2:", "\"*.a.example\" tls/443") },
        { "a.example tls/10-20", "a.example tls/1-12 tls/13-15\na.example tls/15-30", NULL },
        { "a.example tls/10-20", "a.example tls/1-12 tls/14-30",
          OUTSIDE("1:1:", "\"a.example\" tls/13") },
        { "a.example tls/65535", "a.example tls/65535", NULL },
        { "a.example intranet", "a.example",
          OUTSIDE("1:1:", "\"a.example\" tls/443 intranet") },
        { "a.example intranet", "a.example intranet", NULL },
        { "a.example", "a.example intranet", NULL },
        { "10.0.0.0/9", "10.0.0.0/8", NULL },
        { "10.0.0.0/8", "10.0.0.0/9", OUTSIDE("1:1:", "\"10.0.0.0/8\" tls/443") },
        { "10.0.0.1", "2001:db8::/32", OUTSIDE("1:1:", "\"10.0.0.1\" tls/443") },
        { "!b.example", "a.example", NULL },
        { "!b.example tls/443", "a.example", NULL },
        { "", "", NULL },
        { "a.example", "", OUTSIDE("1:1:", "\"a.example\" tls/443") },
        { "x.a.example", ".a.example\n!x.a.example",
          "allowlist:1:1: \"x.a.example\" tls/443 is outside the ceiling: line 2 of ceiling "
          "forbids "
          "it, expected a target and service that it allows" },
        { "*.x.a.example quic/443", ".a.example\n!*.a.example quic/400-500",
          "allowlist:1:1: \"*.x.a.example\" quic/443 is outside the ceiling: line 2 of ceiling "
          "forbids it, expected a target and service that it allows" },
        { "10.0.0.1", "10.0.0.0/8\n!10.0.0.0/24",
          "allowlist:1:1: \"10.0.0.1\" tls/443 is outside the ceiling: line 2 of ceiling "
          "forbids it, "
          "expected a target and service that it allows" },
        { "a.example", "a..example",
          "ceiling:1:3: bad name \"a..example\": a label is empty, "
          "expected a host name such as api.example.com" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        struct policy *policy = policy_texts_try(cases[i].base, strlen(cases[i].base), NULL,
                                                 cases[i].ceiling, &err);

        assert_string_equal(err.text, cases[i].error ? cases[i].error : "");
        assert_int_equal(policy == NULL, cases[i].error != NULL);
        policy_free(policy);
    }
}

static void an_agents_file_is_under_the_ceiling_too(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_null(policy_texts_try("a.example", 9, "b.example", "a.example", &err));
    assert_memory_equal(err.text, "agents/claude:1:1: \"b.example\" tls/443 is outside", 49);
}

static void the_ceilings_denials_are_in_force_for_everybody(void **state)
{
    struct policy *policy =
        policy_texts(".a.example", "b.a.example", ".a.example\n!x.a.example\n");

    (void)state;
    assert_string_equal(policy_texts_name(policy, "", "x.a.example", SERVICE_TLS, 443),
                        "deny !x.a.example ceiling:2");
    assert_string_equal(policy_texts_name(policy, "claude", "x.a.example", SERVICE_TLS, 443),
                        "deny !x.a.example ceiling:2");
    assert_int_equal(policy_nr_rules(policy), 2);
    policy_free(policy);
}

static void the_ceiling_may_cover_what_no_rule_may(void **state)
{
    static const char *const texts[] = { ".com", "*.github.io", "0.0.0.0/0 tcp/1-65535" };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct policy_source rules = { "allowlist", NULL, "", 0 };
        struct policy_source ceiling = { "ceiling", NULL, texts[i], strlen(texts[i]) };
        struct err err = { 0 };
        struct policy *policy = policy_new(&rules, 1, &ceiling, &err);

        if (policy == NULL)
            fail_msg("%s", err.text);
        policy_free(policy);
        assert_null(policy_new(&ceiling, 1, NULL, &err));
    }
}

static void the_ceiling_itself_allows_nothing(void **state)
{
    struct policy *policy =
        policy_texts("a.example", "b.example", "a.example\nb.example\nc.example\n10.0.0.0/8\n");

    (void)state;
    assert_string_equal(policy_texts_name(policy, "", "b.example", SERVICE_TLS, 443),
                        "unknown");
    assert_string_equal(policy_texts_name(policy, "claude", "c.example", SERVICE_TLS, 443),
                        "unknown");
    assert_string_equal(policy_texts_addr(policy, "", "10.0.0.1", SERVICE_TLS, 443), "unknown");
    policy_free(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_ceiling_does_not_cover_is_an_error),
        cmocka_unit_test(an_agents_file_is_under_the_ceiling_too),
        cmocka_unit_test(the_ceilings_denials_are_in_force_for_everybody),
        cmocka_unit_test(the_ceiling_may_cover_what_no_rule_may),
        cmocka_unit_test(the_ceiling_itself_allows_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
