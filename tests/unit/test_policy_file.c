/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/file.h"
#include "ctl/folders.h"
#include "ctl/policy_file.h"
#include "tests/support/cm.h"

static char top[64];
static struct err err;

static int set_up(void **state)
{
    (void)state;
    strcpy(top, "/tmp/secctl-policy-file.XXXXXX");
    assert_non_null(mkdtemp(top));
    return chdir(top);
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", top);
    return system(command);
}

static void assert_text(const char *file, const char *expected)
{
    size_t len;
    char *text = file_read(file, 1000, &len, &err);

    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

/* Nothing but what is named is in the folder. */
static void assert_entries(const char *expected)
{
    char out[256] = "";
    FILE *list = popen("ls -A", "r");
    size_t n;

    assert_non_null(list);
    n = fread(out, 1, sizeof(out) - 1, list);
    out[n] = '\0';
    pclose(list);
    assert_string_equal(out, expected);
}

static void write_text(const char *file, const char *text)
{
    if (!policy_file_write(top, file, text, strlen(text), &err))
        fail_msg("%s", err.text);
}

static void a_file_is_replaced_and_keeps_its_mode_and_owner(void **state)
{
    struct stat before, after;

    (void)state;
    write_text("allowlist", "a\n");
    assert_int_equal(chmod("allowlist", 0640), 0);
    if (geteuid() == 0)
        assert_int_equal(chown("allowlist", 12345, 54321), 0);
    assert_int_equal(stat("allowlist", &before), 0);
    write_text("allowlist", "b\nc\n");
    assert_int_equal(stat("allowlist", &after), 0);
    assert_text("allowlist", "b\nc\n");
    assert_int_equal(after.st_mode, before.st_mode);
    assert_int_equal(after.st_uid, before.st_uid);
    assert_int_equal(after.st_gid, before.st_gid);
    assert_int_not_equal(after.st_ino, before.st_ino); /* a reader has the old or the new one */
    assert_entries("allowlist\n");
}

static void a_new_file_is_readable_by_all(void **state)
{
    mode_t mask = umask(077);
    struct stat st;

    (void)state;
    write_text("allowlist", "");
    umask(mask);
    assert_int_equal(stat("allowlist", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
}

static void a_link_is_followed_and_stays(void **state)
{
    struct stat st;

    (void)state;
    assert_int_equal(mkdir("dots", 0755), 0);
    assert_int_equal(close(open("dots/list", O_CREAT | O_WRONLY, 0600)), 0);
    assert_int_equal(symlink("dots/list", "allowlist"), 0);
    write_text("allowlist", "x\n");
    assert_int_equal(lstat("allowlist", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_text("dots/list", "x\n");
    assert_int_equal(symlink("gone", "agents"), 0);
    assert_false(policy_file_write(top, "agents/claude", "x", 1, &err));
}

static void an_agents_file_is_made_with_its_folder_and_removed_with_it(void **state)
{
    (void)state;
    write_text("agents/claude", "x\n");
    assert_text("agents/claude", "x\n");
    assert_true(policy_file_remove(top, "agents/claude", &err));
    assert_entries("");
    write_text("agents/claude", "x\n");
    write_text("agents/other", "y\n");
    assert_true(policy_file_remove(top, "agents/claude", &err));
    assert_text("agents/other", "y\n");
    assert_false(policy_file_remove(top, "agents/claude", &err));
    assert_non_null(strstr(err.text, "agents/claude: No such file or directory"));
}

static void what_cannot_be_written_stays_as_it_was(void **state)
{
    (void)state;
    assert_int_equal(mkdir("allowlist", 0755), 0);
    assert_false(policy_file_write(top, "allowlist", "x", 1, &err));
    assert_non_null(strstr(err.text, "allowlist: no plain file, expected one"));
    assert_false(policy_file_write("/nowhere", "allowlist", "x", 1, &err));
    assert_string_equal(err.text, "write /nowhere/allowlist: a new file in its folder: No such "
                                  "file or directory");
    assert_entries("allowlist\n");
}

static void one_at_a_time_has_the_lock(void **state)
{
    int first = policy_lock(top, 0, &err), second;
    char expected[256];

    (void)state;
    assert_true(first >= 0);
    assert_int_equal(policy_lock(top, 40, &err), -1);
    snprintf(expected, sizeof(expected),
             "policy folder %s: another secctl has been changing it for 0 s, expected that one "
             "to end",
             top);
    assert_string_equal(err.text, expected);
    assert_int_equal(err.code, EBUSY);
    policy_unlock(first);
    second = policy_lock(top, 0, &err);
    assert_true(second >= 0);
    policy_unlock(second);
    assert_int_equal(policy_lock("/nowhere", 0, &err), -1);
    assert_string_equal(err.text, "policy folder /nowhere: No such file or directory");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_file_is_replaced_and_keeps_its_mode_and_owner),
        T(a_new_file_is_readable_by_all),
        T(a_link_is_followed_and_stays),
        T(an_agents_file_is_made_with_its_folder_and_removed_with_it),
        T(what_cannot_be_written_stays_as_it_was),
        T(one_at_a_time_has_the_lock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
