/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sni-filter/report.h"

static struct report *report;
static int read_fd;

static int set_up(void **state)
{
    int fds[2];

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    report = calloc(1, sizeof(*report));
    assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    read_fd = fds[0];
    report->fd = fds[1];
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(read_fd);
    close(report->fd);
    free(report);
    return 0;
}

/* Read one frame; false: none waits. Writes on while it reads. */
static bool take(struct ipc_header *header, void *body)
{
    static uint8_t bytes[sizeof(*header) + sizeof(struct record)];
    size_t len = 0, want = sizeof(*header);

    while (len < want) {
        ssize_t n;

        assert_int_equal(report_flush(report), 0);
        n = read(read_fd, bytes + len, want - len);
        if (n <= 0)
            return false;
        len += (size_t)n;
        memcpy(header, bytes, sizeof(*header));
        if (len >= sizeof(*header))
            want = sizeof(*header) + header->len;
        assert_true(want <= sizeof(bytes));
    }
    memcpy(body, bytes + sizeof(*header), header->len);
    return true;
}

static void frames_arrive_in_order(void **state)
{
    struct record record = { .event = EVENT_DNS, .line = 5 }, got;
    struct ipc_header header;

    (void)state;
    assert_true(report_put(report, IPC_READY, NULL, 0));
    report_record(report, &record);
    assert_true(report_is_waiting(report));
    assert_true(take(&header, &got));
    assert_int_equal(header.type, IPC_READY);
    assert_int_equal(header.len, 0);
    assert_true(take(&header, &got));
    assert_int_equal(header.type, IPC_RECORD);
    assert_int_equal(got.line, 5);
    assert_int_equal(got.lost, 0);
    assert_false(report_is_waiting(report));
}

static void the_next_record_says_how_many_were_lost(void **state)
{
    struct record record = { .event = EVENT_DNS }, got;
    struct ipc_header header;
    uint32_t nr_sent = 0, nr_read = 0;

    (void)state;
    while (report->lost == 0) {
        report_record(report, &record);
        nr_sent++;
        assert_int_equal(report_flush(report), 0);
    }
    record.count = 7; /* it stands for seven */
    report_record(report, &record);
    record.count = 0;
    assert_int_equal(report->lost, 8);
    assert_true(report_put(report, IPC_READY, NULL, 0)); /* room is left for other frames */
    while (take(&header, &got))
        nr_read += header.type == IPC_RECORD;
    assert_int_equal(nr_read, nr_sent - 1);
    record.lost = 3;
    report_record(report, &record);
    assert_true(take(&header, &got));
    assert_int_equal(got.lost, 11);
    assert_int_equal(report->lost, 0);
}

static void other_frames_are_refused_when_nothing_is_free(void **state)
{
    static const uint8_t body[1000];
    unsigned nr = 0;

    (void)state;
    while (report_put(report, IPC_BINDING, body, sizeof(body)))
        nr++;
    assert_int_equal(nr, REPORT_LEN / (sizeof(body) + sizeof(struct ipc_header)));
    assert_int_equal(report_flush(report), 0);
    assert_true(report_put(report, IPC_BINDING, body, sizeof(body)));
}

static void a_reader_that_is_gone_is_an_error(void **state)
{
    (void)state;
    assert_true(report_put(report, IPC_READY, NULL, 0));
    close(read_fd);
    assert_true(report_flush(report) < 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(frames_arrive_in_order),
        TEST(the_next_record_says_how_many_were_lost),
        TEST(other_frames_are_refused_when_nothing_is_free),
        TEST(a_reader_that_is_gone_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
