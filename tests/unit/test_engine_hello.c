/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The first ClientHello of a connection: however it is cut, and what it is judged by.
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
#include "sni-filter/tls_record.h"
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

static void a_whole_allowed_hello_is_pinned_with_its_names_tag(void **state)
{
    struct rig_conn c = rig_conn(RIG_GOOD, 443);
    size_t len = make_hello("allowed.test", 0, hello, sizeof(hello));
    uint32_t id = rig_client(&rig, &c, 0, hello, len);

    (void)state;
    assert_int_equal(rig_state(&rig, id), VERDICT_PIN);
    assert_int_not_equal(rig.verdict[id] & MARK_VALUE_MASK, 0);
    assert_int_equal(rig_last(&rig)->event, EVENT_TLS);
    assert_int_equal(rig_last(&rig)->verdict, RECORD_ALLOW);
    assert_string_equal(rig_last(&rig)->name, "allowed.test");
    assert_string_equal(rig_last(&rig)->agent, "agent");
    assert_int_equal(rig_last(&rig)->line, 1);
}

static void each_refusal_ends_it_with_its_reason(void **state)
{
    static const struct {
        const char *what, *name, *server;
        enum reason reason;
    } cases[] = {
        { "a name on no list", "blocked.test", RIG_GOOD, REASON_NAME_NOT_ALLOWED },
        { "a name below an exact one", "x.allowed.test", RIG_GOOD, REASON_NAME_NOT_ALLOWED },
        { "a denied name", "no.wild.test", RIG_OTHER, REASON_NAME_DENIED },
        { "another name's address", "allowed.test", RIG_OTHER, REASON_NAME_ADDRESS_MISMATCH },
        { "an address of nobody", "allowed.test", "198.51.100.9", REASON_ADDRESS_NOT_BOUND },
        { "another service", "plain.test", "203.0.113.30", REASON_SERVICE_NOT_ALLOWED },
        { "no name", NULL, RIG_GOOD, REASON_NO_SNI },
        { "an address as name", RIG_GOOD, RIG_GOOD, REASON_NAME_NOT_ALLOWED },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig_conn c = rig_conn(cases[i].server, 443);
        size_t len = make_hello(cases[i].name, 0, hello, sizeof(hello));
        uint32_t id = rig_client(&rig, &c, 0, hello, len);

        assert_int_equal(rig_state(&rig, id), VERDICT_RESET);
        if (rig_last(&rig)->reason != cases[i].reason)
            fail_msg("%s: %s", cases[i].what, record_reason_name(rig_last(&rig)->reason));
        assert_int_equal(rig_last(&rig)->verdict, RECORD_DENY);
    }
}

static void an_address_rule_allows_a_hello_without_a_name_and_a_foreign_name(void **state)
{
    static const char *names[] = { NULL, "203.0.113.77", "whatever.test" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct rig_conn c = rig_conn("203.0.113.77", 443);
        size_t len = make_hello(names[i], 0, hello, sizeof(hello));

        assert_int_equal(rig.verdict[rig_client(&rig, &c, 0, hello, len)], VERDICT_PIN);
    }
}

static void an_address_rule_does_not_allow_a_denied_name(void **state)
{
    struct rig_conn c = rig_conn("203.0.113.77", 443);
    size_t len = make_hello("no.wild.test", 0, hello, sizeof(hello));

    (void)state;
    assert_int_equal(rig_state(&rig, rig_client(&rig, &c, 0, hello, len)), VERDICT_RESET);
    assert_int_equal(rig_last(&rig)->reason, REASON_NAME_DENIED);
}

/* Cut at every offset, in both orders: nothing goes before the hello is whole, then all, in
 * order. */
static void every_cut_in_two_is_held_and_released_in_order(void **state)
{
    size_t len = make_hello("allowed.test", 1500, hello, sizeof(hello));

    (void)state;
    for (size_t cut = 1; cut < len; cut += 7) {
        for (int is_reversed = 0; is_reversed < 2; is_reversed++) {
            struct rig_conn c = rig_conn(RIG_GOOD, 443);
            uint32_t at[2] = { 0, (uint32_t)cut }, id[2];
            size_t n[2] = { cut, len - cut };

            rig.nr_verdicts = 0;
            rig.next_id = 1;
            rig.nr_records = 0;
            memset(rig.is_judged, 0, sizeof(rig.is_judged));
            id[is_reversed] =
                rig_client(&rig, &c, at[is_reversed], hello + at[is_reversed], n[is_reversed]);
            assert_int_equal(rig.nr_verdicts, 0);
            id[!is_reversed] = rig_client(&rig, &c, at[!is_reversed], hello + at[!is_reversed],
                                          n[!is_reversed]);
            assert_int_equal(rig_state(&rig, id[0]), VERDICT_PIN);
            assert_int_equal(rig_state(&rig, id[1]), VERDICT_PIN);
            assert_int_equal(rig.order[0], id[0]);
            assert_int_equal(rig.order[1], id[1]);
        }
    }
}

static void a_refused_hello_in_pieces_lets_nothing_go_and_resets_once(void **state)
{
    size_t len = make_hello("blocked.test", 3000, hello, sizeof(hello));
    struct rig_conn c = rig_conn(RIG_GOOD, 443);
    uint32_t first = rig_client(&rig, &c, 0, hello, 1400);
    uint32_t third = rig_client(&rig, &c, 2800, hello + 2800, len - 2800);
    uint32_t second = rig_client(&rig, &c, 1400, hello + 1400, 1400);

    (void)state;
    assert_int_equal(rig.verdict[first], 0);
    assert_int_equal(rig.verdict[second], 0);
    assert_int_equal(rig_state(&rig, third), VERDICT_RESET);
    /* what was still in the queue is dropped, without another record */
    c.mark = c.isn & MARK_VALUE_MASK;
    assert_int_equal(rig.verdict[rig_client(&rig, &c, (uint32_t)len, hello, 10)], 0);
    assert_int_equal(rig.nr_records, 1);
}

static void small_pieces_of_a_stalled_client_go_but_never_the_last_one(void **state)
{
    size_t len = make_hello("allowed.test", 0, hello, sizeof(hello));
    struct rig_conn c = rig_conn(RIG_GOOD, 443);
    uint32_t id = 0;

    (void)state;
    for (uint32_t i = 0; i < 10; i++)
        id = rig_client(&rig, &c, i, hello + i, 1);
    assert_int_equal(rig.nr_verdicts, 0);
    rig_wait(&rig, 20000);
    assert_int_equal(rig.nr_verdicts, 0);
    rig_wait(&rig, 10000);
    assert_int_equal(rig.nr_verdicts, 10);
    assert_int_equal(rig.verdict[id], VERDICT_PASS);
    assert_int_equal(rig_last(&rig)->reason, REASON_RELEASED);
    id = rig_client(&rig, &c, 10, hello + 10, len - 10);
    assert_int_equal(rig_state(&rig, id), VERDICT_PIN);
}

static void a_stalled_client_is_not_helped_to_an_address_of_nobody(void **state)
{
    struct rig_conn c = rig_conn("198.51.100.9", 443);

    (void)state;
    make_hello("allowed.test", 0, hello, sizeof(hello));
    rig_client(&rig, &c, 0, hello, 10);
    rig_wait(&rig, 100000);
    assert_int_equal(rig.nr_verdicts, 0);
}

/* Such a record is none of a hello's, whole or not. */
static void a_whole_hello_inside_an_unfinished_record_does_not_go_early(void **state)
{
    size_t len = make_hello("blocked.test", 0, hello, sizeof(hello));
    struct rig_conn c = rig_conn(RIG_GOOD, 443);
    uint32_t id;

    (void)state;
    hello[4]++;
    id = rig_client(&rig, &c, 0, hello, len);
    rig_wait(&rig, 30000);
    assert_int_equal(rig_state(&rig, id), VERDICT_RESET);
    assert_int_equal(rig_last(&rig)->reason, REASON_MALFORMED);
}

static void early_release_ends_at_its_limit(void **state)
{
    struct rig_conn c = rig_conn(RIG_GOOD, 443);

    (void)state;
    make_hello("allowed.test", 50000, hello, sizeof(hello));
    for (uint32_t at = 0; at < 40000; at += 1000) {
        uint32_t id = rig_client(&rig, &c, at, hello + at, 1000);

        rig_wait(&rig, 30000);
        assert_int_equal(rig.is_judged[id], at + 1000 <= 16384);
    }
}

static void what_was_released_early_must_be_sent_again_the_same(void **state)
{
    struct rig_conn c = rig_conn(RIG_GOOD, 443);
    uint8_t forged[10];

    (void)state;
    make_hello("allowed.test", 0, hello, sizeof(hello));
    rig_client(&rig, &c, 0, hello, 10);
    rig_wait(&rig, 30000);
    assert_int_equal(rig.verdict[rig_client(&rig, &c, 0, hello, 10)], VERDICT_PASS);
    memcpy(forged, hello, sizeof(forged));
    forged[9] ^= 1;
    assert_int_equal(rig_state(&rig, rig_client(&rig, &c, 0, forged, 10)), VERDICT_RESET);
    assert_int_equal(rig_last(&rig)->reason, REASON_OVERLAP_CONFLICT);
}

static void a_copy_with_other_bytes_resets_also_after_the_verdict(void **state)
{
    struct rig_conn c = rig_conn(RIG_GOOD, 443);
    size_t len = make_hello("allowed.test", 0, hello, sizeof(hello));

    (void)state;
    rig_client(&rig, &c, 0, hello, len);
    assert_int_equal(c.mark & MARK_STATE_MASK, CT_PINNED);
    assert_int_equal(rig.verdict[rig_client(&rig, &c, 0, hello, len)], VERDICT_PASS);
    hello[len - 1] ^= 1;
    assert_int_equal(rig_state(&rig, rig_client(&rig, &c, 0, hello, len)), VERDICT_RESET);
    assert_int_equal(rig_last(&rig)->reason, REASON_OVERLAP_CONFLICT);
}

static void a_held_duplicate_is_dropped(void **state)
{
    struct rig_conn c = rig_conn(RIG_GOOD, 443);
    size_t len = make_hello("allowed.test", 0, hello, sizeof(hello));
    uint32_t first = rig_client(&rig, &c, 0, hello, 50);

    (void)state;
    assert_int_equal(rig.verdict[rig_client(&rig, &c, 0, hello, 50)], 0);
    assert_int_equal(rig_state(&rig, rig_client(&rig, &c, 50, hello + 50, len - 50)),
                     VERDICT_PIN);
    assert_int_equal(rig_state(&rig, first), VERDICT_PIN);
}

static void bytes_before_the_stream_are_not_read(void **state)
{
    struct rig_conn c = rig_conn(RIG_GOOD, 443);
    uint8_t joined[2000] = "decoy";
    size_t len = make_hello("allowed.test", 0, joined + 5, sizeof(joined) - 5);

    (void)state;
    assert_int_equal(rig.verdict[rig_client(&rig, &c, UINT32_MAX, joined, 1)], 0);
    assert_int_equal(rig_state(&rig, rig_client(&rig, &c, (uint32_t)-5, joined, len + 5)),
                     VERDICT_PIN);
}

static void a_hello_that_is_never_whole_is_reset_at_the_deadline(void **state)
{
    struct rig_conn c = rig_conn("198.51.100.9", 443);
    uint32_t id;

    (void)state;
    make_hello("allowed.test", 0, hello, sizeof(hello));
    id = rig_client(&rig, &c, 0, hello, 10);
    rig_wait(&rig, 9000000);
    assert_false(rig.is_judged[id]);
    rig_wait(&rig, 1100000);
    assert_int_equal(rig_state(&rig, id), VERDICT_RESET);
    assert_int_equal(rig_last(&rig)->reason, REASON_HELLO_TIMEOUT);
}

static void a_hello_whose_pieces_have_all_gone_is_revoked_at_the_deadline(void **state)
{
    struct rig_conn c = rig_conn(RIG_GOOD, 443);

    (void)state;
    make_hello("allowed.test", 0, hello, sizeof(hello));
    rig_client(&rig, &c, 0, hello, 10);
    rig_wait(&rig, 30000);
    rig_wait(&rig, 10000000);
    assert_int_equal(rig.nr_revoked, 1);
    assert_int_equal(rig.revoked[0].sport, c.client_port);
    assert_int_equal(rig.nr_resets, 1);
    assert_int_equal(rig.reset.seq, c.isn + 1 + 10);
    assert_false(rig.reset.is_client_told);
}

static void what_is_not_tls_is_refused_at_its_first_byte(void **state)
{
    struct rig_conn c = rig_conn(RIG_GOOD, 443);

    (void)state;
    assert_int_equal(rig_state(&rig, rig_client(&rig, &c, 0, (const uint8_t *)"SSH-2.0-", 8)),
                     VERDICT_RESET);
    assert_int_equal(rig_last(&rig)->reason, REASON_NOT_TLS);
}

/* The same bytes, the same answer: however they are cut. */
static void a_record_that_is_none_of_a_hello_is_refused_at_its_first_byte(void **state)
{
    static const uint8_t bytes[] = { 22, 3, 1, 0, 4, 1, 0, 1, 0, 23 };

    (void)state;
    for (size_t cut = 1; cut <= sizeof(bytes); cut++) {
        struct rig_conn c = rig_conn(RIG_GOOD, 443);
        uint32_t id = rig_client(&rig, &c, 0, bytes, cut);

        if (cut < sizeof(bytes))
            id = rig_client(&rig, &c, (uint32_t)cut, bytes + cut, sizeof(bytes) - cut);
        assert_int_equal(rig_state(&rig, id), VERDICT_RESET);
        assert_int_equal(rig_last(&rig)->reason, REASON_MALFORMED);
    }
}

static void a_hello_of_one_byte_records_is_read(void **state)
{
    struct rig_conn c = rig_conn(RIG_GOOD, 443);
    uint8_t message[4000];
    size_t len = make_hello("allowed.test", 1500, message, sizeof(message));

    (void)state;
    len = make_records(message + 5, len - 5, 1, hello, sizeof(hello));
    assert_int_equal(rig_state(&rig, rig_client(&rig, &c, 0, hello, len)), VERDICT_PIN);
}

static void a_hello_over_the_limit_is_refused(void **state)
{
    struct rig_conn c = rig_conn(RIG_GOOD, 443);
    uint8_t head[] = { 22, 3, 1, 0, 4, 1, 2, 0, 0 }; /* a message of 128 KiB */

    (void)state;
    assert_int_equal(rig_state(&rig, rig_client(&rig, &c, 0, head, sizeof(head))),
                     VERDICT_RESET);
    assert_int_equal(rig_last(&rig)->reason, REASON_HELLO_TOO_LONG);
}

static void a_client_whose_hello_is_refused_is_told_by_an_alert(void **state)
{
    size_t len = make_hello("blocked.test", 100, hello, sizeof(hello));
    struct rig_conn c = rig_conn(RIG_GOOD, 443);
    uint32_t first = rig_client(&rig, &c, 0, hello, 50), last;

    (void)state;
    last = rig_client(&rig, &c, 50, hello + 50, len - 50);
    assert_int_equal(rig.verdict[first], 0);
    assert_int_equal(rig.verdict[last], VERDICT_RESET_SERVER);
    assert_int_equal(rig.nr_resets, 1);
    assert_int_equal(rig.reset.alert, TLS_ACCESS_DENIED);
    assert_true(rig.reset.is_client_told);
    assert_int_equal(rig.reset.seq, c.isn + 1);
    assert_int_equal(rig.reset.ack, c.server_isn + 1);
    assert_int_equal(rig.reset.client_seq, c.isn + 1 + (uint32_t)len);
    assert_int_equal(rig.nr_revoked, 0);
    /* who sends again has not got it */
    assert_int_equal(rig.verdict[rig_client(&rig, &c, 0, hello, len)], VERDICT_RESET);
    assert_int_equal(rig.nr_resets, 1);
}

static void an_alert_acknowledges_what_was_released_early_too(void **state)
{
    size_t len = make_hello("blocked.test", 0, hello, sizeof(hello));
    struct rig_conn c = rig_conn(RIG_GOOD, 443);

    (void)state;
    rig_client(&rig, &c, 0, hello, 10);
    rig_wait(&rig, 30000);
    rig_client(&rig, &c, 10, hello + 10, len - 10);
    assert_int_equal(rig.reset.alert, TLS_ACCESS_DENIED);
    assert_int_equal(rig.reset.seq, c.isn + 1 + 10);
    assert_int_equal(rig.reset.client_seq, c.isn + 1 + (uint32_t)len);
}

/* Not TLS: no alert. Other bytes in a copy, no hello at all: nothing that could be named. */
static void the_alert_says_what_is_wrong(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        uint8_t alert;
    } cases[] = {
        { "\x16\3\1\0\4\1\2\0\0", 9, TLS_DECODE_ERROR }, /* too long */
        { "\x16\3\1\0\4\1\0\0\0", 9, TLS_DECODE_ERROR }, /* an empty ClientHello */
        { "SSH-2.0-", 8, 0 },
    };
    struct rig_conn c;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        c = rig_conn(RIG_GOOD, 443);
        rig_client(&rig, &c, 0, (const uint8_t *)cases[i].bytes, cases[i].len);
        assert_int_equal(rig.nr_resets, i + 1);
        assert_int_equal(rig.reset.alert, cases[i].alert);
        assert_true(rig.reset.is_client_told);
    }
    c = rig_conn(RIG_GOOD, 443);
    rig_client(&rig, &c, 0, (const uint8_t *)"\x16\3\1", 3);
    rig_client(&rig, &c, 0, (const uint8_t *)"\x16\3\2\0", 4);
    assert_int_equal(rig_last(&rig)->reason, REASON_OVERLAP_CONFLICT);
    assert_int_equal(rig.reset.alert, 0);
}

static uint8_t alert_for(const char *client)
{
    struct rig_conn c = rig_conn(RIG_GOOD, 443);
    size_t len = make_hello("blocked.test", 0, hello, sizeof(hello));
    uint32_t id;

    c.client = client;
    rig.reset.is_client_told = false;
    id = rig_client(&rig, &c, 0, hello, len);
    assert_true(rig.reset.is_client_told);
    assert_int_equal(rig.verdict[id],
                     rig.reset.alert != 0 ? VERDICT_RESET_SERVER : VERDICT_RESET);
    return rig.reset.alert;
}

static void a_flood_of_refusals_is_answered_by_resets(void **state)
{
    unsigned nr = 0;

    (void)state;
    while (nr < 1000 && alert_for("198.18.0.2") != 0)
        nr++;
    assert_int_equal(nr, 200);
    assert_int_equal(alert_for("198.18.9.2"), TLS_ACCESS_DENIED); /* another agent's share */
    rig_wait(&rig, 1999);
    assert_int_equal(alert_for("198.18.0.2"), 0);
    rig_wait(&rig, 1);
    assert_int_equal(alert_for("198.18.0.2"), TLS_ACCESS_DENIED);
    assert_int_equal(alert_for("198.18.0.2"), 0);
    rig_wait(&rig, 3600000000);
    for (nr = 0; nr < 1000 && alert_for("198.18.0.2") != 0; nr++)
        continue;
    assert_int_equal(nr, 200);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_whole_allowed_hello_is_pinned_with_its_names_tag),
        CASE(each_refusal_ends_it_with_its_reason),
        CASE(an_address_rule_allows_a_hello_without_a_name_and_a_foreign_name),
        CASE(an_address_rule_does_not_allow_a_denied_name),
        CASE(every_cut_in_two_is_held_and_released_in_order),
        CASE(a_refused_hello_in_pieces_lets_nothing_go_and_resets_once),
        CASE(small_pieces_of_a_stalled_client_go_but_never_the_last_one),
        CASE(a_stalled_client_is_not_helped_to_an_address_of_nobody),
        CASE(a_whole_hello_inside_an_unfinished_record_does_not_go_early),
        CASE(early_release_ends_at_its_limit),
        CASE(what_was_released_early_must_be_sent_again_the_same),
        CASE(a_copy_with_other_bytes_resets_also_after_the_verdict),
        CASE(a_held_duplicate_is_dropped),
        CASE(bytes_before_the_stream_are_not_read),
        CASE(a_hello_that_is_never_whole_is_reset_at_the_deadline),
        CASE(a_hello_whose_pieces_have_all_gone_is_revoked_at_the_deadline),
        CASE(what_is_not_tls_is_refused_at_its_first_byte),
        CASE(a_record_that_is_none_of_a_hello_is_refused_at_its_first_byte),
        CASE(a_hello_of_one_byte_records_is_read),
        CASE(a_hello_over_the_limit_is_refused),
        CASE(a_client_whose_hello_is_refused_is_told_by_an_alert),
        CASE(an_alert_acknowledges_what_was_released_early_too),
        CASE(the_alert_says_what_is_wrong),
        CASE(a_flood_of_refusals_is_answered_by_resets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
