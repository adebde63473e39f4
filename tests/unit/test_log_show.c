/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/log_hint.h"
#include "ctl/log_lines.h"
#include "ctl/log_table.h"
#include "tests/support/cm.h"

static struct log_record make(const char *event, const char *verdict, const char *reason,
                              const char *name, int port)
{
    return (struct log_record) {
        .ts = "2026-11-23T14:00:00.123456Z",
        .run = "1",
        .event = event,
        .verdict = verdict,
        .reason = reason,
        .agent = "claude",
        .proto = "tcp",
        .src = "",
        .dst = "192.0.2.1",
        .name = name,
        .method = "",
        .rule = "",
        .qtype = "",
        .detail = "",
        .policy = "",
        .port = port,
    };
}

static void assert_row(size_t width, const struct log_record *record, const char *expected)
{
    const struct log_table table = { .width = width };
    char row[LOG_ROW_MAX];

    log_table_row(&table, record, row);
    assert_string_equal(row, expected);
    assert_true(strlen(row) <= width);
}

static void rows_say_when_who_what_and_why(void **state)
{
    struct log_record record = make("tls", "deny", "name-not-allowed", "evil.example", 443);
    const struct log_table table = { .width = 100 };
    char row[LOG_ROW_MAX];

    (void)state;
    setenv("TZ", "CET-1", 1);
    log_table_head(&table, row);
    assert_string_equal(row,
                        "TIME           AGENT     VERDICT EVENT   NAME OR ADDRESS             "
                        " REASON");
    assert_row(100, &record,
               "11-23 15:00:00 claude    deny    tls     evil.example:443             "
               "name-not-allowed");
    record.count = 12;
    record.lost = 3;
    assert_row(110, &record,
               "11-23 15:00:00 claude    deny    tls     evil.example:443                 "
               "name-not-allowed x12 (3 lost before)");
    record = make("tls", "allow", "rule", "a.example", 8443);
    record.rule = ".example";
    assert_row(100, &record,
               "11-23 15:00:00 claude    allow   tls     a.example:8443               rule "
               ".example");
    record = make("dns", "deny", "name-not-allowed", "evil.example", 53);
    record.qtype = "AAAA";
    assert_row(100, &record,
               "11-23 15:00:00 claude    deny    dns     evil.example AAAA            "
               "name-not-allowed");
    record = make("connect", "deny", "address-not-bound", "", 443);
    assert_row(100, &record,
               "11-23 15:00:00 claude    deny    connect 192.0.2.1:443                "
               "address-not-bound");
    record.dst = "2001:db8::1";
    record.proto = "udp";
    assert_row(100, &record,
               "11-23 15:00:00 claude    deny    connect [2001:db8::1]:443/udp        "
               "address-not-bound");
    record = make("http", "deny", "name-not-allowed", "evil.example", 80);
    record.method = "POST";
    assert_row(100, &record,
               "11-23 15:00:00 claude    deny    http    POST evil.example:80         "
               "name-not-allowed");
    record = make("packet", "deny", "protocol", "", -1);
    record.proto = "icmp";
    assert_row(
        100, &record,
        "11-23 15:00:00 claude    deny    packet  192.0.2.1/icmp               protocol");
    record = make("start", "", "", "", -1);
    record.dst = record.agent = "";
    record.detail = "fwd 0.1.0";
    assert_row(100, &record, "11-23 15:00:00 -                 start   fwd 0.1.0");
    record = make("dns", "deny", "name-not-allowed", "", -1);
    record.dst = "";
    record.detail = "counted only: too many for a record each";
    record.count = 17951;
    assert_row(100, &record,
               "11-23 15:00:00 claude    deny    dns     counted only: too many for a rec... "
               "name-not-allowed x17951");
}

static void rows_fit_the_width_and_hold_no_foreign_byte(void **state)
{
    static char name[600];
    struct log_record record = make("tls", "deny", "name-not-allowed", name, 443);
    char row[LOG_ROW_MAX];

    (void)state;
    memset(name, 'n', sizeof(name) - 1);
    for (size_t width = LOG_WIDTH_MIN; width <= LOG_WIDTH_MAX; width++) {
        const struct log_table table = { .width = width };

        log_table_row(&table, &record, row);
        assert_true(strlen(row) <= width);
    }
    assert_row(90, &record,
               "11-23 15:00:00 claude    deny    tls     nnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
               "... name-not-allowed");
    record.name = "a\x1b[31m\xe2\x80\xae.example";
    record.agent = "\x07";
    record.reason = record.verdict = record.event = "\x1b";
    assert_row(
        120, &record,
        "11-23 15:00:00 \\x07      \\x1b    \\x1b    a\\x1b[31m\\xe2\\x80\\xae.example:443"
        "                \\x1b");
    record.name = "short";
    record.reason = "a-reason-that-is-longer-than-the-thirty-columns-it-has";
    for (size_t width = LOG_WIDTH_MIN; width <= LOG_WIDTH_MAX; width++) {
        const struct log_table table = { .width = width };

        log_table_row(&table, &record, row);
        assert_true(strlen(row) <= width);
    }
}

static void verdicts_have_colors_where_they_are_wanted(void **state)
{
    const struct log_record record = make("tls", "deny", "no-sni", "", 443);
    const struct log_table table = { .width = 90, .has_color = true };
    char row[LOG_ROW_MAX];

    (void)state;
    log_table_row(&table, &record, row);
    assert_non_null(strstr(row, " \033[31mdeny   \033[0m tls"));
}

/* --- lines ------------------------------------------------------------------------------- */

static char taken[20000];

static bool take(void *arg, const char *line, size_t len, struct err *err)
{
    (void)arg;
    (void)err;
    assert_int_equal(strlen(line), len);
    strcat(taken, line);
    strcat(taken, "|");
    return strcmp(line, "stop") != 0;
}

static void lines_come_whole_from_any_pieces(void **state)
{
    static const char text[] = "one\n\ntwo\nthree\nhalf";
    struct err err;

    (void)state;
    for (size_t piece = 1; piece < sizeof(text); piece++) {
        static struct log_lines lines;

        memset(&lines, 0, sizeof(lines));
        taken[0] = '\0';
        for (size_t at = 0; at < sizeof(text) - 1; at += piece) {
            size_t left = sizeof(text) - 1 - at;

            assert_true(log_lines_feed(&lines, text + at, left < piece ? left : piece, take,
                                       NULL, &err));
        }
        assert_string_equal(taken, "one|two|three|");
        log_lines_restart(&lines);
        assert_true(log_lines_feed(&lines, "new\n", 4, take, NULL, &err));
        assert_string_equal(taken, "one|two|three|new|");
    }
}

static void a_line_that_is_too_long_is_dropped_and_counted(void **state)
{
    static char text[LOG_LINE_MAX * 2];
    static struct log_lines lines;
    struct err err;

    (void)state;
    taken[0] = '\0';
    memset(text, 'x', sizeof(text));
    text[LOG_LINE_MAX] = '\n'; /* one more than fits with its NUL */
    memcpy(text + LOG_LINE_MAX + 1, "ok\nstop\nafter\n", 14);
    assert_false(log_lines_feed(&lines, text, LOG_LINE_MAX + 15, take, NULL, &err));
    assert_string_equal(taken, "ok|stop|");
    assert_int_equal(lines.nr_too_long, 1);
    memset(&lines, 0, sizeof(lines));
    taken[0] = '\0';
    text[LOG_LINE_MAX - 1] = '\n';
    assert_true(log_lines_feed(&lines, text, LOG_LINE_MAX, take, NULL, &err));
    assert_int_equal(lines.nr_too_long, 0);
    assert_int_equal(strlen(taken), LOG_LINE_MAX);
}

/* --- hints ------------------------------------------------------------------------------- */

static struct log_hint hint;
static char text[LOG_HINT_MAX];

static void count(const char *event, const char *reason, const char *name, int port, int times)
{
    struct log_record record = make(event, "deny", reason, name, port);

    record.count = times;
    log_hint_count(&hint, &record);
}

static void the_commonest_names_are_suggested(void **state)
{
    (void)state;
    memset(&hint, 0, sizeof(hint));
    count("dns", "name-not-allowed", "once.example", 53, 0);
    count("dns", "name-not-allowed", "Most.example", 53, 5);
    count("tls", "name-not-allowed", "most.example", 443, 2);
    count("tls", "service-not-allowed", "port.example", 8443, 3);
    count("connect", "service-not-allowed", "ssh.example", 22, 2);
    log_hint_text(&hint, NULL, text);
    assert_string_equal(text, "secctl allow most.example    # refused 7 times\n"
                              "secctl allow port.example tls/8443    # refused 3 times\n"
                              "secctl allow ssh.example tcp/22    # refused 2 times\n");
    memset(&hint, 0, sizeof(hint));
    count("connect", "service-not-allowed", "deb.example", 80, 1);
    log_hint_text(&hint, NULL, text);
    assert_string_equal(text, "secctl allow deb.example http/80    # refused 1 time\n");
    memset(&hint, 0, sizeof(hint));
    count("tls", "name-not-allowed", "most.example", 443, 2);
    log_hint_text(&hint, "claude", text);
    assert_int_equal(strncmp(text, "secctl allow --agent claude most.example    #", 45), 0);
}

static void nothing_is_suggested_that_a_rule_would_not_allow(void **state)
{
    struct log_record record = make("dns", "allow", "name-not-allowed", "a.example", 53);

    (void)state;
    memset(&hint, 0, sizeof(hint));
    log_hint_count(&hint, &record);
    count("tls", "name-denied", "denied.example", 443, 9);
    count("tls", "no-sni", "", 443, 9);
    count("connect", "address-not-bound", "", 443, 9);
    count("tls", "name-not-allowed", "evil.example; rm -rf ~", 443, 9);
    count("tls", "name-not-allowed", "$(x).example", 443, 9);
    count("tls", "name-not-allowed", "a\n.example", 443, 9);
    count("dns", "name-not-allowed", "_http._tcp.deb.example", 53, 9);
    count("packet", "service-not-allowed", "a.example", 9, 9);
    count("tls", "service-not-allowed", "a.example", -1, 9);
    log_hint_text(&hint, NULL, text);
    assert_string_equal(text, "");
}

static void names_beyond_the_limit_are_left_out(void **state)
{
    char name[64];

    (void)state;
    memset(&hint, 0, sizeof(hint));
    for (int i = 0; i < LOG_HINT_NAMES + 10; i++) {
        snprintf(name, sizeof(name), "n%d.example", i);
        count("dns", "name-not-allowed", name, 53, i + 1);
    }
    assert_int_equal(hint.nr, LOG_HINT_NAMES);
    log_hint_text(&hint, NULL, text);
    assert_int_equal(strncmp(text, "secctl allow n255.example    # refused 256 times\n", 49),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_say_when_who_what_and_why),
        cmocka_unit_test(rows_fit_the_width_and_hold_no_foreign_byte),
        cmocka_unit_test(verdicts_have_colors_where_they_are_wanted),
        cmocka_unit_test(lines_come_whole_from_any_pieces),
        cmocka_unit_test(a_line_that_is_too_long_is_dropped_and_counted),
        cmocka_unit_test(the_commonest_names_are_suggested),
        cmocka_unit_test(nothing_is_suggested_that_a_rule_would_not_allow),
        cmocka_unit_test(names_beyond_the_limit_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
