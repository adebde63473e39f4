/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * LINK: -Wl,--wrap=engine_packet,--wrap=engine_dns_tcp,--wrap=engine_dns_found
 * LINK: -Wl,--wrap=engine_tick,--wrap=engine_source_tag
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/marks.h"
#include "sni-filter/ip_packet.h"
#include "tests/support/replay_stub.h"

#define ISN    0x12345678u
#define OPENED (CT_OPEN | (ISN & MARK_VALUE_MASK))
#define S      1000000u

static const struct packet_ends up = { "198.18.0.2", "203.0.113.9", 40000, 443 };
static const struct packet_ends down = { "203.0.113.9", "198.18.0.2", 443, 40000 };
static const struct packet_ends up6 = { "2001:db8:1::2", "2001:db8:2::9", 40000, 443 };
static const struct packet_ends down6 = { "2001:db8:2::9", "2001:db8:1::2", 443, 40000 };

static const struct packet_tcp syn = { ISN, 0, TCP_SYN };
static const struct packet_tcp synack = { 7000, ISN + 1, TCP_SYN | TCP_ACK };
static const struct packet_tcp first_up = { ISN + 1, 7001, TCP_ACK | TCP_PSH };
static const struct packet_tcp first_down = { 7001, ISN + 100, TCP_ACK };

static const uint8_t client_hello[] = { 22, 3, 1, 0, 2, 1, 0 };

/* The head of a ServerHello: record, handshake, version, random. */
static void make_server_hello(uint8_t out[43], bool is_retry)
{
    static const uint8_t retry[32] = { 0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11,
                                       0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
                                       0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e,
                                       0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c };

    memset(out, 0x55, 43);
    out[0] = 22;
    out[1] = 3;
    out[5] = 2;
    if (is_retry)
        memcpy(out + 11, retry, sizeof(retry));
}

static struct stub stub;

static int start(void **state)
{
    (void)state;
    stub_start(&stub, 0, false);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    stub_stop(&stub);
    return 0;
}

static void expect_seen(size_t index, enum packet_place place, uint32_t mark)
{
    assert_true(index < stub.nr_packets);
    assert_int_equal(stub.packets[index].meta.place, place);
    assert_int_equal(stub.packets[index].meta.mark, mark);
    assert_false(stub.packets[index].meta.is_truncated);
}

/* A connection that is open; its SYN is packet 0 of what the engine saw. */
static void open_connection(void)
{
    stub_tcp(&stub, 0, &up, &syn, NULL, 0);
    stub_tcp(&stub, 0, &down, &synack, NULL, 0);
    stub_tcp(&stub, 0, &up, &first_up, NULL, 0);
    assert_int_equal(stub.nr_packets, 1);
}

static void pin_connection(void)
{
    open_connection();
    stub.verdict = VERDICT_PIN | 0x77;
    stub_tcp(&stub, 0, &up, &first_up, client_hello, sizeof(client_hello));
    assert_int_equal(stub.nr_packets, 2);
    stub.verdict = VERDICT_PASS;
}

/* --- TCP ---------------------------------------------------------------------------------- */

static void a_syn_is_judged_with_its_isn_as_mark(void **state)
{
    (void)state;
    stub_tcp(&stub, 0, &up, &syn, NULL, 0);
    assert_int_equal(stub.nr_packets, 1);
    expect_seen(0, PLACE_OUTBOUND, OPENED);
    stub_tcp(&stub, 0, &up6, &syn, NULL, 0);
    expect_seen(1, PLACE_OUTBOUND, OPENED);
    assert_int_not_equal(stub.packets[0].meta.id, stub.packets[1].meta.id);
}

static void bind_address(uint32_t tag, const char *addr, uint16_t port, uint32_t timeout_s)
{
    struct engine_bound bound = {
        .source_tag = tag, .addr = packet_addr(addr), .port = port, .timeout_s = timeout_s
    };

    stub.ops.bound(stub.ops.arg, &bound);
}

static void a_syn_to_a_bound_address_passes_unseen_and_its_connection_is_open(void **state)
{
    (void)state;
    bind_address(1, "203.0.113.9", 443, 60);
    stub_tcp(&stub, 0, &up, &syn, NULL, 0);
    assert_int_equal(stub.nr_packets, 0);
    stub_tcp(&stub, 0, &up, &first_up, client_hello, sizeof(client_hello));
    expect_seen(0, PLACE_OUTBOUND, OPENED);
}

static void a_binding_holds_for_its_agent_address_port_and_time_alone(void **state)
{
    struct packet_ends other = up;

    (void)state;
    bind_address(1, "203.0.113.9", 443, 60);
    other.dport = 8443;
    stub_tcp(&stub, 0, &other, &syn, NULL, 0);
    assert_int_equal(stub.nr_packets, 1);
    other = up;
    other.dst = "203.0.113.10";
    stub_tcp(&stub, 0, &other, &syn, NULL, 0);
    assert_int_equal(stub.nr_packets, 2);
    other = up;
    other.sport = 40001;
    stub_tcp(&stub, 59 * S - 1, &other, &syn, NULL, 0);
    assert_int_equal(stub.nr_packets, 2);
    other.sport = 40002;
    stub_tcp(&stub, 61 * S, &other, &syn, NULL, 0);
    assert_int_equal(stub.nr_packets, 3);
    bind_address(2, "203.0.113.9", 443, 60);
    other.sport = 40003;
    stub_tcp(&stub, 61 * S, &other, &syn, NULL, 0);
    assert_int_equal(stub.nr_packets, 4);
}

/* More bindings than there are slots: each slot holds one of another key. */
static void a_binding_in_the_same_slot_is_not_mistaken_for_ones_own(void **state)
{
    char text[ADDR_TEXT_MAX];

    (void)state;
    for (uint32_t tag = 2; tag < 250000; tag++)
        bind_address(tag, "203.0.113.9", 443, 60);
    stub_tcp(&stub, 0, &up, &syn, NULL, 0);
    assert_int_equal(stub.nr_packets, 1);
    for (uint32_t i = 0; i < 250000; i++) {
        struct addr addr = { .family = ADDR_V4,
                             .bytes = { 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8),
                                        (uint8_t)i } };

        bind_address(1, addr_format(&addr, text), 443, 60);
    }
    stub_tcp(&stub, 0, &up6, &syn, NULL, 0);
    assert_int_equal(stub.nr_packets, 2);
    stop(state);
    start(state);
    for (uint32_t port = 444; port < 65536; port++)
        bind_address(1, "203.0.113.9", (uint16_t)port, 60);
    stub_tcp(&stub, 0, &up, &syn, NULL, 0);
    assert_int_equal(stub.nr_packets, 1);
}

static void a_syn_that_is_not_plain_is_judged_though_its_address_is_bound(void **state)
{
    static const struct packet_tcp urgent = { ISN, 0, TCP_SYN | TCP_URG };
    struct packet_ends other = up;

    (void)state;
    bind_address(1, "203.0.113.9", 443, 60);
    stub_tcp(&stub, 0, &up, &syn, "x", 1);
    assert_int_equal(stub.nr_packets, 1);
    other.sport = 40001;
    stub_tcp(&stub, 0, &other, &urgent, NULL, 0);
    assert_int_equal(stub.nr_packets, 2);
}

static void only_the_clients_payload_is_judged_while_a_connection_is_open(void **state)
{
    (void)state;
    open_connection();
    stub_tcp(&stub, 0, &down, &first_down, "220 hello", 9);
    assert_int_equal(stub.nr_packets, 1);
    stub_tcp(&stub, 0, &up, &first_up, client_hello, sizeof(client_hello));
    assert_int_equal(stub.nr_packets, 2);
    expect_seen(1, PLACE_OUTBOUND, OPENED);
    assert_int_equal(stub.packets[1].len, 40 + sizeof(client_hello));
}

static void the_head_of_a_server_hello_ends_the_judging(void **state)
{
    uint8_t answer[43];

    (void)state;
    pin_connection();
    make_server_hello(answer, false);
    stub_tcp(&stub, 0, &down, &first_down, answer, sizeof(answer));
    stub_tcp(&stub, 0, &up, &first_up, "more", 4);
    stub_tcp(&stub, 0, &down, &first_down, "more", 4);
    assert_int_equal(stub.nr_packets, 2);
}

static void anything_else_of_a_server_is_judged(void **state)
{
    uint8_t answers[4][43];
    const size_t lens[4] = { 42, 43, 43, 43 };

    make_server_hello(answers[0], false);
    make_server_hello(answers[1], false);
    answers[1][5] = 11;
    make_server_hello(answers[2], false);
    answers[2][0] = 23;
    make_server_hello(answers[3], true);
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        pin_connection();
        stub_tcp(&stub, 0, &down, &first_down, answers[i], lens[i]);
        expect_seen(2, PLACE_INBOUND, CT_ANSWERED | 0x77);
        stub_tcp(&stub, 0, &up, &first_up, client_hello, sizeof(client_hello));
        expect_seen(3, PLACE_OUTBOUND, CT_ANSWERED | 0x77);
        stop(state);
        start(state);
    }
}

/* It may begin with what the client chose: a HelloRetryRequest repeats its session id. */
static void what_looks_like_a_server_hello_behind_other_bytes_is_judged(void **state)
{
    uint8_t answer[43];

    (void)state;
    pin_connection();
    make_server_hello(answer, true);
    stub_tcp(&stub, 0, &down, &first_down, answer, sizeof(answer));
    make_server_hello(answer, false);
    stub_tcp(&stub, 0, &down, &first_down, answer, sizeof(answer));
    expect_seen(3, PLACE_INBOUND, CT_ANSWERED | 0x77);
}

static void an_accepted_connection_is_seen_no_more(void **state)
{
    (void)state;
    stub.verdict = VERDICT_ACCEPT;
    stub_tcp(&stub, 0, &up, &syn, NULL, 0);
    stub_tcp(&stub, 0, &down, &synack, NULL, 0);
    stub_tcp(&stub, 0, &up, &first_up, "SSH-2.0", 7);
    stub_tcp(&stub, 0, &down, &first_down, "SSH-2.0", 7);
    assert_int_equal(stub.nr_packets, 1);
}

static void a_refused_connection_is_ignored_until_the_next_syn(void **state)
{
    static const struct packet_tcp next = { ISN + 5000, 0, TCP_SYN };

    (void)state;
    stub.verdict = VERDICT_RESET;
    stub_tcp(&stub, 0, &up, &syn, NULL, 0);
    stub_tcp(&stub, 0, &down, &synack, NULL, 0);
    stub_tcp(&stub, 0, &up, &first_up, client_hello, sizeof(client_hello));
    stub_tcp(&stub, 1, &up, &syn, NULL, 0); /* a retransmission */
    assert_int_equal(stub.nr_packets, 1);
    stub_tcp(&stub, 2, &up, &next, NULL, 0);
    assert_int_equal(stub.nr_packets, 2);
    expect_seen(1, PLACE_OUTBOUND, (ISN + 5000) & MARK_VALUE_MASK);
}

static void a_dropped_syn_opens_nothing(void **state)
{
    (void)state;
    stub.verdict = 0;
    stub_tcp(&stub, 0, &up, &syn, "early", 5);
    stub_tcp(&stub, 0, &up, &first_up, client_hello, sizeof(client_hello));
    assert_int_equal(stub.nr_packets, 1);
    stub_tcp(&stub, 0, &down, &synack, NULL, 0);
    stub_tcp(&stub, 3, &up, &(struct packet_tcp) { ISN + 9, 0, TCP_SYN }, NULL, 0);
    assert_int_equal(stub.nr_packets, 2);
}

static void a_verdict_in_a_later_call_reaches_its_connection(void **state)
{
    uint32_t id;

    (void)state;
    open_connection();
    stub.verdict = STUB_HOLD;
    stub_tcp(&stub, 0, &up, &first_up, client_hello, 3);
    id = stub.packets[1].meta.id;
    stub_tcp(&stub, 0, &up, &first_up, client_hello, 3);
    expect_seen(2, PLACE_OUTBOUND, OPENED);
    stub.ops.verdict(stub.ops.arg, id, VERDICT_ACCEPT | 5);
    stub.ops.verdict(stub.ops.arg, id, VERDICT_PIN); /* answered before: nobody's */
    stub_tcp(&stub, 0, &up, &first_up, "more", 4);
    assert_int_equal(stub.nr_packets, 3);
}

static void a_late_verdict_does_not_touch_another_connection(void **state)
{
    struct packet_ends other = up;
    uint32_t id;

    stop(state);
    stub_start(&stub, 1, false); /* room for one connection */
    stub.verdict = STUB_HOLD;
    stub_tcp(&stub, 0, &up, &syn, NULL, 0);
    id = stub.packets[0].meta.id;
    other.sport = 40001;
    stub.verdict = VERDICT_PASS;
    stub_tcp(&stub, 0, &other, &syn, NULL, 0);
    stub.ops.verdict(stub.ops.arg, id, VERDICT_ACCEPT);
    stub_tcp(&stub, 0, &other, &first_up, client_hello, sizeof(client_hello));
    expect_seen(2, PLACE_OUTBOUND, OPENED);
    assert_int_equal(stub_counts(&stub).evicted, 1);
}

static void a_revoked_connection_is_ignored(void **state)
{
    struct engine_live live = { .src = packet_addr("198.18.0.2"),
                                .dst = packet_addr("203.0.113.9"),
                                .sport = 40000,
                                .dport = 443,
                                .protocol = 6 };

    (void)state;
    open_connection();
    stub.ops.revoke(stub.ops.arg, &live);
    stub_tcp(&stub, 0, &up, &first_up, client_hello, sizeof(client_hello));
    assert_int_equal(stub.nr_packets, 1);
    live.sport = 1;
    stub.ops.revoke(stub.ops.arg, &live);
}

static void a_syn_inside_a_live_connection_changes_nothing(void **state)
{
    static const struct packet_tcp decoy = { ISN + 5000, 0, TCP_SYN };

    (void)state;
    open_connection();
    stub_tcp(&stub, 0, &up, &decoy, NULL, 0);
    assert_int_equal(stub.nr_packets, 1);
    assert_int_equal(stub_counts(&stub).invalid, 1);
    stub_tcp(&stub, 0, &up, &first_up, client_hello, sizeof(client_hello));
    expect_seen(1, PLACE_OUTBOUND, OPENED);
}

static void ports_are_used_again_after_a_reset_or_both_fins(void **state)
{
    static const struct packet_tcp rst = { 7001, ISN + 1, TCP_RST | TCP_ACK };
    static const struct packet_tcp fin_up = { ISN + 9, 1, TCP_FIN | TCP_ACK };
    static const struct packet_tcp fin_down = { 7009, 1, TCP_FIN | TCP_ACK };
    static const struct packet_tcp second = { ISN + 5000, 0, TCP_SYN };
    static const struct packet_tcp third = { ISN + 9000, 0, TCP_SYN };

    (void)state;
    open_connection();
    stub_tcp(&stub, 0, &down, &rst, NULL, 0);
    stub_tcp(&stub, 0, &up, &second, NULL, 0);
    assert_int_equal(stub.nr_packets, 2);
    stub_tcp(&stub, 0, &down, &synack, NULL, 0);
    stub_tcp(&stub, 0, &up, &fin_up, NULL, 0);
    stub_tcp(&stub, 0, &up, &third, NULL, 0);
    assert_int_equal(stub.nr_packets, 2);
    stub_tcp(&stub, 0, &down, &fin_down, NULL, 0);
    stub_tcp(&stub, 0, &up, &third, NULL, 0);
    assert_int_equal(stub.nr_packets, 3);
}

/* --- connections that began before the capture -----------------------------------------------
 */

static void check_made_up_syn(size_t index, const struct packet_ends *ends, uint32_t isn)
{
    struct ip_packet ip;

    assert_true(index < stub.nr_packets);
    assert_int_equal(ip_packet_parse((struct cursor) { .base = stub.packets[index].bytes,
                                                       .len = stub.packets[index].len },
                                     &ip),
                     PARSE_OK);
    assert_int_equal(ip.tcp_flags, TCP_SYN);
    assert_int_equal(ip.seq, isn);
    assert_int_equal(ip.sport, ends->sport);
    assert_int_equal(ip.dport, ends->dport);
    assert_true(addr_equal(&ip.src, &(struct addr) { 0 }) == false);
    assert_memory_equal(&ip.src, &(struct addr[]) { packet_addr(ends->src) }, sizeof(ip.src));
    assert_memory_equal(&ip.dst, &(struct addr[]) { packet_addr(ends->dst) }, sizeof(ip.dst));
}

static void a_hello_without_its_syn_is_judged_after_a_made_up_syn(void **state)
{
    (void)state;
    stub_tcp(&stub, 0, &up, &first_up, NULL, 0);
    assert_int_equal(stub.nr_packets, 0);
    stub_tcp(&stub, 0, &up, &first_up, client_hello, sizeof(client_hello));
    check_made_up_syn(0, &up, ISN);
    expect_seen(1, PLACE_OUTBOUND, OPENED);
    stub_tcp(&stub, 0, &up6, &first_up, client_hello, sizeof(client_hello));
    check_made_up_syn(2, &up6, ISN);
    expect_seen(3, PLACE_OUTBOUND, OPENED);
    assert_int_equal(stub_counts(&stub).late, 2);
    assert_int_equal(stub_counts(&stub).unjudged, 0);
}

static void a_syn_and_ack_tells_the_isn(void **state)
{
    (void)state;
    stub_tcp(&stub, 0, &down6, &synack, NULL, 0);
    check_made_up_syn(0, &up6, ISN);
    stub_tcp(&stub, 0, &up6, &first_up, "GET /", 5);
    expect_seen(1, PLACE_OUTBOUND, OPENED);
}

static void what_goes_on_in_the_middle_is_not_judged(void **state)
{
    static const uint8_t data[] = { 23, 3, 3, 0, 1, 0 };

    (void)state;
    stub_tcp(&stub, 0, &up, &first_up, data, sizeof(data));
    check_made_up_syn(0, &up, ISN);
    stub_tcp(&stub, 0, &up, &first_up, client_hello, sizeof(client_hello));
    assert_int_equal(stub.nr_packets, 1);
    assert_int_equal(stub_counts(&stub).unjudged, 1);
}

static void a_request_in_the_middle_is_judged(void **state)
{
    (void)state;
    stub_tcp(&stub, 0, &up, &first_up, "GET / HTTP", 10);
    check_made_up_syn(0, &up, ISN);
    assert_int_equal(stub.nr_packets, 2);
    assert_int_equal(stub_counts(&stub).unjudged, 0);
}

static void the_client_is_told_by_hello_then_https_port_then_higher_port(void **state)
{
    static const uint8_t server_hello[] = { 22, 3, 3, 0, 2, 2, 0 };
    static const uint8_t data[] = { 23, 3, 3, 0, 1, 0 };
    const struct packet_ends strange = { "203.0.113.9", "198.18.0.2", 443, 80 };
    const struct packet_ends high = { "203.0.113.9", "198.18.0.2", 5222, 50000 };
    const struct packet_ends high_back = { "198.18.0.2", "203.0.113.9", 50000, 5222 };
    const struct packet_ends low = { "203.0.113.9", "198.18.0.2", 60000, 8443 };
    const struct packet_ends low_back = { "198.18.0.2", "203.0.113.9", 8443, 60000 };

    (void)state;
    stub_tcp(&stub, 0, &strange, &first_up, client_hello, sizeof(client_hello));
    check_made_up_syn(0, &strange, ISN);
    stub_tcp(&stub, 0, &down, &first_down, data, sizeof(data));
    assert_int_equal(stub.nr_packets, 2);
    stub_tcp(&stub, 0, &up, &first_up, client_hello, sizeof(client_hello));
    check_made_up_syn(2, &up, ISN);
    stub_tcp(&stub, 0, &high, &first_down, data, sizeof(data));
    stub_tcp(&stub, 0, &high_back, &first_up, client_hello, sizeof(client_hello));
    check_made_up_syn(4, &high_back, ISN);
    stub_tcp(&stub, 0, &low, &first_down, server_hello, sizeof(server_hello));
    stub_tcp(&stub, 0, &low_back, &first_up, client_hello, sizeof(client_hello));
    check_made_up_syn(6, &low_back, ISN);
}

static void only_an_agent_can_be_the_client(void **state)
{
    static const uint8_t data[] = { 23, 3, 3, 0, 1, 0 };
    const struct packet_ends in = { "203.0.113.9", "198.18.0.2", 60000, 22 };
    const struct packet_ends abroad = { "203.0.113.9", "203.0.113.10", 60000, 22 };

    stop(state);
    stub_start(&stub, 0, true);
    stub_tcp(&stub, 0, &in, &syn, NULL, 0);
    stub_tcp(&stub, 0, &abroad, &first_up, data, sizeof(data));
    stub_tcp(&stub, 0, &up, &synack, NULL,
             0); /* says that its receiver, an outside host, is the client */
    stub_udp(&stub, 0, &down, "x", 1);
    assert_int_equal(stub.nr_packets, 0);
    assert_int_equal(stub_counts(&stub).foreign, 4);
    stub_tcp(&stub, 0, &in, &first_up, client_hello, sizeof(client_hello));
    assert_int_equal(stub.nr_packets, 0);
    assert_int_equal(stub_counts(&stub).connections, 0);
    stub_tcp(&stub, 0, &up, &syn, NULL, 0);
    assert_int_equal(stub.nr_packets, 1);
}

#define T(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_syn_is_judged_with_its_isn_as_mark),
        T(a_syn_to_a_bound_address_passes_unseen_and_its_connection_is_open),
        T(a_binding_holds_for_its_agent_address_port_and_time_alone),
        T(a_binding_in_the_same_slot_is_not_mistaken_for_ones_own),
        T(a_syn_that_is_not_plain_is_judged_though_its_address_is_bound),
        T(only_the_clients_payload_is_judged_while_a_connection_is_open),
        T(the_head_of_a_server_hello_ends_the_judging),
        T(anything_else_of_a_server_is_judged),
        T(what_looks_like_a_server_hello_behind_other_bytes_is_judged),
        T(an_accepted_connection_is_seen_no_more),
        T(a_refused_connection_is_ignored_until_the_next_syn),
        T(a_dropped_syn_opens_nothing),
        T(a_verdict_in_a_later_call_reaches_its_connection),
        T(a_late_verdict_does_not_touch_another_connection),
        T(a_revoked_connection_is_ignored),
        T(a_syn_inside_a_live_connection_changes_nothing),
        T(ports_are_used_again_after_a_reset_or_both_fins),
        T(a_hello_without_its_syn_is_judged_after_a_made_up_syn),
        T(a_syn_and_ack_tells_the_isn),
        T(what_goes_on_in_the_middle_is_not_judged),
        T(a_request_in_the_middle_is_judged),
        T(the_client_is_told_by_hello_then_https_port_then_higher_port),
        T(only_an_agent_can_be_the_client),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
