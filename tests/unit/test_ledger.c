/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fwd/filter_proc.h"
#include "tests/support/cm.h"

static void what_a_process_counted_is_known_after_its_death(void **state)
{
    struct filter_proc filter = { .nr_told = 3 };
    int status;
    pid_t pid;

    (void)state;
    assert_int_equal(ledger_open(&filter.ledger), 0);
    assert_int_equal(filter_take_missing(&filter), 0);
    pid = fork();
    if (pid == 0) {
        uint64_t *page =
            mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, filter.ledger.fd, 0);

        if (page == MAP_FAILED)
            _exit(1);
        for (int i = 0; i < 10; i++)
            __atomic_fetch_add(page, 1, __ATOMIC_RELEASE);
        abort();
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(filter_take_missing(&filter), 7);
    assert_int_equal(filter_take_missing(&filter), 0); /* reported once */
    ledger_close(&filter.ledger);
    assert_int_equal(filter_take_missing(&filter), 0); /* there is none */
    ledger_close(&filter.ledger);
}

static void more_told_than_decided_is_nothing_missing(void **state)
{
    struct ledger ledger;

    (void)state;
    assert_int_equal(ledger_open(&ledger), 0);
    assert_int_equal(ledger_missing(&ledger, 1), 0);
    ledger_close(&ledger);
}

static void nobody_can_take_the_page_away(void **state)
{
    struct ledger ledger;

    (void)state;
    assert_int_equal(ledger_open(&ledger), 0);
    assert_int_not_equal(ftruncate(ledger.fd, 0), 0);
    assert_int_not_equal(ftruncate(ledger.fd, 1 << 20), 0);
    ledger_close(&ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_process_counted_is_known_after_its_death),
        cmocka_unit_test(more_told_than_decided_is_nothing_missing),
        cmocka_unit_test(nobody_can_take_the_page_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
