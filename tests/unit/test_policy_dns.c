/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "tests/support/cm.h"
#include "tests/support/policy_texts.h"

static void dns_is_allowed_as_long_as_one_service_is_left(void **state)
{
    static const struct {
        const char *name, *answer;
        bool has_child;
    } cases[] = {
        { "a.example", "allow a.example allowlist:1", false },
        { "example", "unknown", true },
        { "b.example", "deny !b.example allowlist:3", false },
        { "c.example", "deny !c.example allowlist:6", false },
        { "d.example", "allow d.example allowlist:7", false },
        { "e.example", "deny !.e.example allowlist:10", false },
        { "x.e.example", "deny !.e.example allowlist:10", false },
        { "f.example", "unknown", true },
        { "x.f.example", "allow intranet *.f.example allowlist:11", true },
        { "g.example", "deny !g.example allowlist:13", true },
        { "h.example", "unknown", false },
        { "k.example", "unknown", true },
        { "l.k.example", "unknown", true },
        { "i.example", "unknown", false },
        { "test", "unknown", false },
    };
    struct policy *policy = policy_texts("a.example\n"
                                         "b.example\n"
                                         "!b.example\n"
                                         "c.example\n"
                                         "!c.example tls/1-442\n"
                                         "!c.example tls/443-65535 quic/1-65535\n"
                                         "d.example tls/1-10\n"
                                         "!d.example tls/1-4 tls/6-10 quic/5\n"
                                         ".e.example\n"
                                         "!.e.example\n"
                                         "*.f.example intranet\n"
                                         "*.g.example\n"
                                         "!g.example\n"
                                         "!h.example udp/1\n"
                                         "m.l.k.example\n",
                                         NULL, NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool has_child = !cases[i].has_child;
        struct policy_answer answer = policy_dns(policy, 0, cases[i].name, &has_child);

        if (i == 3) { /* any of its "!" rules may speak */
            assert_int_equal(answer.result, POLICY_DENIED);
            assert_string_equal(answer.rule, "!c.example");
        } else {
            assert_string_equal(policy_texts_show(answer), cases[i].answer);
        }
        assert_int_equal(has_child, cases[i].has_child);
    }
    policy_free(policy);
}

/* "tls/443 tcp/22-30 intranet", in the order of the answer */
static const char *show_services(const struct policy *policy, const char *name, size_t max)
{
    struct policy_service services[16];
    static char text[400];
    size_t nr = policy_services(policy, 0, name, services, max), len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < nr; i++)
        len +=
            (size_t)snprintf(text + len, sizeof(text) - len, "%s%s/%u-%u%s", i ? " " : "",
                             service_name(services[i].kind), services[i].port_first,
                             services[i].port_last, services[i].is_intranet ? " intranet" : "");
    return text;
}

static void services_are_what_is_left_of_the_allowed_ports(void **state)
{
    struct policy *policy = policy_texts("a.example tls/100-200 tcp/22\n"
                                         "!a.example tls/90-110 tls/150 tls/190-65535\n"
                                         "b.example tls/1-65535\n"
                                         "!b.example tls/65535 tls/1\n"
                                         "c.example\n"
                                         ".c.example intranet\n"
                                         "d.example tls/443\n"
                                         ".d.example tls/400-500\n"
                                         ".e.example\n"
                                         "!*.e.example\n"
                                         "f.example tls/400-500\n"
                                         ".f.example tls/443 tls/450-501\n",
                                         NULL, NULL);

    (void)state;
    assert_string_equal(show_services(policy, "f.example", 16), "tls/400-500 tls/450-501");
    assert_string_equal(show_services(policy, "a.example", 16),
                        "tls/111-149 tls/151-189 tcp/22-22");
    assert_string_equal(show_services(policy, "a.example", 2), "tls/111-149 tls/151-189");
    assert_string_equal(show_services(policy, "b.example", 16), "tls/2-65534");
    assert_string_equal(show_services(policy, "c.example", 16),
                        "tls/443-443 intranet quic/443-443 intranet");
    assert_string_equal(show_services(policy, "d.example", 16), "tls/400-500");
    assert_string_equal(show_services(policy, "x.e.example", 16), "");
    assert_string_equal(show_services(policy, "none.example", 16), "");
    assert_string_equal(show_services(policy, "a.example", 0), "");
    policy_free(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dns_is_allowed_as_long_as_one_service_is_left),
        cmocka_unit_test(services_are_what_is_left_of_the_allowed_ports),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
