/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/log.h"
#include "fwd/bindings.h"
#include "tests/support/cm.h"
#include "tests/support/exact.h"

#define NOW 1000

static char dir[] = "/tmp/secctl-test-bindings-XXXXXX";
static char file[sizeof(dir) + 16];
static struct bindings bindings;

static int make_dir(void **state)
{
    (void)state;
    log_set("test", LOG_LEVEL_ERROR);
    strcpy(dir + strlen(dir) - 6, "XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(file, sizeof(file), "%s/bindings", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    bindings_close(&bindings);
    unlink(file);
    return rmdir(dir);
}

static struct ipc_binding binding(const char *addr, const char *name, uint64_t expires)
{
    struct ipc_binding b = { .expires_wall_s = expires };

    assert_true(addr_parse(addr, strlen(addr), &b.addr));
    strcpy(b.name, name);
    strcpy(b.agent, "agent");
    return b;
}

static void put(const char *addr, const char *name, uint64_t expires)
{
    const struct ipc_binding b = binding(addr, name, expires);

    bindings_put(&bindings, &b, NOW);
}

static void open_at(uint64_t now)
{
    struct err err = { 0 };

    if (!bindings_open(&bindings, dir, now, &err))
        fail_msg("%s", err.text);
}

static void count(const struct ipc_binding *b, void *arg)
{
    (void)b;
    (*(size_t *)arg)++;
}

static size_t live(uint64_t now)
{
    size_t nr = 0;

    bindings_each(&bindings, now, count, &nr);
    return nr;
}

static void write_file(const char *text, size_t len)
{
    FILE *out = fopen(file, "w");

    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, len, out), len);
    fclose(out);
}

static void a_binding_survives_a_restart(void **state)
{
    (void)state;
    open_at(NOW);
    put("192.0.2.7", "a.test", NOW + 10);
    put("2001:db8::7", "a.test", NOW + 20);
    bindings_close(&bindings);
    open_at(NOW);
    assert_int_equal(live(NOW), 2);
    assert_int_equal(bindings.nr_bad, 0);
}

static void an_expired_one_does_not(void **state)
{
    (void)state;
    open_at(NOW);
    put("192.0.2.7", "a.test", NOW + 10);
    put("192.0.2.8", "a.test", NOW + 20);
    bindings_close(&bindings);
    open_at(NOW + 10);
    assert_int_equal(live(NOW + 10), 1);
    assert_int_equal(bindings.nr, 1);
}

static void what_has_expired_already_is_not_kept(void **state)
{
    (void)state;
    open_at(NOW);
    put("192.0.2.7", "a.test", NOW);
    assert_int_equal(bindings.nr, 0);
}

static void the_same_one_again_is_prolonged(void **state)
{
    (void)state;
    open_at(NOW);
    put("192.0.2.7", "a.test", NOW + 10);
    put("192.0.2.7", "a.test", NOW + 99);
    assert_int_equal(bindings.nr, 1);
    assert_int_equal(live(NOW + 50), 1);
    bindings_close(&bindings);
    open_at(NOW + 50);
    assert_int_equal(live(NOW + 50), 1);
}

static void another_name_or_agent_is_another_binding(void **state)
{
    struct ipc_binding b = binding("192.0.2.7", "a.test", NOW + 10);

    (void)state;
    open_at(NOW);
    bindings_put(&bindings, &b, NOW);
    strcpy(b.agent, "other");
    bindings_put(&bindings, &b, NOW);
    strcpy(b.name, "b.test");
    bindings_put(&bindings, &b, NOW);
    assert_int_equal(bindings.nr, 3);
}

static void the_file_is_written_anew_when_it_is_too_long(void **state)
{
    struct stat stat_now;

    (void)state;
    open_at(NOW);
    for (uint64_t i = 0; i < 5000; i++)
        put("192.0.2.7", "a.test", NOW + 10 + i);
    assert_true(bindings.nr_lines < 2000);
    assert_int_equal(stat(file, &stat_now), 0);
    assert_true(stat_now.st_size < 2000 * 40);
    bindings_close(&bindings);
    open_at(NOW + 5008);
    assert_int_equal(live(NOW + 5008), 1); /* the last one counts */
}

static void bad_lines_are_skipped_and_good_ones_kept(void **state)
{
    static const char text[] = "192.0.2.7 a.test agent 2000\n"
                               "rubbish\n"
                               "\n"
                               "192.0.2.8 a.test agent 20\0 00\n"
                               "192.0.2.9 a.test agent 2000\n"
                               "192.0.2.10 a.test agent 20";

    (void)state;
    write_file(text, sizeof(text) - 1);
    open_at(NOW);
    assert_int_equal(live(NOW), 2);
    assert_int_equal(bindings.nr_bad, 2);
    assert_int_equal(bindings.nr_lines, 2); /* and the file is clean again */
}

static void a_name_that_is_none_is_not_kept(void **state)
{
    struct ipc_binding b = binding("192.0.2.7", "a.test agent 9999\n6.6.6.6 x.test", NOW + 10);

    (void)state;
    open_at(NOW);
    bindings_put(&bindings, &b, NOW);
    assert_int_equal(bindings.nr, 0);
    b = binding("192.0.2.7", "a.test", NOW + 10);
    b.addr.family = ADDR_NONE;
    bindings_put(&bindings, &b, NOW);
    assert_int_equal(bindings.nr, 0);
    b = binding("192.0.2.7", "a.test", NOW + 10);
    memset(b.name, 'a', sizeof(b.name)); /* no NUL */
    bindings_put(&bindings, &b, NOW);
    assert_int_equal(bindings.nr, 0);
}

static void without_a_directory_they_are_kept_in_memory(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_true(bindings_open(&bindings, "", NOW, &err));
    put("192.0.2.7", "a.test", NOW + 10);
    assert_int_equal(live(NOW), 1);
    assert_int_equal(access(file, F_OK), -1);
}

static void a_directory_that_is_missing_is_an_error(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_false(bindings_open(&bindings, "/nonexistent/secctl", NOW, &err));
    assert_non_null(strstr(err.text, "/nonexistent/secctl"));
}

static void a_full_table_drops_what_has_expired_first(void **state)
{
    struct ipc_binding b = binding("0.0.0.0", "a.test", NOW + 10);
    struct err err = { 0 };

    (void)state;
    assert_true(bindings_open(&bindings, "", NOW, &err));
    for (uint32_t i = 0; i < BINDINGS_MAX + 10; i++) {
        memcpy(b.addr.bytes, &i, sizeof(i));
        bindings_put(&bindings, &b, NOW);
    }
    assert_int_equal(bindings.nr, BINDINGS_MAX);
    b.expires_wall_s = NOW + 100;
    bindings_put(&bindings, &b, NOW + 10);
    assert_int_equal(bindings.nr, 1);
}

static const struct {
    const char *what, *line;
} bad[] = {
    { "nothing", "" },
    { "an address alone", "192.0.2.7" },
    { "three fields", "192.0.2.7 a.test agent" },
    { "no number", "192.0.2.7 a.test agent " },
    { "a fifth field", "192.0.2.7 a.test agent 9 9" },
    { "two blanks", "192.0.2.7  a.test agent 9" },
    { "a blank at the end", "192.0.2.7 a.test agent 9 " },
    { "a blank at the start", " 192.0.2.7 a.test agent 9" },
    { "no address", "192.0.2 a.test agent 9" },
    { "an upper-case name", "192.0.2.7 A.test agent 9" },
    { "a dot at the end of the name", "192.0.2.7 a.test. agent 9" },
    { "an empty name", "192.0.2.7  agent 9" },
    { "a name that is an address", "192.0.2.7 192.0.2.7 agent 9" },
    { "an agent of letters that none has", "192.0.2.7 a.test a/../b 9" },
    { "an empty agent", "192.0.2.7 a.test  9" },
    { "a sign", "192.0.2.7 a.test agent +9" },
    { "a number too large", "192.0.2.7 a.test agent 1099511627777" },
    { "a number far too large", "192.0.2.7 a.test agent 99999999999999999999999" },
    { "hexadecimal", "192.0.2.7 a.test agent 0x9" },
};

static void lines_that_are_no_bindings_are_refused(void **state)
{
    struct ipc_binding b;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint8_t *line = exact(bad[i].line, strlen(bad[i].line));

        if (binding_parse((char *)line, strlen(bad[i].line), &b))
            fail_msg("%s is taken", bad[i].what);
        free(line);
    }
}

static void a_line_is_read_as_it_was_written(void **state)
{
    const struct ipc_binding b = binding("2001:db8::7", "xn--bcher-kva.test", 1ull << 40);
    char line[BINDING_LINE_MAX];
    struct ipc_binding back;
    const size_t len = binding_format(&b, line);

    (void)state;
    assert_string_equal(line, "2001:db8::7 xn--bcher-kva.test agent 1099511627776");
    assert_true(binding_parse(line, len, &back));
    assert_memory_equal(&back, &b, sizeof(b));
    for (size_t cut = 0; cut < len - 12; cut++) { /* before the number's last twelve digits */
        uint8_t *copy = exact(line, cut);

        assert_false(binding_parse((char *)copy, cut, &back));
        free(copy);
    }
}

int main(void)
{
#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        WITH_DIR(a_binding_survives_a_restart),
        WITH_DIR(an_expired_one_does_not),
        WITH_DIR(what_has_expired_already_is_not_kept),
        WITH_DIR(the_same_one_again_is_prolonged),
        WITH_DIR(another_name_or_agent_is_another_binding),
        WITH_DIR(the_file_is_written_anew_when_it_is_too_long),
        WITH_DIR(bad_lines_are_skipped_and_good_ones_kept),
        WITH_DIR(a_name_that_is_none_is_not_kept),
        WITH_DIR(without_a_directory_they_are_kept_in_memory),
        WITH_DIR(a_directory_that_is_missing_is_an_error),
        WITH_DIR(a_full_table_drops_what_has_expired_first),
        cmocka_unit_test(lines_that_are_no_bindings_are_refused),
        cmocka_unit_test(a_line_is_read_as_it_was_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
