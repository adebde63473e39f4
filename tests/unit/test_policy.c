/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cm.h"
#include "tests/support/policy_texts.h"

static const char example[] = "# comment\r\n"
                              "\r\n"
                              "api.anthropic.com            # this name only\n"
                              "\t.anthropic.com tls/443\n"
                              "*.githubusercontent.com\n"
                              "GitHub.com.\ttls/443 tcp/22\n"
                              "packages.corp.example http/80 intranet\n"
                              "b\xc3\xbc"
                              "cher.example tls/8000-8010\n"
                              "10.20.0.5 tcp/5432\n"
                              "10.30.0.0/16 udp/123\n"
                              "10.30.4.0/24\n"
                              "2001:db8::/33 tcp/22\n"
                              "*.corp intranet\n"
                              "github.io\n"
                              "!telemetry.anthropic.com\n"
                              "!api.anthropic.com quic/443\n"
                              "!10.30.9.0/24\n"
                              "!2001:db8:5::1 tcp/22";

static void names_are_decided_by_the_rules_that_match_them(void **state)
{
    static const struct {
        const char *name;
        enum service_kind kind;
        uint16_t port;
        const char *answer;
    } cases[] = {
        { "api.anthropic.com", SERVICE_TLS, 443, "allow api.anthropic.com allowlist:3" },
        { "api.anthropic.com", SERVICE_QUIC, 443, "deny !api.anthropic.com allowlist:16" },
        { "api.anthropic.com", SERVICE_TLS, 444, "other api.anthropic.com allowlist:3" },
        { "api.anthropic.com", SERVICE_TCP, 443, "other api.anthropic.com allowlist:3" },
        { "x.api.anthropic.com", SERVICE_TLS, 443, "allow .anthropic.com allowlist:4" },
        { "x.api.anthropic.com", SERVICE_QUIC, 443, "other .anthropic.com allowlist:4" },
        { "anthropic.com", SERVICE_TLS, 443, "allow .anthropic.com allowlist:4" },
        { "telemetry.anthropic.com", SERVICE_TLS, 443,
          "deny !telemetry.anthropic.com allowlist:15" },
        { "telemetry.anthropic.com", SERVICE_UDP, 9,
          "deny !telemetry.anthropic.com allowlist:15" },
        { "x.telemetry.anthropic.com", SERVICE_TLS, 443, "allow .anthropic.com allowlist:4" },
        { "githubusercontent.com", SERVICE_TLS, 443, "unknown" },
        { "raw.githubusercontent.com", SERVICE_QUIC, 443,
          "allow *.githubusercontent.com allowlist:5" },
        { "a.b.githubusercontent.com", SERVICE_TLS, 443,
          "allow *.githubusercontent.com allowlist:5" },
        { "github.com", SERVICE_TCP, 22, "allow GitHub.com. allowlist:6" },
        { "github.com", SERVICE_QUIC, 443, "other GitHub.com. allowlist:6" },
        { "www.github.com", SERVICE_TLS, 443, "unknown" },
        { "com", SERVICE_TLS, 443, "unknown" },
        { "notanthropic.com", SERVICE_TLS, 443, "unknown" },
        { "anthropic.com.evil.example", SERVICE_TLS, 443, "unknown" },
        { "packages.corp.example", SERVICE_HTTP, 80,
          "allow intranet packages.corp.example allowlist:7" },
        { "packages.corp.example", SERVICE_TLS, 443,
          "other packages.corp.example allowlist:7" },
        { "xn--bcher-kva.example", SERVICE_TLS, 7999,
          "other b\xc3\xbc"
          "cher.example allowlist:8" },
        { "xn--bcher-kva.example", SERVICE_TLS, 8000,
          "allow b\xc3\xbc"
          "cher.example allowlist:8" },
        { "xn--bcher-kva.example", SERVICE_TLS, 8010,
          "allow b\xc3\xbc"
          "cher.example allowlist:8" },
        { "xn--bcher-kva.example", SERVICE_TLS, 8011,
          "other b\xc3\xbc"
          "cher.example allowlist:8" },
        { "x.corp", SERVICE_TLS, 443, "allow intranet *.corp allowlist:13" },
        { "corp", SERVICE_TLS, 443, "unknown" },
        { "github.io", SERVICE_TLS, 443, "allow github.io allowlist:14" },
        { "x.github.io", SERVICE_TLS, 443, "unknown" },
        { "", SERVICE_TLS, 443, "unknown" },
    };
    struct policy *policy = policy_texts(example, NULL, NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(
            policy_texts_name(policy, "", cases[i].name, cases[i].kind, cases[i].port),
            cases[i].answer);
    assert_int_equal(policy_nr_rules(policy), 16);
    policy_free(policy);
}

static void addresses_are_decided_by_the_rules_that_contain_them(void **state)
{
    static const struct {
        const char *addr;
        enum service_kind kind;
        uint16_t port;
        const char *answer;
    } cases[] = {
        { "10.20.0.5", SERVICE_TCP, 5432, "allow 10.20.0.5 allowlist:9" },
        { "10.20.0.5", SERVICE_TLS, 443, "other 10.20.0.5 allowlist:9" },
        { "10.20.0.6", SERVICE_TCP, 5432, "unknown" },
        { "10.30.1.1", SERVICE_UDP, 123, "allow 10.30.0.0/16 allowlist:10" },
        { "10.30.4.1", SERVICE_UDP, 123, "allow 10.30.0.0/16 allowlist:10" },
        { "10.30.4.1", SERVICE_QUIC, 443, "allow 10.30.4.0/24 allowlist:11" },
        { "10.30.4.1", SERVICE_TCP, 1, "other 10.30.4.0/24 allowlist:11" },
        { "10.30.9.7", SERVICE_UDP, 123, "deny !10.30.9.0/24 allowlist:17" },
        { "10.31.0.0", SERVICE_UDP, 123, "unknown" },
        { "2001:db8:7fff::1", SERVICE_TCP, 22, "allow 2001:db8::/33 allowlist:12" },
        { "2001:db8:8000::1", SERVICE_TCP, 22, "unknown" },
        { "2001:db8:5::1", SERVICE_TCP, 22, "deny !2001:db8:5::1 allowlist:18" },
        { "a1e:0:0::", SERVICE_UDP, 123, "unknown" }, /* the first bytes of 10.30.0.0 */
    };
    struct policy *policy = policy_texts(example, NULL, NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(
            policy_texts_addr(policy, "", cases[i].addr, cases[i].kind, cases[i].port),
            cases[i].answer);
    policy_free(policy);
}

static void no_address_is_allowed_by_no_rule(void **state)
{
    struct policy *policy = policy_texts("10.0.0.0/8\n!0.0.0.0/0 udp/1", NULL, NULL);
    struct addr none = { .family = ADDR_NONE };

    (void)state;
    assert_string_equal(policy_texts_show(policy_addr(policy, 0, &none, SERVICE_TLS, 443)),
                        "unknown");
    policy_free(policy);
}

static void every_cut_of_a_policy_is_a_policy_or_an_error_with_its_place(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof(example) - 1; len++) {
        struct err err = { 0 };
        struct policy *policy = policy_texts_try(example, len, NULL, NULL, &err);

        if (policy == NULL) {
            assert_memory_equal(err.text, "allowlist:", 10);
            assert_non_null(strstr(err.text, "expected"));
        }
        policy_free(policy);
    }
}

static void a_deny_wins_wherever_it_stands(void **state)
{
    struct policy *policy =
        policy_texts("!.b.example\na.b.example\n.c.example\n!x.c.example\nx.c.example "
                     "tcp/1\n",
                     NULL, NULL);

    (void)state;
    assert_string_equal(policy_texts_name(policy, "", "a.b.example", SERVICE_TLS, 443),
                        "deny !.b.example allowlist:1");
    assert_string_equal(policy_texts_name(policy, "", "x.c.example", SERVICE_TCP, 1),
                        "deny !x.c.example allowlist:4");
    policy_free(policy);
}

static void a_policy_may_have_denials_alone(void **state)
{
    struct policy *policy = policy_texts("!a.example\n!a.example\n!10.0.0.0/8", NULL, NULL);
    bool has_child;

    (void)state;
    assert_string_equal(policy_texts_name(policy, "", "a.example", SERVICE_TLS, 443),
                        "deny !a.example allowlist:1");
    assert_string_equal(policy_texts_addr(policy, "", "10.0.0.1", SERVICE_TLS, 443),
                        "deny !10.0.0.0/8 allowlist:3");
    assert_int_equal(policy_dns(policy, 0, "a.example", &has_child).result, POLICY_DENIED);
    policy_free(policy);
}

static void a_wildcard_deny_leaves_the_name_itself(void **state)
{
    struct policy *policy = policy_texts(".a.example\n!*.a.example\n!*.com", NULL, NULL);

    (void)state;
    assert_string_equal(policy_texts_name(policy, "", "a.example", SERVICE_TLS, 443),
                        "allow .a.example allowlist:1");
    assert_string_equal(policy_texts_name(policy, "", "b.a.example", SERVICE_TLS, 443),
                        "deny !*.a.example allowlist:2");
    policy_free(policy);
}

static void an_agents_rules_hold_for_it_alone_and_the_base_for_all(void **state)
{
    struct policy *policy =
        policy_texts("base.example\n.shared.example\n!never.example\n10.0.0.1\n",
                     "own.example\n!base.example\nnever.example\n10.0.0.2\n"
                     "!x.shared.example\n",
                     NULL);

    (void)state;
    assert_int_equal(policy_agent(policy, "other"), 0);
    assert_int_not_equal(policy_agent(policy, "claude"), 0);
    assert_string_equal(policy_texts_name(policy, "claude", "own.example", SERVICE_TLS, 443),
                        "allow own.example agents/claude:1");
    assert_string_equal(policy_texts_name(policy, "other", "own.example", SERVICE_TLS, 443),
                        "unknown");
    assert_string_equal(policy_texts_name(policy, "claude", "base.example", SERVICE_TLS, 443),
                        "deny !base.example agents/claude:2");
    assert_string_equal(policy_texts_name(policy, "other", "base.example", SERVICE_TLS, 443),
                        "allow base.example allowlist:1");
    assert_string_equal(policy_texts_name(policy, "claude", "never.example", SERVICE_TLS, 443),
                        "deny !never.example allowlist:3");
    assert_string_equal(
        policy_texts_name(policy, "claude", "x.shared.example", SERVICE_TLS, 443),
        "deny !x.shared.example agents/claude:5");
    assert_string_equal(
        policy_texts_name(policy, "other", "x.shared.example", SERVICE_TLS, 443),
        "allow .shared.example allowlist:2");
    assert_string_equal(policy_texts_addr(policy, "claude", "10.0.0.2", SERVICE_TLS, 443),
                        "allow 10.0.0.2 agents/claude:4");
    assert_string_equal(policy_texts_addr(policy, "other", "10.0.0.2", SERVICE_TLS, 443),
                        "unknown");
    assert_string_equal(policy_texts_addr(policy, "claude", "10.0.0.1", SERVICE_TLS, 443),
                        "allow 10.0.0.1 allowlist:4");
    policy_free(policy);
}

static void an_agent_may_have_several_files(void **state)
{
    struct policy_source sources[] = {
        { "one", "claude", "a.example", 9 },
        { "two", "claude", "b.example", 9 },
    };
    struct err err = { 0 };
    struct policy *policy = policy_new(sources, 2, NULL, &err);

    (void)state;
    assert_non_null(policy);
    assert_string_equal(policy_texts_name(policy, "claude", "a.example", SERVICE_TLS, 443),
                        "allow a.example one:1");
    assert_string_equal(policy_texts_name(policy, "claude", "b.example", SERVICE_TLS, 443),
                        "allow b.example two:1");
    policy_free(policy);
}

static void files_are_counted_in_16_bits(void **state)
{
    static struct policy_source sources[65535];
    struct err err = { 0 };
    struct policy *policy;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        sources[i] = (struct policy_source) { "f", NULL, "", 0 };
    sources[65533] = (struct policy_source) { "last", NULL, "a.example", 9 };
    assert_null(policy_new(sources, 65535, NULL, &err));
    assert_string_equal(err.text, "policy: 65535 files, expected fewer than 65535");
    policy = policy_new(sources, 65534, NULL, &err);
    assert_string_equal(policy_texts_name(policy, "", "a.example", SERVICE_TLS, 443),
                        "allow a.example last:1");
    policy_free(policy);
}

static void sixty_four_agents_are_told_apart_and_one_more_is_an_error(void **state)
{
    struct policy_source sources[65];
    char names[65][8], texts[65][32];
    struct err err = { 0 };
    struct policy *policy;
    bool has_child;

    (void)state;
    for (unsigned i = 0; i < 65; i++) {
        snprintf(names[i], sizeof(names[i]), "a%u", i);
        snprintf(texts[i], sizeof(texts[i]), "x.z%u.example", i);
        sources[i] = (struct policy_source) { names[i], names[i], texts[i], strlen(texts[i]) };
    }
    assert_null(policy_new(sources, 65, NULL, &err));
    assert_string_equal(err.text, "a64:1:1: too many agents, expected at most 64");
    policy = policy_new(sources, 64, NULL, &err);
    assert_non_null(policy);
    for (unsigned i = 0; i < 64; i++) {
        for (unsigned j = 0; j < 64; j++) {
            unsigned agent = policy_agent(policy, names[i]);

            assert_int_equal(policy_name(policy, agent, texts[j], SERVICE_TLS, 443).result ==
                                 POLICY_ALLOWED,
                             i == j);
            policy_dns(policy, agent, texts[j] + 2, &has_child);
            assert_int_equal(has_child, i == j);
        }
    }
    policy_free(policy);
}

static void the_same_rule_twice_is_harmless_and_the_first_one_speaks(void **state)
{
    struct policy *policy =
        policy_texts("a.example\na.example tls/443 quic/443\na.example\n", NULL, NULL);
    struct policy_service services[4];

    (void)state;
    assert_int_equal(policy_nr_rules(policy), 3);
    assert_string_equal(policy_texts_name(policy, "", "a.example", SERVICE_TLS, 443),
                        "allow a.example allowlist:1");
    assert_int_equal(policy_services(policy, 0, "a.example", services, 4), 2);
    policy_free(policy);
}

static void one_name_may_have_its_services_on_several_lines(void **state)
{
    struct policy *policy =
        policy_texts("a.example tls/443\na.example tcp/22 intranet\n.a.example tls/443 "
                     "intranet\n",
                     NULL, NULL);

    (void)state;
    assert_string_equal(policy_texts_name(policy, "", "a.example", SERVICE_TCP, 22),
                        "allow intranet a.example allowlist:2");
    /* whichever rule speaks, one that allows it says intranet */
    assert_string_equal(policy_texts_name(policy, "", "a.example", SERVICE_TLS, 443),
                        "allow intranet a.example allowlist:1");
    policy_free(policy);
}

static void a_denied_name_is_found_whatever_else_is_allowed(void **state)
{
    struct policy *policy =
        policy_texts("!a.example tls/443\n10.0.0.0/8 tcp/443\n", NULL, NULL);
    struct policy_answer answer = { .result = POLICY_UNKNOWN };

    (void)state;
    assert_false(policy_denies_name(policy, 0, "a.example", SERVICE_TCP, 443, &answer));
    assert_false(policy_denies_name(policy, 0, "b.example", SERVICE_TLS, 443, &answer));
    assert_int_equal(answer.result, POLICY_UNKNOWN);
    assert_true(policy_denies_name(policy, 0, "a.example", SERVICE_TLS, 443, &answer));
    assert_string_equal(policy_texts_show(answer), "deny !a.example allowlist:1");
    assert_true(policy_denies_name(policy, 0, "a.example", SERVICE_TLS, 443, NULL));
    policy_free(policy);
}

static void the_identity_is_of_names_agents_texts_and_ceiling_not_of_their_order(void **state)
{
    struct policy_source sources[] = {
        { "allowlist", NULL, "a.example", 9 },
        { "agents/x", "x", "b.example", 9 },
    };
    struct policy_source swapped[] = { sources[1], sources[0] };
    struct policy_source other[][2] = {
        { { "allowlisT", NULL, "a.example", 9 }, sources[1] },
        { { "allowlist", NULL, "a.examplf", 9 }, sources[1] },
        { sources[0], { "agents/x", "y", "b.example", 9 } },
        { sources[0], { "agents/x", NULL, "b.example", 9 } },
    };
    struct policy_source ceiling = { "ceiling", NULL, "*.example intranet", 18 };
    struct err err = { 0 };
    struct policy *a = policy_new(sources, 2, NULL, &err), *b;

    (void)state;
    assert_non_null(a);
    assert_int_equal(strlen(policy_id(a)), POLICY_ID_MAX - 1);
    assert_memory_equal(policy_id(a), "sha256:", 7);
    b = policy_new(swapped, 2, NULL, &err);
    assert_string_equal(policy_id(a), policy_id(b));
    policy_free(b);
    for (size_t i = 0; i < ARRAY_LEN(other); i++) {
        b = policy_new(other[i], 2, NULL, &err);
        assert_string_not_equal(policy_id(a), policy_id(b));
        policy_free(b);
    }
    b = policy_new(sources, 2, &ceiling, &err);
    assert_non_null(b);
    assert_string_not_equal(policy_id(a), policy_id(b));
    policy_free(b);
    policy_free(a);
    policy_free(NULL);
}

static void many_rules_are_all_found(void **state)
{
    enum { NR = 5000 };
    static char text[NR * 40];
    size_t len = 0;
    struct policy *policy;

    (void)state;
    for (unsigned i = 0; i < NR; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "h%u.z%u.example tls/%u\n", i,
                                i % 77, i + 1);
    policy = policy_texts(text, NULL, NULL);
    assert_int_equal(policy_nr_rules(policy), NR);
    for (unsigned i = 0; i < NR; i++) {
        struct policy_answer answer;
        char name[40];

        snprintf(name, sizeof(name), "h%u.z%u.example", i, i % 77);
        answer = policy_name(policy, 0, name, SERVICE_TLS, (uint16_t)(i + 1));
        assert_int_equal(answer.result, POLICY_ALLOWED);
        assert_int_equal(answer.line, i + 1);
        assert_int_equal(policy_name(policy, 0, name, SERVICE_TLS, (uint16_t)(i + 2)).result,
                         POLICY_OTHER_SERVICE);
    }
    policy_free(policy);
}

static void a_name_of_127_labels_is_walked(void **state)
{
    char name[254], rule[258];
    struct policy *policy;

    (void)state;
    for (size_t i = 0; i < 253; i++)
        name[i] = i % 2 ? '.' : 'a';
    name[253] = '\0';
    snprintf(rule, sizeof(rule), "*.%s", name + 2);
    policy = policy_texts(rule, NULL, NULL);
    assert_int_equal(policy_name(policy, 0, name, SERVICE_TLS, 443).result, POLICY_ALLOWED);
    assert_int_equal(policy_name(policy, 0, name + 2, SERVICE_TLS, 443).result, POLICY_UNKNOWN);
    policy_free(policy);
}

static void the_nearest_rule_is_named(void **state)
{
    static const struct {
        const char *agent, *name, *nearest;
    } cases[] = {
        { "", "api.antropic.com", "api.anthropic.com" },
        { "", "console.anthropic.com", "api.anthropic.com" },
        { "", "x.y.corp.example", ".corp.example" },
        { "", "other.example", NULL },
        { "", "notanthropic.com", NULL },
        { "", "own.test", NULL },
        { "claude", "owm.test", "own.test" },
        { "", "telemetry.evil.test", NULL }, /* "!" rules are no suggestion */
    };
    struct policy *policy = policy_texts(
        "api.anthropic.com\n.corp.example\n!telemetry.evil.test\n10.0.0.0/8", "own.test", NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *nearest =
            policy_nearest(policy, policy_agent(policy, cases[i].agent), cases[i].name);

        if (cases[i].nearest)
            assert_string_equal(nearest, cases[i].nearest);
        else
            assert_null(nearest);
    }
    policy_free(policy);
}

static void some_name_that_may_use_a_port_is_found(void **state)
{
    static const struct {
        const char *agent;
        enum service_kind kind;
        uint16_t port;
        const char *rule;
    } cases[] = {
        { "", SERVICE_QUIC, 443, "a.test" },
        { "", SERVICE_UDP, 123, "ntp.test" },
        { "", SERVICE_UDP, 443, NULL },
        { "", SERVICE_TLS, 8443, NULL }, /* a denial's */
        { "", SERVICE_UDP, 53, NULL },   /* an address rule's */
        { "", SERVICE_TCP, 22, NULL },   /* another agent's */
        { "claude", SERVICE_TCP, 22, "own.test" },
    };
    struct policy *policy =
        policy_texts("a.test\nb.test\nntp.test udp/100-200\n!c.test tls/8443\n10.0.0.1 udp/53",
                     "own.test tcp/22", NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct policy_answer answer = policy_some_name(
            policy, policy_agent(policy, cases[i].agent), cases[i].kind, cases[i].port);

        if (cases[i].rule != NULL) {
            assert_int_equal(answer.result, POLICY_ALLOWED);
            assert_string_equal(answer.rule, cases[i].rule);
        } else {
            assert_int_equal(answer.result, POLICY_OTHER_SERVICE);
            assert_null(answer.rule);
        }
    }
    policy_free(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_decided_by_the_rules_that_match_them),
        cmocka_unit_test(addresses_are_decided_by_the_rules_that_contain_them),
        cmocka_unit_test(no_address_is_allowed_by_no_rule),
        cmocka_unit_test(every_cut_of_a_policy_is_a_policy_or_an_error_with_its_place),
        cmocka_unit_test(a_deny_wins_wherever_it_stands),
        cmocka_unit_test(a_policy_may_have_denials_alone),
        cmocka_unit_test(a_wildcard_deny_leaves_the_name_itself),
        cmocka_unit_test(an_agents_rules_hold_for_it_alone_and_the_base_for_all),
        cmocka_unit_test(an_agent_may_have_several_files),
        cmocka_unit_test(files_are_counted_in_16_bits),
        cmocka_unit_test(sixty_four_agents_are_told_apart_and_one_more_is_an_error),
        cmocka_unit_test(the_same_rule_twice_is_harmless_and_the_first_one_speaks),
        cmocka_unit_test(one_name_may_have_its_services_on_several_lines),
        cmocka_unit_test(a_denied_name_is_found_whatever_else_is_allowed),
        cmocka_unit_test(the_identity_is_of_names_agents_texts_and_ceiling_not_of_their_order),
        cmocka_unit_test(many_rules_are_all_found),
        cmocka_unit_test(a_name_of_127_labels_is_walked),
        cmocka_unit_test(the_nearest_rule_is_named),
        cmocka_unit_test(some_name_that_may_use_a_port_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
