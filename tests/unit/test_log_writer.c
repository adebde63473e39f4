/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <signal.h>
#include <unistd.h>

#include "common/log.h"
#include "fwd/log_writer.h"
#include "tests/support/cm.h"

static char path[] = "/tmp/secctl-test-log-XXXXXX";
static char text[65536];
static struct log_writer writer;
static uint64_t max = UINT64_MAX;

static int make_file(void **state)
{
    int fd;

    (void)state;
    log_set("test", LOG_LEVEL_NONE);
    strcpy(path + strlen(path) - 6, "XXXXXX");
    fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    log_writer_close(&writer);
    return unlink(path);
}

static void open_log(const char *where)
{
    struct err err = { 0 };

    if (!log_writer_open(&writer, where, max, &err))
        fail_msg("%s", err.text);
}

static void put(enum record_event event)
{
    log_writer_put(&writer, &(struct record) { .event = event });
}

static const char *contents(void)
{
    FILE *in = fopen(path, "r");
    size_t len;

    assert_non_null(in);
    len = fread(text, 1, sizeof(text) - 1, in);
    text[len] = 0;
    fclose(in);
    return text;
}

static size_t nr_lines(void)
{
    size_t nr = 0;

    for (const char *c = contents(); *c; c++)
        nr += *c == '\n';
    return nr;
}

static void records_are_numbered_from_one(void **state)
{
    (void)state;
    open_log(path);
    put(EVENT_START);
    put(EVENT_STOP);
    assert_int_equal(nr_lines(), 2);
    assert_non_null(strstr(text, "\"seq\":1,"));
    assert_non_null(strstr(text, "\"seq\":2,"));
    assert_null(strstr(text, "lost"));
}

static void another_run_has_another_name(void **state)
{
    char first[LOG_RUN_MAX];

    (void)state;
    open_log(path);
    strcpy(first, writer.run);
    assert_int_equal(strlen(first), LOG_RUN_MAX - 1);
    log_writer_close(&writer);
    open_log(path);
    assert_string_not_equal(first, writer.run);
}

static void what_could_not_be_written_is_counted_in_the_next(void **state)
{
    struct err err = { 0 };

    (void)state;
    open_log("/dev/full");
    put(EVENT_START);
    log_writer_put(&writer, &(struct record) { .event = EVENT_TLS, .lost = 5 });
    log_writer_put(&writer, &(struct record) { .event = EVENT_TLS, .count = 10 });
    log_writer_lose(&writer, 100);
    writer.path = path;
    assert_true(log_writer_reopen(&writer, &err));
    put(EVENT_TLS);
    put(EVENT_STOP);
    assert_int_equal(nr_lines(), 2);
    assert_non_null(strstr(text, "\"seq\":1,"));
    assert_non_null(strstr(text, "\"lost\":117"));
    assert_null(strstr(strstr(text, "\"seq\":2,"), "lost"));
}

static void more_than_can_be_counted_are_the_most_that_can(void **state)
{
    (void)state;
    open_log("/dev/full");
    log_writer_lose(&writer, 5);
    log_writer_lose(&writer, UINT64_MAX);
    assert_int_equal(writer.lost, UINT32_MAX);
    put(EVENT_TLS);
    assert_int_equal(writer.lost, UINT32_MAX);
}

static void a_full_pipe_loses_records_and_stops_nothing(void **state)
{
    char where[32];
    int fds[2], nr_read = 0;

    (void)state;
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    snprintf(where, sizeof(where), "/proc/self/fd/%d", fds[1]);
    open_log(where);
    for (int i = 0; i < 3000; i++)
        put(EVENT_TLS);
    assert_true(writer.lost > 0);
    assert_int_equal(writer.seq - 1 + writer.lost, 3000);
    while (read(fds[0], text, sizeof(text)) > 0)
        nr_read++;
    assert_true(nr_read > 0);
    put(EVENT_STOP);
    assert_int_equal(writer.lost, 0);
    text[read(fds[0], text, sizeof(text) - 1)] = 0;
    assert_non_null(strstr(text, "\"lost\":"));
    close(fds[0]);
    close(fds[1]);
}

static void half_a_line_is_taken_back(void **state)
{
    struct rlimit limit, before;
    size_t len;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    open_log(path);
    put(EVENT_START);
    len = strlen(contents());
    getrlimit(RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = len + 10; /* as a full disk: ten bytes of the next line fit */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    put(EVENT_TLS);
    assert_int_equal(strlen(contents()), len);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    put(EVENT_STOP);
    assert_int_equal(nr_lines(), 2);
    assert_non_null(strstr(text, "\"lost\":1"));
}

static void a_log_that_was_moved_away_is_opened_again(void **state)
{
    struct err err = { 0 };
    char away[sizeof(path) + 8];

    (void)state;
    open_log(path);
    put(EVENT_START);
    snprintf(away, sizeof(away), "%s.1", path);
    assert_int_equal(rename(path, away), 0);
    put(EVENT_TLS);
    assert_true(log_writer_reopen(&writer, &err));
    put(EVENT_STOP);
    assert_int_equal(nr_lines(), 1);
    assert_non_null(strstr(text, "\"seq\":3,"));
    unlink(away);
}

static void a_log_that_cannot_be_opened_is_an_error_and_the_old_one_stays(void **state)
{
    struct err err = { 0 };

    (void)state;
    open_log(path);
    writer.path = "/nonexistent/log";
    assert_false(log_writer_reopen(&writer, &err));
    assert_non_null(strstr(err.text, "/nonexistent/log"));
    put(EVENT_STOP);
    assert_int_equal(nr_lines(), 1);
}

static void a_full_file_is_moved_and_another_begun(void **state)
{
    char older[sizeof(path) + 2];
    char first[512];

    (void)state;
    max = 50;
    open_log(path);
    max = UINT64_MAX;
    put(EVENT_START);
    assert_string_equal(contents(), ""); /* one line is more than 50 bytes */
    put(EVENT_STOP);
    assert_string_equal(contents(), "");
    snprintf(older, sizeof(older), "%s" LOG_OLDER, path);
    assert_int_equal(rename(older, path), 0);
    snprintf(first, sizeof(first), "%.500s", contents());
    assert_non_null(strstr(first, "\"seq\":2"));
    assert_null(strstr(first, "\"seq\":1,"));
}

int main(void)
{
#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, make_file, remove_file)
    const struct CMUnitTest tests[] = {
        WITH_FILE(records_are_numbered_from_one),
        WITH_FILE(another_run_has_another_name),
        WITH_FILE(what_could_not_be_written_is_counted_in_the_next),
        WITH_FILE(more_than_can_be_counted_are_the_most_that_can),
        WITH_FILE(a_full_pipe_loses_records_and_stops_nothing),
        WITH_FILE(half_a_line_is_taken_back),
        WITH_FILE(a_log_that_was_moved_away_is_opened_again),
        WITH_FILE(a_log_that_cannot_be_opened_is_an_error_and_the_old_one_stays),
        WITH_FILE(a_full_file_is_moved_and_another_begun),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
