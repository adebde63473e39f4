/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Build contexts and build progress; the options and the environment of a run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/agent_env.h"
#include "ctl/agent_home.h"
#include "ctl/build_log.h"
#include "ctl/options.h"
#include "ctl/tar_build.h"
#include "tests/support/cm.h"
#include "tests/support/exact.h"

static const char progress[] =
    "{\"stream\":\"Step 1/2 : FROM x\\n\"}\r\n"
    "{\"stream\":\" ---\\u003e 0123\\n\"}\r\n"
    "{\"status\":\"Pulling\",\"id\":\"layer\",\"progress\":\"[=>]\"}\r\n"
    "{\"stream\":\"Step 2/2 : RUN make\\n\"}\r\n\r\n"
    "{\"stream\":\"\\u001b[91mred\\u001b[0m\\n\"}\r\n"
    "{\"aux\":{\"ID\":\"sha256:1\"}}\r\n"
    "{\"errorDetail\":{\"code\":1},\"error\":\"it failed\"}\r\n";

static void count_steps(const struct build_log *log, bool is_step, void *arg)
{
    unsigned *nr = arg;

    (void)log;
    *nr += is_step;
}

static void progress_is_read_at_any_cut(void **state)
{
    (void)state;
    for (size_t step = 1; step < sizeof(progress); step++) {
        unsigned nr_steps = 0;
        struct build_log log = { .told = count_steps, .arg = &nr_steps };
        struct err err;

        for (size_t at = 0; at < sizeof(progress) - 1; at += step) {
            size_t len = sizeof(progress) - 1 - at;

            assert_true(build_log_take(&log, progress + at, len < step ? len : step, &err));
        }
        assert_int_equal(nr_steps, 2);
        assert_string_equal(log.step, "Step 2/2 : RUN make");
        assert_string_equal(log.tail, "red\n");
        assert_false(build_log_end(&log, &err));
        assert_string_equal(err.text, "it failed");
        build_log_clear(&log);
    }
}

static void progress_that_is_none_is_refused(void **state)
{
    struct build_log log = { .line = NULL };
    struct err err;

    (void)state;
    assert_false(build_log_take(&log, "{\"stream\":7}\n", 13, &err));
    assert_string_equal(
        err.text, "the build's progress: field \"stream\" is a number, expected a string");
    build_log_clear(&log);
    assert_false(build_log_take(&log, "words\n", 6, &err));
    build_log_clear(&log);
    assert_true(build_log_take(&log, "{\"stream\":", 10, &err));
    assert_false(build_log_end(&log, &err));
    assert_string_equal(err.text, "the build's progress broke off");
    build_log_clear(&log);
}

static void the_tail_of_a_long_step_is_kept(void **state)
{
    static const char line[] = "{\"stream\":\"0123456789012345678901234567890123456789\\n\"}\n";
    struct build_log log = { .line = NULL };
    struct err err;

    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_true(build_log_take(&log, line, sizeof(line) - 1, &err));
    assert_true(log.tail_len <= BUILD_TAIL_MAX && log.tail_len > BUILD_TAIL_MAX - 50);
    assert_int_equal(strncmp(log.tail, "0123", 4), 0); /* whole lines */
    build_log_clear(&log);
}

static void digest_of(const char *first, const char *second, const char *text, char hex[65])
{
    struct err err;
    struct tar *tar = tar_new(&err);

    assert_non_null(tar);
    assert_true(tar_add_file(tar, first, text, strlen(text), 0644, &err));
    assert_true(tar_add_file(tar, second, "two\n", 4, 0755, &err));
    assert_true(tar_digest(tar, hex, &err));
    tar_free(tar);
}

static void a_digest_is_that_of_sha256sum(void **state)
{
    char hex[65], other[65];

    (void)state;
    digest_of("a", "sub/b", "one\n", hex);
    /* printf 'one\n' >a; printf 'two\n' >sub/b; the command of tar_build.h */
    assert_string_equal(hex,
                        "da1ccc8e8186e538e783a2a4b44119c7232a48a8667e6a30ca5bc16575bc95a8");
    digest_of("a", "sub/c", "one\n", other);
    assert_string_not_equal(hex, other);
    digest_of("a", "sub/b", "One\n", other);
    assert_string_not_equal(hex, other);
}

static void an_archive_is_the_same_for_the_same_files(void **state)
{
    char folder[] = "/tmp/secctl-test.XXXXXX", path[64];
    const void *bytes[2];
    struct tar *tars[2];
    struct err err;
    size_t len[2];
    FILE *file;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/file", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("text", file);
    fclose(file);
    for (int i = 0; i < 2; i++) {
        tars[i] = tar_new(&err);
        assert_true(tar_add_path(tars[i], folder, ".", &err));
        assert_true(tar_finish(tars[i], &bytes[i], &len[i], &err));
    }
    assert_int_equal(len[0], len[1]);
    assert_memory_equal(bytes[0], bytes[1], len[0]);
    assert_memory_equal(bytes[0], "file", 5); /* its name, without a folder in front */
    tar_free(tars[0]);
    tar_free(tars[1]);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    tars[0] = tar_new(&err);
    assert_false(tar_add_path(tars[0], folder, ".", &err));
    assert_non_null(strstr(err.text, "is no file, folder or link"));
    tar_free(tars[0]);
    unlink(path);
    rmdir(folder);
}

static void options_end_at_the_first_word(void **state)
{
    const char *image = NULL;
    struct option_list env = { .nr = 0 };
    bool is_json = false;
    const struct option options[] = { { .name = "--image", .value = &image },
                                      { .name = "--json", .flag = &is_json },
                                      { .name = "-e", .list = &env } };
    char *argv[] = {
        "run", "--image", "x", "-e", "A", "-e", "B=c", "--json", "sh", "-c", NULL
    };
    char *stop[] = { "run", "--json", "--", "--image", NULL };
    char *bad[] = { "run", "--imgae", NULL }, *open[] = { "run", "-e", NULL };
    struct err err;

    (void)state;
    assert_int_equal(options_read(10, argv, options, 3, &err), 8);
    assert_string_equal(image, "x");
    assert_int_equal(env.nr, 2);
    assert_string_equal(env.all[1], "B=c");
    assert_true(is_json);
    assert_int_equal(options_read(4, stop, options, 3, &err), 3);
    assert_int_equal(options_read(2, bad, options, 3, &err), 0);
    assert_string_equal(err.text, "unknown option \"--imgae\", expected --image, --json or -e");
    assert_int_equal(options_read(2, open, options, 3, &err), 0);
    assert_string_equal(err.text, "-e without a value, expected one after it");
    assert_false(options_alone(10, argv + 8, NULL, 0, &err));
}

static void an_agent_gets_its_keys_and_what_was_asked_for(void **state)
{
    static struct settings settings;
    struct option_list extra = { .all = { "A=b=c", "SECCTL_TEST_OWN" }, .nr = 2 };
    struct agent_env env;
    struct err err;

    (void)state;
    settings_defaults(&settings);
    snprintf(settings.anthropic_api_key, sizeof(settings.anthropic_api_key), "key");
    setenv("SECCTL_TEST_OWN", "mine", 1);
    setenv("TERM", "xterm", 1);
    unsetenv("COLORTERM");
    assert_true(agent_env_make(&settings, &extra, true, &env, &err));
    assert_int_equal(env.nr, 4);
    assert_string_equal(env.all[0], "ANTHROPIC_API_KEY=key");
    assert_string_equal(env.all[1], "TERM=xterm");
    assert_string_equal(env.all[2], "A=b=c");
    assert_string_equal(env.all[3], "SECCTL_TEST_OWN=mine");
    assert_null(env.all[4]);
    agent_env_clear(&env);
    unsetenv("SECCTL_TEST_OWN");
    assert_false(agent_env_make(&settings, &extra, false, &env, &err));
    assert_string_equal(err.text, "-e SECCTL_TEST_OWN: it is not set here, expected "
                                  "SECCTL_TEST_OWN=VALUE");
    agent_env_clear(&env);
}

static void a_user_is_found_in_a_passwd_file(void **state)
{
    static const struct {
        const char *text;
        bool is_there;
    } cases[] = {
        { "", false },
        { "\n\n", false },
        { "root:x:0:0:root:/root:/bin/bash\nclaude:x:1000:1000::/home/claude:/bin/sh\n", true },
        { "node:x:1000:1000::/home/node:/bin/sh", true },
        { "a::1000:", true },
        { "a::1000", false },
        { "a:1000:7:1000::/:/bin/sh\n", false },
        { "a:x:10000:0::/:\nb:x:100:1000::/:\nc:x:-1000:0::/:\nd:x: 1000:0::/:\n", false },
        { "a:x:\n1000:0::/:\n", false },
        { "a:x:4294968296:0::/:\n", false },
        { "a:x:01000:0::/:\n", true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].text);
        uint8_t *text = exact(cases[i].text, len);

        if (passwd_has_uid((const char *)text, len, 1000) != cases[i].is_there)
            fail_msg("%s", cases[i].text);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(progress_is_read_at_any_cut),
        cmocka_unit_test(progress_that_is_none_is_refused),
        cmocka_unit_test(the_tail_of_a_long_step_is_kept),
        cmocka_unit_test(a_digest_is_that_of_sha256sum),
        cmocka_unit_test(an_archive_is_the_same_for_the_same_files),
        cmocka_unit_test(options_end_at_the_first_word),
        cmocka_unit_test(a_user_is_found_in_a_passwd_file),
        cmocka_unit_test(an_agent_gets_its_keys_and_what_was_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
