/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A QUIC client's datagrams, from its first one to the server's answer, and what else comes
 * between the same ports.
 */
#include <string.h>

#include "common/marks.h"
#include "sni-filter/engine_internal.h"
#include "tests/support/cm.h"
#include "tests/support/quic_flow.h"

#define LIST                                                                                   \
    "allowed.test\nshared.test\n*.wild.test\n203.0.113.77 quic/443\n!no.wild.test\ntls.test "  \
    "tls/443\n"
#define GOOD   "203.0.113.10"
#define OTHER  "203.0.113.20"
#define DCID   "d0d1d2d3d4d5d6d7"
#define SECOND "e0e1e2e3e4e5e6e7"
#define SCID   "c0c1c2"
#define SERVER "50515253"

static struct rig rig;
static struct quic_flow flow;
static struct bytes message, datagram;
static struct quic_seal client, server;

static int start(void **state)
{
    (void)state;
    rig_start(&rig, LIST);
    rig_bind(&rig, "allowed.test", GOOD);
    rig_bind(&rig, "shared.test", GOOD);
    rig_bind(&rig, "a.wild.test", OTHER);
    rig.nr_records = 0;
    rig.nr_verdicts = 0;
    flow = quic_flow(GOOD, 443);
    client = (struct quic_seal) { .dcid = DCID, .scid = SCID, .pad_to = QUIC_INITIAL_MIN };
    server = (struct quic_seal) {
        .side = QUIC_SERVER, .keys_from = DCID, .dcid = SCID, .scid = SERVER
    };
    return 0;
}

static int stop(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

static void new_message(const char *name)
{
    message.len = 0;
    quic_seal_hello(&message, name);
}

static uint32_t up(void)
{
    return quic_flow_up(&rig, &flow, &datagram);
}

static uint32_t down(void)
{
    return quic_flow_down(&rig, &flow, &datagram);
}

/* A whole hello in one datagram: its packet id. */
static uint32_t say_hello(const char *name)
{
    new_message(name);
    quic_flow_hello(&datagram, &client, &message, 0, 0);
    return up();
}

static uint32_t answer(bool is_retry)
{
    quic_flow_answer(&datagram, &server, is_retry);
    return down();
}

static uint32_t verdict_of(uint32_t id)
{
    assert_true(rig.is_judged[id]);
    return rig.verdict[id];
}

static void expect_refused(uint32_t id, uint32_t verdict, enum reason reason)
{
    assert_int_equal(verdict_of(id), verdict);
    assert_int_equal(rig_last(&rig)->event, EVENT_QUIC);
    assert_int_equal(rig_last(&rig)->verdict, RECORD_DENY);
    assert_int_equal(rig_last(&rig)->reason, reason);
}

static void expect_dropped_silently(uint32_t id)
{
    assert_int_equal(verdict_of(id), 0);
}

static uint32_t tag(void)
{
    return engine_name_tag("allowed.test");
}

static void accept_flow(void)
{
    assert_int_equal(verdict_of(say_hello("allowed.test")), VERDICT_PIN | tag());
    assert_int_equal(verdict_of(answer(false)), VERDICT_QUIC | tag());
    assert_int_equal(flow.mark, CT_QUIC | tag());
}

static void second_client(void)
{
    client.dcid = SECOND;
    client.scid = "c5c6c7";
    client.number = 0;
    server.keys_from = SECOND;
    server.dcid = "c5c6c7";
}

static void an_allowed_hello_is_pinned_and_its_answer_accepts_the_flow(void **state)
{
    const struct record *record = &rig.records[0];

    (void)state;
    for (unsigned v = 0; v < NR_QUIC_VERSIONS; v++) {
        flow = quic_flow(GOOD, 443);
        client.version = server.version = (enum quic_version)v;
        accept_flow();
    }
    assert_int_equal(rig.nr_records, 2);
    assert_int_equal(record->event, EVENT_QUIC);
    assert_int_equal(record->verdict, RECORD_ALLOW);
    assert_int_equal(record->reason, REASON_RULE);
    assert_string_equal(record->name, "allowed.test");
    assert_string_equal(record->rule, "allowed.test");
    assert_memory_equal(record->alpn, "\2h3", 3);
}

static void over_ipv6_and_by_an_address_rule_too(void **state)
{
    (void)state;
    rig_bind(&rig, "allowed.test", "2001:db8::10");
    flow = quic_flow("2001:db8::10", 443);
    accept_flow();
    flow = quic_flow("203.0.113.77", 443);
    assert_int_equal(verdict_of(say_hello("whoever.test")), VERDICT_PIN);
    assert_int_equal(verdict_of(answer(false)), VERDICT_QUIC);
}

static void a_denied_hello_is_refused_by_an_icmp_error(void **state)
{
    static const struct {
        const char *name, *server;
        enum reason reason;
    } rows[] = {
        { "denied.test", GOOD, REASON_NAME_NOT_ALLOWED },
        { "a.wild.test", GOOD, REASON_NAME_ADDRESS_MISMATCH },
        { "no.wild.test", OTHER, REASON_NAME_DENIED },
        { "tls.test", GOOD, REASON_SERVICE_NOT_ALLOWED },
        { NULL, GOOD, REASON_NO_SNI },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        flow = quic_flow(rows[i].server, 443);
        expect_refused(say_hello(rows[i].name), VERDICT_ICMP, rows[i].reason);
    }
}

static void what_repeats_a_refused_hello_is_refused_unread(void **state)
{
    (void)state;
    expect_refused(say_hello("denied.test"), VERDICT_ICMP, REASON_NAME_NOT_ALLOWED);
    client.number = 1;
    assert_int_equal(verdict_of(say_hello("allowed.test")), VERDICT_ICMP);
    assert_int_equal(rig.nr_records, 1);
    rig_wait(&rig, TOMBSTONE_US);
    assert_int_equal(verdict_of(say_hello("allowed.test")), VERDICT_PIN | tag());
}

static void datagrams_are_held_until_the_hello_is_whole_then_all_go_in_order(void **state)
{
    uint32_t ids[3];

    (void)state;
    new_message("allowed.test");
    for (unsigned i = 0; i < 3; i++) { /* the end first */
        size_t third = message.len / 3, from = (2 - i) * third;

        client.number = i;
        quic_flow_hello(&datagram, &client, &message, from, i == 0 ? 0 : from + third);
        ids[i] = up();
        assert_int_equal(rig.nr_verdicts, i < 2 ? 0 : 3);
    }
    for (unsigned i = 0; i < 3; i++) { /* each one's mark may be the one that is kept */
        assert_int_equal(verdict_of(ids[i]), VERDICT_PIN | tag());
        assert_int_equal(rig.order[i], ids[i]);
    }
}

static void of_held_datagrams_the_last_becomes_the_error(void **state)
{
    uint32_t first, last;

    (void)state;
    new_message("denied.test");
    quic_flow_hello(&datagram, &client, &message, 0, 40);
    first = up();
    client.number = 1;
    quic_flow_hello(&datagram, &client, &message, 40, 0);
    last = up();
    expect_dropped_silently(first);
    expect_refused(last, VERDICT_ICMP, REASON_NAME_NOT_ALLOWED);
}

static void copies_pass_and_other_bytes_are_a_conflict(void **state)
{
    (void)state;
    accept_flow();
    client.number = 1;
    quic_flow_hello(&datagram, &client, &message, 0, 0);
    assert_int_equal(verdict_of(up()), VERDICT_QUIC | tag());
    client.number = 2;
    message.at[50] ^= 1;
    quic_flow_hello(&datagram, &client, &message, 0, 0);
    expect_refused(up(), 0, REASON_OVERLAP_CONFLICT);
    client.number = 3;
    message.at[50] ^= 1;
    quic_flow_hello(&datagram, &client, &message, 0, 0);
    expect_dropped_silently(up());
}

static void a_second_connection_between_the_same_ports_is_judged(void **state)
{
    (void)state;
    accept_flow();
    second_client();
    expect_refused(say_hello("denied.test"), 0, REASON_NAME_NOT_ALLOWED);
    assert_int_equal(flow.mark, CT_QUIC | tag());
    client.dcid = "f0f1f2f3f4f5f6f7";
    assert_int_equal(verdict_of(say_hello("allowed.test")), VERDICT_QUIC | tag());
    client.dcid = "f8f9fafbfcfdfeff";
    assert_int_equal(verdict_of(say_hello("shared.test")), VERDICT_QUIC | MARK_VALUE_MASK);
}

static void two_connections_that_wait_for_answers_do_not_hide_each_other(void **state)
{
    (void)state;
    assert_int_equal(verdict_of(say_hello("allowed.test")), VERDICT_PIN | tag());
    flow.mark = CT_OPEN; /* queued before the first one's verdict */
    second_client();
    assert_int_equal(verdict_of(say_hello("shared.test")), VERDICT_PIN | MARK_VALUE_MASK);
    assert_int_equal(verdict_of(answer(false)), VERDICT_QUIC | MARK_VALUE_MASK);
    server.keys_from = DCID;
    server.dcid = SCID;
    assert_int_equal(verdict_of(answer(false)), VERDICT_QUIC | MARK_VALUE_MASK);
}

static void other_packets_need_an_accepted_flow(void **state)
{
    static const uint8_t first[] = { 0xd3, 0xe3 }; /* 0-RTT, Handshake */

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(first); i++) {
        datagram.len = 0;
        quic_flow_other(&datagram, first[i], DCID, SCID, 60);
        expect_refused(up(), VERDICT_ICMP, REASON_MALFORMED);
    }
    datagram.len = 0;
    bytes_fill(&datagram, 0x41, 60);
    expect_refused(up(), VERDICT_ICMP, REASON_MALFORMED);
    accept_flow();
    datagram.len = 0;
    bytes_fill(&datagram, 0x41, 3000); /* too long for the kernel's rule */
    assert_int_equal(verdict_of(up()), VERDICT_PASS);
    datagram.len = 0;
    quic_flow_other(&datagram, 0xe3, "0909090909090909", SCID, 60);
    assert_int_equal(verdict_of(up()), VERDICT_PASS);
    rig_wait(&rig, 2 * US_PER_S); /* so that the record is not folded into the earlier ones */
    datagram.len = 0;
    quic_flow_other(&datagram, 0xd3, "0909090909090909", SCID, 60);
    expect_refused(up(), 0, REASON_MALFORMED);
}

static void nothing_hides_an_initial_packet(void **state)
{
    static struct bytes hidden;

    (void)state;
    accept_flow();
    second_client();
    new_message("denied.test");
    quic_flow_hello(&hidden, &client, &message, 0, 0);
    datagram.len = 0;
    quic_flow_other(&datagram, 0xe3, SECOND, SCID, 60); /* that the server drops */
    bytes_add(&datagram, hidden.at, hidden.len);
    expect_refused(up(), 0, REASON_MALFORMED);
    datagram.len = 0;
    quic_flow_other(&datagram, 0xe3, SERVER, SCID, 60); /* of the first connection */
    bytes_add(&datagram, hidden.at, hidden.len);
    expect_dropped_silently(up());
}

static void early_data_waits_with_its_hello_and_passes_after_it(void **state)
{
    uint32_t first, early;

    (void)state;
    new_message("allowed.test");
    quic_flow_hello(&datagram, &client, &message, 0, 60);
    first = up();
    datagram.len = 0;
    quic_flow_other(&datagram, 0xd3, DCID, SCID, 900);
    early = up();
    assert_int_equal(rig.nr_verdicts, 0);
    client.number = 1;
    quic_flow_hello(&datagram, &client, &message, 60, 0);
    assert_int_equal(verdict_of(up()), VERDICT_PIN | tag());
    assert_int_equal(verdict_of(first), VERDICT_PIN | tag());
    assert_int_equal(verdict_of(early), VERDICT_PIN | tag());
    assert_int_equal(rig.order[1], early);
    datagram.len = 0;
    quic_flow_other(&datagram, 0xd3, DCID, SCID, 900);
    assert_int_equal(verdict_of(up()), VERDICT_PIN | tag());
}

static void what_cannot_be_read_is_refused_with_its_reason(void **state)
{
    (void)state;
    new_message("allowed.test");
    quic_flow_hello(&datagram, &client, &message, 0, 0);
    datagram.at[1] = 0xff; /* version */
    expect_refused(up(), VERDICT_ICMP, REASON_QUIC_VERSION);
    quic_flow_hello(&datagram, &client, &message, 0, 0);
    datagram.at[datagram.len - 1] ^= 1;
    expect_refused(up(), VERDICT_ICMP, REASON_QUIC_UNDECRYPTABLE);
    client.dcid = SECOND;
    client.pad_to = QUIC_INITIAL_MIN - 1;
    quic_flow_hello(&datagram, &client, &message, 0, 0);
    expect_refused(up(), VERDICT_ICMP, REASON_MALFORMED);
    datagram.len = 0;
    expect_refused(up(), VERDICT_ICMP, REASON_MALFORMED);
    bytes_fill(&datagram, 5, 64);
    expect_refused(up(), VERDICT_ICMP, REASON_MALFORMED);
    message.at[0] = 2; /* no ClientHello */
    client.dcid = "f0f1f2f3f4f5f6f7";
    client.pad_to = QUIC_INITIAL_MIN;
    quic_flow_hello(&datagram, &client, &message, 0, 0);
    expect_refused(up(), VERDICT_ICMP, REASON_MALFORMED);
}

static void a_second_hello_must_name_the_same_host(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        size_t first_len;

        flow = quic_flow(GOOD, 443);
        client.number = 0;
        client.dcid = DCID;
        client.keys_from = NULL;
        say_hello("allowed.test");
        first_len = message.len;
        assert_int_equal(verdict_of(answer(true)), VERDICT_PASS);
        quic_seal_hello(&message, i == 0 ? "allowed.test" : "shared.test");
        client.number = 1;
        client.dcid = SERVER;
        client.keys_from = DCID;
        quic_flow_hello(&datagram, &client, &message, first_len, 0);
        if (i == 0)
            assert_int_equal(verdict_of(up()), VERDICT_PIN | tag());
        else
            expect_refused(up(), 0, REASON_NAME_ADDRESS_MISMATCH);
    }
}

static void after_a_retry_the_hello_is_judged_again(void **state)
{
    const struct quic_seal retry = { .dcid = SCID, .scid = SERVER "54555657", .token = "aa" };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        flow = quic_flow(GOOD, 443);
        client.dcid = DCID;
        client.token = NULL;
        say_hello("allowed.test");
        datagram.len = 0;
        quic_seal_retry(&datagram, &retry, DCID);
        assert_int_equal(verdict_of(down()), VERDICT_PASS);
        client.dcid = retry.scid;
        client.token = "aa";
        if (i == 0)
            assert_int_equal(verdict_of(say_hello("allowed.test")), VERDICT_PIN | tag());
        else
            expect_refused(say_hello("shared.test"), 0, REASON_NAME_ADDRESS_MISMATCH);
    }
}

static void what_is_held_does_not_go_with_the_hello_after_a_retry(void **state)
{
    const struct quic_seal retry = { .dcid = SCID, .scid = SERVER "54555657", .token = "aa" };
    uint32_t id;

    (void)state;
    new_message("denied.test");
    quic_flow_hello(&datagram, &client, &message, 60, 0);
    id = up();
    flow.mark = CT_PINNED | tag(); /* by another connection; the server knows this one's ID */
    datagram.len = 0;
    quic_seal_retry(&datagram, &retry, DCID);
    assert_int_equal(verdict_of(down()), VERDICT_PASS);
    expect_dropped_silently(id);
    client.dcid = retry.scid;
    client.token = "aa";
    assert_int_equal(verdict_of(say_hello("allowed.test")), VERDICT_PIN | tag());
}

static void a_hello_that_does_not_come_is_not_waited_for(void **state)
{
    uint32_t id;

    (void)state;
    new_message("allowed.test");
    quic_flow_hello(&datagram, &client, &message, 0, 60);
    id = up();
    rig_wait(&rig, HELLO_US - 1);
    assert_false(rig.is_judged[id]);
    rig_wait(&rig, 1);
    expect_refused(id, VERDICT_ICMP, REASON_HELLO_TIMEOUT);
    rig_wait(&rig, TOMBSTONE_US);
    say_hello("allowed.test");
    rig_wait(&rig, ANSWER_US);
    assert_int_equal(verdict_of(answer(false)),
                     VERDICT_PASS); /* nobody knows what it answers */
}

static void a_connection_holds_so_many_datagrams_only(void **state)
{
    uint32_t id = 0;

    (void)state;
    new_message("allowed.test");
    for (unsigned i = 0; i <= QUIC_HELD_PER_CONN; i++) {
        client.number = i;
        quic_flow_hello(&datagram, &client, &message, 0, 60);
        assert_int_equal(rig.nr_verdicts, 0);
        id = up();
    }
    assert_int_equal(rig.nr_verdicts, QUIC_HELD_PER_CONN + 1);
    assert_int_equal(rig_last(&rig)->reason, REASON_HELD_LIMIT);
    expect_dropped_silently(id);
    assert_int_equal(rig.verdict[rig.order[QUIC_HELD_PER_CONN - 1]], VERDICT_ICMP);
}

static void one_pair_of_ports_has_so_many_connections_only(void **state)
{
    char dcid[17];

    (void)state;
    for (unsigned i = 0; i < QUIC_CONNS_PER_FLOW; i++) {
        snprintf(dcid, sizeof(dcid), "%016x", i);
        client.dcid = dcid;
        new_message("allowed.test");
        quic_flow_hello(&datagram, &client, &message, 0, 60);
        up();
    }
    assert_int_equal(rig.nr_verdicts, 0);
    client.dcid = DCID;
    expect_refused(say_hello("allowed.test"), VERDICT_ICMP, REASON_HELD_LIMIT);
}

static void refused_connections_leave_room_for_others(void **state)
{
    struct engine_counts counts;
    char dcid[17];

    (void)state;
    for (unsigned i = 0; i < 3 * QUIC_CONNS_PER_FLOW; i++) {
        snprintf(dcid, sizeof(dcid), "%016x", i);
        client.dcid = dcid;
        assert_int_equal(verdict_of(say_hello("denied.test")), VERDICT_ICMP);
    }
    client.dcid = DCID;
    accept_flow();
    engine_counts(rig.engine, &counts);
    assert_int_equal(counts.quic_conns, QUIC_CONNS_PER_FLOW);
    rig_wait(&rig, QUIC_LINGER_US);
    engine_counts(rig.engine, &counts);
    assert_int_equal(counts.quic_conns, 0);
}

static void the_server_is_heard_on_known_flows_only(void **state)
{
    (void)state;
    say_hello("allowed.test");
    flow.mark = CT_OPEN;
    expect_dropped_silently(answer(false));
    flow.mark = CT_PINNED | tag();
    datagram.len = 0;
    bytes_fill(&datagram, 0xff, 100);
    assert_int_equal(verdict_of(down()), VERDICT_PASS);
}

static void another_policy_ends_what_it_no_longer_allows(void **state)
{
    struct engine_live live = { .sport = 1, .dport = 443, .protocol = 17 };
    uint32_t id;

    (void)state;
    assert_true(addr_parse("198.18.0.2", 10, &live.src));
    assert_true(addr_parse(GOOD, strlen(GOOD), &live.dst));
    accept_flow();
    live.sport = flow.client_port;
    live.mark = flow.mark;
    assert_true(engine_live_allowed(rig.engine, &rig.now, &live));
    live.mark = CT_QUIC | MARK_VALUE_MASK; /* for several: all at this address are allowed */
    assert_true(engine_live_allowed(rig.engine, &rig.now, &live));
    second_client();
    new_message("allowed.test");
    quic_flow_hello(&datagram, &client, &message, 0, 60);
    id = up();
    rig_policy(&rig, "shared.test\n");
    assert_false(rig.is_judged[id]); /* shared.test may follow */
    assert_false(engine_live_allowed(rig.engine, &rig.now, &live));
    assert_int_equal(rig_last(&rig)->reason, REASON_POLICY_CHANGED);
    expect_dropped_silently(id); /* the kernel forgets the flow, and so does the engine */
    live.mark = CT_QUIC | tag();
    assert_false(engine_live_allowed(rig.engine, &rig.now, &live));
    live.mark = CT_QUIC | engine_name_tag("shared.test");
    assert_true(engine_live_allowed(rig.engine, &rig.now, &live));
    live.mark = CT_ACCEPTED | engine_name_tag("shared.test"); /* unread: needs a udp rule */
    assert_false(engine_live_allowed(rig.engine, &rig.now, &live));
    flow = quic_flow(GOOD, 443);
    quic_flow_hello(&datagram, &client, &message, 0, 60);
    id = up();
    rig_policy(&rig, "a.wild.test\n");
    expect_refused(id, VERDICT_ICMP, REASON_POLICY_CHANGED);
}

static void an_agent_without_memory_is_refused_and_no_other(void **state)
{
    const struct engine_limits limits = { .quic_chunks = 2 * QUIC_CHUNKS_WORST };
    uint32_t id = 0;

    rig_stop(&rig);
    (void)state;
    rig_start_limited(&rig, LIST, &limits);
    rig_bind(&rig, "allowed.test", GOOD);
    rig.nr_records = 0;
    rig.nr_verdicts = 0;
    new_message("allowed.test");
    for (unsigned i = 0; i < 2 && rig.nr_verdicts == 0; i++) { /* each its own ports */
        flow = quic_flow(GOOD, 443);
        quic_flow_hello(&datagram, &client, &message, 0, 60);
        id = up();
    }
    expect_refused(id, VERDICT_ICMP, REASON_HELD_LIMIT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(an_allowed_hello_is_pinned_and_its_answer_accepts_the_flow),
        TEST(over_ipv6_and_by_an_address_rule_too),
        TEST(a_denied_hello_is_refused_by_an_icmp_error),
        TEST(what_repeats_a_refused_hello_is_refused_unread),
        TEST(datagrams_are_held_until_the_hello_is_whole_then_all_go_in_order),
        TEST(of_held_datagrams_the_last_becomes_the_error),
        TEST(copies_pass_and_other_bytes_are_a_conflict),
        TEST(a_second_connection_between_the_same_ports_is_judged),
        TEST(two_connections_that_wait_for_answers_do_not_hide_each_other),
        TEST(other_packets_need_an_accepted_flow),
        TEST(nothing_hides_an_initial_packet),
        TEST(early_data_waits_with_its_hello_and_passes_after_it),
        TEST(what_cannot_be_read_is_refused_with_its_reason),
        TEST(a_second_hello_must_name_the_same_host),
        TEST(after_a_retry_the_hello_is_judged_again),
        TEST(what_is_held_does_not_go_with_the_hello_after_a_retry),
        TEST(a_hello_that_does_not_come_is_not_waited_for),
        TEST(a_connection_holds_so_many_datagrams_only),
        TEST(one_pair_of_ports_has_so_many_connections_only),
        TEST(refused_connections_leave_room_for_others),
        TEST(the_server_is_heard_on_known_flows_only),
        TEST(another_policy_ends_what_it_no_longer_allows),
        TEST(an_agent_without_memory_is_refused_and_no_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
