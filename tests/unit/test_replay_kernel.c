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
static const struct packet_ends udp_up = { "198.18.0.2", "203.0.113.9", 40000, 443 };
static const struct packet_ends udp_down = { "203.0.113.9", "198.18.0.2", 443, 40000 };

static const struct packet_tcp syn = { ISN, 0, TCP_SYN };
static const struct packet_tcp synack = { 7000, ISN + 1, TCP_SYN | TCP_ACK };
static const struct packet_tcp first_up = { ISN + 1, 7001, TCP_ACK | TCP_PSH };

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

/* --- UDP and others -------------------------------------------------------------------------
 */

static void a_refused_udp_flow_is_ignored_until_it_was_silent(void **state)
{
    (void)state;
    stub.verdict = VERDICT_ICMP;
    stub_udp(&stub, 0, &udp_up, "x", 1);
    stub_udp(&stub, 29 * S, &udp_up, "x", 1);
    stub_udp(&stub, 30 * S, &udp_down, "x", 1);
    stub_udp(&stub, 58 * S, &udp_up, "x", 1);
    assert_int_equal(stub.nr_packets, 1);
    stub_udp(&stub, 88 * S, &udp_up, "x", 1);
    assert_int_equal(stub.nr_packets, 2);
    expect_seen(1, PLACE_OUTBOUND, 0);
}

static void an_accepted_udp_flow_is_seen_once_and_a_dropped_one_each_time(void **state)
{
    struct packet_ends other = udp_up;

    (void)state;
    stub.verdict = VERDICT_ACCEPT;
    stub_udp(&stub, 0, &udp_up, "x", 1);
    stub_udp(&stub, 90 * S, &udp_up, "x", 1);
    assert_int_equal(stub.nr_packets, 1);
    stub.verdict = 0;
    other.sport++;
    stub_udp(&stub, 90 * S, &other, "x", 1);
    stub_udp(&stub, 90 * S, &other, "x", 1);
    assert_int_equal(stub.nr_packets, 3);
}

static void protocols_without_ports_are_judged_and_icmp_errors_are_not(void **state)
{
    uint8_t packet[PACKET_MAX];
    static const struct {
        const struct packet_ends *ends;
        uint8_t protocol, type;
        bool is_judged;
    } cases[] = {
        { &up, 1, 8, true },      { &up, 1, 3, false },    { &up, 1, 11, false },
        { &up, 1, 12, false },    { &up, 1, 5, true },     { &up, 47, 0, true },
        { &up6, 58, 128, true },  { &up6, 58, 1, false },  { &up6, 58, 4, false },
        { &up6, 58, 5, true },    { &up6, 58, 129, true }, { &up6, 58, 130, false },
        { &up6, 58, 137, false }, { &up6, 58, 138, true }, { &up6, 58, 143, false },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len =
            packet_make_ip(cases[i].ends, cases[i].protocol, &cases[i].type, 1, packet);

        stop(state);
        stub_start(&stub, 0, false);
        stub_packet(&stub, 0, packet, len);
        assert_int_equal(stub.nr_packets, cases[i].is_judged);
        assert_int_equal(stub_counts(&stub).link_local, !cases[i].is_judged);
    }
}

static void what_stays_on_the_link_is_not_judged(void **state)
{
    static const struct packet_ends cases[] = {
        { "198.18.0.2", "224.0.0.251", 1, 1 },     { "198.18.0.2", "239.1.1.1", 1, 1 },
        { "198.18.0.2", "255.255.255.255", 1, 1 }, { "0.0.0.0", "203.0.113.9", 1, 1 },
        { "2001:db8::2", "ff02::fb", 1, 1 },       { "fe80::1", "2001:db8::2", 1, 1 },
        { "febf::1", "2001:db8::2", 1, 1 },
    };
    static const struct packet_ends judged[] = {
        { "198.18.0.2", "169.254.169.254", 1, 1 },
        { "198.18.0.2", "223.255.255.1", 1, 1 },
        { "198.18.0.2", "240.0.0.1", 1, 1 },
        { "2001:db8::2", "fec0::1", 1, 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        stub_udp(&stub, 0, &cases[i], "x", 1);
    assert_int_equal(stub.nr_packets, 0);
    assert_int_equal(stub_counts(&stub).link_local, ARRAY_LEN(cases));
    for (size_t i = 0; i < ARRAY_LEN(judged); i++)
        stub_udp(&stub, 0, &judged[i], "x", 1);
    assert_int_equal(stub.nr_packets, ARRAY_LEN(judged));
}

/* --- packets that are none ------------------------------------------------------------------
 */

static void tcp_flags_that_conntrack_calls_invalid_are_left_out(void **state)
{
    static const uint8_t bad[] = {
        0,       TCP_FIN, TCP_SYN | TCP_FIN,           TCP_SYN | TCP_RST,
        TCP_URG, TCP_PSH, TCP_FIN | TCP_RST | TCP_ACK, TCP_SYN | TCP_RST | TCP_ACK
    };
    static const uint8_t good[] = { TCP_ACK | TCP_URG, TCP_ACK | TCP_PSH | TCP_ECE | TCP_CWR,
                                    TCP_FIN | TCP_ACK, TCP_RST };

    (void)state;
    open_connection();
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        stub_tcp(&stub, 0, &up, &(struct packet_tcp) { ISN + 1, 0, bad[i] }, "x", 1);
    assert_int_equal(stub.nr_packets, 1);
    assert_int_equal(stub_counts(&stub).invalid, ARRAY_LEN(bad));
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        stub_tcp(&stub, 0, &up, &(struct packet_tcp) { ISN + 1, 0, good[i] }, "x", 1);
    assert_int_equal(stub.nr_packets, 1 + ARRAY_LEN(good));
}

static void every_cut_of_a_packet_is_counted_and_not_judged(void **state)
{
    uint8_t packet[PACKET_MAX];
    size_t len = packet_make_tcp(&up, &syn, NULL, 0, packet);
    struct replay_kernel_counts counts;

    (void)state;
    for (size_t cut = 0; cut < len; cut++)
        stub_packet(&stub, 0, packet, cut);
    counts = stub_counts(&stub);
    assert_int_equal(stub.nr_packets, 0);
    assert_int_equal(counts.cut + counts.malformed, len);
    assert_int_equal(counts.packets, len);
}

static void fragments_are_judged_once_they_are_whole(void **state)
{
    uint8_t packet[PACKET_MAX], first[PACKET_MAX], second[PACKET_MAX];
    size_t len = packet_make_tcp(&up, &syn, NULL, 0, packet);

    (void)state;
    memcpy(first, packet, 36);
    first[3] = 36;
    first[6] = 0x20;
    memcpy(second, packet, 20);
    memcpy(second + 20, packet + 36, len - 36);
    second[3] = 24;
    second[7] = 2;
    stub_packet(&stub, 0, second, 24);
    assert_int_equal(stub.nr_packets, 0);
    stub_packet(&stub, 0, first, 36);
    assert_int_equal(stub.nr_packets, 1);
    expect_seen(0, PLACE_OUTBOUND, OPENED);
    assert_int_equal(stub.packets[0].len, len);
    assert_memory_equal(stub.packets[0].bytes, packet, len);
    assert_int_equal(stub_counts(&stub).fragments, 2);
}

/* --- time --------------------------------------------------------------------------------- */

static void time_never_goes_back(void **state)
{
    struct packet_ends other = up;

    (void)state;
    stub_tcp(&stub, 10 * S, &up, &syn, NULL, 0);
    other.sport = 40001;
    stub_tcp(&stub, 5 * S, &other, &syn, NULL, 0);
    other.sport = 40002;
    stub_tcp(&stub, 11 * S, &other, &syn, NULL, 0);
    assert_int_equal(stub.packets[1].mono_us, stub.packets[0].mono_us);
    assert_int_equal(stub.packets[2].mono_us, stub.packets[0].mono_us + S);
    other.sport = 40003;
    stub_tcp(&stub, 10 * S + 500, &other, &syn, NULL, 0);
    assert_int_equal(stub.packets[3].mono_us, stub.packets[2].mono_us);
    for (size_t i = 1; i < stub.nr_ticks; i++) {
        assert_true(stub.ticks[i].mono_us > stub.ticks[i - 1].mono_us);
        assert_int_equal(stub.ticks[i].wall_us - stub.ticks[i - 1].wall_us,
                         stub.ticks[i].mono_us - stub.ticks[i - 1].mono_us);
    }
}

static void ticks_come_when_they_are_due(void **state)
{
    (void)state;
    stub.wait_us = 250000;
    stub_tcp(&stub, 0, &up, &syn, NULL, 0);
    assert_int_equal(stub.nr_ticks, 1);
    stub_tcp(&stub, 249999, &up, &syn, NULL, 0);
    assert_int_equal(stub.nr_ticks, 1);
    stub_tcp(&stub, 1 * S, &up, &syn, NULL, 0);
    assert_int_equal(stub.nr_ticks, 5);
    assert_int_equal(stub.ticks[4].mono_us - stub.ticks[3].mono_us, 250000);
}

static void ticks_do_not_come_faster_than_each_millisecond(void **state)
{
    (void)state;
    stub.wait_us = 0;
    stub_tcp(&stub, 0, &up, &syn, NULL, 0);
    stub_tcp(&stub, 999, &up, &syn, NULL, 0);
    assert_int_equal(stub.nr_ticks, 1);
    stub_tcp(&stub, 1000, &up, &syn, NULL, 0);
    assert_int_equal(stub.nr_ticks, 2);
}

static void a_gap_of_years_costs_few_ticks(void **state)
{
    (void)state;
    stub.wait_us = 0;
    stub_tcp(&stub, 0, &up, &syn, NULL, 0);
    stub_tcp(&stub, 100000000000000u, &up, &syn, NULL, 0);
    assert_true(stub.nr_ticks < 70);
    assert_int_equal(stub.ticks[stub.nr_ticks - 1].mono_us,
                     stub.packets[0].mono_us + 100000000000000u);
}

static void all_deadlines_pass_at_the_end(void **state)
{
    (void)state;
    stub_tcp(&stub, 0, &up, &syn, NULL, 0);
    replay_kernel_end(stub.kernel);
    assert_true(stub.ticks[stub.nr_ticks - 1].mono_us >= stub.packets[0].mono_us + 31 * S);
}

#define T(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_refused_udp_flow_is_ignored_until_it_was_silent),
        T(an_accepted_udp_flow_is_seen_once_and_a_dropped_one_each_time),
        T(protocols_without_ports_are_judged_and_icmp_errors_are_not),
        T(what_stays_on_the_link_is_not_judged),
        T(tcp_flags_that_conntrack_calls_invalid_are_left_out),
        T(every_cut_of_a_packet_is_counted_and_not_judged),
        T(fragments_are_judged_once_they_are_whole),
        T(time_never_goes_back),
        T(ticks_come_when_they_are_due),
        T(ticks_do_not_come_faster_than_each_millisecond),
        T(a_gap_of_years_costs_few_ticks),
        T(all_deadlines_pass_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
