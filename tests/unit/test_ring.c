/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sni-filter/ring.h"

#define SIZE 4096u

/* What a hostile peer can write: the shared page begins one page before the data. The body of
 * the first message lies 8 bytes into the data. */
struct hostile {
    uint64_t *head, *tail, *first_header;
};

static struct ring *fresh(void)
{
    struct ring *ring = ring_new(SIZE);

    assert_non_null(ring);
    return ring;
}

static void put(struct ring *ring, uint32_t type, const char *text)
{
    bool must_wake = false;

    assert_true(ring_put(ring, type, text, strlen(text), NULL, 0, &must_wake));
}

static void expect(struct ring *ring, uint32_t type, const char *text)
{
    const uint8_t *body;
    uint32_t got;
    size_t len;

    assert_int_equal(ring_peek(ring, &got, &body, &len), 1);
    assert_int_equal(got, type);
    assert_int_equal(len, strlen(text));
    assert_memory_equal(body, text, len);
    assert_int_equal((uintptr_t)body % 8, 0);
    ring_pop(ring);
}

static int peek(struct ring *ring)
{
    const uint8_t *body;
    uint32_t type;
    size_t len;

    return ring_peek(ring, &type, &body, &len);
}

static struct hostile as_peer(struct ring *ring)
{
    const uint8_t *body;
    uint32_t type;
    size_t len;
    uint8_t *page;

    put(ring, 1, "first");
    assert_int_equal(ring_peek(ring, &type, &body, &len), 1);
    page = (uint8_t *)(uintptr_t)body - 8 - sysconf(_SC_PAGESIZE);
    return (struct hostile) { .head = (void *)page,
                              .tail = (void *)(page + 64),
                              .first_header = (void *)(uintptr_t)(body - 8) };
}

static void messages_come_out_as_they_went_in(void **state)
{
    struct ring *ring = fresh();
    bool must_wake = false;

    (void)state;
    assert_int_equal(peek(ring), 0);
    put(ring, 7, "one");
    put(ring, 8, "");
    assert_true(ring_put(ring, 9, "two ", 4, "parts", 5, &must_wake));
    expect(ring, 7, "one");
    expect(ring, 8, "");
    expect(ring, 9, "two parts");
    assert_int_equal(peek(ring), 0);
    ring_free(ring);
}

static void every_offset_of_the_end_is_crossed_in_one_piece(void **state)
{
    struct ring *ring = fresh();
    char text[301];

    (void)state;
    for (size_t i = 0; i < 2000; i++) {
        size_t len = i % 300;

        memset(text, 'a' + (int)(i % 26), len);
        text[len] = '\0';
        put(ring, (uint32_t)i, text);
        expect(ring, (uint32_t)i, text);
    }
    ring_free(ring);
}

static void a_full_ring_takes_nothing_and_recovers(void **state)
{
    struct ring *ring = fresh();
    uint8_t body[SIZE + 1] = { 0 };
    bool must_wake = false;
    unsigned nr = 0;

    (void)state;
    assert_false(ring_put(ring, 1, body, SIZE - 7, NULL, 0, &must_wake));
    assert_false(ring_put(ring, 1, body, 8, body, SIZE, &must_wake));
    assert_true(ring_put(ring, 1, body, SIZE - 8, NULL, 0, &must_wake));
    assert_false(ring_put(ring, 1, body, 0, NULL, 0, &must_wake));
    assert_int_equal(peek(ring), 1);
    ring_pop(ring);
    while (ring_put(ring, 1, body, 24, NULL, 0, &must_wake))
        nr++;
    assert_int_equal(nr, SIZE / 32);
    assert_int_equal(peek(ring), 1);
    ring_pop(ring);
    assert_true(ring_put(ring, 1, body, 24, NULL, 0, &must_wake));
    assert_false(ring_put(ring, 1, body, 24, NULL, 0, &must_wake));
    ring_free(ring);
}

static void lengths_that_would_overflow_are_refused(void **state)
{
    struct ring *ring = fresh();
    bool must_wake = false;

    (void)state;
    assert_false(ring_put(ring, 1, "x", SIZE_MAX, "x", 1, &must_wake));
    assert_false(ring_put(ring, 1, "x", 1, "x", SIZE_MAX, &must_wake));
    assert_int_equal(peek(ring), 0);
    ring_free(ring);
}

static void a_length_beyond_what_was_written_is_broken(void **state)
{
    static const uint64_t lengths[] = { 9, 4080, SIZE, 0x7fffffff, 0xffffffff };

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct ring *ring = fresh();
        struct hostile peer = as_peer(ring);

        *peer.first_header = 1ull << 32 | lengths[i];
        assert_int_equal(peek(ring), -EPROTO);
        ring_free(ring);
    }
}

static void a_head_that_runs_away_is_broken(void **state)
{
    static const uint64_t heads[] = { SIZE + 8, UINT64_MAX, 12, 4 };

    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct ring *ring = fresh();
        struct hostile peer = as_peer(ring);

        *peer.head = heads[i];
        assert_int_equal(peek(ring), -EPROTO);
        ring_free(ring);
    }
}

static void a_tail_that_the_reader_forges_lets_nothing_be_written(void **state)
{
    struct ring *ring = fresh();
    struct hostile peer = as_peer(ring);
    bool must_wake = false;

    (void)state;
    *peer.tail = 1000; /* more than was ever written */
    assert_false(ring_put(ring, 1, "x", 1, NULL, 0, &must_wake));
    *peer.tail = 0;
    assert_true(ring_put(ring, 1, "x", 1, NULL, 0, &must_wake));
    ring_free(ring);
}

static void the_readers_own_index_is_out_of_the_writers_reach(void **state)
{
    struct ring *ring = fresh();
    struct hostile peer = as_peer(ring);

    (void)state;
    put(ring, 2, "second");
    *peer.tail = 64;
    expect(ring, 1, "first");
    expect(ring, 2, "second");
    ring_free(ring);
}

static void a_sleeping_reader_is_reported_once(void **state)
{
    struct ring *ring = fresh();
    bool must_wake = false;

    (void)state;
    put(ring, 1, "awake");
    assert_false(ring_sleep(ring)); /* there is something to read */
    assert_true(ring_put(ring, 1, "a", 1, NULL, 0, &must_wake));
    assert_false(must_wake);
    expect(ring, 1, "awake");
    expect(ring, 1, "a");
    assert_true(ring_sleep(ring));
    assert_true(ring_put(ring, 1, "b", 1, NULL, 0, &must_wake));
    assert_true(must_wake);
    must_wake = false;
    assert_true(ring_put(ring, 1, "c", 1, NULL, 0, &must_wake));
    assert_false(must_wake);
    ring_free(ring);
}

static void an_odd_size_is_refused(void **state)
{
    (void)state;
    assert_null(ring_new(0));
    assert_null(ring_new(100));
    assert_null(ring_new(2048));
    assert_null(ring_new(SIZE + 1));
    assert_null(ring_new(3 * SIZE));
}

#define STRESS_MESSAGES 200000u

static size_t stress_len(uint32_t i)
{
    return (i * 2654435761u >> 20) % 1500;
}

static void write_all(struct ring *ring, int wake_fd)
{
    uint8_t body[1500];

    for (uint32_t i = 0; i < STRESS_MESSAGES; i++) {
        bool must_wake = false;

        memset(body, (int)(i & 0xff), sizeof(body));
        while (!ring_put(ring, i, body, stress_len(i), NULL, 0, &must_wake))
            usleep(10);
        if (must_wake && eventfd_write(wake_fd, 1) != 0)
            _exit(2);
    }
}

static void two_processes_lose_nothing(void **state)
{
    struct ring *ring = ring_new(65536);
    int wake_fd = eventfd(0, EFD_CLOEXEC), status;
    pid_t writer;

    (void)state;
    assert_non_null(ring);
    alarm(60); /* a wake-up that is lost hangs */
    writer = fork();
    if (writer == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test must not leave it behind */
        write_all(ring, wake_fd);
        _exit(0);
    }
    for (uint32_t i = 0; i < STRESS_MESSAGES;) {
        const uint8_t *body;
        eventfd_t value;
        uint32_t type;
        size_t len;

        if (ring_peek(ring, &type, &body, &len) == 1) {
            assert_int_equal(type, i);
            assert_int_equal(len, stress_len(i));
            for (size_t at = 0; at < len; at++)
                if (body[at] != (uint8_t)i)
                    fail_msg("message %u differs at byte %zu", i, at);
            ring_pop(ring);
            i++;
        } else if (ring_sleep(ring)) {
            assert_int_equal(eventfd_read(wake_fd, &value), 0);
        }
    }
    assert_int_equal(waitpid(writer, &status, 0), writer);
    assert_int_equal(status, 0);
    alarm(0);
    close(wake_fd);
    ring_free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_out_as_they_went_in),
        cmocka_unit_test(every_offset_of_the_end_is_crossed_in_one_piece),
        cmocka_unit_test(a_full_ring_takes_nothing_and_recovers),
        cmocka_unit_test(lengths_that_would_overflow_are_refused),
        cmocka_unit_test(a_length_beyond_what_was_written_is_broken),
        cmocka_unit_test(a_head_that_runs_away_is_broken),
        cmocka_unit_test(a_tail_that_the_reader_forges_lets_nothing_be_written),
        cmocka_unit_test(the_readers_own_index_is_out_of_the_writers_reach),
        cmocka_unit_test(a_sleeping_reader_is_reported_once),
        cmocka_unit_test(an_odd_size_is_refused),
        cmocka_unit_test(two_processes_lose_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
