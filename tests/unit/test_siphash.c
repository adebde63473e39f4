/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/siphash.h"

/* The first of the vectors in the authors' reference code: key 00..0f, input 00, 00 01, ... */
static void vectors_of_the_authors_come_out(void **state)
{
    static const struct {
        size_t len;
        uint64_t hash;
    } cases[] = {
        { 0, 0x726fdb47dd0e0e31u },
        { 1, 0x74f839c593dc67fdu },
        { 8, 0x93f5f5799a932462u },
        { 15, 0xa129ca6149be45e5u },
    };
    uint8_t key[16], input[16];

    (void)state;
    for (uint8_t i = 0; i < 16; i++)
        key[i] = input[i] = i;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(siphash(key, input, cases[i].len), cases[i].hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(vectors_of_the_authors_come_out) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
