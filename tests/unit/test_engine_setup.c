/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Agents that come and go while the engine runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/marks.h"
#include "sni-filter/binding.h"
#include "sni-filter/flow.h"
#include "sni-filter/ip_packet.h"
#include "tests/support/engine_rig.h"

static struct rig rig;
static struct ipc_setup setup;

static void source(size_t at, const char *prefix, const char *agent)
{
    assert_true(prefix_parse(prefix, strlen(prefix), &setup.sources[at].prefix));
    snprintf(setup.sources[at].agent, sizeof(setup.sources[at].agent), "%s", agent);
    if (setup.nr_sources <= at)
        setup.nr_sources = (uint32_t)at + 1;
}

/* As the rig has it; the tests change it. */
static int start(void **state)
{
    (void)state;
    rig_start(&rig, "allowed.test\n");
    memset(&setup, 0, sizeof(setup));
    source(0, "198.18.0.0/24", "agent");
    source(1, "2001:2::/64", "agent");
    source(2, "198.18.9.0/24", "other");
    setup.dns_keep_s = 86400;
    setup.dns_min_ttl_s = 60;
    setup.has_outside_v6 = 1;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

static void change(void)
{
    engine_set_setup(rig.engine, &setup);
    rig_policy(&rig, "allowed.test\n");
}

static uint64_t nr_bindings(void)
{
    struct engine_counts counts;

    engine_counts(rig.engine, &counts);
    return counts.bindings;
}

static enum reason reason_of_syn_from(const char *client, uint32_t mark)
{
    uint8_t packet[256];
    size_t len = make_tcp(client, 4000, "203.0.113.9", 443, 0, 0, TCP_SYN, NULL, 0, packet);
    uint32_t id = rig_raw(&rig, PLACE_OUTBOUND, mark, packet, len);

    assert_true(rig.is_judged[id]);
    return rig.nr_records > 0 ? rig_last(&rig)->reason : REASON_NONE;
}

static void an_agent_that_stays_keeps_what_it_was_given(void **state)
{
    (void)state;
    rig_bind(&rig, "allowed.test", "203.0.113.9");
    assert_int_equal(nr_bindings(), 1);
    source(2, "198.18.10.0/24", "third");
    source(4, "198.18.11.0/24", "fourth");
    change();
    assert_int_equal(nr_bindings(), 1);
}

static void of_one_that_is_gone_all_is_forgotten(void **state)
{
    (void)state;
    rig_bind(&rig, "allowed.test", "203.0.113.9");
    memset(&setup.sources[0], 0, 2 * sizeof(setup.sources[0]));
    change();
    assert_int_equal(nr_bindings(), 0);
    assert_int_equal(reason_of_syn_from("198.18.0.2", 0), REASON_SPOOFED);
}

static void one_that_takes_its_place_has_none_of_it(void **state)
{
    (void)state;
    rig_bind(&rig, "allowed.test", "203.0.113.9");
    source(0, "198.18.0.0/24", "new");
    source(1, "2001:2::/64", "new");
    change();
    assert_int_equal(nr_bindings(), 0);
    assert_int_equal(reason_of_syn_from("198.18.0.2", 0), REASON_ADDRESS_NOT_BOUND);
    assert_string_equal(rig_last(&rig)->agent, "new");
}

static void one_that_is_new_is_known(void **state)
{
    (void)state;
    assert_int_equal(reason_of_syn_from("198.18.20.2", 0), REASON_SPOOFED);
    source(IPC_PREFIXES_MAX - 1, "198.18.20.0/24", "new"); /* the last place there is */
    change();
    rig_wait(&rig, 2000000);
    assert_int_equal(reason_of_syn_from("198.18.20.2", 0), REASON_ADDRESS_NOT_BOUND);
    assert_string_equal(rig_last(&rig)->agent, "new");
}

static void what_the_rules_call_spoofed_is_dropped_whatever_its_address(void **state)
{
    (void)state;
    assert_int_equal(reason_of_syn_from("198.18.0.2", MARK_SPOOFED), REASON_SPOOFED);
    assert_int_equal(rig.verdict[rig.next_id - 1], 0);
    assert_string_equal(rig_last(&rig)->agent, ""); /* nobody knows */
}

static void a_name_may_not_lead_to_a_denied_network(void **state)
{
    (void)state;
    setup.nr_private_denied = 1;
    assert_true(prefix_parse("203.0.113.0/24", 14, &setup.private_denied[0]));
    change();
    rig_bind(&rig, "allowed.test", "203.0.113.9");
    assert_int_equal(nr_bindings(), 0);
    assert_int_equal(rig_last(&rig)->reason, REASON_REBINDING);
    setup.nr_private_allowed = 1; /* but where it is exempt */
    assert_true(prefix_parse("203.0.113.9", 11, &setup.private_allowed[0]));
    change();
    rig_bind(&rig, "allowed.test", "203.0.113.9");
    assert_int_equal(nr_bindings(), 1);
}

static void a_smaller_share_takes_the_oldest_bindings(void **state)
{
    static const uint8_t key[16];
    struct binding_table table;

    (void)state;
    assert_true(binding_table_init(&table, 64, 4, key));
    binding_table_share(&table, 1);
    for (uint8_t i = 0; i < 64; i++) {
        struct addr addr = addr_from_bytes(ADDR_V4, (const uint8_t[]) { 203, 0, 113, i });

        assert_non_null(binding_put(&table, 1, &addr, "x.test", 100, 100));
    }
    binding_table_share(&table, 2);
    assert_int_equal(table.agents[1].nr, 32);
    for (uint8_t i = 0; i < 64; i++) {
        struct addr addr = addr_from_bytes(ADDR_V4, (const uint8_t[]) { 203, 0, 113, i });

        assert_int_equal(binding_find(&table, 1, &addr, "x.test", 0) != NULL, i >= 32);
    }
    binding_drop_agent(&table, 1);
    assert_int_equal(table.agents[1].nr, 0);
    binding_table_clear(&table);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

/* A list of nr live connections of that client, and of one of the other agent's. */
static bool list(const char *client, uint32_t mark, uint32_t nr, bool is_ended)
{
    struct engine_live live = {
        .dport = 443, .protocol = 6, .mark = mark, .is_ended = is_ended
    };
    const struct engine_live other = { .src = { ADDR_V4, { 198, 18, 9, 2 } },
                                       .dst = { ADDR_V4, { 203, 0, 113, 9 } },
                                       .protocol = 6,
                                       .mark = CT_OPEN };

    assert_true(addr_parse(client, strlen(client), &live.src));
    assert_true(addr_parse("203.0.113.9", strlen("203.0.113.9"), &live.dst));
    for (uint32_t i = 0; i < nr; i++)
        assert_true(engine_live_allowed(rig.engine, &rig.now, &live));
    assert_true(engine_live_allowed(rig.engine, &rig.now, &other));
    return engine_list_done(rig.engine, &rig.now);
}

static void an_agent_with_too_many_connections_gets_no_new_ones(void **state)
{
    const uint32_t isn = CT_OPEN;

    (void)state;
    setup.flows_max = 800; /* an eighth */
    change();
    rig_bind(&rig, "allowed.test", "203.0.113.9");
    assert_false(list("198.18.0.2", CT_OPEN, 100, false));
    rig.nr_records = 0;
    assert_true(list("198.18.0.2", CT_OPEN, 101, false));
    assert_int_equal(rig.nr_records, 1); /* said once */
    assert_int_equal(rig_last(&rig)->reason, REASON_HELD_LIMIT);
    assert_string_equal(rig_last(&rig)->agent, "agent");
    assert_non_null(strstr(rig_last(&rig)->detail, "101 connections"));

    rig.nr_bound = 0;
    engine_rebind(rig.engine, &rig.now);
    assert_int_equal(rig.nr_bound, 0); /* its SYNs come here */
    rig.nr_records = 0;
    assert_int_equal(reason_of_syn_from("198.18.0.2", isn), REASON_HELD_LIMIT);
    assert_int_equal(reason_of_syn_from("198.18.9.2", isn), REASON_ADDRESS_NOT_BOUND);

    /* its connections in both families count, also those that were allowed; not those that
     * have ended */
    assert_false(list("2001:2::2", CT_OPEN, 76, false));
    assert_true(list("198.18.0.2", CT_OPEN, 75, false));
    engine_rebind(rig.engine, &rig.now);
    assert_true(rig.nr_bound > 0);
    rig.nr_records = 0;
    assert_int_equal(reason_of_syn_from("198.18.0.2", isn), REASON_NONE);
    assert_false(list("198.18.0.2", CT_REVOKED, 1000, true));
}

static void many_agents_have_equal_parts_of_three_quarters(void **state)
{
    char prefix[32], name[32];

    (void)state;
    setup.flows_max = 800;
    for (unsigned i = 0; i < 58; i++) {
        snprintf(prefix, sizeof(prefix), "198.18.%u.0/24", 100 + i);
        snprintf(name, sizeof(name), "agent-%u", i);
        source(3 + i, prefix, name);
    }
    change(); /* sixty */
    assert_false(list("198.18.0.2", CT_OPEN, 10, false));
    assert_true(list("198.18.0.2", CT_OPEN, 11, false));
}

static void another_agent_in_its_place_has_none(void **state)
{
    (void)state;
    setup.flows_max = 8;
    change();
    assert_true(list("198.18.9.2", CT_OPEN, 2, false));
    assert_int_equal(reason_of_syn_from("198.18.9.2", CT_OPEN), REASON_HELD_LIMIT);
    source(2, "198.18.9.0/24", "third");
    change();
    assert_int_equal(reason_of_syn_from("198.18.9.2", CT_OPEN), REASON_ADDRESS_NOT_BOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_agent_that_stays_keeps_what_it_was_given),
        TEST(of_one_that_is_gone_all_is_forgotten),
        TEST(one_that_takes_its_place_has_none_of_it),
        TEST(one_that_is_new_is_known),
        TEST(what_the_rules_call_spoofed_is_dropped_whatever_its_address),
        TEST(a_name_may_not_lead_to_a_denied_network),
        TEST(an_agent_with_too_many_connections_gets_no_new_ones),
        TEST(many_agents_have_equal_parts_of_three_quarters),
        TEST(another_agent_in_its_place_has_none),
        cmocka_unit_test(a_smaller_share_takes_the_oldest_bindings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
