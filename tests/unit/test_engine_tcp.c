/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which connection a packet belongs to, connections that begin and that are ended.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/marks.h"
#include "sni-filter/ip_packet.h"
#include "tests/support/engine_rig.h"
#include "tests/support/packets.h"

static struct rig rig;
static uint8_t hello[70000];

static int start(void **state)
{
    (void)state;
    rig_start_bound(&rig);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

static void reused_ports_begin_a_connection_of_their_own(void **state)
{
    struct rig_conn c = rig_conn(RIG_GOOD, 443);
    size_t len = make_hello("blocked.test", 0, hello, sizeof(hello));
    uint32_t held = rig_client(&rig, &c, 0, hello, 30);

    (void)state;
    c.isn += 1000;
    c.mark = CT_OPEN | (c.isn & MARK_VALUE_MASK);
    assert_int_equal(rig_state(&rig, rig_client(&rig, &c, 0, hello, len)), VERDICT_RESET);
    assert_int_equal(rig.verdict[held], 0);
}

static uint32_t nr_judged(const uint32_t *ids, uint32_t nr)
{
    uint32_t judged = 0;

    for (uint32_t i = 0; i < nr; i++)
        judged += rig.is_judged[ids[i]];
    return judged;
}

static void hellos_that_did_not_come_end_a_few_at_a_time(void **state)
{
    enum { NR = 100 };
    struct engine_clock *now = &rig.now;
    uint32_t ids[NR], before = 0, at_once = 0;

    (void)state;
    (void)make_hello("allowed.test", 0, hello, sizeof(hello));
    for (uint32_t i = 0; i < NR; i++) { /* an end without its beginning is held */
        struct rig_conn c = rig_conn(RIG_GOOD, 443);

        c.client_port = (uint16_t)(20000 + i);
        ids[i] = rig_client(&rig, &c, 100, hello + 100, 50);
    }
    now->mono_us += 11000000;
    for (int i = 0; i < 10; i++) /* at the same time */
        assert_true(engine_tick(rig.engine, now) <= 1000);
    at_once = nr_judged(ids, NR);
    assert_in_range(at_once, 1, 10);
    for (before = at_once; before < NR; before = nr_judged(ids, NR)) {
        now->mono_us += 1000;
        (void)engine_tick(rig.engine, now);
        assert_in_range(nr_judged(ids, NR), before + 1, before + at_once);
    }
    assert_true(engine_tick(rig.engine, now) > 0);
}

static void a_segment_of_a_revoked_connection_ends_it_at_both_ends_once(void **state)
{
    struct rig_conn c = rig_conn(RIG_GOOD, 443);

    (void)state;
    c.mark = CT_REVOKED;
    assert_int_equal(rig_state(&rig, rig_client(&rig, &c, 1000, hello, 100)), VERDICT_RESET);
    assert_int_equal(rig.nr_resets, 1);
    assert_int_equal(rig.reset.seq, c.isn + 1 + 1000);
    assert_int_equal(rig.reset.ack, c.server_isn + 1);
    assert_int_equal(rig.reset.live.sport, c.client_port);
    c.mark = CT_REVOKED;
    assert_int_equal(rig_state(&rig, rig_client(&rig, &c, 1100, hello, 100)), VERDICT_RESET);
    assert_int_equal(rig.nr_resets, 1);
    assert_int_equal(rig.nr_records, 0);
}

/* A client that has nothing to say was made to say it, or answers a probe. */
static void an_empty_segment_ends_it_too(void **state)
{
    struct rig_conn c = rig_conn(RIG_GOOD, 443);

    (void)state;
    c.mark = CT_REVOKED;
    assert_int_equal(rig_state(&rig, rig_client(&rig, &c, 1000, hello, 0)), VERDICT_RESET);
    assert_int_equal(rig.nr_resets, 1);
    assert_int_equal(rig.reset.seq, c.isn + 1 + 1000);
    assert_true(rig.reset.is_client_told);
}

/* The sequence number that the server expects is the last one that was let go, whatever part of
 * it the conntrack mark holds. */
static void a_denial_is_told_to_the_server_where_its_stream_ends(void **state)
{
    static const uint32_t isns[] = { 1,          MARK_VALUE_MASK, MARK_VALUE_MASK - 5,
                                     0xffffffff, 0xfffffffa,      0x7ffffff0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(isns); i++) {
        size_t len = make_hello("blocked.test", 0, hello, sizeof(hello));
        struct rig_conn c = rig_conn(RIG_GOOD, 443);

        c.isn = isns[i];
        c.mark = CT_OPEN | (c.isn & MARK_VALUE_MASK);
        rig.nr_resets = 0;
        rig_client(&rig, &c, 0, hello, 20);
        rig_wait(&rig, 30000); /* these are let go */
        rig_client(&rig, &c, 30, hello + 30, len - 30);
        assert_int_equal(rig.nr_resets, 0);
        assert_int_equal(rig_state(&rig, rig_client(&rig, &c, 20, hello + 20, 10)), 0);
        assert_int_equal(rig.nr_resets, 1);
        assert_int_equal(rig.reset.seq, c.isn + 1 + 20);
        assert_int_equal(rig.reset.ack, c.server_isn + 1);
        assert_true(rig.reset.is_client_told);
        assert_int_equal(rig.reset.live.sport, c.client_port);
        assert_int_equal(rig.nr_revoked, 0);
    }
}

static void half_a_hello(struct rig_conn *c, const char *server)
{
    *c = rig_conn(server, 443);
    make_hello("allowed.test", 0, hello, sizeof(hello));
    rig_client(&rig, c, 0, hello, 20);
    rig_wait(&rig, 30000);
}

static void a_half_read_hello_that_no_rule_can_allow_any_more_ends_at_both_ends(void **state)
{
    struct rig_conn gone, stays;

    (void)state;
    half_a_hello(&gone, RIG_GOOD);
    half_a_hello(&stays, RIG_OTHER);
    rig.nr_records = 0;
    rig_policy(&rig, "*.wild.test\n");
    assert_int_equal(rig.nr_revoked, 1);
    assert_int_equal(rig.revoked[0].sport, gone.client_port);
    assert_int_equal(rig.nr_resets, 1);
    assert_int_equal(rig.reset.live.sport, gone.client_port);
    assert_false(rig.reset.is_client_told);
    assert_int_equal(rig.nr_records, 1);
    assert_int_equal(rig_last(&rig)->reason, REASON_POLICY_CHANGED);
    assert_int_equal(rig_last(&rig)->verdict, RECORD_DENY);
    rig_policy(&rig, "");
    assert_int_equal(rig.nr_resets, 2);
    assert_int_equal(rig.reset.live.sport, stays.client_port);
}

static void of_what_is_held_of_such_a_hello_nothing_goes(void **state)
{
    struct rig_conn c = rig_conn(RIG_GOOD, 443);
    uint32_t first, second;

    (void)state;
    make_hello("allowed.test", 0, hello, sizeof(hello));
    first = rig_client(&rig, &c, 0, hello, 20);
    second = rig_client(&rig, &c, 20, hello + 20, 20);
    rig_policy(&rig, "other.test\n");
    assert_int_equal(rig.verdict[first], 0);
    assert_int_equal(rig_state(&rig, second), VERDICT_RESET);
    assert_int_equal(rig.nr_revoked, 0);
    assert_int_equal(rig.nr_resets, 1);
    assert_true(rig.reset.is_client_told);
    assert_int_equal(rig.reset.seq, c.isn + 1);
}

/* --- SYN and what is no connection ----------------------------------------------------------
 */

static void a_syn_is_judged_by_address_and_port(void **state)
{
    static const struct {
        const char *what, *server;
        uint16_t port;
        uint32_t verdict;
        enum reason reason; /* NONE: no record */
    } cases[] = {
        { "bound for tls", RIG_GOOD, 443, VERDICT_PASS, REASON_NONE },
        { "bound, other port", RIG_GOOD, 22, VERDICT_RESET, REASON_SERVICE_NOT_ALLOWED },
        { "plain rule by name", "203.0.113.30", 22, VERDICT_ACCEPT, REASON_RULE },
        { "plain rule, other port", "203.0.113.30", 443, VERDICT_RESET,
          REASON_SERVICE_NOT_ALLOWED },
        { "address of nobody", "198.51.100.9", 443, VERDICT_RESET, REASON_ADDRESS_NOT_BOUND },
        { "address rule", "203.0.113.77", 443, VERDICT_PASS, REASON_NONE },
        { "address rule, other port", "203.0.113.77", 80, VERDICT_RESET,
          REASON_SERVICE_NOT_ALLOWED },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig_conn c = rig_conn(cases[i].server, cases[i].port);
        size_t before = rig.nr_records;
        uint32_t id = rig_syn(&rig, &c, NULL, 0);

        if (rig_state(&rig, id) != cases[i].verdict)
            fail_msg("%s: verdict %08x", cases[i].what, rig.verdict[id]);
        assert_int_equal(rig.nr_records - before, cases[i].reason != REASON_NONE);
        if (cases[i].reason != REASON_NONE && rig_last(&rig)->reason != cases[i].reason)
            fail_msg("%s: %s", cases[i].what, record_reason_name(rig_last(&rig)->reason));
    }
}

static void a_syn_with_data_is_dropped_without_a_reset(void **state)
{
    struct rig_conn c = rig_conn(RIG_GOOD, 443);

    (void)state;
    assert_int_equal(rig.verdict[rig_syn(&rig, &c, (const uint8_t *)"x", 1)], 0);
    assert_int_equal(rig_last(&rig)->reason, REASON_SYN_DATA);
}

static void a_second_syn_must_repeat_the_first_ones_number(void **state)
{
    struct rig_conn c = rig_conn(RIG_GOOD, 443);

    (void)state;
    assert_int_equal(rig.verdict[rig_syn(&rig, &c, NULL, 0)], VERDICT_PASS);
    c.isn += 100;
    assert_int_equal(rig_state(&rig, rig_syn(&rig, &c, NULL, 0)), VERDICT_RESET);
    assert_int_equal(rig_last(&rig)->reason, REASON_PROTOCOL);
    c.mark = CT_ACCEPTED | (c.isn & MARK_VALUE_MASK);
    assert_int_equal(rig_state(&rig, rig_syn(&rig, &c, NULL, 0)), VERDICT_RESET);
}

static void what_no_rule_could_allow_is_refused(void **state)
{
    uint8_t packet[200];
    struct rig_conn c;
    size_t len = make_udp("198.18.0.2", 5, RIG_GOOD, 9999, (const uint8_t *)"x", 1, packet);

    (void)state;
    assert_int_equal(rig.verdict[rig_raw(&rig, PLACE_OUTBOUND, 0, packet, len)], VERDICT_ICMP);
    assert_int_equal(rig_last(&rig)->reason, REASON_SERVICE_NOT_ALLOWED);
    packet[9] = 132; /* SCTP */
    assert_int_equal(rig.verdict[rig_raw(&rig, PLACE_OUTBOUND, 0, packet, len)], VERDICT_ICMP);
    assert_int_equal(rig_last(&rig)->reason, REASON_PROTOCOL);

    len = make_tcp("198.18.77.2", 5, RIG_GOOD, 443, 1, 0, TCP_SYN, NULL, 0, packet);
    assert_int_equal(rig.verdict[rig_raw(&rig, PLACE_OUTBOUND, 0, packet, len)], 0);
    assert_int_equal(rig_last(&rig)->reason, REASON_SPOOFED);

    len = make_tcp("198.18.0.2", 5, "198.18.0.1", 22, 1, 0, TCP_SYN, NULL, 0, packet);
    assert_int_equal(rig_state(&rig, rig_raw(&rig, PLACE_INPUT, 0, packet, len)),
                     VERDICT_RESET);

    c = rig_conn(RIG_GOOD, 443);
    len = make_tcp(c.client, c.client_port, c.server, 443, c.isn + 1, 1, TCP_ACK | TCP_URG,
                   (const uint8_t *)"x", 1, packet);
    assert_int_equal(rig.verdict[rig_raw(&rig, PLACE_OUTBOUND, c.mark, packet, len)], 0);
    assert_int_equal(rig_last(&rig)->reason, REASON_PROTOCOL);

    assert_int_equal(rig.verdict[rig_raw(&rig, PLACE_OUTBOUND, 0, packet, 10)], 0);
    assert_int_equal(rig_last(&rig)->reason, REASON_MALFORMED);
}

static void extension_headers_are_refused_at_once(void **state)
{
    const struct packet_ends ends = { .src = "2001:2::2", .dst = "2001:db8::10" };
    /* hop-by-hop options, routing, destination options (RFC 8200 §4.2): a SYN behind 8 bytes */
    static const uint8_t kinds[] = { 0, 43, 60 };
    uint8_t packet[200],
        body[28] = { 6, 0, 1, 4, [11] = 0xbb, [10] = 0x01, [20] = 0x50, TCP_SYN };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        size_t len = packet_make_ip(&ends, kinds[i], body, sizeof(body), packet);

        assert_int_equal(rig.verdict[rig_raw(&rig, PLACE_OUTBOUND, 0, packet, len)],
                         VERDICT_ICMP);
        assert_int_equal(rig_last(&rig)->reason, REASON_PROTOCOL);
        assert_string_equal(rig_last(&rig)->detail, "IP options or extension headers");
    }
}

static void another_agents_binding_is_not_mine(void **state)
{
    struct rig_conn c = rig_conn(RIG_GOOD, 443);
    size_t len = make_hello("allowed.test", 0, hello, sizeof(hello));

    (void)state;
    c.client = "198.18.9.2";
    assert_int_equal(rig_state(&rig, rig_syn(&rig, &c, NULL, 0)), VERDICT_RESET);
    assert_int_equal(rig_state(&rig, rig_client(&rig, &c, 0, hello, len)), VERDICT_RESET);
    assert_int_equal(rig_last(&rig)->reason, REASON_ADDRESS_NOT_BOUND);
    assert_string_equal(rig_last(&rig)->agent, "other");
}

static void both_address_families_are_read_alike(void **state)
{
    struct rig_conn c = rig_conn("2001:db8::10", 443);
    size_t len = make_hello("allowed.test", 0, hello, sizeof(hello));

    (void)state;
    assert_int_equal(rig_state(&rig, rig_syn(&rig, &c, NULL, 0)), VERDICT_RESET);
    rig_bind(&rig, "allowed.test", "2001:db8::10");
    assert_int_equal(rig.verdict[rig_syn(&rig, &c, NULL, 0)], VERDICT_PASS);
    assert_int_equal(rig_state(&rig, rig_client(&rig, &c, 0, hello, len)), VERDICT_PIN);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(reused_ports_begin_a_connection_of_their_own),
        CASE(hellos_that_did_not_come_end_a_few_at_a_time),
        CASE(a_segment_of_a_revoked_connection_ends_it_at_both_ends_once),
        CASE(an_empty_segment_ends_it_too),
        CASE(a_denial_is_told_to_the_server_where_its_stream_ends),
        CASE(a_half_read_hello_that_no_rule_can_allow_any_more_ends_at_both_ends),
        CASE(of_what_is_held_of_such_a_hello_nothing_goes),
        CASE(a_syn_is_judged_by_address_and_port),
        CASE(a_syn_with_data_is_dropped_without_a_reset),
        CASE(a_second_syn_must_repeat_the_first_ones_number),
        CASE(what_no_rule_could_allow_is_refused),
        CASE(extension_headers_are_refused_at_once),
        CASE(another_agents_binding_is_not_mine),
        CASE(both_address_families_are_read_alike),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
