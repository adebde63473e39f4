/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/quic_table.h"

#include <string.h>

#include "tests/support/cm.h"

#define NR      12u
#define NR_HELD 20u
#define SECOND  1000000u

static struct quic_table table;
static struct quic_conn conn;

static int start(void **state)
{
    static const uint8_t key[16] = "0123456789abcde";

    (void)state;
    memset(&conn, 0, sizeof(conn));
    for (int side = 0; side < NR_QUIC_SIDES; side++)
        quic_crypto_init(&conn.crypto[side]);
    return quic_table_init(&table, NR, 4 * QUIC_CHUNKS_WORST, NR_HELD, 3, key) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    quic_table_clear(&table);
    return 0;
}

static struct flow_key key_of(uint16_t port)
{
    struct flow_key key;

    memset(&key, 0, sizeof(key));
    key.client.family = key.server.family = ADDR_V4;
    key.client_port = port;
    return key;
}

static struct quic_entry *add(uint16_t port, uint8_t id, uint32_t tag, uint64_t now_us)
{
    struct flow_key key = key_of(port);

    conn.initial = (struct quic_cid) { .len = 8, .bytes = { id } };
    return quic_table_new(&table, &key, tag, &conn, now_us);
}

static void connections_are_found_by_their_ports_and_ids(void **state)
{
    struct flow_key first = key_of(1), second = key_of(2);
    struct quic_entry *a = add(1, 1, 1, 0), *b = add(1, 2, 1, 0), *c = add(2, 1, 1, 0);
    const struct quic_cid one = { .len = 8, .bytes = { 1 } },
                          two = { .len = 8, .bytes = { 2 } };

    (void)state;
    assert_ptr_equal(quic_table_owner(&table, &first, &one), a);
    assert_ptr_equal(quic_table_owner(&table, &first, &two), b);
    assert_ptr_equal(quic_table_owner(&table, &second, &one), c);
    assert_null(quic_table_owner(&table, &second, &two));
    quic_table_free(&table, b);
    assert_null(quic_table_owner(&table, &first, &two));
    assert_ptr_equal(quic_table_first(&table, &first), a);
    assert_null(quic_table_next(&table, a));
    assert_int_equal(table.nr_used, 2);
}

static void a_full_share_gives_up_what_is_needed_least(void **state)
{
    struct quic_entry *entries[NR / 2];
    struct flow_key key;

    (void)state;
    for (uint16_t i = 0; i < NR / 2; i++) {
        entries[i] = add(i, 1, 1, i);
        assert_non_null(entries[i]);
    }
    assert_null(add(100, 1, 1, 10));     /* OPEN ones are never given up */
    assert_non_null(add(100, 1, 2, 10)); /* another agent's share */
    quic_table_set_state(&table, entries[0], QUIC_PINNED, 0);
    assert_null(add(101, 1, 1, SECOND - 1)); /* an answer may be on its way */
    quic_table_set_state(&table, entries[1], QUIC_ANSWERED, 0);
    quic_table_set_state(&table, entries[2], QUIC_REFUSED, 0);
    assert_non_null(add(101, 1, 1, SECOND));
    key = key_of(2);
    assert_null(quic_table_first(&table, &key)); /* the refused one went first */
    assert_non_null(add(102, 1, 1, SECOND));
    key = key_of(1);
    assert_null(quic_table_first(&table, &key));
    assert_non_null(add(103, 1, 1, SECOND));
    key = key_of(0);
    assert_null(quic_table_first(&table, &key));
    assert_null(add(104, 1, 1, SECOND));
}

static void one_that_holds_a_datagram_is_kept(void **state)
{
    struct quic_entry *entry = add(1, 1, 1, 0);
    uint32_t id;

    (void)state;
    for (uint16_t i = 2; i <= NR / 2; i++)
        assert_non_null(add(i, 1, 1, 0));
    assert_true(quic_table_hold(&table, entry, 7));
    quic_table_set_state(&table, entry, QUIC_ANSWERED, 0);
    assert_null(add(100, 1, 1, SECOND));
    assert_true(quic_table_unhold(&table, entry, &id));
    assert_int_equal(id, 7);
    assert_non_null(add(100, 1, 1, SECOND));
}

static void held_datagrams_go_first_in_first_out_within_a_share(void **state)
{
    struct quic_entry *entry = add(1, 1, 1, 0), *other = add(2, 1, 2, 0);
    uint32_t id;

    (void)state;
    for (uint32_t i = 0; i < NR_HELD / 2; i++)
        assert_true(quic_table_hold(&table, entry, i));
    assert_false(quic_table_hold(&table, entry, 99));
    assert_true(quic_table_hold(&table, other, 99));
    for (uint32_t i = 0; i < NR_HELD / 2; i++) {
        assert_true(quic_table_unhold(&table, entry, &id));
        assert_int_equal(id, i);
    }
    assert_false(quic_table_unhold(&table, entry, &id));
    quic_table_share(&table, 1);
    for (uint32_t i = 0; i < QUIC_HELD_PER_CONN; i++)
        assert_true(quic_table_hold(&table, entry, i));
    assert_false(quic_table_hold(&table, entry, 99));
    assert_true(quic_table_hold(&table, other, 98));
}

static void between_two_ports_there_are_so_many(void **state)
{
    (void)state;
    quic_table_clear(&table);
    assert_true(quic_table_init(&table, 2 * QUIC_CONNS_PER_FLOW, 16, 16, 2,
                                (const uint8_t *)"0123456789abcde"));
    for (uint8_t i = 0; i < QUIC_CONNS_PER_FLOW; i++)
        assert_non_null(add(1, i, 1, i));
    assert_null(add(1, 99, 1, 50));
    assert_non_null(add(2, 99, 1, 50));
    quic_table_set_state(&table, quic_table_oldest(&table, 1, QUIC_OPEN), QUIC_REFUSED, 60);
    assert_non_null(add(1, 99, 1, 60));
    assert_null(quic_table_oldest(&table, 1, QUIC_REFUSED));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(connections_are_found_by_their_ports_and_ids),
        TEST(a_full_share_gives_up_what_is_needed_least),
        TEST(one_that_holds_a_datagram_is_kept),
        TEST(held_datagrams_go_first_in_first_out_within_a_share),
        TEST(between_two_ports_there_are_so_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
