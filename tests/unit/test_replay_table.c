/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sni-filter/replay_table.h"
#include "tests/support/packets.h"

static const uint8_t seed[16] = { 7 };

static struct replay_endpoint endpoint(const char *addr, uint16_t port)
{
    return (struct replay_endpoint) { .addr = packet_addr(addr), .port = port };
}

static void a_connection_is_found_from_both_sides(void **state)
{
    struct replay_endpoint a = endpoint("198.18.0.2", 40000), b = endpoint("203.0.113.9", 443);
    struct replay_endpoint c = endpoint("203.0.113.9", 40000), d = endpoint("198.18.0.2", 443);
    struct replay_connection *connection;
    struct replay_table table;

    (void)state;
    assert_true(replay_table_init(&table, 4, seed));
    assert_null(replay_table_find(&table, 6, &a, &b));
    connection = replay_table_put(&table, 6, &a, &b);
    assert_ptr_equal(replay_table_find(&table, 6, &a, &b), connection);
    assert_ptr_equal(replay_table_find(&table, 6, &b, &a), connection);
    assert_null(replay_table_find(&table, 17, &a, &b));
    assert_null(replay_table_find(&table, 6, &c, &d)); /* the same numbers, crossed */
    assert_int_equal(connection->client.port, 40000);
    assert_int_equal(connection->server.port, 443);
    replay_table_clear(&table);
    replay_table_clear(&table);
}

static void a_new_connection_takes_the_place_of_the_old_one_between_its_endpoints(void **state)
{
    struct replay_endpoint a = endpoint("2001:db8::2", 1), b = endpoint("2001:db8::3", 2);
    struct replay_connection *connection;
    struct replay_table table;
    uint32_t slot, generation;

    (void)state;
    assert_true(replay_table_init(&table, 4, seed));
    connection = replay_table_put(&table, 6, &a, &b);
    connection->mark = 5;
    slot = replay_table_slot(&table, connection);
    generation = connection->generation;
    assert_ptr_equal(replay_table_at(&table, slot, generation), connection);
    connection = replay_table_put(&table, 6, &b, &a);
    assert_int_equal(connection->mark, 0);
    assert_int_equal(connection->client.port, 2);
    assert_int_equal(table.nr_used, 1);
    assert_int_equal(table.nr_evicted, 0);
    assert_null(replay_table_at(&table, slot, generation));
    assert_null(replay_table_at(&table, slot + 1, 0));
    assert_null(replay_table_at(&table, REPLAY_NONE, 0));
    replay_table_clear(&table);
}

static void the_one_unused_for_the_longest_time_makes_room(void **state)
{
    struct replay_endpoint server = endpoint("203.0.113.9", 443);
    struct replay_endpoint clients[5];
    struct replay_table table;

    (void)state;
    assert_true(replay_table_init(&table, 3, seed));
    for (uint16_t i = 0; i < 5; i++)
        clients[i] = endpoint("198.18.0.2", (uint16_t)(40000 + i));
    for (size_t i = 0; i < 3; i++)
        replay_table_put(&table, 6, &clients[i], &server);
    assert_non_null(replay_table_find(&table, 6, &clients[0], &server));
    replay_table_put(&table, 6, &clients[3], &server);
    assert_null(replay_table_find(&table, 6, &clients[1], &server));
    replay_table_put(&table, 6, &clients[4], &server);
    assert_null(replay_table_find(&table, 6, &clients[2], &server));
    assert_non_null(replay_table_find(&table, 6, &clients[0], &server));
    assert_non_null(replay_table_find(&table, 6, &clients[3], &server));
    assert_non_null(replay_table_find(&table, 6, &clients[4], &server));
    assert_int_equal(table.nr_evicted, 2);
    replay_table_clear(&table);
}

static void ten_thousand_connections_through_a_small_table_stay_consistent(void **state)
{
    struct replay_endpoint server = endpoint("203.0.113.9", 443);
    struct replay_table table;
    uint32_t nr_listed = 0;

    (void)state;
    assert_true(replay_table_init(&table, 100, seed));
    for (uint32_t i = 0; i < 10000; i++) {
        struct replay_endpoint client = endpoint("198.18.0.2", (uint16_t)(i * 7919 % 300));

        if (replay_table_find(&table, 6, &server, &client) == NULL || i % 3 == 0)
            replay_table_put(&table, 6, &client, &server);
        assert_non_null(replay_table_find(&table, 6, &client, &server));
    }
    for (uint32_t i = table.oldest; i != REPLAY_NONE; i = table.slots[i].newer)
        nr_listed++;
    assert_int_equal(nr_listed, 100);
    assert_int_equal(table.nr_used, 100);
    replay_table_clear(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_is_found_from_both_sides),
        cmocka_unit_test(a_new_connection_takes_the_place_of_the_old_one_between_its_endpoints),
        cmocka_unit_test(the_one_unused_for_the_longest_time_makes_room),
        cmocka_unit_test(ten_thousand_connections_through_a_small_table_stay_consistent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
