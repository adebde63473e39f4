/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/cursor.h"

#include <stdlib.h>

#include "tests/support/cm.h"
#include "tests/support/exact.h"

static const uint8_t sample[] = { 0x12, 0x34, 0x56, 0x78, 0x9a };

static void assert_same(const struct cursor *a, const struct cursor *b)
{
    assert_ptr_equal(a->base, b->base);
    assert_int_equal(a->len, b->len);
    assert_int_equal(a->off, b->off);
}

static void split_gives_a_part_that_cannot_see_past_its_end(void **state)
{
    struct cursor c = { .base = sample, .len = sizeof(sample) }, part;

    (void)state;
    assert_true(cursor_split(&c, 2, &part));
    assert_ptr_equal(part.base, sample);
    assert_int_equal(cursor_left(&part), 2);
    assert_int_equal(cursor_left(&c), 3);
    assert_true(cursor_split(&c, 3, &part));
    assert_ptr_equal(part.base, sample + 2);
    assert_int_equal(cursor_left(&c), 0);
    assert_true(cursor_split(&c, 0, &part));
    assert_null(part.base);
}

static void a_failed_read_moves_and_writes_nothing(void **state)
{
    uint8_t *bytes = exact("\x03"
                           "ab",
                           3);
    struct cursor c = { .base = bytes, .len = 3, .off = 0 }, before = c;
    struct cursor part = { .base = sample, .len = 1 }, part_before = part;
    uint32_t value = 77;

    (void)state;
    assert_false(cursor_split(&c, 4, &part));
    assert_false(cursor_split(&c, SIZE_MAX, &part));
    assert_false(cursor_skip(&c, 4));
    assert_false(cursor_skip(&c, SIZE_MAX));
    assert_false(cursor_uint(&c, 4, &value));
    assert_false(cursor_uint(&c, 0, &value));
    assert_false(cursor_vec(&c, 1, &part)); /* says 3, two are there */
    assert_same(&c, &before);
    assert_same(&part, &part_before);
    assert_int_equal(value, 77);
    free(bytes);
}

static void numbers_are_big_endian(void **state)
{
    static const uint32_t expected[] = { 0x12, 0x1234, 0x123456, 0x12345678 };

    (void)state;
    for (size_t width = 1; width <= 4; width++) {
        struct cursor c = { .base = sample, .len = sizeof(sample) };
        uint32_t value;

        assert_true(cursor_uint(&c, width, &value));
        assert_int_equal(value, expected[width - 1]);
        assert_int_equal(c.off, width);
    }
}

static void a_number_wider_than_four_bytes_is_refused(void **state)
{
    struct cursor c = { .base = sample, .len = sizeof(sample) };
    uint32_t value = 77;

    (void)state;
    assert_false(cursor_uint(&c, 5, &value));
    assert_int_equal(value, 77);
    assert_int_equal(c.off, 0);
}

static void skip_moves_by_what_it_is_told(void **state)
{
    struct cursor c = { .base = sample, .len = sizeof(sample) };

    (void)state;
    assert_true(cursor_skip(&c, 5));
    assert_int_equal(cursor_left(&c), 0);
    assert_true(cursor_skip(&c, 0));
    assert_false(cursor_skip(&c, 1));
}

static void a_vector_is_its_body_alone(void **state)
{
    struct cursor c = { .base = (const uint8_t *)"\0\x02"
                                                 "abc",
                        .len = 5 },
                  body;

    (void)state;
    assert_true(cursor_vec(&c, 2, &body));
    assert_int_equal(body.len, 2);
    assert_memory_equal(body.base, "ab", 2);
    assert_int_equal(cursor_left(&c), 1);
    assert_false(cursor_vec(&c, 2, &body));
    assert_int_equal(cursor_left(&c), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_gives_a_part_that_cannot_see_past_its_end),
        cmocka_unit_test(a_failed_read_moves_and_writes_nothing),
        cmocka_unit_test(numbers_are_big_endian),
        cmocka_unit_test(a_number_wider_than_four_bytes_is_refused),
        cmocka_unit_test(skip_moves_by_what_it_is_told),
        cmocka_unit_test(a_vector_is_its_body_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
