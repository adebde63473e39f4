/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <netinet/in.h>

#include "common/marks.h"
#include "sni-filter/dns_message.h"
#include "tests/support/engine_rig.h"

#define LIST                                                                                   \
    "allowed.test\n*.wild.test tls/443 tls/8443 tls/9000-9100 tcp/22\n"                        \
    "inside.test intranet\nplain.test tcp/22\nboth.test tls/443 tcp/443\n!no.wild.test\n"

static struct rig rig;
static uint8_t message[2048];

static int start(void **state)
{
    (void)state;
    rig_start(&rig, LIST);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

static unsigned rcode(void)
{
    assert_true(rig.reply_len >= 12);
    return rig.reply[3] & 0x0f;
}

static unsigned nr_answers(void)
{
    return (unsigned)(rig.reply[6] << 8 | rig.reply[7]);
}

static void query(const char *name, uint16_t qtype)
{
    uint32_t id = rig_dns(&rig, "198.18.0.2", message, make_query(name, qtype, message));

    assert_true(rig.is_judged[id]);
    assert_int_equal(rig.verdict[id], 0); /* a query itself never leaves */
}

static struct addr addr_of(const char *text)
{
    struct addr addr;

    assert_true(addr_parse(text, strlen(text), &addr));
    return addr;
}

static void found(const char *const *addrs, size_t nr, uint32_t ttl_s, unsigned code)
{
    struct dns_found f = { .rcode = code, .ttl_s = ttl_s };

    assert_true(rig.nr_asks > 0);
    f.ticket = rig.asks[rig.nr_asks - 1].ticket;
    for (size_t i = 0; i < nr; i++)
        f.addrs[f.nr_addrs++] = addr_of(addrs[i]);
    engine_dns_found(rig.engine, &rig.now, &f);
}

static void an_allowed_name_is_asked_bound_and_then_answered(void **state)
{
    static const char *const addrs[] = { "203.0.113.10", "203.0.113.11" };

    (void)state;
    query("Allowed.TEST", DNS_A);
    assert_int_equal(rig.nr_replies, 0);
    assert_int_equal(rig.nr_asks, 1);
    assert_string_equal(rig.asks[0].name, "allowed.test");
    found(addrs, 2, 30, 0);
    assert_int_equal(rcode(), 0);
    assert_int_equal(nr_answers(), 2);
    assert_int_equal(rig.nr_bound, 2);
    assert_int_equal(rig.bound_before_reply, 2);
    assert_int_equal(rig.bound[0].port, 443);
    assert_int_equal(rig.bound[0].timeout_s, 86400);
    assert_int_equal(rig.nr_kept, 2);
    assert_memory_equal(rig.reply + 13, "Allowed", 7); /* the client's own spelling */
    assert_int_equal(rig_last(&rig)->event, EVENT_ANSWER);
    assert_int_equal(rig_last(&rig)->nr_addrs, 2);
}

static void a_name_on_no_list_is_answered_at_once_and_never_asked(void **state)
{
    static const struct {
        const char *name;
        unsigned rcode;
        enum reason reason;
    } cases[] = {
        { "blocked.test", DNS_RCODE_NXDOMAIN, REASON_NAME_NOT_ALLOWED },
        { "no.wild.test", DNS_RCODE_OK, REASON_NAME_DENIED }, /* what lies below is allowed */
        { "test", DNS_RCODE_OK, REASON_NAME_NOT_ALLOWED },    /* allowed names lie below it */
        { "wild.test", DNS_RCODE_OK, REASON_NAME_NOT_ALLOWED },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        query(cases[i].name, DNS_A);
        if (rcode() != cases[i].rcode)
            fail_msg("%s: rcode %u", cases[i].name, rcode());
        assert_int_equal(nr_answers(), 0);
        assert_int_equal(rig_last(&rig)->reason, cases[i].reason);
    }
    assert_int_equal(rig.nr_asks, 0);
}

static void only_addresses_are_asked_for(void **state)
{
    static const struct {
        uint16_t qtype;
        unsigned rcode;
    } cases[] = {
        { DNS_HTTPS, DNS_RCODE_OK }, { DNS_SVCB, DNS_RCODE_OK }, { 16, DNS_RCODE_REFUSED },
        { 255, DNS_RCODE_REFUSED },  { 10, DNS_RCODE_REFUSED },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        query("allowed.test", cases[i].qtype);
        assert_int_equal(rcode(), cases[i].rcode);
        assert_int_equal(nr_answers(), 0);
        assert_int_equal(rig_last(&rig)->reason, REASON_QTYPE);
    }
    assert_int_equal(rig.nr_asks, 0);
}

static void the_kernel_is_told_once_and_again_when_its_time_has_run_down(void **state)
{
    static const char *const addrs[] = { "203.0.113.10" };

    (void)state;
    query("allowed.test", DNS_A);
    found(addrs, 1, 30, 0);
    query("allowed.test", DNS_A);
    found(addrs, 1, 30, 0);
    assert_int_equal(rig.nr_bound, 1);
    rig_wait(&rig, 86400000000 / 8);
    query("allowed.test", DNS_A);
    found(addrs, 1, 30, 0);
    assert_int_equal(rig.nr_bound, 1);
    rig_wait(&rig, 1);
    query("allowed.test", DNS_A);
    found(addrs, 1, 30, 0);
    assert_int_equal(rig.nr_bound, 2);
}

static void inside_addresses_of_public_names_are_taken_out(void **state)
{
    static const char *const addrs[] = { "10.0.0.1", "127.0.0.1", "169.254.169.254",
                                         "203.0.113.1" /* the gateway's own */,
                                         "203.0.113.10" };

    (void)state;
    query("allowed.test", DNS_A);
    found(addrs, 5, 30, 0);
    assert_int_equal(nr_answers(), 1);
    assert_int_equal(rig.nr_bound, 1);
    assert_int_equal(rig.records[1].reason, REASON_REBINDING);
    assert_int_equal(rig.records[1].nr_addrs, 4);

    query("allowed.test", DNS_A);
    found(addrs, 4, 30, 0);
    assert_int_equal(rcode(), 0);
    assert_int_equal(nr_answers(), 0);
    assert_int_equal(rig.nr_bound, 1);
}

static void
an_intranet_rule_lets_inside_addresses_through_but_not_the_gateways_own(void **state)
{
    static const char *const addrs[] = { "10.0.0.1", "203.0.113.1" };

    (void)state;
    query("inside.test", DNS_A);
    found(addrs, 2, 30, 0);
    assert_int_equal(nr_answers(), 1);
    assert_int_equal(rig.nr_bound, 1);
}

static void an_address_of_the_wrong_family_binds_nothing(void **state)
{
    static const char *const addrs[] = { "2001:db8::10" };

    (void)state;
    query("allowed.test", DNS_A);
    found(addrs, 1, 30, 0);
    assert_int_equal(rig.nr_bound, 0);
    assert_int_equal(nr_answers(), 0);
}

static void ports_of_small_ranges_go_into_the_kernels_set_and_wide_ones_do_not(void **state)
{
    static const char *const addrs[] = { "203.0.113.10" };

    (void)state;
    query("a.wild.test", DNS_A);
    found(addrs, 1, 30, 0);
    assert_int_equal(rig.nr_bound, 2);
}

static void a_port_where_any_bytes_are_allowed_is_never_passed_unseen(void **state)
{
    static const char *const addrs[] = { "203.0.113.10" };
    struct rig_conn c = rig_conn("203.0.113.10", 443);

    (void)state;
    query("both.test", DNS_A);
    found(addrs, 1, 30, 0);
    assert_int_equal(rig.nr_bound, 0);
    assert_int_equal(rig.verdict[rig_syn(&rig, &c, NULL, 0)] & MARK_STATE_MASK, VERDICT_ACCEPT);
}

static void upstreams_errors_are_passed_on(void **state)
{
    static const unsigned codes[] = { DNS_RCODE_SERVFAIL, DNS_RCODE_NXDOMAIN };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        query("allowed.test", DNS_A);
        found(NULL, 0, 5, codes[i]);
        assert_int_equal(rcode(), codes[i]);
    }
}

static void a_found_answer_is_taken_once(void **state)
{
    static const char *const addrs[] = { "203.0.113.10" };

    (void)state;
    query("allowed.test", DNS_A);
    found(addrs, 1, 30, 0);
    found(addrs, 1, 30, 0);
    assert_int_equal(rig.nr_replies, 1);
}

static void a_name_that_was_forbidden_meanwhile_is_not_bound(void **state)
{
    static const char *const addrs[] = { "203.0.113.10" };

    (void)state;
    query("allowed.test", DNS_A);
    rig_policy(&rig, "else.test\n");
    found(addrs, 1, 30, 0);
    assert_int_equal(rig.nr_bound, 0);
    assert_int_equal(rcode(), DNS_RCODE_NXDOMAIN);
}

static void a_malformed_query_is_answered_with_its_error_and_recorded(void **state)
{
    size_t len = make_query("allowed.test", DNS_A, message);

    (void)state;
    rig_dns(&rig, "198.18.0.2", message, len - 1);
    assert_int_equal(rcode(), DNS_RCODE_FORMERR);
    assert_int_equal(rig_last(&rig)->reason, REASON_DNS_MALFORMED);
    rig.nr_replies = 0;
    rig_dns(&rig, "198.18.0.2", message, 5);
    assert_int_equal(rig.nr_replies, 0);
}

static void a_query_from_a_foreign_source_gets_no_answer(void **state)
{
    (void)state;
    rig_dns(&rig, "198.18.77.2", message, make_query("allowed.test", DNS_A, message));
    assert_int_equal(rig.nr_asks, 0);
    assert_int_equal(rig_last(&rig)->reason, REASON_SPOOFED);
}

static void more_questions_than_the_table_holds_are_answered_servfail(void **state)
{
    char name[64];
    struct dns_client client = { .src = addr_of("198.18.0.2"), .is_tcp = true };

    (void)state;
    for (int i = 0; i < 4096; i++) {
        snprintf(name, sizeof(name), "n%d.wild.test", i);
        engine_dns_tcp(rig.engine, &rig.now, &client, message,
                       make_query(name, DNS_A, message));
    }
    assert_int_equal(rig.nr_replies, 0);
    engine_dns_tcp(rig.engine, &rig.now, &client, message,
                   make_query("allowed.test", DNS_A, message));
    assert_int_equal(rcode(), DNS_RCODE_SERVFAIL);
    rig_wait(&rig, 11000000); /* the old ones are given up */
    rig.nr_replies = 0;
    engine_dns_tcp(rig.engine, &rig.now, &client, message,
                   make_query("allowed.test", DNS_A, message));
    assert_int_equal(rig.nr_replies, 0);
}

static void equal_refusals_within_a_second_are_counted_into_one_record(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        query("blocked.test", DNS_A);
    assert_int_equal(rig.nr_records, 1);
    query("blocked2.test", DNS_A);
    assert_int_equal(rig.nr_records, 2);
    rig_wait(&rig, 1000001);
    assert_int_equal(rig.nr_records, 3);
    assert_int_equal(rig_last(&rig)->count, 9);
    query("blocked.test", DNS_A);
    assert_int_equal(rig.nr_records, 4);
    assert_int_equal(rig_last(&rig)->count, 0);
}

/* --- how long a binding lasts ------------------------------------------------------------- */

static uint32_t syn_verdict(const char *addr, uint16_t port)
{
    struct rig_conn c = rig_conn(addr, port);

    return rig.verdict[rig_syn(&rig, &c, NULL, 0)] & MARK_STATE_MASK;
}

static void a_name_that_is_seen_again_is_bound_for_a_day_a_plain_one_for_its_ttl(void **state)
{
    static const char *const read[] = { "203.0.113.10" }, *const plain[] = { "203.0.113.30" };

    (void)state;
    query("allowed.test", DNS_A);
    found(read, 1, 1, 0);
    query("plain.test", DNS_A);
    found(plain, 1, 1, 0);
    rig_wait(&rig, 59000000);
    assert_int_equal(syn_verdict("203.0.113.10", 443), VERDICT_PASS);
    assert_int_equal(syn_verdict("203.0.113.30", 22), VERDICT_ACCEPT);
    rig_wait(&rig, 2000000); /* dns.min-ttl is over */
    assert_int_equal(syn_verdict("203.0.113.10", 443), VERDICT_PASS);
    assert_int_equal(syn_verdict("203.0.113.30", 22), VERDICT_RESET);
    rig_wait(&rig, 86400000000);
    assert_int_equal(syn_verdict("203.0.113.10", 443), VERDICT_RESET);
}

static struct engine_live live(const char *name, const char *dst, uint16_t dport)
{
    struct rig_conn c = rig_conn(dst, dport);
    struct engine_live l = { .src = addr_of("198.18.0.2"),
                             .dst = addr_of(dst),
                             .sport = 5,
                             .dport = dport,
                             .protocol = IPPROTO_TCP };

    if (name != NULL) { /* the tag as a verdict carries it */
        size_t len = make_hello(name, 0, message, sizeof(message));
        uint32_t id = rig_client(&rig, &c, 0, message, len);

        l.mark = CT_ACCEPTED | (rig.verdict[id] & MARK_VALUE_MASK);
    }
    return l;
}

static void a_live_connection_follows_the_policy(void **state)
{
    struct engine_live l;

    (void)state;
    rig_bind(&rig, "allowed.test", "203.0.113.10");
    rig_bind(&rig, "a.wild.test", "203.0.113.10");
    l = live("allowed.test", "203.0.113.10", 443);
    assert_true(engine_live_allowed(rig.engine, &rig.now, &l));
    rig_policy(&rig, "*.wild.test\n");
    assert_false(engine_live_allowed(rig.engine, &rig.now, &l));
    assert_int_equal(rig_last(&rig)->reason, REASON_POLICY_CHANGED);
    assert_string_equal(rig_last(&rig)->name, "allowed.test");
    l = live("a.wild.test", "203.0.113.10", 443);
    assert_true(engine_live_allowed(rig.engine, &rig.now, &l));
    l.mark ^= 1; /* a tag of no name here */
    assert_false(engine_live_allowed(rig.engine, &rig.now, &l));
}

static void a_connection_that_has_ended_is_closed_without_a_record(void **state)
{
    struct engine_live l;
    size_t before;

    (void)state;
    rig_bind(&rig, "allowed.test", "203.0.113.10");
    l = live("allowed.test", "203.0.113.10", 443);
    l.is_ended = true;
    before = rig.nr_records;
    assert_true(engine_live_allowed(rig.engine, &rig.now, &l));
    rig_policy(&rig, "else.test\n");
    assert_false(engine_live_allowed(rig.engine, &rig.now, &l));
    assert_int_equal(rig.nr_records, before);
}

static void a_live_connection_of_an_address_rule_follows_it(void **state)
{
    struct engine_live l = live(NULL, "203.0.113.77", 5432);

    (void)state;
    rig_policy(&rig, "203.0.113.77 tcp/5432\n");
    l.mark = CT_ACCEPTED;
    assert_true(engine_live_allowed(rig.engine, &rig.now, &l));
    rig_policy(&rig, "203.0.113.77 tcp/5433\n");
    assert_false(engine_live_allowed(rig.engine, &rig.now, &l));
    rig_policy(&rig, "203.0.113.77 tcp/5432\n!203.0.113.77\n");
    assert_false(engine_live_allowed(rig.engine, &rig.now, &l));
}

static void a_binding_lives_as_long_as_its_connection(void **state)
{
    struct engine_live l;

    (void)state;
    rig_bind(&rig, "allowed.test", "203.0.113.10");
    l = live("allowed.test", "203.0.113.10", 443);
    rig_wait(&rig, 86390000000);
    assert_true(engine_live_allowed(rig.engine, &rig.now, &l));
    rig_wait(&rig, 100000000);
    assert_int_equal(syn_verdict("203.0.113.10", 443), VERDICT_PASS);
}

static void a_kept_binding_is_restored_with_what_is_left_of_its_time(void **state)
{
    struct ipc_binding kept = { .addr = addr_of("203.0.113.10"),
                                .name = "allowed.test",
                                .agent = "agent" };

    (void)state;
    kept.expires_wall_s = rig.now.wall_us / 1000000 + 100;
    engine_restore(rig.engine, &rig.now, &kept);
    assert_int_equal(syn_verdict("203.0.113.10", 443), VERDICT_PASS);
    engine_rebind(rig.engine, &rig.now);
    assert_int_equal(rig.nr_bound, 1);
    assert_in_range(rig.bound[0].timeout_s, 100, 101);
    rig_wait(&rig, 101000000);
    assert_int_equal(syn_verdict("203.0.113.10", 443), VERDICT_RESET);
}

static void a_clock_that_is_set_changes_no_decision(void **state)
{
    const uint64_t year_us = UINT64_C(31536000000000);
    const uint64_t times[] = { rig.now.wall_us + year_us, rig.now.wall_us - year_us, 0 };

    (void)state;
    rig_bind(&rig, "allowed.test", "203.0.113.10");
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        rig.now.wall_us = times[i];
        assert_int_equal(syn_verdict("203.0.113.10", 443), VERDICT_PASS);
        rig_wait(&rig, 2 * 1000000u);
        assert_int_equal(syn_verdict("203.0.113.9", 443), VERDICT_RESET);
        assert_true(rig_last(&rig)->wall_us >= times[i]);
        assert_true(rig_last(&rig)->wall_us <= times[i] + 3 * 1000000u);
    }
    rig_wait(&rig, 86400000000);
    assert_int_equal(syn_verdict("203.0.113.10", 443), VERDICT_RESET);
}

static void a_kept_binding_of_the_past_or_of_nobody_is_not_restored(void **state)
{
    struct ipc_binding kept = { .addr = addr_of("203.0.113.10"),
                                .name = "allowed.test",
                                .agent = "agent" };

    (void)state;
    kept.expires_wall_s = rig.now.wall_us / 1000000 - 1;
    engine_restore(rig.engine, &rig.now, &kept);
    kept.expires_wall_s += 1000;
    strcpy(kept.agent, "stranger");
    engine_restore(rig.engine, &rig.now, &kept);
    assert_int_equal(syn_verdict("203.0.113.10", 443), VERDICT_RESET);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_allowed_name_is_asked_bound_and_then_answered),
        CASE(a_name_on_no_list_is_answered_at_once_and_never_asked),
        CASE(only_addresses_are_asked_for),
        CASE(the_kernel_is_told_once_and_again_when_its_time_has_run_down),
        CASE(inside_addresses_of_public_names_are_taken_out),
        CASE(an_intranet_rule_lets_inside_addresses_through_but_not_the_gateways_own),
        CASE(an_address_of_the_wrong_family_binds_nothing),
        CASE(ports_of_small_ranges_go_into_the_kernels_set_and_wide_ones_do_not),
        CASE(a_port_where_any_bytes_are_allowed_is_never_passed_unseen),
        CASE(upstreams_errors_are_passed_on),
        CASE(a_found_answer_is_taken_once),
        CASE(a_name_that_was_forbidden_meanwhile_is_not_bound),
        CASE(a_malformed_query_is_answered_with_its_error_and_recorded),
        CASE(a_query_from_a_foreign_source_gets_no_answer),
        CASE(more_questions_than_the_table_holds_are_answered_servfail),
        CASE(equal_refusals_within_a_second_are_counted_into_one_record),
        CASE(a_name_that_is_seen_again_is_bound_for_a_day_a_plain_one_for_its_ttl),
        CASE(a_live_connection_follows_the_policy),
        CASE(a_connection_that_has_ended_is_closed_without_a_record),
        CASE(a_live_connection_of_an_address_rule_follows_it),
        CASE(a_binding_lives_as_long_as_its_connection),
        CASE(a_kept_binding_is_restored_with_what_is_left_of_its_time),
        CASE(a_clock_that_is_set_changes_no_decision),
        CASE(a_kept_binding_of_the_past_or_of_nobody_is_not_restored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
