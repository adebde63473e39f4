/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/record.h"
#include "tests/support/cm.h"

static char line[RECORD_LINE_MAX];

static const char *format(const struct record *record)
{
    size_t len;

    memset(line, 'X', sizeof(line));
    len = record_format(record, "0123456789abcdef", 7, line);
    assert_int_equal(len, strlen(line));
    assert_true(len < RECORD_LINE_MAX);
    assert_int_equal(line[len - 1], '\n');
    assert_ptr_equal(strchr(line, '\n'), line + len - 1);
    for (size_t i = 0; i + 1 < len; i++)
        assert_in_range(line[i], ' ', '~');
    return line;
}

static void has(const struct record *record, const char *text)
{
    if (!strstr(format(record), text))
        fail_msg("%s is not in %s", text, line);
}

static void has_not(const struct record *record, const char *text)
{
    if (strstr(format(record), text))
        fail_msg("%s is in %s", text, line);
}

static struct addr address(const char *text)
{
    struct addr addr;

    assert_true(addr_parse(text, strlen(text), &addr));
    return addr;
}

static void an_empty_record_holds_what_every_record_holds(void **state)
{
    const struct record record = { .event = EVENT_STOP };

    (void)state;
    assert_string_equal(format(&record), "{\"v\":1,\"run\":\"0123456789abcdef\",\"seq\":7,"
                                         "\"ts\":\"1970-01-01T00:00:00.000000Z\","
                                         "\"event\":\"stop\"}\n");
}

static void a_full_record_holds_all_of_it(void **state)
{
    struct record record = { .event = EVENT_TLS,
                             .verdict = RECORD_DENY,
                             .reason = REASON_NAME_ADDRESS_MISMATCH,
                             .wall_us = 1795442400123456,
                             .agent = "claude",
                             .ip_protocol = 6,
                             .has_ports = 1,
                             .has_held = 1,
                             .sport = 41822,
                             .dport = 443,
                             .name = "api.anthropic.com",
                             .method = "GET",
                             .rule = "api.anthropic.com",
                             .line = 3,
                             .policy = "sha256:ab12",
                             .flow = 9412,
                             .alpn = { 2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1' },
                             .alpn_len = 12,
                             .has_ech = 1,
                             .held_us = 0,
                             .count = 4,
                             .lost = 2,
                             .detail = "why" };

    (void)state;
    record.src = address("10.213.77.2");
    record.dst = address("2001:db8::9");
    assert_string_equal(
        format(&record),
        "{\"v\":1,\"run\":\"0123456789abcdef\",\"seq\":7,"
        "\"ts\":\"2026-11-23T14:00:00.123456Z\",\"event\":\"tls\",\"verdict\":\"deny\","
        "\"reason\":\"name-address-mismatch\",\"agent\":\"claude\",\"proto\":\"tcp\","
        "\"src\":\"10.213.77.2\",\"sport\":41822,\"dst\":\"2001:db8::9\",\"dport\":443,"
        "\"lost\":2,\"count\":4,\"line\":3,\"flow\":9412,\"held_us\":0,\"ech\":true,"
        "\"policy\":\"sha256:ab12\",\"name\":\"api.anthropic.com\",\"method\":\"GET\","
        "\"rule\":\"api.anthropic.com\",\"alpn\":[\"h2\",\"http/1.1\"],\"detail\":\"why\"}\n");
}

static void one_record_that_stands_for_itself_has_no_count(void **state)
{
    (void)state;
    has_not(&(struct record) { .count = 1 }, "count");
    has_not(&(struct record) { .count = 0 }, "count");
    has(&(struct record) { .count = 2 }, "\"count\":2");
}

static void ports_of_zero_are_written_when_there_are_ports(void **state)
{
    (void)state;
    has(&(struct record) { .has_ports = 1 }, "\"sport\":0,\"dport\":0");
    has_not(&(struct record) { .sport = 5, .dport = 6 }, "port");
    has_not(&(struct record) { .held_us = 5 }, "held_us");
}

static void protocols_have_names_or_numbers(void **state)
{
    (void)state;
    has(&(struct record) { .ip_protocol = 6 }, "\"proto\":\"tcp\"");
    has(&(struct record) { .ip_protocol = 17 }, "\"proto\":\"udp\"");
    has(&(struct record) { .ip_protocol = 1 }, "\"proto\":\"icmp\"");
    has(&(struct record) { .ip_protocol = 58 }, "\"proto\":\"icmpv6\"");
    has(&(struct record) { .ip_protocol = 132 }, "\"proto\":\"132\"");
    has_not(&(struct record) { .ip_protocol = 0 }, "proto");
}

static void question_types_have_names_or_numbers(void **state)
{
    (void)state;
    has(&(struct record) { .qtype = 1 }, "\"qtype\":\"A\"");
    has(&(struct record) { .qtype = 28 }, "\"qtype\":\"AAAA\"");
    has(&(struct record) { .qtype = 65535 }, "\"qtype\":\"TYPE65535\"");
    has_not(&(struct record) { .qtype = 0 }, "qtype");
}

static const struct {
    const char *what, *name, *escaped;
} names[] = {
    { "quote and backslash", "a\"\\b", "a\\\"\\\\b" },
    { "control characters", "\x01\n\x1f\x7f", "\\u0001\\u000a\\u001f\\u007f" },
    { "two bytes of UTF-8", "\xc3\xa9", "\\u00e9" },
    { "three bytes", "\xe2\x82\xac", "\\u20ac" },
    { "four bytes: a surrogate pair", "\xf0\x9f\x98\x80", "\\ud83d\\ude00" },
    { "the last character there is", "\xf4\x8f\xbf\xbf", "\\udbff\\udfff" },
    { "past the last one", "\xf4\x90\x80\x80", "\\u00f4\\u0090\\u0080\\u0080" },
    { "a lone continuation", "\x80", "\\u0080" },
    { "a cut sequence at the end", "\xe2\x82", "\\u00e2\\u0082" },
    { "a sequence broken off", "\xe2\x28\xa1", "\\u00e2(\\u00a1" },
    { "overlong, two bytes", "\xc0\xaf", "\\u00c0\\u00af" },
    { "overlong, three bytes", "\xe0\x80\xaf", "\\u00e0\\u0080\\u00af" },
    { "overlong, four bytes", "\xf0\x80\x80\xaf", "\\u00f0\\u0080\\u0080\\u00af" },
    { "a surrogate", "\xed\xa0\x80", "\\u00ed\\u00a0\\u0080" },
    { "a byte that is never UTF-8", "\xff", "\\u00ff" },
};

static void every_byte_of_a_name_is_escaped(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct record record = { .event = EVENT_TLS };
        char want[256];

        snprintf(record.name, sizeof(record.name), "%s", names[i].name);
        snprintf(want, sizeof(want), "\"name\":\"%s\"", names[i].escaped);
        if (!strstr(format(&record), want))
            fail_msg("%s: %s is not in %s", names[i].what, want, line);
    }
}

static void strings_without_an_end_are_cut_at_their_arrays(void **state)
{
    struct record record = { .event = EVENT_TLS };

    (void)state;
    memset(record.agent, 'a', sizeof(record.agent));
    memset(record.name, 'n', sizeof(record.name));
    memset(record.method, 'm', sizeof(record.method));
    memset(record.rule, 'r', sizeof(record.rule));
    memset(record.policy, 'p', sizeof(record.policy));
    memset(record.detail, 'd', sizeof(record.detail));
    format(&record);
    assert_null(strstr(line, "aaaaaaaaaaaaaaaan"));
    for (const char *c = "anmrpd"; *c; c++) {
        size_t nr = 0;

        for (const char *at = strchr(line, *c); at; at = strchr(at + 1, *c))
            nr++;
        assert_true(nr <= 2 * 260);
    }
}

static void the_longest_record_fits_and_is_closed(void **state)
{
    struct record record = { .event = EVENT_ANSWER,
                             .verdict = RECORD_ALLOW,
                             .reason = REASON_NAME_ADDRESS_MISMATCH,
                             .wall_us = UINT64_MAX,
                             .ip_protocol = 255,
                             .has_ports = 1,
                             .has_held = 1,
                             .sport = 65535,
                             .dport = 65535,
                             .qtype = 65535,
                             .line = UINT32_MAX,
                             .flow = UINT64_MAX,
                             .alpn_len = RECORD_ALPN_MAX,
                             .has_ech = 1,
                             .held_us = UINT32_MAX,
                             .count = UINT32_MAX,
                             .lost = UINT32_MAX,
                             .nr_addrs = 16,
                             .ttl_s = UINT32_MAX };

    (void)state;
    memset(record.agent, 0xff, sizeof(record.agent));
    memset(record.name, 0xff, sizeof(record.name));
    memset(record.method, 0xff, sizeof(record.method));
    memset(record.rule, 0xff, sizeof(record.rule));
    memset(record.policy, 0xff, sizeof(record.policy));
    memset(record.detail, 0xff, sizeof(record.detail));
    memset(record.alpn, 0xff, sizeof(record.alpn));
    record.alpn[0] = RECORD_ALPN_MAX - 1;
    record.src = record.dst = address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0");
    for (size_t i = 0; i < 16; i++)
        record.addrs[i] = record.src;
    format(&record);
    assert_int_equal(strcmp(line + strlen(line) - 2, "}\n"), 0);
    has(&record, "\"name\":\"\\u00ff");
    for (size_t len = 1; len < RECORD_RULE_MAX; len++) { /* the end falls on every place */
        record.rule[len] = 0;
        format(&record);
        record.rule[len] = (char)0xff;
    }
}

static void an_alpn_list_that_does_not_close_ends_with_its_last_whole_name(void **state)
{
    struct record record = { .event = EVENT_TLS,
                             .alpn = { 2, 'h', '2', 9, 'x' },
                             .alpn_len = 5 };

    (void)state;
    has(&record, "\"alpn\":[\"h2\"]}");
    record.alpn_len = 255; /* more than there can be */
    format(&record);
}

static void more_addresses_than_fit_are_not_read(void **state)
{
    struct record record = { .event = EVENT_ANSWER, .nr_addrs = 255 };

    (void)state;
    for (size_t i = 0; i < 16; i++)
        record.addrs[i] = address("192.0.2.7");
    has(&record, "\"addrs\":[\"192.0.2.7\",");
}

static void enums_out_of_range_are_left_out(void **state)
{
    (void)state;
    has(&(struct record) { .event = (enum record_event)99 }, "\"event\":\"drift\"");
    has_not(&(struct record) { .verdict = (enum record_verdict)99 }, "verdict");
    has_not(&(struct record) { .reason = (enum reason) - 1 }, "reason");
}

static void every_enumerator_has_a_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NR_EVENTS; i++)
        assert_non_null(record_event_name((enum record_event)i));
    assert_null(record_reason_name(REASON_NONE));
    for (unsigned i = REASON_NONE + 1; i < NR_REASONS; i++) {
        assert_non_null(record_reason_name((enum reason)i));
        for (unsigned j = i + 1; j < NR_REASONS; j++)
            assert_string_not_equal(record_reason_name((enum reason)i),
                                    record_reason_name((enum reason)j));
    }
    for (unsigned i = RECORD_NO_VERDICT + 1; i < NR_RECORD_VERDICTS; i++)
        has(&(struct record) { .verdict = (enum record_verdict)i }, "\"verdict\":\"");
    assert_null(record_event_name(NR_EVENTS));
    assert_null(record_reason_name(NR_REASONS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_record_holds_what_every_record_holds),
        cmocka_unit_test(a_full_record_holds_all_of_it),
        cmocka_unit_test(one_record_that_stands_for_itself_has_no_count),
        cmocka_unit_test(ports_of_zero_are_written_when_there_are_ports),
        cmocka_unit_test(protocols_have_names_or_numbers),
        cmocka_unit_test(question_types_have_names_or_numbers),
        cmocka_unit_test(every_byte_of_a_name_is_escaped),
        cmocka_unit_test(strings_without_an_end_are_cut_at_their_arrays),
        cmocka_unit_test(the_longest_record_fits_and_is_closed),
        cmocka_unit_test(an_alpn_list_that_does_not_close_ends_with_its_last_whole_name),
        cmocka_unit_test(more_addresses_than_fit_are_not_read),
        cmocka_unit_test(enums_out_of_range_are_left_out),
        cmocka_unit_test(every_enumerator_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
