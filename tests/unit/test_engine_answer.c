/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * From the hello to the server's answer, and the second hello that some servers ask for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/marks.h"
#include "sni-filter/ip_packet.h"
#include "tests/support/engine_rig.h"

static struct rig rig;
static uint8_t hello[70000];

static int start(void **state)
{
    (void)state;
    rig_start_bound(&rig);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

static uint32_t pinned(struct rig_conn *c)
{
    size_t len = make_hello("allowed.test", 0, hello, sizeof(hello));

    *c = rig_conn(RIG_GOOD, 443);
    rig_client(&rig, c, 0, hello, len);
    assert_int_equal(c->mark & MARK_STATE_MASK, CT_PINNED);
    return (uint32_t)len;
}

static void a_server_hello_accepts_the_connection(void **state)
{
    struct rig_conn c;
    uint32_t len = pinned(&c), tag = c.mark & MARK_VALUE_MASK;
    uint8_t answer[100];
    size_t n = make_server_hello(false, answer);

    (void)state;
    assert_int_equal(rig.verdict[rig_server(&rig, &c, 0, len, answer, n)],
                     VERDICT_ACCEPT | tag);
}

static void a_server_hello_in_single_bytes_accepts_with_the_one_that_tells(void **state)
{
    struct rig_conn c;
    uint32_t len = pinned(&c), id = 0;
    uint8_t answer[100];

    (void)state;
    make_server_hello(false, answer);
    for (uint32_t i = 0; i < 42; i++) {
        id = rig_server(&rig, &c, i, len, answer + i, 1);
        assert_int_equal(rig.verdict[id], VERDICT_PASS);
    }
    id = rig_server(&rig, &c, 42, len, answer + 42, 1);
    assert_int_equal(rig_state(&rig, id), VERDICT_ACCEPT);
}

static void server_data_that_does_not_cover_the_hello_is_dropped(void **state)
{
    struct rig_conn c;
    uint32_t len = pinned(&c);
    uint8_t answer[100];
    size_t n = make_server_hello(false, answer);

    (void)state;
    assert_int_equal(rig.verdict[rig_server(&rig, &c, 0, len - 1, answer, n)], 0);
    assert_int_equal(rig_state(&rig, rig_server(&rig, &c, 0, len, answer, n)), VERDICT_ACCEPT);
}

static void server_data_of_a_connection_that_is_not_pinned_is_dropped(void **state)
{
    struct rig_conn c = rig_conn(RIG_GOOD, 443);

    (void)state;
    assert_int_equal(rig.verdict[rig_server(&rig, &c, 0, 0, hello, 50)], 0);
}

static uint32_t retried(struct rig_conn *c)
{
    uint32_t len = pinned(c);
    uint8_t answer[100];
    size_t n = make_server_hello(true, answer);

    assert_int_equal(rig.verdict[rig_server(&rig, c, 0, len, answer, n)], VERDICT_PASS);
    return len;
}

static void a_second_hello_with_the_same_name_passes(void **state)
{
    static const uint8_t ccs[] = { 20, 3, 3, 0, 1, 1 };
    struct rig_conn c;
    uint32_t len = retried(&c), id;
    uint8_t answer[100];
    size_t second = make_hello("allowed.test", 300, hello, sizeof(hello));

    (void)state;
    assert_int_equal(rig.verdict[rig_client(&rig, &c, len, ccs, sizeof(ccs))], VERDICT_PASS);
    len += sizeof(ccs);
    id = rig_client(&rig, &c, len, hello, 100);
    assert_false(rig.is_judged[id]);
    assert_int_equal(rig.verdict[rig_client(&rig, &c, len + 100, hello + 100, second - 100)],
                     VERDICT_PASS);
    assert_int_equal(rig.verdict[id], VERDICT_PASS);
    /* accepted only by an answer that covers it */
    make_server_hello(false, answer);
    assert_int_equal(rig.verdict[rig_server(&rig, &c, 60, len, answer, 10)], VERDICT_PASS);
    assert_int_equal(
        rig_state(&rig, rig_server(&rig, &c, 60, len + (uint32_t)second, answer, 10)),
        VERDICT_ACCEPT);
}

static void a_second_hello_with_another_name_is_reset(void **state)
{
    static const char *names[] = { "blocked.test", "a.wild.test", NULL };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct rig_conn c;
        uint32_t len = retried(&c);
        size_t second = make_hello(names[i], 0, hello, sizeof(hello));

        assert_int_equal(rig.verdict[rig_client(&rig, &c, len, hello, second)], VERDICT_RESET);
        assert_int_equal(rig.reset.alert, 0); /* its server has spoken */
    }
}

static void a_record_inside_the_second_hello_does_not_set_its_first_part_free(void **state)
{
    static const uint8_t ccs[] = { 20, 3, 3, 0, 1, 1 };
    struct rig_conn c;
    uint32_t len = retried(&c), id;
    uint8_t message[500];

    (void)state;
    make_hello("blocked.test", 0, message, sizeof(message));
    make_records(message + 5, 20, 20, hello, sizeof(hello));
    id = rig_client(&rig, &c, len, hello, 25);
    rig_client(&rig, &c, len + 25, ccs, sizeof(ccs));
    assert_int_not_equal(rig.verdict[id] & MARK_STATE_MASK, VERDICT_PASS);
    assert_int_equal(c.mark, CT_REVOKED);
}

static void a_second_hello_that_nobody_asked_for_is_refused(void **state)
{
    struct rig_conn c;
    uint32_t len = pinned(&c);
    size_t second = make_hello("allowed.test", 0, hello, sizeof(hello));

    (void)state;
    assert_int_equal(rig_state(&rig, rig_client(&rig, &c, len, hello, second)), VERDICT_RESET);
}

static void early_data_goes_with_its_hello_and_stays_pinned(void **state)
{
    struct rig_conn c = rig_conn(RIG_GOOD, 443);
    size_t len = make_hello("allowed.test", 0, hello, sizeof(hello));
    static const uint8_t early[] = { 23, 3, 3, 0, 4, 'd', 'a', 't', 'a' };

    (void)state;
    memcpy(hello + len, early, sizeof(early));
    assert_int_equal(rig_state(&rig, rig_client(&rig, &c, 0, hello, len + sizeof(early))),
                     VERDICT_PIN);
    assert_int_equal(rig.verdict[rig_client(&rig, &c, (uint32_t)(len + sizeof(early)), early,
                                            sizeof(early))],
                     VERDICT_PASS);
}

static void a_pinned_connection_that_is_not_known_any_more_is_reset(void **state)
{
    struct rig_conn c = rig_conn(RIG_GOOD, 443);

    (void)state;
    c.mark = CT_PINNED | 5;
    assert_int_equal(rig_state(&rig, rig_client(&rig, &c, 0, hello, 10)), VERDICT_RESET);
    assert_int_equal(rig_last(&rig)->reason, REASON_INTERNAL_ERROR);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_server_hello_accepts_the_connection),
        CASE(a_server_hello_in_single_bytes_accepts_with_the_one_that_tells),
        CASE(server_data_that_does_not_cover_the_hello_is_dropped),
        CASE(server_data_of_a_connection_that_is_not_pinned_is_dropped),
        CASE(a_second_hello_with_the_same_name_passes),
        CASE(a_second_hello_with_another_name_is_reset),
        CASE(a_record_inside_the_second_hello_does_not_set_its_first_part_free),
        CASE(a_second_hello_that_nobody_asked_for_is_refused),
        CASE(early_data_goes_with_its_hello_and_stays_pinned),
        CASE(a_pinned_connection_that_is_not_known_any_more_is_reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
