/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/attr.h"
#include "sni-filter/index_list.h"

/* An element that is in two lists at once. */
struct element {
    char before[3];
    struct index_link one, two;
};

static struct element elements[4];

static struct index_links links_one(void)
{
    return (struct index_links) { &elements->one, sizeof(*elements) };
}

static struct index_links links_two(void)
{
    return (struct index_links) { &elements->two, sizeof(*elements) };
}

/* In both directions; order ends with INDEX_NONE. */
static void expect_order(const struct index_list *list, const uint32_t *order)
{
    uint32_t last = INDEX_NONE, i = list->oldest;

    for (; *order != INDEX_NONE; order++) {
        assert_int_equal(i, *order);
        assert_int_equal(elements[i].one.older, last);
        last = i;
        i = elements[i].one.newer;
    }
    assert_int_equal(i, INDEX_NONE);
    assert_int_equal(list->newest, last);
}

static void an_element_leaves_from_any_place(void **state)
{
    static const uint32_t orders[4][4] = {
        { 1, 2, 3, INDEX_NONE },
        { 0, 2, 3, INDEX_NONE },
        { 0, 1, 3, INDEX_NONE },
        { 0, 1, 2, INDEX_NONE },
    };

    (void)state;
    for (uint32_t gone = 0; gone < ARRAY_LEN(orders); gone++) {
        struct index_list list = index_list_empty;

        for (uint32_t i = 0; i < ARRAY_LEN(elements); i++)
            index_list_append(&list, links_one(), i);
        index_list_remove(&list, links_one(), gone);
        expect_order(&list, orders[gone]);
    }
}

static void the_last_one_leaves_nothing(void **state)
{
    static const uint32_t one[] = { 2, INDEX_NONE }, none[] = { INDEX_NONE };
    struct index_list list = index_list_empty;

    (void)state;
    index_list_append(&list, links_one(), 2);
    expect_order(&list, one);
    index_list_remove(&list, links_one(), 2);
    expect_order(&list, none);
}

static void lists_of_other_links_are_left_alone(void **state)
{
    static const uint32_t order[] = { 0, 1, INDEX_NONE };
    struct index_list list = index_list_empty, other = index_list_empty;

    (void)state;
    index_list_append(&list, links_one(), 0);
    index_list_append(&list, links_one(), 1);
    index_list_append(&other, links_two(), 1);
    index_list_append(&other, links_two(), 0);
    index_list_remove(&other, links_two(), 1);
    expect_order(&list, order);
    assert_int_equal(other.oldest, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_element_leaves_from_any_place),
        cmocka_unit_test(the_last_one_leaves_nothing),
        cmocka_unit_test(lists_of_other_links_are_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
