/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "sni-filter/fold.h"

static struct fold fold;
static const uint8_t key[16] = "fold table tests";

static int start(void **state)
{
    (void)state;
    assert_true(fold_init(&fold, key));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fold_clear(&fold);
    return 0;
}

static struct record refusal(const char *name)
{
    struct record record = { .event = EVENT_DNS,
                             .verdict = RECORD_DENY,
                             .reason = REASON_NAME_NOT_ALLOWED };

    snprintf(record.name, sizeof(record.name), "%s", name);
    return record;
}

static bool take(const struct record *record, uint64_t now_us)
{
    struct record other;
    bool evicted;
    bool is_new = fold_take(&fold, record, now_us, &evicted, &other);

    assert_false(evicted);
    return is_new;
}

static void the_first_is_written_at_once_and_the_others_as_one(void **state)
{
    struct record record = refusal("a.test"), out;

    (void)state;
    assert_true(take(&record, 1000));
    assert_false(take(&record, 2000));
    assert_false(take(&record, 1000999));
    assert_false(fold_due(&fold, 1000999, &out));
    assert_true(fold_due(&fold, 1001000, &out));
    assert_int_equal(out.count, 2);
    assert_string_equal(out.name, "a.test");
    assert_false(fold_due(&fold, 1001000, &out));
    assert_true(take(&record, 1001001));
}

static void one_alone_leaves_no_second_record(void **state)
{
    struct record record = refusal("a.test"), out;

    (void)state;
    assert_true(take(&record, 1000));
    assert_false(fold_due(&fold, 5000000, &out));
    assert_int_equal(fold.nr_used, 0);
}

static void what_differs_in_any_part_of_the_key_is_not_folded(void **state)
{
    struct record a = refusal("a.test"), b;

    (void)state;
    assert_true(take(&a, 1000));
#define DIFFERS(field, value)                                                                  \
    do {                                                                                       \
        struct record unused;                                                                  \
        bool evicted;                                                                          \
        b = a;                                                                                 \
        b.field = (value);                                                                     \
        assert_true(fold_take(&fold, &b, 1000, &evicted, &unused));                            \
    } while (0)
    DIFFERS(event, EVENT_TLS);
    DIFFERS(reason, REASON_NO_SNI);
    DIFFERS(ip_protocol, 6);
    DIFFERS(dport, 443);
    DIFFERS(qtype, 28);
    DIFFERS(name[0], 'b');
    DIFFERS(method[0], 'G');
    DIFFERS(agent[0], 'b');
    DIFFERS(src.bytes[3], 1);
    DIFFERS(dst.bytes[3], 1);
#undef DIFFERS
}

static void nothing_is_lost_when_a_slot_is_needed_by_another(void **state)
{
    uint32_t written = 0, evictions = 0;
    char name[32];

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 4 * FOLD_SLOTS; i++) {
            struct record record, other = { 0 };
            bool evicted;

            snprintf(name, sizeof(name), "n%d.test", i / 2);
            record = refusal(name);
            written += fold_take(&fold, &record, 1000, &evicted, &other);
            if (evicted) {
                written += other.count;
                evictions++;
            }
        }
    }
    for (struct record out; fold_due(&fold, 2000000, &out);)
        written += out.count;
    assert_int_equal(written, 8 * FOLD_SLOTS);
    assert_true(evictions > 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_first_is_written_at_once_and_the_others_as_one),
        CASE(one_alone_leaves_no_second_record),
        CASE(what_differs_in_any_part_of_the_key_is_not_folded),
        CASE(nothing_is_lost_when_a_slot_is_needed_by_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
