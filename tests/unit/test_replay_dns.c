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
#include <string.h>

#include "sni-filter/dns_message.h"
#include "sni-filter/ip_packet.h"
#include "sni-filter/replay_dns.h"
#include "tests/support/replay_stub.h"

#define S 1000000u

static const struct packet_ends ask_ends = { "198.18.0.2", "198.51.100.53", 5353, 53 };
static const struct packet_ends answer_ends = { "198.51.100.53", "198.18.0.2", 53, 5353 };

/* id 0x1234, RD, "a.test" A IN; the answer: 203.0.113.9 for 300 s */
#define QUESTION "\1a\4test\0\0\1\0\1"
static const uint8_t query[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0" QUESTION;
static const uint8_t answer[] =
    "\x12\x34\x81\x80\0\1\0\1\0\0\0\0" QUESTION "\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xcb\0\x71\x09";
#define QUERY_LEN  (sizeof(query) - 1)
#define ANSWER_LEN (sizeof(answer) - 1)

static struct stub stub;

static int start(void **state)
{
    (void)state;
    stub_start(&stub, 0, false);
    stub.verdict = 0;
    stub.is_asking = true;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    stub_stop(&stub);
    return 0;
}

static void expect_found(size_t index, uint32_t ticket, unsigned rcode, uint32_t nr_addrs)
{
    assert_true(index < stub.nr_found);
    assert_int_equal(stub.found[index].ticket, ticket);
    assert_int_equal(stub.found[index].rcode, rcode);
    assert_int_equal(stub.found[index].nr_addrs, nr_addrs);
}

static void a_query_is_judged_and_its_answer_found_in_the_capture(void **state)
{
    (void)state;
    stub_udp(&stub, 0, &ask_ends, query, QUERY_LEN);
    assert_int_equal(stub.nr_packets, 1);
    assert_int_equal(stub.packets[0].meta.place, PLACE_DNS);
    assert_int_equal(stub.packets[0].len, 28 + QUERY_LEN);
    stub_udp(&stub, 1, &answer_ends, answer, ANSWER_LEN);
    assert_int_equal(stub.nr_packets, 1);
    assert_int_equal(stub.nr_found, 1);
    expect_found(0, 1, DNS_RCODE_OK, 1);
    assert_int_equal(stub.found[0].ttl_s, 300);
    assert_memory_equal(stub.found[0].addrs[0].bytes, "\xcb\0\x71\x09", 4);
    stub_udp(&stub, 2, &answer_ends, answer, ANSWER_LEN); /* once more: nobody waits */
    assert_int_equal(stub.nr_found, 1);
    assert_int_equal(stub_counts(&stub).dns_answers, 1);
}

static void an_answer_to_another_id_client_server_or_name_is_none(void **state)
{
    static const struct packet_ends others[] = {
        { "198.51.100.53", "198.18.0.2", 53, 5354 },
        { "198.51.100.53", "198.18.0.3", 53, 5353 },
        { "198.51.100.54", "198.18.0.2", 53, 5353 },
    };
    uint8_t wrong[ANSWER_LEN];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) { /* flows that know no such question */
        struct packet_ends to = { others[i].dst, others[i].src, others[i].dport, 53 };

        stub.is_asking = false;
        stub_udp(&stub, 0, &to, query, QUERY_LEN);
    }
    stub.is_asking = true;
    stub_udp(&stub, 0, &ask_ends, query, QUERY_LEN);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        stub_udp(&stub, 1, &others[i], answer, ANSWER_LEN);
    memcpy(wrong, answer, ANSWER_LEN);
    wrong[1]++;
    stub_udp(&stub, 1, &answer_ends, wrong, ANSWER_LEN);
    wrong[1]--;
    wrong[13] = 'b';
    stub_udp(&stub, 1, &answer_ends, wrong, ANSWER_LEN);
    assert_int_equal(stub.nr_found, 0);
    stub_udp(&stub, 1, &answer_ends, answer, ANSWER_LEN);
    assert_int_equal(stub.nr_found, 1);
}

static void a_malformed_or_truncated_answer_means_that_the_server_failed(void **state)
{
    uint8_t bad[ANSWER_LEN];

    (void)state;
    stub_udp(&stub, 0, &ask_ends, query, QUERY_LEN);
    stub_udp(&stub, 1, &answer_ends, answer, ANSWER_LEN - 1);
    expect_found(0, 1, DNS_RCODE_SERVFAIL, 0);
    stub_udp(&stub, 2, &ask_ends, query, QUERY_LEN);
    memcpy(bad, answer, ANSWER_LEN);
    bad[2] |= 2; /* TC */
    stub_udp(&stub, 3, &answer_ends, bad, ANSWER_LEN);
    expect_found(1, 2, DNS_RCODE_SERVFAIL, 0);
}

static void no_answer_in_time_means_that_the_server_failed(void **state)
{
    (void)state;
    stub_udp(&stub, 0, &ask_ends, query, QUERY_LEN);
    stub_udp(&stub, 2 * S, &ask_ends, query, QUERY_LEN);
    stub_udp(&stub, 4 * S, &answer_ends, "x", 1);
    assert_int_equal(stub.nr_found, 0);
    stub_udp(&stub, 5 * S, &answer_ends, "x", 1);
    assert_int_equal(stub.nr_found, 1);
    expect_found(0, 1, DNS_RCODE_SERVFAIL, 0);
    replay_kernel_end(stub.kernel);
    assert_int_equal(stub.nr_found, 2);
    expect_found(1, 2, DNS_RCODE_SERVFAIL, 0);
}

static void an_unexpected_answer_counts_as_begun_before_the_capture(void **state)
{
    (void)state;
    stub_udp(&stub, 0, &answer_ends, answer, ANSWER_LEN);
    assert_int_equal(stub.nr_packets, 0);
    assert_int_equal(stub_counts(&stub).unjudged, 1);
}

static void many_questions_are_waited_for_but_not_without_bound(void **state)
{
    struct packet_ends ends = ask_ends, back = answer_ends;

    (void)state;
    for (unsigned i = 0; i < REPLAY_DNS_PENDING_MAX + 2; i++) {
        ends.sport = (uint16_t)(10000 + i);
        stub.nr_packets = 0;
        stub_udp(&stub, 0, &ends, query, QUERY_LEN);
    }
    back.dport = 10001;
    stub_udp(&stub, 1, &back, answer, ANSWER_LEN);
    assert_int_equal(stub.nr_found, 0); /* pushed out */
    back.dport = 10002;
    stub_udp(&stub, 1, &back, answer, ANSWER_LEN);
    assert_int_equal(stub.nr_found, 1);
    back.dport = 10000 + REPLAY_DNS_PENDING_MAX + 1;
    stub_udp(&stub, 1, &back, answer, ANSWER_LEN);
    expect_found(1, REPLAY_DNS_PENDING_MAX + 2, DNS_RCODE_OK, 1);
}

static void a_full_ring_still_gives_up_the_oldest_first(void **state)
{
    struct packet_ends ends = ask_ends;

    (void)state;
    for (unsigned i = 0; i <= REPLAY_DNS_PENDING_MAX; i++) {
        ends.sport = (uint16_t)(10000 + i);
        stub.nr_packets = 0;
        stub_udp(&stub, i == REPLAY_DNS_PENDING_MAX ? 4 * S : 0, &ends, query, QUERY_LEN);
    }
    stub_udp(&stub, 6 * S, &answer_ends, "x", 1);
    assert_int_equal(stub.nr_found, REPLAY_DNS_PENDING_MAX - 1);
    expect_found(0, 2, DNS_RCODE_SERVFAIL, 0);
}

/* --- TCP ---------------------------------------------------------------------------------- */

#define ISN 0xfffffff0u /* sequence numbers wrap inside the first message */

static void open_tcp(const struct packet_ends *ends)
{
    stub_tcp(&stub, 0, ends, &(struct packet_tcp) { ISN, 0, TCP_SYN }, NULL, 0);
}

static void say(const struct packet_ends *ends, uint32_t seq, const void *data, size_t len)
{
    stub_tcp(&stub, 0, ends, &(struct packet_tcp) { seq, 1, TCP_ACK }, data, len);
}

static void messages_over_tcp_are_found_however_they_are_cut(void **state)
{
    uint8_t stream[2 * (2 + QUERY_LEN)];
    struct packet_ends ends = ask_ends;

    for (size_t i = 0; i < 2; i++) {
        stream[i * (2 + QUERY_LEN)] = 0;
        stream[i * (2 + QUERY_LEN) + 1] = QUERY_LEN;
        memcpy(stream + i * (2 + QUERY_LEN) + 2, query, QUERY_LEN);
    }
    for (size_t cut = 1; cut <= sizeof(stream); cut++) {
        stop(state);
        start(state);
        ends.sport++;
        open_tcp(&ends);
        for (size_t at = 0; at < sizeof(stream); at += cut)
            say(&ends, ISN + 1 + (uint32_t)at, stream + at,
                cut < sizeof(stream) - at ? cut : sizeof(stream) - at);
        assert_int_equal(stub.nr_queries, 2);
        assert_memory_equal(stub.queries[1], query, QUERY_LEN);
        assert_int_equal(stub.nr_packets, 0); /* not even the SYN */
    }
}

static void an_answer_over_tcp_is_found(void **state)
{
    uint8_t up[2 + QUERY_LEN] = { 0, QUERY_LEN }, down[2 + ANSWER_LEN] = { 0, ANSWER_LEN };

    (void)state;
    memcpy(up + 2, query, QUERY_LEN);
    memcpy(down + 2, answer, ANSWER_LEN);
    open_tcp(&ask_ends);
    say(&ask_ends, ISN + 1, up, sizeof(up));
    say(&answer_ends, 700, down, 5);
    assert_int_equal(stub.nr_found, 0);
    say(&answer_ends, 705, down + 5, sizeof(down) - 5);
    expect_found(0, 1, DNS_RCODE_OK, 1);
}

static void retransmissions_are_taken_once_and_gaps_are_counted(void **state)
{
    uint8_t up[2 + QUERY_LEN] = { 0, QUERY_LEN };

    (void)state;
    memcpy(up + 2, query, QUERY_LEN);
    open_tcp(&ask_ends);
    say(&ask_ends, ISN + 1, up, 4);
    say(&ask_ends, ISN + 1, up, 4);
    say(&ask_ends, ISN + 7, up + 6, 2); /* two bytes are missing before it */
    assert_int_equal(stub_counts(&stub).dns_lost, 1);
    say(&ask_ends, ISN + 3, up + 2, sizeof(up) - 2);
    assert_int_equal(stub.nr_queries, 1);
    assert_memory_equal(stub.queries[0], query, QUERY_LEN);
}

static void a_message_that_is_too_long_is_not_gathered(void **state)
{
    static const uint8_t head[2] = { 0xff, 0xff };
    static const uint8_t filler[1400];

    (void)state;
    open_tcp(&ask_ends);
    say(&ask_ends, ISN + 1, head, 2);
    for (uint32_t i = 0; i < 4; i++)
        say(&ask_ends, ISN + 3 + i * 1400, filler, 1400);
    assert_int_equal(stub.nr_queries, 0);
    assert_true(stub_counts(&stub).dns_lost > 0);
}

static void the_connection_opened_first_makes_room(void **state)
{
    uint8_t up[2 + QUERY_LEN] = { 0, QUERY_LEN };
    struct packet_ends ends = ask_ends;

    (void)state;
    memcpy(up + 2, query, QUERY_LEN);
    for (unsigned i = 0; i <= REPLAY_DNS_STREAMS_MAX; i++) {
        ends.sport = (uint16_t)(1000 + i);
        open_tcp(&ends);
    }
    ends.sport = 1000;
    say(&ends, ISN + 1, up, sizeof(up));
    assert_int_equal(stub.nr_queries, 0);
    ends.sport = 1001;
    say(&ends, ISN + 1, up, sizeof(up));
    assert_int_equal(stub.nr_queries, 1);
}

#define T(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_query_is_judged_and_its_answer_found_in_the_capture),
        T(an_answer_to_another_id_client_server_or_name_is_none),
        T(a_malformed_or_truncated_answer_means_that_the_server_failed),
        T(no_answer_in_time_means_that_the_server_failed),
        T(an_unexpected_answer_counts_as_begun_before_the_capture),
        T(many_questions_are_waited_for_but_not_without_bound),
        T(a_full_ring_still_gives_up_the_oldest_first),
        T(messages_over_tcp_are_found_however_they_are_cut),
        T(an_answer_over_tcp_is_found),
        T(retransmissions_are_taken_once_and_gaps_are_counted),
        T(a_message_that_is_too_long_is_not_gathered),
        T(the_connection_opened_first_makes_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
