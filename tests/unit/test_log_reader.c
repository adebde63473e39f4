/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fwd/log_reader.h"
#include "tests/support/cm.h"
#include "tests/support/exact.h"

static const struct {
    const char *text, *time; /* NULL: none */
} times[] = {
    { "2026-11-23T14:00:00Z", "2026-11-23T14:00:00.000000Z" },
    { "2026-11-23 14:00:00z", "2026-11-23T14:00:00.000000Z" },
    { "2026-11-23T14:00:00.5Z", "2026-11-23T14:00:00.500000Z" },
    { "2026-11-23T14:00:00.1234567891Z", "2026-11-23T14:00:00.123456Z" },
    { "2026-11-23T14:00:00+01:30", "2026-11-23T12:30:00.000000Z" },
    { "2026-12-31T23:30:00-01:00", "2027-01-01T00:30:00.000000Z" },
    { "2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000000Z" },
    { "2026-02-29T00:00:00Z", NULL },
    { "2026-06-31T00:00:00Z", NULL },
    { "2026-13-01T00:00:00Z", NULL },
    { "2026-00-01T00:00:00Z", NULL },
    { "2026-01-00T00:00:00Z", NULL },
    { "2026-01-01T24:00:00Z", NULL },
    { "2026-01-01T00:60:00Z", NULL },
    { "1969-12-31T23:59:59Z", NULL },
    { "1970-01-01T00:00:00+00:01", NULL },
    { "2026-11-23T14:00:00", NULL },
    { "2026-11-23T14:00:00.Z", NULL },
    { "2026-11-23T14:00:00Zx", NULL },
    { "2026-11-23T14:00:00+0100", NULL },
    { "2026-11-23T14:00:00+24:00", NULL },
    { "2026-11-23", NULL },
    { "+026-11-23T14:00:00Z", NULL },
    { "", NULL },
};

static void times_are_read_as_rfc_3339_has_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        char time[LOG_TIME_MAX] = "";

        if (log_time_parse(times[i].text, time) != (times[i].time != NULL))
            fail_msg("%s: \"%s\"", times[i].text, time);
        if (times[i].time)
            assert_string_equal(time, times[i].time);
    }
}

static void lines_are_compared_by_their_time(void **state)
{
    static const char line[] = "{\"seq\":1,\"ts\":\"2026-11-23T14:00:00.000000Z\",\"x\":1}\n";

    (void)state;
    assert_true(log_line_is_since(line, sizeof(line) - 1, ""));
    assert_true(log_line_is_since(line, sizeof(line) - 1, "2026-11-23T14:00:00.000000Z"));
    assert_false(log_line_is_since(line, sizeof(line) - 1, "2026-11-23T14:00:00.000001Z"));
    for (size_t len = 0; len < sizeof(line) - 1; len++) {
        uint8_t *copy = exact(line, len); /* cut anywhere: no byte past it is read */

        (void)!log_line_is_since((char *)copy, len, "2026-11-23T14:00:00.000001Z");
        free(copy);
    }
}

/* --- files ------------------------------------------------------------------------------- */

static char dir[] = "/tmp/secctl-test-logs-XXXXXX";
static char path[64], older[64];

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir + strlen(dir) - 6, "XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/log", dir);
    snprintf(older, sizeof(older), "%s/log.1", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(path);
    unlink(older);
    return rmdir(dir);
}

static void write_file(const char *name, const char *text)
{
    FILE *out = fopen(name, "w");

    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    fclose(out);
}

static void assert_prints(unsigned long last, const char *expected)
{
    const struct log_wish wish = { .path = path, .since = "", .last = last };
    struct err err = { 0 };
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    assert_true(log_print(&wish, out, &err));
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

static void the_file_before_comes_first(void **state)
{
    (void)state;
    write_file(older, "1\n2\n");
    write_file(path, "3\n4\n5");
    assert_prints(0, "1\n2\n3\n4\n"); /* 5 is not whole yet */
    assert_prints(3, "2\n3\n4\n");
    assert_prints(4, "1\n2\n3\n4\n");
    assert_prints(100, "1\n2\n3\n4\n");
    unlink(path);
    assert_prints(1, "2\n");
}

static void without_a_file_there_is_an_error(void **state)
{
    const struct log_wish wish = { .path = path, .since = "" };
    struct err err = { 0 };

    (void)state;
    assert_false(log_print(&wish, stdout, &err));
    assert_non_null(strstr(err.text, "No such file"));
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read_as_rfc_3339_has_them),
        cmocka_unit_test(lines_are_compared_by_their_time),
        WITH_DIR(the_file_before_comes_first),
        WITH_DIR(without_a_file_there_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
