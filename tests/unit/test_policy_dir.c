/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/file.h"
#include "common/policy.h"
#include "tests/support/cm.h"

static char root[64]; /* a new folder for each test; the tests' current folder */

static int enter(void **state)
{
    (void)state;
    strcpy(root, "/tmp/secctl-policy-dir-XXXXXX");
    return mkdtemp(root) == NULL || chdir(root) != 0;
}

static int leave(void **state)
{
    static const char *const files[] = { "p/allowlist", "p/ceiling",       "p/agents/b",
                                         "p/agents/a",  "p/agents/.b.swp", "p/agents/B",
                                         "file" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        unlink(files[i]);
    unlink("p/agents");
    rmdir("p/agents");
    rmdir("p/ceiling");
    rmdir("p");
    return chdir("/") != 0 || rmdir(root) != 0;
}

static void put(const char *path, const char *text, size_t len)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void put_text(const char *path, const char *text)
{
    put(path, text, strlen(text));
}

static void a_file_is_read_whole_with_a_nul_behind_it(void **state)
{
    static char big[3 * 4096];
    static const size_t lens[] = { 0, 1, 4095, 4096, 4097, 8192, sizeof(big) };

    (void)state;
    memset(big, 'x', sizeof(big));
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        struct err err = { 0 };
        size_t len = 99;
        char *text;

        put("file", big, lens[i]);
        text = file_read("file", lens[i], &len, &err);
        assert_non_null(text);
        assert_int_equal(len, lens[i]);
        assert_memory_equal(text, big, len);
        assert_int_equal(text[len], '\0');
        free(text);
    }
}

static void a_file_that_is_too_large_is_refused(void **state)
{
    struct err err = { 0 };
    size_t len;

    (void)state;
    put_text("file", "12345");
    assert_null(file_read("file", 4, &len, &err));
    assert_string_equal(err.text, "read file: too large, expected at most 4 bytes");
    assert_int_equal(err.code, EFBIG);
}

static void what_cannot_be_read_is_named(void **state)
{
    struct err err = { 0 };
    size_t len;

    (void)state;
    assert_null(file_read("none", 4, &len, &err));
    assert_string_equal(err.text, "read none: No such file or directory");
    assert_int_equal(err.code, ENOENT);
    assert_null(file_read(".", 4, &len, &err));
    assert_string_equal(err.text, "read .: Is a directory");
}

static void a_folder_with_an_allowlist_alone_is_a_policy(void **state)
{
    struct policy_dir dir;
    struct err err = { 0 };

    (void)state;
    mkdir("p", 0700);
    put_text("p/allowlist", "a.example");
    assert_true(policy_dir_read("p", &dir, &err));
    assert_int_equal(dir.nr_sources, 1);
    assert_null(dir.ceiling);
    assert_string_equal(dir.sources[0].file, "allowlist");
    assert_null(dir.sources[0].agent);
    assert_string_equal(dir.sources[0].text, "a.example");
    assert_int_equal(dir.sources[0].len, 9);
    policy_dir_clear(&dir);
    policy_dir_clear(&dir);
}

static void agents_and_ceiling_are_read_too_hidden_files_are_not(void **state)
{
    struct policy_dir dir;
    struct err err = { 0 };

    (void)state;
    mkdir("p", 0700);
    mkdir("p/agents", 0700);
    put_text("p/allowlist", "a.example");
    put_text("p/agents/b", "b.example");
    put_text("p/agents/a", "");
    put_text("p/agents/.b.swp", "x");
    put_text("p/ceiling", "*.example intranet");
    assert_true(policy_dir_read("p", &dir, &err));
    assert_int_equal(dir.nr_sources, 3);
    assert_string_equal(dir.sources[1].file, "agents/a");
    assert_string_equal(dir.sources[1].agent, "a");
    assert_int_equal(dir.sources[1].len, 0);
    assert_string_equal(dir.sources[2].file, "agents/b");
    assert_string_equal(dir.sources[2].agent, "b");
    assert_string_equal(dir.sources[2].text, "b.example");
    assert_string_equal(dir.ceiling->file, "ceiling");
    assert_null(dir.ceiling->agent);
    assert_string_equal(dir.ceiling->text, "*.example intranet");
    policy_dir_clear(&dir);
}

static void refused(const char *path, const char *error)
{
    struct policy_dir dir;
    struct err err = { 0 };

    assert_false(policy_dir_read(path, &dir, &err));
    assert_string_equal(err.text, error);
    assert_null(dir.sources);
    assert_null(dir.ceiling);
}

static void a_folder_without_an_allowlist_is_none(void **state)
{
    (void)state;
    refused("p", "read p/allowlist: No such file or directory");
}

static void what_is_there_but_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    mkdir("p", 0700);
    put_text("p/allowlist", "");
    mkdir("p/ceiling", 0700);
    refused("p", "read p/ceiling: Is a directory");
    rmdir("p/ceiling");
    assert_int_equal(symlink("nowhere", "p/ceiling"), 0);
    refused("p", "read p/ceiling: No such file or directory");
    unlink("p/ceiling");
    mkdir("p/agents", 0700);
    assert_int_equal(symlink("nowhere", "p/agents/b"), 0);
    refused("p", "read p/agents/b: No such file or directory");
    unlink("p/agents/b");
    rmdir("p/agents");
    assert_int_equal(symlink("nowhere", "p/agents"), 0);
    refused("p", "read folder p/agents: No such file or directory");
    unlink("p/agents");
    put_text("p/agents", "");
    refused("p", "read folder p/agents: Not a directory");
}

static void a_file_that_names_no_agent_is_an_error(void **state)
{
    (void)state;
    mkdir("p", 0700);
    mkdir("p/agents", 0700);
    put_text("p/allowlist", "");
    put_text("p/agents/B", "");
    refused("p", "read p/agents/B: no agent's name, expected 1 to 63 of a-z, 0-9, \"_\" and "
                 "\"-\"");
}

static void a_path_that_is_too_long_is_refused(void **state)
{
    static char path[5000];
    struct policy_dir dir;
    struct err err = { 0 };

    (void)state;
    memset(path, 'x', sizeof(path) - 1);
    assert_false(policy_dir_read(path, &dir, &err));
    assert_int_equal(err.code, ENAMETOOLONG);
    assert_non_null(strstr(err.text, "the path is too long, expected at most 4095 bytes"));
    path[4085] = '\0'; /* with "/allowlist" 4095 bytes: the kernel's turn */
    assert_false(policy_dir_read(path, &dir, &err));
    assert_null(strstr(err.text, "the path is too long"));
    path[4085] = 'x';
    path[4086] = '\0';
    assert_false(policy_dir_read(path, &dir, &err));
    assert_non_null(strstr(err.text, "the path is too long"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_read_whole_with_a_nul_behind_it),
        TEST(a_file_that_is_too_large_is_refused),
        TEST(what_cannot_be_read_is_named),
        TEST(a_folder_with_an_allowlist_alone_is_a_policy),
        TEST(agents_and_ceiling_are_read_too_hidden_files_are_not),
        TEST(a_folder_without_an_allowlist_is_none),
        TEST(what_is_there_but_cannot_be_read_is_an_error),
        TEST(a_file_that_names_no_agent_is_an_error),
        TEST(a_path_that_is_too_long_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
