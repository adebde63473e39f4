/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Decisions that depend on more than a name and its address: services, time, "!" rules for
 * addresses, how strictly ECH is taken.
 */
#include <stdio.h>
#include <string.h>

#include "common/marks.h"
#include "tests/support/cm.h"
#include "tests/support/engine_rig.h"
#include "tests/support/hello.h"

#define LIST  "allowed.test tls/443 http/80 tcp/22\n203.0.113.77 http/80\n"
#define OTHER "203.0.113.77"

static struct rig rig;

static int start(void **state)
{
    (void)state;
    rig_start(&rig, LIST);
    rig_bind(&rig, "allowed.test", RIG_GOOD);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

static uint32_t syn_to(const char *server, uint16_t port)
{
    struct rig_conn c = rig_conn(server, port);

    return rig_state(&rig, rig_syn(&rig, &c, NULL, 0));
}

static void a_syn_may_go_where_any_of_its_services_is_allowed(void **state)
{
    (void)state;
    assert_int_equal(syn_to(RIG_GOOD, 443), VERDICT_PASS);
    assert_int_equal(syn_to(RIG_GOOD, 80), VERDICT_PASS);
    assert_int_equal(syn_to(RIG_GOOD, 22), VERDICT_ACCEPT);
    assert_int_equal(syn_to(RIG_GOOD, 8080), VERDICT_RESET);
    assert_int_equal(syn_to(OTHER, 80), VERDICT_PASS);
    assert_int_equal(syn_to(OTHER, 443), VERDICT_RESET);
}

/* The name will not be seen again: its answer's TTL, a minute at least, is how long it lasts.
 */
static void what_is_never_read_lasts_as_long_as_its_answer(void **state)
{
    (void)state;
    rig_wait(&rig, 59999999);
    assert_int_equal(syn_to(RIG_GOOD, 22), VERDICT_ACCEPT);
    rig_wait(&rig, 1);
    assert_int_equal(syn_to(RIG_GOOD, 22), VERDICT_RESET);
    assert_int_equal(rig_last(&rig)->reason, REASON_ADDRESS_NOT_BOUND);
    assert_int_equal(syn_to(RIG_GOOD, 443), VERDICT_PASS);
    assert_int_equal(syn_to(RIG_GOOD, 80), VERDICT_PASS);
}

static void a_denied_address_is_denied_whatever_it_was_given_out_for(void **state)
{
    static const char *const rules[] = { "!203.0.113.10\n",
                                         "!203.0.113.10 tcp/22 tls/443 http/80\n" };
    static const uint16_t ports[] = { 443, 22 };
    char text[200];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        snprintf(text, sizeof(text), "%s%s", LIST, rules[i]);
        rig_policy(&rig, text);
        for (size_t p = 0; p < ARRAY_LEN(ports); p++) {
            assert_int_equal(syn_to(RIG_GOOD, ports[p]), VERDICT_RESET);
            assert_int_equal(rig_last(&rig)->reason, REASON_NAME_DENIED);
        }
    }
}

/* Live on one connection: the second request comes after the rule. */
static void a_request_to_an_address_that_is_denied_now_is_refused(void **state)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n";
    const size_t len = sizeof(request) - 1;
    struct rig_conn c = rig_conn(RIG_GOOD, 80);

    (void)state;
    assert_int_equal(rig_state(&rig, rig_client(&rig, &c, 0, (const uint8_t *)request, len)),
                     VERDICT_HTTP_SENT);
    rig_policy(&rig, LIST "!203.0.113.10\n");
    assert_int_equal(
        rig_state(&rig, rig_client(&rig, &c, (uint32_t)len, (const uint8_t *)request, len)),
        VERDICT_RESET);
    assert_int_equal(rig_last(&rig)->reason, REASON_NAME_DENIED);
}

static enum reason reason_of_ech(bool has_ech)
{
    static struct bytes message, stream;
    struct rig_conn c = rig_conn(RIG_GOOD, 443);
    struct hello_marks marks;

    message.len = stream.len = 0;
    hello_open(&message, &marks);
    hello_server_name(&message, "allowed.test");
    if (has_ech)
        hello_extension(&message, 0xfe0d, "00 00010001 07 0001 01 0001 02");
    hello_close(&message, &marks);
    hello_records(&stream, &message, 16384);
    rig_client(&rig, &c, 0, stream.at, stream.len);
    return rig_last(&rig)->reason;
}

static void ech_is_refused_where_it_is_not_allowed(void **state)
{
    static struct ipc_setup setup;

    (void)state;
    assert_int_equal(reason_of_ech(true), REASON_RULE);
    assert_true(prefix_parse("198.18.0.0/24", 13, &setup.sources[0].prefix));
    snprintf(setup.sources[0].agent, sizeof(setup.sources[0].agent), "agent");
    setup.nr_sources = 1;
    setup.dns_keep_s = 86400;
    setup.dns_min_ttl_s = 60;
    engine_set_setup(rig.engine, &setup);
    rig_policy(&rig, LIST);
    assert_int_equal(reason_of_ech(true), REASON_ECH);
    assert_int_equal(reason_of_ech(false), REASON_RULE);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_syn_may_go_where_any_of_its_services_is_allowed),
        CASE(what_is_never_read_lasts_as_long_as_its_answer),
        CASE(a_denied_address_is_denied_whatever_it_was_given_out_for),
        CASE(a_request_to_an_address_that_is_denied_now_is_refused),
        CASE(ech_is_refused_where_it_is_not_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
