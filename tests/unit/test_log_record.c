/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "ctl/log_record.h"
#include "ctl/log_since.h"
#include "tests/support/cm.h"

#define HEAD                                                                                   \
    "{\"v\":1,\"run\":\"5f0c5f0c5f0c5f0c\",\"seq\":7,\"ts\":\"2026-11-23T14:00:00.123456Z\","  \
    "\"event\":\"tls\""

static struct log_record record;
static struct err err;

static void parse(const char *text)
{
    if (!log_record_parse(text, strlen(text), &record, &err))
        fail_msg("%s", err.text);
}

static void fields_are_read(void **state)
{
    (void)state;
    parse(HEAD ",\"verdict\":\"deny\",\"reason\":\"no-sni\",\"agent\":\"claude\",\"proto\":"
               "\"tcp\",\"dst\":\"192.0.2.1\",\"dport\":443,\"name\":\"a\\u0000b\",\"count\":3,"
               "\"lost\":2,\"rule\":\"x\",\"line\":9}");
    assert_string_equal(record.event, "tls");
    assert_string_equal(record.verdict, "deny");
    assert_string_equal(record.reason, "no-sni");
    assert_string_equal(record.agent, "claude");
    assert_string_equal(record.dst, "192.0.2.1");
    assert_int_equal(record.seq, 7);
    assert_int_equal(record.port, 443);
    assert_int_equal(record.count, 3);
    assert_int_equal(record.lost, 2);
    assert_int_equal(record.line, 9);
    log_record_clear(&record);
    parse(HEAD "}");
    assert_string_equal(record.verdict, "");
    assert_string_equal(record.name, "");
    assert_int_equal(record.port, -1);
    log_record_clear(&record);
}

static void what_is_no_record_is_refused(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "{}", "\"ts\"" },
        { "[]", "is a list" },
        { HEAD, "record" },
        { HEAD "} x", "record" },
        { HEAD ",\"verdict\":1}", "\"verdict\"" },
        { HEAD ",\"dport\":\"443\"}", "\"dport\"" },
        { HEAD ",\"count\":1.5}", "\"count\"" },
        { "{\"run\":\"1\",\"seq\":1,\"event\":\"x\",\"ts\":\"2026-11-23 14:00:00.123456Z\"}",
          "another form" },
        { "{\"run\":\"1\",\"seq\":1,\"event\":\"x\",\"ts\":\"2026-11-23T14:00:00.123456Zx\"}",
          "another form" },
        { "{\"run\":\"1\",\"seq\":1,\"event\":\"x\",\"ts\":\"\"}", "another form" },
        { "{\"run\":\"123456789012345678901234567890123\",\"seq\":1,\"event\":\"x\",\"ts\":"
          "\"2026-11-23T14:00:00.123456Z\"}",
          "another form" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (log_record_parse(cases[i].text, strlen(cases[i].text), &record, &err))
            fail_msg("accepted: %s", cases[i].text);
        if (!strstr(err.text, cases[i].error))
            fail_msg("%s: %s", cases[i].text, err.text);
        assert_null(record.json);
    }
}

static void a_filter_takes_what_is_asked_for(void **state)
{
    struct log_filter filter = { .is_denied_only = false };

    (void)state;
    parse(HEAD ",\"verdict\":\"deny\",\"agent\":\"claude\"}");
    assert_true(log_filter_takes(&filter, &record));
    filter.is_denied_only = true;
    filter.agent = "claude";
    strcpy(filter.since, "2026-11-23T14:00:00.123456Z");
    assert_true(log_filter_takes(&filter, &record));
    strcpy(filter.since, "2026-11-23T14:00:00.123457Z");
    assert_false(log_filter_takes(&filter, &record));
    filter.since[0] = '\0';
    filter.agent = "claude-2";
    assert_false(log_filter_takes(&filter, &record));
    filter.agent = NULL;
    record.verdict = "allow";
    assert_false(log_filter_takes(&filter, &record));
    log_record_clear(&record);
}

static void no_record_passes_twice(void **state)
{
    struct log_place place = { .seq = 0 };

    (void)state;
    parse(HEAD "}");
    assert_true(log_place_passes(&place, &record));
    assert_false(log_place_passes(&place, &record));
    record.seq = 6;
    assert_false(log_place_passes(&place, &record));
    record.seq = 8; /* the same run counts on, whatever the clock does */
    record.ts = "2026-11-23T13:00:00.000000Z";
    assert_true(log_place_passes(&place, &record));
    record.run = "0000000000000001"; /* another run begins at 1 */
    record.seq = 1;
    record.ts = "2026-11-23T12:59:59.000000Z";
    assert_false(log_place_passes(&place, &record));
    record.ts = "2026-11-23T13:00:01.000000Z";
    assert_true(log_place_passes(&place, &record));
    assert_string_equal(place.run, "0000000000000001");
    log_record_clear(&record);
}

static void ages_and_times_are_read(void **state)
{
    static const struct {
        const char *text, *out;
    } cases[] = {
        { "90s", "2026-11-23T13:58:30.000000Z" },
        { "10m", "2026-11-23T13:50:00.000000Z" },
        { "2h", "2026-11-23T12:00:00.000000Z" },
        { "1d", "2026-11-22T14:00:00.000000Z" },
        { "36500d", "1970-01-01T00:00:00.000000Z" },
        { "2026-11-22", "2026-11-21T23:00:00.000000Z" },
        { "2026-11-22T10:00", "2026-11-22T09:00:00.000000Z" },
        { "2026-11-22 10:00:05", "2026-11-22T09:00:05.000000Z" },
        { "2026-11-22T10:00Z", "2026-11-22T10:00:00.000000Z" },
        { "2026-11-22Z", "2026-11-22T00:00:00.000000Z" },
        { "2024-02-29Z", "2024-02-29T00:00:00.000000Z" },
    };
    char out[LOG_TS_MAX];

    (void)state;
    setenv("TZ", "CET-1", 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (!log_since_parse(cases[i].text, 1795442400, out, &err))
            fail_msg("%s", err.text);
        assert_string_equal(out, cases[i].out);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    static const char *const bad[] = { "",
                                       "m",
                                       "-1m",
                                       "10",
                                       "10 m",
                                       "1.5h",
                                       "99999999999999999999s",
                                       "9999999999d",
                                       "yesterday",
                                       "2026",
                                       "2026-11",
                                       "2026-13-01",
                                       "2026-00-01",
                                       "2026-11-00",
                                       "2026-02-29",
                                       "2026-11-31T10:00",
                                       "2026-11-22T",
                                       "2026-11-22T10",
                                       "2026-11-22T24:00",
                                       "2026-11-22T10:60",
                                       "2026-11-22T10:00:",
                                       "2026-11-22T10:00Zx",
                                       "2026-11-22x",
                                       "1969-12-31" };
    char out[LOG_TS_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (log_since_parse(bad[i], 1795442400, out, &err))
            fail_msg("accepted: %s", bad[i]);
    assert_string_equal(err.text,
                        "--since \"1969-12-31\", expected an age such as 90s, 10m, 2h "
                        "or 1d, or a time such as 2026-11-23T14:00");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_read),
        cmocka_unit_test(what_is_no_record_is_refused),
        cmocka_unit_test(a_filter_takes_what_is_asked_for),
        cmocka_unit_test(no_record_passes_twice),
        cmocka_unit_test(ages_and_times_are_read),
        cmocka_unit_test(what_is_no_time_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
