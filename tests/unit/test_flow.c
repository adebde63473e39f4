/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "sni-filter/flow.h"

static struct flow_table table;
static const uint8_t hash_key[16] = "flow table tests";
static const uint8_t data[CHUNK_SIZE];

static int start(void **state)
{
    (void)state;
    /* two agents: 4 flows, 8 chunks, 3 held packets each */
    assert_true(flow_table_init(&table, 8, 16, 6, 3, hash_key));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    flow_table_clear(&table);
    return 0;
}

static struct flow_key key(uint16_t port)
{
    struct flow_key k;

    memset(&k, 0, sizeof(k));
    k.client_port = port;
    return k;
}

static struct flow *make(uint16_t port, uint32_t agent, uint64_t now_us)
{
    struct flow_key k = key(port);

    return flow_new(&table, &k, agent, now_us);
}

static struct flow *find(uint16_t port)
{
    struct flow_key k = key(port);

    return flow_find(&table, &k);
}

static void flows_are_found_until_they_are_freed(void **state)
{
    struct flow *a = make(1, 1, 0), *b = make(2, 1, 0);

    (void)state;
    assert_ptr_equal(find(1), a);
    assert_ptr_equal(find(2), b);
    flow_free(&table, a);
    assert_null(find(1));
    assert_ptr_equal(find(2), b);
}

static void one_agents_flows_leave_the_others_share_alone(void **state)
{
    (void)state;
    for (uint16_t port = 1; port <= 4; port++)
        assert_non_null(make(port, 1, 0));
    assert_null(make(5, 1, 0));
    assert_non_null(make(6, 2, 0));
}

static void
waiting_for_an_answer_makes_room_but_not_at_once_and_never_with_held_packets(void **state)
{
    struct flow *held;

    (void)state;
    for (uint16_t port = 1; port <= 4; port++)
        assert_non_null(make(port, 1, 0));
    flow_set_state(&table, find(2), FLOW_PINNED, 0);
    assert_null(make(5, 1, 500000));
    assert_non_null(make(5, 1, 1000000));
    assert_null(find(2));

    held = find(3);
    assert_true(flow_hold(&table, held, 7, 0, 1));
    flow_set_state(&table, held, FLOW_PINNED, 1000000);
    assert_null(make(6, 1, 9000000));
    assert_non_null(find(3));
}

static void chunks_are_a_share_too(void **state)
{
    struct flow *flow = make(1, 1, 0), *waiting = make(2, 1, 0);
    struct cursor segment = { .base = data, .len = CHUNK_SIZE };
    uint32_t nr_new;

    (void)state;
    assert_int_equal(flow_put(&table, waiting, &waiting->client, 0, segment, 0, &nr_new),
                     STREAM_OK);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(
            flow_put(&table, flow, &flow->client, i * CHUNK_SIZE, segment, 0, &nr_new),
            STREAM_OK);
    assert_int_equal(flow_put(&table, flow, &flow->client, 5 * CHUNK_SIZE, segment, 0, &nr_new),
                     STREAM_FULL);
    flow_set_state(&table, waiting, FLOW_PINNED, 0);
    flow_set_state(&table, make(3, 1, 1900000), FLOW_REFUSED, 1900000); /* holds none */
    assert_int_equal(
        flow_put(&table, flow, &flow->client, 5 * CHUNK_SIZE, segment, 2000000, &nr_new),
        STREAM_OK);
    assert_null(find(2));
    flow_free(&table, flow);
    assert_int_equal(table.agents[1].nr_chunks, 0);
    assert_int_equal(table.pool.nr_used, 0);
}

static void held_packets_come_back_in_stream_order_and_only_when_they_end_in_time(void **state)
{
    struct flow *flow = make(1, 1, 0);
    struct held held;

    (void)state;
    assert_true(flow_hold(&table, flow, 30, 30, 40));
    assert_true(flow_hold(&table, flow, 10, 10, 20));
    assert_true(flow_hold(&table, flow, 20, 20, 30));
    assert_true(flow_unhold(&table, flow, 30, &held));
    assert_int_equal(held.id, 10);
    assert_true(flow_unhold(&table, flow, 30, &held));
    assert_int_equal(held.id, 20);
    assert_false(flow_unhold(&table, flow, 30, &held));
    assert_true(flow_unhold(&table, flow, 40, &held));
    assert_int_equal(flow->nr_held, 0);
}

static void held_packets_move_with_their_stream(void **state)
{
    const struct cursor bytes = { .base = data, .len = 100 };
    struct flow *flow = make(1, 1, 0);
    struct held held;
    uint32_t nr_new;

    (void)state;
    for (uint32_t at = 0; at < 3 * CHUNK_SIZE; at += CHUNK_SIZE)
        assert_int_equal(flow_put(&table, flow, &flow->client, at, bytes, 0, &nr_new),
                         STREAM_OK);
    assert_int_equal(table.agents[1].nr_chunks, 3);
    assert_true(flow_hold(&table, flow, 1, CHUNK_SIZE - 10, CHUNK_SIZE + 10));
    assert_true(flow_hold(&table, flow, 2, 2 * CHUNK_SIZE, 2 * CHUNK_SIZE + 100));
    assert_int_equal(flow_pass(&table, flow, &flow->client, CHUNK_SIZE), CHUNK_SIZE);
    assert_int_equal(table.agents[1].nr_chunks, 2);
    assert_true(flow_unhold(&table, flow, 10, &held));
    assert_int_equal(held.id, 1);
    assert_int_equal(held.offset, 0);
    assert_int_equal(held.end, 10);
    assert_true(flow_unhold(&table, flow, CHUNK_SIZE + 100, &held));
    assert_int_equal(held.offset, CHUNK_SIZE);
    assert_int_equal(flow_pass(&table, flow, &flow->server, CHUNK_SIZE), CHUNK_SIZE);
    assert_int_equal(table.agents[1].nr_chunks, 2);
}

static void held_packets_are_bounded(void **state)
{
    struct flow *flow = make(1, 1, 0), *second = make(2, 1, 0), *other = make(3, 2, 0);
    struct held held;

    (void)state;
    for (uint32_t i = 0; i < 3; i++)
        assert_true(flow_hold(&table, flow, i, i, i + 1));
    assert_false(flow_hold(&table, flow, 6, 6, 7));
    assert_false(flow_hold(&table, second, 7, 0, 1));
    for (uint32_t i = 0; i < 3; i++) /* the other agent's share is untouched */
        assert_true(flow_hold(&table, other, 10 + i, i, i + 1));
    assert_true(flow_unhold(&table, flow, 1, &held));
    assert_true(flow_hold(&table, second, 7, 0, 1));
}

static void the_longest_quiet_flow_is_first_in_the_list_of_stalls(void **state)
{
    struct flow *a = make(1, 1, 0), *b = make(2, 2, 0);

    (void)state;
    flow_touch(&table, a, 1);
    flow_touch(&table, b, 2);
    assert_ptr_equal(&table.flows[table.stalls.oldest], a);
    flow_touch(&table, a, 3);
    assert_ptr_equal(&table.flows[table.stalls.oldest], b);
    flow_calm(&table, b);
    flow_free(&table, a);
    assert_int_equal(table.stalls.oldest, INDEX_NONE);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(flows_are_found_until_they_are_freed),
        CASE(one_agents_flows_leave_the_others_share_alone),
        CASE(waiting_for_an_answer_makes_room_but_not_at_once_and_never_with_held_packets),
        CASE(chunks_are_a_share_too),
        CASE(held_packets_come_back_in_stream_order_and_only_when_they_end_in_time),
        CASE(held_packets_move_with_their_stream),
        CASE(held_packets_are_bounded),
        CASE(the_longest_quiet_flow_is_first_in_the_list_of_stalls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
