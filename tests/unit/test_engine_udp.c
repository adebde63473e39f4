/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * UDP by rules for any bytes, and what no rule allows.
 */
#include <string.h>

#include "common/marks.h"
#include "sni-filter/engine_internal.h"
#include "tests/support/cm.h"
#include "tests/support/quic_flow.h"

static struct rig rig;
static struct bytes datagram;

static int start(void **state)
{
    (void)state;
    rig_start(&rig, "plain.test udp/123 quic/443\n198.51.100.0/24 udp/7000-7009\n"
                    "!198.51.100.9\n");
    rig_bind(&rig, "plain.test", "203.0.113.30");
    rig.nr_records = 0;
    rig.nr_verdicts = 0;
    datagram.len = 0;
    bytes_fill(&datagram, 'x', 40);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

static uint32_t send_to(const char *server, uint16_t port)
{
    struct quic_flow flow = quic_flow(server, port);

    return rig.verdict[quic_flow_up(&rig, &flow, &datagram)];
}

static void any_bytes_go_where_a_rule_says_so(void **state)
{
    uint32_t tag = engine_name_tag("plain.test");

    (void)state;
    assert_int_equal(send_to("203.0.113.30", 123), VERDICT_ACCEPT | tag);
    assert_string_equal(rig_last(&rig)->name, "plain.test");
    assert_int_equal(rig_last(&rig)->event, EVENT_CONNECT);
    assert_int_equal(rig_last(&rig)->verdict, RECORD_ALLOW);
    assert_int_equal(send_to("198.51.100.7", 7000), VERDICT_ACCEPT);
    assert_int_equal(send_to("198.51.100.7", 7009), VERDICT_ACCEPT);
    datagram.len = 0; /* an empty one too */
    assert_int_equal(send_to("198.51.100.7", 7009), VERDICT_ACCEPT);
}

static void datagrams_of_one_flow_make_one_record(void **state)
{
    struct quic_flow flow = quic_flow("198.51.100.7", 7000);

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        flow.mark = CT_OPEN; /* queued before the first verdict */
        assert_int_equal(rig.verdict[quic_flow_up(&rig, &flow, &datagram)], VERDICT_ACCEPT);
    }
    assert_int_equal(rig.nr_records, 1);
    rig_wait(&rig, 2 * US_PER_S);
    flow.mark = CT_OPEN;
    quic_flow_up(&rig, &flow, &datagram);
    assert_int_equal(rig.nr_records, 2);
}

static void all_else_is_refused_by_an_icmp_error(void **state)
{
    static const struct {
        const char *server;
        uint16_t port;
        enum reason reason;
    } rows[] = {
        { "203.0.113.30", 124, REASON_SERVICE_NOT_ALLOWED },
        { "203.0.113.31", 123, REASON_ADDRESS_NOT_BOUND },
        { "198.51.100.7", 7010, REASON_SERVICE_NOT_ALLOWED },
        { "198.51.101.7", 7000, REASON_ADDRESS_NOT_BOUND },
        { "198.51.100.9", 7000, REASON_NAME_DENIED },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(send_to(rows[i].server, rows[i].port), VERDICT_ICMP);
        assert_int_equal(rig_last(&rig)->event, EVENT_CONNECT);
        assert_int_equal(rig_last(&rig)->verdict, RECORD_DENY);
        assert_int_equal(rig_last(&rig)->reason, rows[i].reason);
    }
}

static void several_segments_in_one_packet_are_not_read(void **state)
{
    struct packet_meta meta = { .id = rig.next_id++, .place = PLACE_OUTBOUND, .is_gso = true };
    uint8_t packet[200];
    size_t len =
        make_udp("198.18.0.2", 5, "203.0.113.30", 443, datagram.at, datagram.len, packet);

    (void)state;
    engine_packet(rig.engine, &rig.now, &meta, packet, len);
    assert_true(rig.is_judged[meta.id]);
    assert_int_equal(rig.verdict[meta.id], 0);
    assert_int_equal(rig_last(&rig)->reason, REASON_PROTOCOL);
    assert_string_equal(rig_last(&rig)->detail, "UDP segmentation offload");
}

static void the_name_counts_for_as_long_as_its_answer(void **state)
{
    (void)state;
    rig_wait(&rig, 61 * US_PER_S); /* the floor of dns.min-ttl */
    assert_int_equal(send_to("203.0.113.30", 123), VERDICT_ICMP);
    assert_int_equal(rig_last(&rig)->reason, REASON_ADDRESS_NOT_BOUND);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(any_bytes_go_where_a_rule_says_so),
        TEST(datagrams_of_one_flow_make_one_record),
        TEST(all_else_is_refused_by_an_icmp_error),
        TEST(several_segments_in_one_packet_are_not_read),
        TEST(the_name_counts_for_as_long_as_its_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
