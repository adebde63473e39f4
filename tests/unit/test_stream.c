/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sni-filter/stream.h"

static struct chunk_pool pool;
static struct stream stream;
static uint8_t bytes[STREAM_MAX], out[STREAM_MAX];

static int start(void **state)
{
    (void)state;
    assert_true(chunk_pool_init(&pool, STREAM_CHUNKS_MAX + 2));
    stream_init(&stream);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    stream_clear(&stream, &pool);
    assert_int_equal(pool.nr_used, 0);
    chunk_pool_clear(&pool);
    return 0;
}

static enum stream_rc put(uint32_t offset, size_t len)
{
    uint32_t nr_new;
    uint8_t *exact = malloc(len > 0 ? len : 1);
    enum stream_rc rc;

    assert_non_null(exact);
    memcpy(exact, bytes + offset, len);
    rc = stream_put(&stream, &pool, offset, (struct cursor) { .base = exact, .len = len },
                    &nr_new);
    free(exact);
    return rc;
}

static void check_edge(uint32_t edge)
{
    assert_int_equal(stream.edge, edge);
    stream_copy(&stream, &pool, 0, edge, out);
    assert_memory_equal(out, bytes, edge);
}

/* A chunk's number must differ from "none". */
static void a_pool_has_as_many_chunks_as_can_be_numbered(void **state)
{
    struct chunk_pool largest;

    (void)state;
    assert_true(chunk_pool_init(&largest, CHUNK_NONE));
    chunk_pool_clear(&largest);
    assert_false(chunk_pool_init(&largest, CHUNK_NONE + 1u));
}

static void segments_in_any_order_give_the_same_bytes(void **state)
{
    (void)state;
    assert_int_equal(put(3000, 3000), STREAM_OK);
    check_edge(0);
    assert_int_equal(put(1, 2999), STREAM_OK);
    check_edge(0);
    assert_int_equal(put(0, 1), STREAM_OK);
    check_edge(6000);
    assert_int_equal(stream_byte(&stream, &pool, 5999), bytes[5999]);
}

static void an_overlap_that_agrees_is_taken_and_counted_once(void **state)
{
    uint32_t nr_new;

    (void)state;
    assert_int_equal(put(10, 10), STREAM_OK);
    assert_int_equal(stream_put(&stream, &pool, 5,
                                (struct cursor) { .base = bytes + 5, .len = 20 }, &nr_new),
                     STREAM_OK);
    assert_int_equal(nr_new, 10);
}

static void one_other_byte_anywhere_is_a_conflict_and_changes_nothing(void **state)
{
    uint8_t other[32];
    uint32_t nr_new;

    (void)state;
    assert_int_equal(put(10, 10), STREAM_OK);
    for (size_t i = 0; i < 10; i++) {
        memcpy(other, bytes, sizeof(other));
        other[10 + i] ^= 0x80;
        assert_int_equal(stream_put(&stream, &pool, 0,
                                    (struct cursor) { .base = other, .len = 32 }, &nr_new),
                         STREAM_CONFLICT);
        assert_int_equal(stream.edge, 0);
    }
    assert_int_equal(put(0, 32), STREAM_OK);
    check_edge(32);
}

static void the_last_byte_fits_and_the_one_after_it_does_not(void **state)
{
    uint32_t nr_new;

    (void)state;
    assert_int_equal(put(STREAM_MAX - 1, 1), STREAM_OK);
    assert_int_equal(put(0, STREAM_MAX), STREAM_OK);
    check_edge(STREAM_MAX);
    assert_int_equal(stream_put(&stream, &pool, STREAM_MAX,
                                (struct cursor) { .base = bytes, .len = 1 }, &nr_new),
                     STREAM_TOO_LONG);
    assert_int_equal(stream_put(&stream, &pool, STREAM_MAX - 1,
                                (struct cursor) { .base = bytes, .len = 2 }, &nr_new),
                     STREAM_TOO_LONG);
    assert_int_equal(stream_put(&stream, &pool, UINT32_MAX,
                                (struct cursor) { .base = bytes, .len = 2 }, &nr_new),
                     STREAM_TOO_LONG);
}

static void a_full_pool_refuses_and_takes_nothing(void **state)
{
    struct stream other;
    uint32_t nr_new, used;

    (void)state;
    stream_init(&other);
    assert_int_equal(put(0, STREAM_MAX), STREAM_OK);
    used = pool.nr_used;
    assert_int_equal(stream_put(&other, &pool, 0,
                                (struct cursor) { .base = bytes, .len = 3 * CHUNK_SIZE },
                                &nr_new),
                     STREAM_FULL);
    assert_int_equal(pool.nr_used, used);
    assert_int_equal(stream_put(&other, &pool, 0,
                                (struct cursor) { .base = bytes, .len = 2 * CHUNK_SIZE },
                                &nr_new),
                     STREAM_OK);
    stream_clear(&other, &pool);
}

static void a_chunk_that_was_used_before_comes_back_empty(void **state)
{
    uint32_t nr_new;

    (void)state;
    assert_int_equal(put(0, 100), STREAM_OK);
    stream_clear(&stream, &pool);
    assert_int_equal(stream_put(&stream, &pool, 0,
                                (struct cursor) { .base = bytes + 50, .len = 10 }, &nr_new),
                     STREAM_OK);
    assert_int_equal(stream.edge, 10);
}

static void what_is_passed_is_given_back_by_chunks(void **state)
{
    (void)state;
    assert_int_equal(put(0, 3000), STREAM_OK);
    assert_int_equal(put(5000, 100), STREAM_OK);
    assert_int_equal(stream_pass(&stream, &pool, 1000), 0);
    assert_int_equal(stream.edge, 3000);
    assert_int_equal(stream_pass(&stream, &pool, 2500), 2 * CHUNK_SIZE);
    assert_int_equal(stream.edge, 3000 - 2 * CHUNK_SIZE);
    assert_int_equal(pool.nr_used, 2); /* of 2500 to 3000, of 5000 to 5100 */
    assert_int_equal(stream_byte(&stream, &pool, 2500 - 2 * CHUNK_SIZE), bytes[2500]);
    /* over bytes that never came, up to such as have */
    assert_int_equal(stream_pass(&stream, &pool, 5000 - 2 * CHUNK_SIZE), 2 * CHUNK_SIZE);
    assert_int_equal(stream.edge, 5100 - 4 * CHUNK_SIZE);
    assert_int_equal(pool.nr_used, 1);
    assert_int_equal(stream_pass(&stream, &pool, STREAM_MAX), STREAM_MAX);
    assert_int_equal(stream.edge, 0);
    assert_int_equal(pool.nr_used, 0);
    assert_int_equal(stream.nr_chunks, 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pool_has_as_many_chunks_as_can_be_numbered),
        CASE(segments_in_any_order_give_the_same_bytes),
        CASE(an_overlap_that_agrees_is_taken_and_counted_once),
        CASE(one_other_byte_anywhere_is_a_conflict_and_changes_nothing),
        CASE(the_last_byte_fits_and_the_one_after_it_does_not),
        CASE(a_full_pool_refuses_and_takes_nothing),
        CASE(a_chunk_that_was_used_before_comes_back_empty),
        CASE(what_is_passed_is_given_back_by_chunks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
