/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "sni-filter/quota.h"
#include "tests/support/cm.h"

#define SECOND UINT64_C(1000000)

static struct quota quota;
static uint64_t now_us;

static int start(void **state)
{
    (void)state;
    now_us = 5 * SECOND;
    return quota_init(&quota) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    quota_clear(&quota);
    return 0;
}

static struct record record_of(const char *agent, enum record_event event,
                               enum record_verdict verdict)
{
    struct record record = { .event = event,
                             .verdict = verdict,
                             .reason = REASON_NAME_NOT_ALLOWED };

    snprintf(record.agent, sizeof(record.agent), "%s", agent);
    return record;
}

/* How many of nr are written. The writer keeps up. */
static uint32_t put(const struct record *record, uint32_t nr)
{
    uint32_t written = 0;

    for (uint32_t i = 0; i < nr; i++) {
        quota_calm(&quota);
        written += quota_take(&quota, record, now_us);
    }
    return written;
}

/* All that is due by then; how many decisions it stands for. */
static uint64_t told(uint64_t by_us, uint32_t *nr)
{
    uint64_t sum = 0;
    struct record out;

    *nr = 0;
    while (quota_due(&quota, by_us, 7, &out)) {
        assert_string_equal(out.name, "");
        assert_int_equal(out.wall_us, 7);
        sum += record_weight(&out);
        (*nr)++;
    }
    return sum;
}

static void a_burst_is_written_and_the_rest_is_told_as_one(void **state)
{
    const struct record refusal = record_of("a", EVENT_DNS, RECORD_DENY);
    struct record out;

    (void)state;
    assert_int_equal(put(&refusal, 20000), quota_limits[QUOTA_REFUSAL].burst);
    assert_false(quota_due(&quota, now_us + QUOTA_TELL_US - 1, 7, &out));
    assert_true(quota_due(&quota, now_us + QUOTA_TELL_US, 7, &out));
    assert_int_equal(out.count, 20000 - quota_limits[QUOTA_REFUSAL].burst);
    assert_int_equal(out.event, EVENT_DNS);
    assert_int_equal(out.verdict, RECORD_DENY);
    assert_int_equal(out.reason, REASON_NAME_NOT_ALLOWED);
    assert_string_equal(out.agent, "a");
    assert_true(out.detail[0] != 0);
    assert_false(quota_due(&quota, UINT64_MAX, 7, &out));
}

static void then_so_many_a_second_up_to_the_burst(void **state)
{
    const struct quota_limit *limit = &quota_limits[QUOTA_REFUSAL];
    const struct record refusal = record_of("a", EVENT_DNS, RECORD_DENY);

    (void)state;
    (void)put(&refusal, 20000);
    now_us += SECOND / 2;
    assert_int_equal(put(&refusal, 100), limit->per_s / 2);
    now_us += SECOND * 9 + SECOND / 2;
    assert_int_equal(put(&refusal, 100), limit->per_s * 9 + limit->per_s / 2);
    now_us += SECOND * 1000000;
    assert_int_equal(put(&refusal, 20000), limit->burst);
}

static void each_kind_has_its_own(void **state)
{
    const struct {
        struct record record;
        enum quota_kind kind;
    } cases[] = {
        { record_of("a", EVENT_TLS, RECORD_DENY), QUOTA_REFUSAL },
        { record_of("a", EVENT_DNS, RECORD_ALLOW), QUOTA_NAME },
        { record_of("a", EVENT_CONNECT, RECORD_LEARN), QUOTA_CONNECTION },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(put(&cases[i].record, 40000), quota_limits[cases[i].kind].burst);
    assert_int_equal(put(&(struct record) { .event = EVENT_ANSWER, .agent = "a" }, 1), 0);
    assert_int_equal(put(&(struct record) { .event = EVENT_QUIC, .agent = "a" }, 1), 0);
}

static void an_agents_flood_leaves_the_others_theirs(void **state)
{
    struct record record = record_of("", EVENT_DNS, RECORD_DENY);
    uint32_t nr;

    (void)state;
    (void)put(&record, 20000); /* nobody's */
    for (int i = 0; i < IPC_AGENTS_MAX; i++) {
        snprintf(record.agent, sizeof(record.agent), "agent-%d", i);
        assert_int_equal(put(&record, 3000), quota_limits[QUOTA_REFUSAL].burst);
    }
    assert_int_equal(told(now_us + QUOTA_TELL_US, &nr),
                     20000 + 3000 * IPC_AGENTS_MAX -
                         QUOTA_AGENTS * quota_limits[QUOTA_REFUSAL].burst);
    assert_int_equal(nr, QUOTA_AGENTS);
    /* they are all known; one more takes the place of the one that was silent for longest */
    now_us += SECOND;
    (void)put(&record, 1);
    snprintf(record.agent, sizeof(record.agent), "one-more");
    assert_int_equal(put(&record, 3000), quota_limits[QUOTA_REFUSAL].burst);
    snprintf(record.agent, sizeof(record.agent), "agent-%d", IPC_AGENTS_MAX - 1);
    assert_true(put(&record, 3000) < 10);
}

static void one_record_a_second_tells_the_most_frequent_kind(void **state)
{
    struct record record = record_of("a", EVENT_DNS, RECORD_DENY), out;
    uint32_t nr, written = put(&record, 3000);

    (void)state;
    record.event = EVENT_TLS;
    written += put(&record, 2000);
    record.reason = REASON_NO_SNI;
    record.count = 10; /* each stands for ten */
    written += put(&record, 500);
    assert_true(quota_due(&quota, now_us + QUOTA_TELL_US, 7, &out));
    assert_int_equal(out.reason, REASON_NO_SNI);
    assert_int_equal(out.count, 5000);
    assert_false(quota_due(&quota, now_us + QUOTA_TELL_US, 7, &out));
    assert_true(quota_due(&quota, now_us + 2 * QUOTA_TELL_US, 7, &out));
    assert_int_equal(out.event, EVENT_TLS);
    assert_int_equal(written + out.count + told(UINT64_MAX, &nr), 5000);
    assert_int_equal(nr, 1);
    assert_int_equal(quota.nr_counted, 0);
}

static void long_records_count_as_several(void **state)
{
    struct record record = record_of("a", EVENT_DNS, RECORD_DENY);

    (void)state;
    memset(record.name, 'x', HOSTNAME_MAX);
    assert_int_equal(put(&record, 1000), 1000);
    memset(record.name, 0x80, HOSTNAME_MAX); /* six bytes of the line each */
    assert_int_equal(put(&record, 20000), (quota_limits[QUOTA_REFUSAL].burst - 1000) / 3);
}

static void who_has_many_waiting_for_the_writer_gives_way(void **state)
{
    const struct record a = record_of("a", EVENT_DNS, RECORD_DENY);
    const struct record b = record_of("b", EVENT_DNS, RECORD_DENY);
    uint32_t nr;

    (void)state;
    for (uint32_t i = 0; i < 2 * QUOTA_CROWD; i++)
        assert_int_equal(quota_take(&quota, &a, now_us), i < QUOTA_CROWD);
    assert_true(quota_take(&quota, &b, now_us));
    quota_calm(&quota);
    assert_true(quota_take(&quota, &a, now_us));
    assert_int_equal(told(UINT64_MAX, &nr), QUOTA_CROWD);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_burst_is_written_and_the_rest_is_told_as_one),
        CASE(then_so_many_a_second_up_to_the_burst),
        CASE(each_kind_has_its_own),
        CASE(an_agents_flood_leaves_the_others_theirs),
        CASE(one_record_a_second_tells_the_most_frequent_kind),
        CASE(long_records_count_as_several),
        CASE(who_has_many_waiting_for_the_writer_gives_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
