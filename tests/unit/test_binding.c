/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "sni-filter/binding.h"

static struct binding_table table;
static const uint8_t key[16] = "binding test key";

static struct addr address(uint8_t last)
{
    return addr_from_bytes(ADDR_V4, (const uint8_t[]) { 203, 0, 113, last });
}

static int start(void **state)
{
    (void)state;
    assert_true(binding_table_init(&table, 64, 3, key)); /* two agents: 32 each */
    return 0;
}

static int stop(void **state)
{
    (void)state;
    binding_table_clear(&table);
    return 0;
}

static void a_binding_is_found_by_agent_address_and_name_until_it_runs_out(void **state)
{
    struct addr a = address(1), b = address(2);

    (void)state;
    assert_non_null(binding_put(&table, 1, &a, "x.test", 100, 50));
    assert_non_null(binding_find(&table, 1, &a, "x.test", 99));
    assert_null(binding_find(&table, 1, &a, "x.test", 100));
    assert_null(binding_find(&table, 1, &a, "y.test", 0));
    assert_null(binding_find(&table, 1, &b, "x.test", 0));
    assert_null(binding_find(&table, 2, &a, "x.test", 0));
}

static void a_refresh_never_shortens(void **state)
{
    struct addr a = address(1);
    const struct binding *b;

    (void)state;
    assert_non_null(binding_put(&table, 1, &a, "x.test", 100, 100));
    b = binding_put(&table, 1, &a, "x.test", 50, 200);
    assert_non_null(b);
    assert_int_equal(b->until_us, 100);
    assert_int_equal(b->until_plain_us, 200);
    assert_int_equal(table.agents[1].nr, 1);
}

static void all_names_of_an_address_are_found(void **state)
{
    struct addr a = address(1), other = address(2);
    const struct binding *b = NULL;
    char name[32];
    int nr = 0;

    (void)state;
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof(name), "n%d.test", i);
        assert_non_null(binding_put(&table, 1, i < 7 ? &a : &other, name, 100, 100));
    }
    while ((b = binding_next(&table, 1, &a, b, 0)) != NULL)
        nr++;
    assert_int_equal(nr, 7);
    assert_null(binding_next(&table, 1, &a, NULL, 100));
}

static void a_full_share_pushes_out_the_agents_own_oldest_and_nobody_elses(void **state)
{
    struct addr a = address(1);
    char name[32];

    (void)state;
    assert_non_null(binding_put(&table, 2, &a, "mine.test", 100, 100));
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "n%d.test", i);
        assert_non_null(binding_put(&table, 1, &a, name, 100, 100));
    }
    assert_int_equal(table.agents[1].nr, 32);
    assert_null(binding_find(&table, 1, &a, "n67.test", 0));
    assert_non_null(binding_find(&table, 1, &a, "n68.test", 0));
    assert_non_null(binding_find(&table, 2, &a, "mine.test", 0));
}

static void what_ran_out_is_freed_and_its_slot_used_again(void **state)
{
    struct addr a = address(1);
    uint32_t used;

    (void)state;
    assert_non_null(binding_put(&table, 1, &a, "x.test", 10, 10));
    assert_non_null(binding_put(&table, 1, &a, "y.test", 100, 100));
    used = table.nr_used;
    binding_expire(&table, 50, 16);
    assert_int_equal(table.agents[1].nr, 1);
    assert_non_null(binding_put(&table, 1, &a, "z.test", 100, 100));
    assert_int_equal(table.nr_used, used);
    assert_non_null(binding_find(&table, 1, &a, "y.test", 50));
}

static void nobody_and_unknown_agents_get_no_binding(void **state)
{
    struct addr a = address(1);

    (void)state;
    assert_null(binding_put(&table, 0, &a, "x.test", 10, 10));
    assert_null(binding_put(&table, 3, &a, "x.test", 10, 10));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_binding_is_found_by_agent_address_and_name_until_it_runs_out),
        CASE(a_refresh_never_shortens),
        CASE(all_names_of_an_address_are_found),
        CASE(a_full_share_pushes_out_the_agents_own_oldest_and_nobody_elses),
        CASE(what_ran_out_is_freed_and_its_slot_used_again),
        CASE(nobody_and_unknown_agents_get_no_binding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
