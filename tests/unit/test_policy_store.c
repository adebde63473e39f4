/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fwd/policy_store.h"
#include "tests/support/cm.h"
#include "tests/support/exact.h"

static struct sections sections;
static uint8_t *input;

static bool parse(const char *text, struct err *err)
{
    const size_t len = strlen(text);

    free(input);
    input = exact(text, len);
    return sections_parse((char *)input, len, &sections, err);
}

static int free_input(void **state)
{
    (void)state;
    free(input);
    input = NULL;
    return 0;
}

static const struct {
    const char *what, *text, *sections; /* "file=text|file=text" */
} good[] = {
    { "a plain allowlist", "a.test\n", "allowlist=a.test\n" },
    { "nothing: an empty allowlist", "", "allowlist=" },
    { "blanks alone: an empty allowlist", "\n \n", "allowlist=\n \n" },
    { "one agent", "%% agents/bob\nb.test\n", "agents/bob=b.test\n" },
    { "two sections", "%% allowlist\na.test\n%% agents/bob\nb.test\n",
      "allowlist=a.test\n|agents/bob=b.test\n" },
    { "an allowlist before the first mark", "a.test\n%% agents/bob\nb.test",
      "allowlist=a.test\n|agents/bob=b.test" },
    { "blank lines before the first mark", "\n\n%% agents/bob\nb.test", "agents/bob=b.test" },
    { "an empty section", "%% agents/bob\n%% allowlist\na.test\n",
      "agents/bob=|allowlist=a.test\n" },
    { "a mark without its newline", "%% agents/bob", "agents/bob=" },
    { "blanks behind a mark", "%% agents/bob \r\nb.test", "agents/bob=b.test" },
    { "a resolv.conf", "%% resolv.conf\nnameserver 192.0.2.1\n",
      "resolv.conf=nameserver 192.0.2.1\n" },
    { "whole, and nothing", "%% whole\n\n", "" },
    { "whole, without its newline", "%% whole", "" },
    { "whole, and an allowlist", "%% whole\na.test\n", "allowlist=a.test\n" },
    { "whole, and an agent", "%% whole \r\n%% agents/bob\nb.test\n", "agents/bob=b.test\n" },
    { "not quite whole", "%% wholesome.test\n", NULL },
    { "a mark inside a line is none", "a.test # %% agents/bob\n",
      "allowlist=a.test # %% agents/bob\n" },
};

static void sections_are_told_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        char found[256] = "";
        struct err err = { 0 };

        if (!good[i].sections) {
            assert_false(parse(good[i].text, &err));
            continue;
        }
        if (!parse(good[i].text, &err))
            fail_msg("%s: %s", good[i].what, err.text);
        assert_int_equal(sections.is_whole, strncmp(good[i].what, "whole", 5) == 0);
        for (size_t j = 0; j < sections.nr; j++)
            snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%s=%.*s",
                     j ? "|" : "", sections.list[j].file, (int)sections.list[j].len,
                     sections.list[j].text);
        if (strcmp(found, good[i].sections) != 0)
            fail_msg("%s: found %s", good[i].what, found);
    }
}

static void an_agent_is_named_without_its_folder(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_true(parse("%% agents/bob\n%% allowlist\n", &err));
    assert_string_equal(sections.list[0].agent, "bob");
    assert_null(sections.list[1].agent);
}

static const struct {
    const char *what, *text, *error;
} bad[] = {
    { "the ceiling", "%% ceiling\n*\n",
      "ceiling is changed in the gateway's policy directory" },
    { "another file", "%% gateway.conf\n", "expected allowlist, agents/NAME or resolv.conf" },
    { "whole behind another line", "\n%% whole\n", "whole stands in the first line" },
    { "whole twice", "%% whole\n%% whole\n", "whole stands in the first line" },
    { "a way out of the folder", "%% agents/../allowlist\n", "expected allowlist" },
    { "a hidden file", "%% agents/.x\n", "expected allowlist" },
    { "no agent", "%% agents/\n", "expected allowlist" },
    { "no name", "%% \n", "expected allowlist" },
    { "an agent's name that is too long",
      "%% "
      "agents/"
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
      "expected allowlist" },
    { "a file twice", "%% agents/x\n%% agents/x\n", "given twice" },
    { "the allowlist twice", "a.test\n%% allowlist\n", "given twice" },
};

static void what_may_not_be_handed_in_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err err = { 0 };

        if (parse(bad[i].text, &err))
            fail_msg("%s is taken", bad[i].what);
        if (!strstr(err.text, bad[i].error))
            fail_msg("%s: %s", bad[i].what, err.text);
    }
}

static void sections_have_a_limit(void **state)
{
    char text[SECTIONS_MAX * 32 + 64] = "";
    struct err err = { 0 };

    (void)state;
    for (int i = 0; i < SECTIONS_MAX; i++)
        sprintf(text + strlen(text), "%%%% agents/a%d\n", i);
    assert_true(parse(text, &err));
    strcat(text, "%% allowlist\n");
    assert_false(parse(text, &err));
    assert_non_null(strstr(err.text, "more than"));
}

/* --- with a directory -------------------------------------------------------------------- */

static char dir[] = "/tmp/secctl-test-policy-XXXXXX";

static void file_path(const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", dir, name);
}

static void write_file(const char *name, const char *text)
{
    char path[128];
    FILE *out;

    file_path(name, path);
    out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    fclose(out);
}

static void file_is(const char *name, const char *text)
{
    char path[128], found[256] = "";
    FILE *in;

    file_path(name, path);
    in = fopen(path, "r");
    assert_non_null(in);
    found[fread(found, 1, sizeof(found) - 1, in)] = 0;
    fclose(in);
    assert_string_equal(found, text);
}

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir + strlen(dir) - 6, "XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    write_file("allowlist", "a.test\n");
    return 0;
}

static int remove_dir(void **state)
{
    static const char *const files[] = { "agents/bob", "allowlist", "ceiling" };
    char path[128];

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        file_path(files[i], path);
        unlink(path);
    }
    file_path("agents", path);
    rmdir(path);
    free_input(state);
    return rmdir(dir);
}

static void a_section_takes_the_place_of_its_file(void **state)
{
    struct candidate base, next;
    struct err err = { 0 };

    (void)state;
    assert_true(candidate_read(dir, &base, &err));
    assert_true(parse("%% agents/bob\nb.test\n%% allowlist\nc.test\nd.test\n", &err));
    if (!candidate_merge(&base, dir, &sections, &next, &err))
        fail_msg("%s", err.text);
    assert_int_equal(next.nr_rules, 3);
    assert_int_equal(next.dir.nr_sources, 2);
    assert_string_equal(next.dir.sources[0].file, "allowlist");
    assert_string_equal(next.dir.sources[0].text, "c.test\nd.test\n");
    assert_string_equal(next.dir.sources[1].agent, "bob");
    assert_string_not_equal(next.id, base.id);
    candidate_clear(&base);
    candidate_clear(&next);
}

static void what_was_kept_is_what_is_read_next(void **state)
{
    struct candidate base, merged, read;
    struct err err = { 0 };

    (void)state;
    assert_true(candidate_read(dir, &base, &err));
    assert_true(parse("%% agents/bob\nb.test\n", &err));
    assert_true(candidate_merge(&base, dir, &sections, &merged, &err));
    assert_true(sections_keep(&sections, dir, &err));
    file_is("agents/bob", "b.test\n");
    file_is("allowlist", "a.test\n");
    assert_true(candidate_read(dir, &read, &err));
    assert_string_equal(read.id, merged.id);
    candidate_clear(&base);
    candidate_clear(&merged);
    candidate_clear(&read);
}

static void whole_takes_away_agents_that_are_not_in_it(void **state)
{
    struct candidate base, next, read;
    struct err err = { 0 };
    char path[128];

    (void)state;
    file_path("agents", path);
    assert_int_equal(mkdir(path, 0755), 0);
    write_file("agents/bob", "b.test\n");
    assert_true(candidate_read(dir, &base, &err));
    assert_int_equal(base.dir.nr_sources, 2);
    assert_true(parse("%% whole\n%% allowlist\nc.test\n", &err));
    assert_true(candidate_merge(&base, dir, &sections, &next, &err));
    assert_int_equal(next.dir.nr_sources, 1);
    assert_string_equal(next.dir.sources[0].text, "c.test\n");
    assert_true(sections_keep(&sections, dir, &err));
    assert_true(candidate_read(dir, &read, &err));
    assert_string_equal(read.id, next.id);
    candidate_clear(&base);
    candidate_clear(&next);
    candidate_clear(&read);
}

static void a_file_that_is_the_same_is_not_written(void **state)
{
    struct stat before, after;
    struct err err = { 0 };
    char path[128];

    (void)state;
    file_path("allowlist", path);
    assert_int_equal(stat(path, &before), 0);
    assert_true(parse("a.test\n", &err));
    assert_true(sections_keep(&sections, dir, &err));
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_true(parse("a.test\nb.test\n", &err));
    assert_true(sections_keep(&sections, dir, &err));
    assert_int_equal(stat(path, &after), 0);
    assert_int_not_equal(before.st_ino, after.st_ino);
}

static void a_resolv_conf_goes_to_the_state_directory(void **state)
{
    struct candidate base, next;
    struct err err = { 0 };
    char path[128];

    (void)state;
    assert_true(candidate_read(dir, &base, &err));
    assert_true(parse("%% resolv.conf\nsearch x\n", &err));
    assert_false(sections_keep_resolv(&sections, dir, &err));
    assert_non_null(strstr(err.text, "no server in it, expected a line such as"));
    assert_true(parse("%% resolv.conf\nnameserver 192.0.2.1\n", &err));
    assert_false(sections_keep_resolv(&sections, "", &err));
    assert_non_null(strstr(err.text, "no state directory"));
    assert_true(sections_keep_resolv(&sections, dir, &err));
    file_is("resolv.conf", "nameserver 192.0.2.1\n");
    assert_true(candidate_merge(&base, dir, &sections, &next, &err));
    assert_string_equal(base.id, next.id);
    candidate_clear(&base);
    candidate_clear(&next);
    file_path("resolv.conf", path);
    assert_int_equal(unlink(path), 0);
}

static void the_ceiling_on_disk_holds(void **state)
{
    struct candidate base, next;
    struct err err = { 0 };

    (void)state;
    assert_true(candidate_read(dir, &base, &err));
    write_file("ceiling", ".a.test\n"); /* written after the base was read */
    assert_true(parse("other.example\n", &err));
    assert_false(candidate_merge(&base, dir, &sections, &next, &err));
    assert_non_null(strstr(err.text, "allowlist:1:"));
    assert_int_equal(next.dir.nr_sources, 0);
    candidate_clear(&base);
}

static void a_broken_policy_is_no_candidate(void **state)
{
    struct candidate candidate;
    struct err err = { 0 };

    (void)state;
    write_file("allowlist", "a..test\n");
    assert_false(candidate_read(dir, &candidate, &err));
    assert_non_null(strstr(err.text, "allowlist:1:"));
    assert_int_equal(candidate.dir.nr_sources, 0);
}

static void a_directory_that_cannot_be_written_is_said(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_true(parse("a.test\n", &err));
    assert_false(sections_keep(&sections, "/nonexistent/secctl", &err));
    assert_non_null(strstr(err.text, "/nonexistent/secctl"));
}

int main(void)
{
#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(sections_are_told_apart, free_input),
        cmocka_unit_test_teardown(an_agent_is_named_without_its_folder, free_input),
        cmocka_unit_test_teardown(what_may_not_be_handed_in_is_refused, free_input),
        cmocka_unit_test_teardown(sections_have_a_limit, free_input),
        WITH_DIR(a_section_takes_the_place_of_its_file),
        WITH_DIR(what_was_kept_is_what_is_read_next),
        WITH_DIR(whole_takes_away_agents_that_are_not_in_it),
        WITH_DIR(a_file_that_is_the_same_is_not_written),
        WITH_DIR(a_resolv_conf_goes_to_the_state_directory),
        WITH_DIR(the_ceiling_on_disk_holds),
        WITH_DIR(a_broken_policy_is_no_candidate),
        cmocka_unit_test_teardown(a_directory_that_cannot_be_written_is_said, free_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
