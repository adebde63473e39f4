/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sni-filter/dns_upstream.h"

static struct dns_upstreams upstreams;
static struct ipc_upstream list[IPC_UPSTREAMS_MAX];
static size_t nr_listed;

static void add(const char *name, uint8_t last_byte)
{
    struct ipc_upstream *server = &list[nr_listed++];

    *server = (struct ipc_upstream) { .addr = { .family = last_byte != 0 ? ADDR_V4 : ADDR_NONE,
                                                .bytes = { 198, 18, 1, last_byte } },
                                      .port = 53 };
    snprintf(server->name, sizeof(server->name), "%s", name);
    dns_upstreams_set(&upstreams, list, nr_listed);
}

static int reset(void **state)
{
    (void)state;
    nr_listed = 0;
    dns_upstreams_set(&upstreams, list, 0);
    return 0;
}

/* The last bytes of the servers for name, as text. */
static const char *order(const char *name, uint64_t now_us)
{
    static char text[64];
    struct dns_server out[3];
    size_t nr = dns_upstreams_pick(&upstreams, name, now_us, out, 3), len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < nr; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%u ", out[i].addr.bytes[3]);
    return text;
}

static void note(uint8_t last_byte, bool is_alive, uint64_t now_us)
{
    const struct dns_server server = {
        .addr = { .family = ADDR_V4, .bytes = { 198, 18, 1, last_byte } }, .port = 53
    };

    dns_upstreams_note(&upstreams, &server, is_alive, now_us);
}

static void without_servers_nobody_is_asked(void **state)
{
    (void)state;
    assert_string_equal(order("allowed.test", 0), "");
}

static void servers_are_asked_in_the_order_of_the_list(void **state)
{
    (void)state;
    add("", 1), add("", 0), add("", 2), add("", 3), add("", 4);
    assert_string_equal(order("allowed.test", 0), "1 2 3 ");
}

static void the_longest_suffix_wins_and_stands_alone(void **state)
{
    (void)state;
    add("", 1), add("corp.example", 2), add("build.corp.example", 3), add("corp.example", 4);
    assert_string_equal(order("corp.example", 0), "2 4 ");
    assert_string_equal(order("www.corp.example", 0), "2 4 ");
    assert_string_equal(order("build.corp.example", 0), "3 ");
    assert_string_equal(order("a.b.build.corp.example", 0), "3 ");
    assert_string_equal(order("example", 0), "1 ");
}

static void a_suffix_ends_at_a_label_border(void **state)
{
    (void)state;
    add("", 1), add("corp.example", 2);
    assert_string_equal(order("xcorp.example", 0), "1 ");
    assert_string_equal(order("orp.example", 0), "1 ");
    assert_string_equal(order("x.corp.example", 0), "2 ");
}

static void a_dead_server_comes_last_for_a_while(void **state)
{
    (void)state;
    add("", 1), add("", 2);
    note(1, false, 1000);
    assert_string_equal(order("allowed.test", 1001), "2 1 ");
    assert_string_equal(order("allowed.test", 1000 + DNS_DEAD_US), "1 2 ");
    note(1, false, 1000);
    note(1, true, 1001);
    assert_string_equal(order("allowed.test", 1002), "1 2 ");
    note(1, false, 1000);
    note(2, false, 1000);
    assert_string_equal(order("allowed.test", 1001), "1 2 ");
}

static void a_dead_inner_server_is_not_replaced_by_an_outer_one(void **state)
{
    (void)state;
    add("", 1), add("corp.example", 2);
    note(2, false, 1000);
    assert_string_equal(order("www.corp.example", 1001), "2 ");
}

#define TEST(function) cmocka_unit_test_setup(function, reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_servers_nobody_is_asked),
        TEST(servers_are_asked_in_the_order_of_the_list),
        TEST(the_longest_suffix_wins_and_stands_alone),
        TEST(a_suffix_ends_at_a_label_border),
        TEST(a_dead_server_comes_last_for_a_while),
        TEST(a_dead_inner_server_is_not_replaced_by_an_outer_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
