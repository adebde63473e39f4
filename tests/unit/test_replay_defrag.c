/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "sni-filter/replay_defrag.h"
#include "tests/support/packets.h"

static struct replay_defrag defrag;
static const struct packet_ends ends4 = { "198.18.0.2", "203.0.113.9", 1, 2 };
static const struct packet_ends ends6 = { "2001:db8::2", "2001:db8::9", 1, 2 };
static const struct packet_ends *const both[] = { &ends4, &ends6 };

struct piece {
    size_t offset, len;
    bool is_last;
};

static uint8_t data[4096];

static int start(void **state)
{
    (void)state;
    memset(&defrag, 0, sizeof(defrag));
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 31 + i / 256);
    return 0;
}

/* A fragment of a UDP datagram whose bytes are data's, or others. */
static enum parse_rc add(const struct packet_ends *ends, uint8_t id, const struct piece *piece,
                         const uint8_t *bytes, uint64_t now_us, struct cursor *whole)
{
    uint8_t packet[PACKET_MAX], body[PACKET_MAX];
    bool is_v6 = ends == &ends6;
    size_t head = is_v6 ? 8 : 0, len;
    struct ip_packet ip;
    enum parse_rc rc;
    uint8_t *copy;

    memset(body, 0, 8);
    body[0] = 17;
    body[2] = (uint8_t)(piece->offset >> 8);
    body[3] = (uint8_t)(piece->offset | !piece->is_last);
    body[7] = id;
    memcpy(body + head, bytes + piece->offset, piece->len);
    len = packet_make_ip(ends, is_v6 ? 44 : 17, body, head + piece->len, packet);
    if (!is_v6) {
        packet[5] = id;
        packet[6] = (uint8_t)(piece->offset >> 11 | (piece->is_last ? 0 : 0x20));
        packet[7] = (uint8_t)(piece->offset >> 3);
    }
    copy = packet_exact(packet, len);
    rc = ip_packet_parse((struct cursor) { .base = copy, .len = len }, &ip);
    assert_int_equal(rc, PARSE_OK);
    assert_true(ip.is_fragment);
    rc = replay_defrag_add(&defrag, now_us, (struct cursor) { .base = copy, .len = len }, &ip,
                           whole);
    free(copy);
    return rc;
}

static void expect_whole(const struct packet_ends *ends, const struct cursor *whole, size_t len)
{
    uint8_t packet[PACKET_MAX];
    size_t want = packet_make_ip(ends, 17, data, len, packet);

    packet[4] = whole->base[4]; /* the identification stays in an IPv4 header */
    packet[5] = whole->base[5];
    assert_int_equal(whole->len, want);
    assert_memory_equal(whole->base, packet, want);
}

static const struct piece pieces[] = { { 0, 1000, false },
                                       { 1000, 1000, false },
                                       { 2000, 7, true } };

static void fragments_in_any_order_give_the_packet(void **state)
{
    static const size_t orders[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                        { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
    struct cursor whole;

    (void)state;
    for (size_t f = 0; f < ARRAY_LEN(both); f++) {
        for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
            for (size_t k = 0; k < 2; k++) {
                assert_int_equal(add(both[f], 1, &pieces[orders[i][k]], data, 0, &whole),
                                 PARSE_MORE);
                assert_null(whole.base);
            }
            assert_int_equal(add(both[f], 1, &pieces[orders[i][2]], data, 0, &whole), PARSE_OK);
            expect_whole(both[f], &whole, 2007);
        }
    }
}

static void sets_of_other_ids_and_addresses_are_kept_apart(void **state)
{
    struct packet_ends other = { "198.18.0.3", "203.0.113.9", 1, 2 };
    struct cursor whole;

    (void)state;
    assert_int_equal(add(&ends4, 1, &pieces[0], data, 0, &whole), PARSE_MORE);
    assert_int_equal(add(&ends4, 2, &pieces[1], data, 0, &whole), PARSE_MORE);
    assert_int_equal(add(&other, 1, &pieces[1], data, 0, &whole), PARSE_MORE);
    assert_int_equal(add(&ends4, 1, &pieces[2], data, 0, &whole), PARSE_MORE);
    assert_int_equal(add(&ends4, 1, &pieces[1], data, 0, &whole), PARSE_OK);
}

static void a_repeated_fragment_changes_nothing(void **state)
{
    struct cursor whole;

    (void)state;
    assert_int_equal(add(&ends4, 1, &pieces[0], data, 0, &whole), PARSE_MORE);
    assert_int_equal(add(&ends4, 1, &pieces[0], data, 0, &whole), PARSE_MORE);
    assert_int_equal(add(&ends4, 1, &pieces[2], data, 0, &whole), PARSE_MORE);
    assert_int_equal(add(&ends4, 1, &pieces[2], data, 0, &whole), PARSE_MORE);
    assert_int_equal(add(&ends4, 1, &pieces[1], data, 0, &whole), PARSE_OK);
}

static void overlaps_that_are_no_repetition_drop_the_set(void **state)
{
    static const struct piece overlap[] = {
        { 992, 16, false }, /* both neighbours */
        { 8, 16, false },   /* inside, other bytes */
    };
    uint8_t lie[sizeof(data)];
    struct cursor whole;

    (void)state;
    memset(lie, 0xee, sizeof(lie));
    for (size_t i = 0; i < ARRAY_LEN(overlap); i++) {
        uint8_t id = (uint8_t)(10 + i);

        assert_int_equal(add(&ends4, id, &pieces[0], data, 0, &whole), PARSE_MORE);
        assert_int_equal(add(&ends4, id, &overlap[i], lie, 0, &whole), PARSE_BAD);
        assert_int_equal(add(&ends4, id, &pieces[1], data, 0, &whole), PARSE_BAD);
        assert_int_equal(add(&ends4, id, &pieces[2], data, 0, &whole), PARSE_BAD);
    }
    assert_int_equal(add(&ends4, 20, &pieces[0], data, 0, &whole), PARSE_MORE);
    assert_int_equal(add(&ends4, 20, &overlap[0], data, 0, &whole), PARSE_BAD);
}

static void an_overlap_is_one_even_where_the_bytes_are_equal(void **state)
{
    static const uint8_t zeros[16];
    static const struct piece first = { 0, 8, false }, wider = { 0, 16, false };
    struct cursor whole;

    (void)state;
    assert_int_equal(add(&ends4, 1, &first, zeros, 0, &whole), PARSE_MORE);
    assert_int_equal(add(&ends4, 1, &wider, zeros, 0, &whole), PARSE_BAD);
}

static void fragments_that_contradict_each_other_drop_the_set(void **state)
{
    static const struct {
        struct piece first, second;
    } cases[] = {
        { { 1000, 8, true }, { 1008, 8, false } }, /* beyond the end */
        { { 1000, 8, true }, { 1008, 8, true } },  /* another end, later */
        { { 1000, 16, true }, { 1000, 8, true } }, /* another end, earlier */
        { { 1008, 8, false }, { 1000, 8, true } }, /* ends before what is there */
    };
    static const struct piece odd = { 0, 7, false }, empty = { 8, 0, true };
    struct cursor whole;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t id = (uint8_t)(1 + i);

        assert_int_equal(add(&ends4, id, &cases[i].first, data, 0, &whole), PARSE_MORE);
        assert_int_equal(add(&ends4, id, &cases[i].second, data, 0, &whole), PARSE_BAD);
    }
    assert_int_equal(add(&ends4, 99, &odd, data, 0, &whole), PARSE_BAD);
    assert_int_equal(add(&ends4, 98, &empty, data, 0, &whole), PARSE_BAD);
}

static void no_packet_beyond_the_largest_one_is_put_together(void **state)
{
    static uint8_t big[70000];
    static const struct piece last = { 65528, 8, true }, good = { 65464, 8, true };
    struct cursor whole;

    (void)state;
    assert_int_equal(add(&ends4, 1, &last, big, 0, &whole), PARSE_BAD);
    assert_int_equal(add(&ends4, 2, &good, big, 0, &whole), PARSE_MORE);
}

static void a_set_is_given_up_in_time_and_for_newer_ones(void **state)
{
    struct cursor whole;

    (void)state;
    assert_int_equal(add(&ends4, 1, &pieces[0], data, 0, &whole), PARSE_MORE);
    assert_int_equal(add(&ends4, 1, &pieces[1], data, REPLAY_DEFRAG_WAIT_US - 1, &whole),
                     PARSE_MORE);
    assert_int_equal(add(&ends4, 1, &pieces[2], data, REPLAY_DEFRAG_WAIT_US, &whole),
                     PARSE_MORE); /* alone now */
    for (uint8_t id = 100; id < 100 + REPLAY_DEFRAG_SETS; id++)
        assert_int_equal(add(&ends4, id, &pieces[0], data, REPLAY_DEFRAG_WAIT_US + id, &whole),
                         PARSE_MORE);
    for (uint8_t id = 100; id < 100 + REPLAY_DEFRAG_SETS; id++)
        assert_int_equal(add(&ends4, id, &pieces[1], data, REPLAY_DEFRAG_WAIT_US + 200, &whole),
                         PARSE_MORE);
    assert_int_equal(add(&ends4, 50, &pieces[0], data, REPLAY_DEFRAG_WAIT_US + 300, &whole),
                     PARSE_MORE); /* in place of 100 */
    assert_int_equal(add(&ends4, 101, &pieces[2], data, REPLAY_DEFRAG_WAIT_US + 300, &whole),
                     PARSE_OK);
    assert_int_equal(add(&ends4, 100, &pieces[2], data, REPLAY_DEFRAG_WAIT_US + 300, &whole),
                     PARSE_MORE);
}

static void a_fragment_header_behind_other_headers_is_not_read(void **state)
{
    static const uint8_t body[] = { 44, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 1,
                                    0,  0, 0, 1, 0, 0, 0, 0, 0,  0, 0, 0 };
    uint8_t packet[PACKET_MAX];
    size_t len = packet_make_ip(&ends6, 60, body, sizeof(body), packet);
    struct ip_packet ip;
    struct cursor whole;

    (void)state;
    assert_int_equal(ip_packet_parse((struct cursor) { .base = packet, .len = len }, &ip),
                     PARSE_OK);
    assert_true(ip.is_fragment);
    assert_int_equal(replay_defrag_add(&defrag, 0,
                                       (struct cursor) { .base = packet, .len = len }, &ip,
                                       &whole),
                     PARSE_BAD);
}

static void an_ipv4_header_below_20_bytes_is_refused(void **state)
{
    uint8_t packet[PACKET_MAX];
    size_t len = packet_make_ip(&ends4, 17, data, 16, packet);
    struct ip_packet ip = { .is_fragment = true };
    struct cursor whole;

    (void)state;
    packet[0] = 0x44;
    packet[6] = 0x20;
    packet[3] = 32;
    ip.src = packet_addr(ends4.src);
    ip.dst = packet_addr(ends4.dst);
    assert_int_equal(replay_defrag_add(&defrag, 0,
                                       (struct cursor) { .base = packet, .len = len }, &ip,
                                       &whole),
                     PARSE_BAD);
}

static void every_cut_of_a_fragment_is_refused(void **state)
{
    static const uint8_t body[] = { 17, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8 };
    uint8_t packet[PACKET_MAX];
    struct ip_packet ip = { .is_fragment = true };
    struct cursor whole;

    (void)state;
    for (size_t f = 0; f < ARRAY_LEN(both); f++) {
        size_t len = packet_make_ip(both[f], f == 0 ? 17 : 44, body, sizeof(body), packet);

        packet[6] = f == 0 ? 0x20 : 44;
        ip.src = packet_addr(both[f]->src);
        ip.dst = packet_addr(both[f]->dst);
        for (size_t cut = 0; cut < len; cut++) {
            uint8_t *copy = packet_exact(packet, cut);

            assert_int_equal(replay_defrag_add(&defrag, 0,
                                               (struct cursor) { .base = copy, .len = cut },
                                               &ip, &whole),
                             PARSE_BAD);
            free(copy);
        }
    }
}

#define T(test) cmocka_unit_test_setup(test, start)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(fragments_in_any_order_give_the_packet),
        T(sets_of_other_ids_and_addresses_are_kept_apart),
        T(a_repeated_fragment_changes_nothing),
        T(overlaps_that_are_no_repetition_drop_the_set),
        T(an_overlap_is_one_even_where_the_bytes_are_equal),
        T(an_ipv4_header_below_20_bytes_is_refused),
        T(fragments_that_contradict_each_other_drop_the_set),
        T(no_packet_beyond_the_largest_one_is_put_together),
        T(a_set_is_given_up_in_time_and_for_newer_ones),
        T(a_fragment_header_behind_other_headers_is_not_read),
        T(every_cut_of_a_fragment_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
