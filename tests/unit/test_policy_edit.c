/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "ctl/policy_edit.h"
#include "tests/support/cm.h"

#define WORDS_MAX 8

/* A policy as texts; NULL: there is no such file. */
struct texts {
    const char *base, *claude, *ceiling;
};

static struct policy_edit edit;
static struct err err;

/* command: "allow WORD..." or "deny WORD", with "@" first for agent claude */
static bool run(const struct texts *texts, const char *command)
{
    struct policy_source sources[2] = {
        { "allowlist", NULL, texts->base, strlen(texts->base) },
        { "agents/claude", "claude", texts->claude, texts->claude ? strlen(texts->claude) : 0 },
    };
    struct policy_source ceiling = { "ceiling", NULL, texts->ceiling,
                                     texts->ceiling ? strlen(texts->ceiling) : 0 };
    const struct policy_dir dir = { sources, texts->claude ? 2 : 1,
                                    texts->ceiling ? &ceiling : NULL };
    const char *agent = command[0] == '@' ? "claude" : NULL;
    static char copy[8192];
    const char *words[WORDS_MAX];
    size_t nr = 0;

    memset(&err, 0, sizeof(err));
    snprintf(copy, sizeof(copy), "%s", command + (agent != NULL));
    for (char *word = strtok(copy, " "); word && nr < WORDS_MAX; word = strtok(NULL, " "))
        words[nr++] = word;
    if (strcmp(words[0], "deny") == 0)
        return policy_edit_deny(&dir, agent, words[1], &edit, &err);
    return policy_edit_allow(&dir, agent, words + 1, nr - 1, &edit, &err);
}

struct good_case {
    struct texts texts;
    const char *command, *text, *said; /* text NULL: nothing has to change */
};

static void try_all(const struct good_case *cases, size_t nr)
{
    for (size_t i = 0; i < nr; i++) {
        if (!run(&cases[i].texts, cases[i].command))
            fail_msg("%s: %s", cases[i].command, err.text);
        if (cases[i].text == NULL && edit.text)
            fail_msg("%s: changed to: %s", cases[i].command, edit.text);
        if (cases[i].text) {
            assert_non_null(edit.text);
            assert_string_equal(edit.text, cases[i].text);
            assert_int_equal(edit.len, strlen(cases[i].text));
        }
        assert_string_equal(edit.said, cases[i].said);
        assert_string_equal(edit.file,
                            cases[i].command[0] == '@' ? "agents/claude" : "allowlist");
        policy_edit_clear(&edit);
    }
}

static void allowing_adds_a_line(void **state)
{
    static const struct good_case cases[] = {
        { { "", NULL, NULL },
          "allow a.example",
          "a.example\n",
          "\"a.example\" (allowlist:1) added" },
        { { "# mine\nb.example # why\n", NULL, NULL },
          "allow a.example tls/443 tcp/22",
          "# mine\nb.example # why\na.example           tls/443 tcp/22\n",
          "\"a.example\" (allowlist:3) added" },
        { { "b.example", NULL, NULL },
          "allow A.Example",
          "b.example\nA.Example\n",
          "\"A.Example\" (allowlist:2) added" },
        { { "b.example\r\n", NULL, NULL },
          "allow a.example",
          "b.example\r\na.example\r\n",
          "\"a.example\" (allowlist:2) added" },
        { { "", NULL, NULL },
          "allow a.example intranet",
          "a.example           intranet\n",
          "\"a.example\" (allowlist:1) added" },
        { { "", NULL, NULL },
          "allow *.a.example",
          "*.a.example\n",
          "\"*.a.example\" (allowlist:1) added" },
        { { "", NULL, NULL },
          "allow 10.0.0.0/8 tcp/22",
          "10.0.0.0/8          tcp/22\n",
          "\"10.0.0.0/8\" (allowlist:1) added" },
        { { "a.example tls/443\n", NULL, NULL },
          "allow a.example",
          "a.example tls/443\na.example\n",
          "\"a.example\" (allowlist:2) added" },
        { { "a.example\n", NULL, NULL },
          "allow a.example intranet",
          "a.example\na.example           intranet\n",
          "\"a.example\" (allowlist:2) added" },
        { { "a.example\n", NULL, NULL },
          "allow .a.example",
          "a.example\n.a.example\n",
          "\".a.example\" (allowlist:2) added" },
        { { "10.0.0.0/9\n", NULL, NULL },
          "allow 10.0.0.0/8",
          "10.0.0.0/9\n10.0.0.0/8\n",
          "\"10.0.0.0/8\" (allowlist:2) added" },
        { { "10.0.0.0/9\n", "10.0.0.0/8\n", NULL },
          "allow 10.0.0.0/8",
          "10.0.0.0/9\n10.0.0.0/8\n",
          "\"10.0.0.0/8\" (allowlist:2) added" },
        { { "a.example tls/1-99\n", NULL, NULL },
          "allow a.example tls/90-100",
          "a.example tls/1-99\na.example           tls/90-100\n",
          "\"a.example\" (allowlist:2) added" },
    };

    (void)state;
    try_all(cases, ARRAY_LEN(cases));
}

static void an_agents_own_file_is_changed_or_made(void **state)
{
    static const struct good_case cases[] = {
        { { "b.example\n", NULL, NULL },
          "@allow a.example",
          "a.example\n",
          "\"a.example\" (agents/claude:1) added" },
        { { "b.example\n", "c.example\n", NULL },
          "@allow a.example",
          "c.example\na.example\n",
          "\"a.example\" (agents/claude:2) added" },
        { { "a.example\n", "c.example\n", NULL },
          "@allow a.example",
          NULL,
          "already allowed by \"a.example\" (allowlist:1)" },
        { { "\n", "a.example\n", NULL },
          "allow a.example",
          "\na.example\n",
          "\"a.example\" (allowlist:2) added" },
        { { "a.example\n", NULL, NULL },
          "@deny a.example",
          "!a.example\n",
          "\"!a.example\" (agents/claude:1) added" },
        { { "a.example\n", "a.example\n", NULL },
          "@deny a.example",
          "!a.example\n",
          "\"a.example\" (agents/claude:1) removed, \"!a.example\" (agents/claude:1) added" },
        { { "b.example\n", "a.example\n", NULL },
          "deny a.example",
          "b.example\n!a.example\n",
          "\"!a.example\" (allowlist:2) added" },
    };

    (void)state;
    try_all(cases, ARRAY_LEN(cases));
}

static void what_is_allowed_already_changes_nothing(void **state)
{
    static const struct good_case cases[] = {
        { { "x.example\na.example\n", NULL, NULL },
          "allow A.EXAMPLE",
          NULL,
          "already allowed by \"a.example\" (allowlist:2)" },
        { { ".a.example\n", NULL, NULL },
          "allow x.a.example quic/443",
          NULL,
          "already allowed by \".a.example\" (allowlist:1)" },
        { { ".a.example\n!b.a.example\n", NULL, NULL },
          "allow *.a.example",
          NULL,
          "already allowed by \".a.example\" (allowlist:1)" },
        { { "10.0.0.0/8 tcp/1-1000", NULL, NULL },
          "allow 10.1.0.0/16 tcp/22",
          NULL,
          "already allowed by \"10.0.0.0/8\" (allowlist:1)" },
        { { "10.1.0.0/16\n10.0.0.0/8\n", NULL, NULL },
          "allow 10.0.0.0/8",
          NULL,
          "already allowed by \"10.0.0.0/8\" (allowlist:2)" },
        { { "a.example\n", "!a.example\n", NULL },
          "allow a.example",
          NULL,
          "already allowed by \"a.example\" (allowlist:1); agent claude stays denied by "
          "\"!a.example\" (agents/claude:1)" },
    };

    (void)state;
    try_all(cases, ARRAY_LEN(cases));
}

static void allowing_takes_out_the_own_denial(void **state)
{
    static const struct good_case cases[] = {
        { { "b.example\n!a.example # no\nc.example\n", NULL, NULL },
          "allow a.example",
          "b.example\nc.example\na.example\n",
          "\"!a.example\" (allowlist:2) removed, \"a.example\" (allowlist:3) added" },
        { { "!a.example\n!A.example", NULL, NULL },
          "allow a.example",
          "a.example\n",
          "\"!a.example\" (allowlist:1), \"!A.example\" (allowlist:2) removed, \"a.example\" "
          "(allowlist:1) added" },
        { { "!a.example tcp/22\n", NULL, NULL },
          "allow a.example",
          "!a.example tcp/22\na.example\n",
          "\"a.example\" (allowlist:2) added" },
        { { "!a.example tcp/22\n", NULL, NULL },
          "allow a.example tcp/20-30",
          "a.example           tcp/20-30\n",
          "\"!a.example\" (allowlist:1) removed, \"a.example\" (allowlist:1) added" },
        { { "!10.0.0.0/8\n", NULL, NULL },
          "allow 10.0.0.0/8",
          "10.0.0.0/8\n",
          "\"!10.0.0.0/8\" (allowlist:1) removed, \"10.0.0.0/8\" (allowlist:1) added" },
    };

    (void)state;
    try_all(cases, ARRAY_LEN(cases));
}

static void denying_takes_rules_out_and_adds_one_if_needed(void **state)
{
    static const struct good_case cases[] = {
        { { "b.example\na.example # x\n", NULL, NULL },
          "deny a.example",
          "b.example\n",
          "\"a.example\" (allowlist:2) removed" },
        { { "a.example tcp/22\na.example\n", NULL, NULL },
          "deny a.example",
          "",
          "\"a.example\" (allowlist:1), \"a.example\" (allowlist:2) removed" },
        { { ".a.example\nx.a.example\n", NULL, NULL },
          "deny x.a.example",
          ".a.example\n!x.a.example\n",
          "\"x.a.example\" (allowlist:2) removed, \"!x.a.example\" (allowlist:2) added" },
        { { ".a.example\n", NULL, NULL },
          "deny a.example",
          ".a.example\n!a.example\n",
          "\"!a.example\" (allowlist:2) added" },
        { { "x.a.example\n", NULL, NULL },
          "deny .a.example",
          "x.a.example\n!.a.example\n",
          "\"!.a.example\" (allowlist:2) added" },
        { { "x.a.example\n", NULL, NULL },
          "deny *.a.example",
          "x.a.example\n!*.a.example\n",
          "\"!*.a.example\" (allowlist:2) added" },
        { { ".a.example\n!a.example tcp/22\n", NULL, NULL },
          "deny a.example",
          ".a.example\n!a.example tcp/22\n!a.example\n",
          "\"!a.example\" (allowlist:3) added" },
        { { "10.0.0.0/8\n", NULL, NULL },
          "deny 10.1.0.0/16",
          "10.0.0.0/8\n!10.1.0.0/16\n",
          "\"!10.1.0.0/16\" (allowlist:2) added" },
        { { "10.1.2.3\n", NULL, NULL },
          "deny 10.1.0.0/16",
          "10.1.2.3\n!10.1.0.0/16\n",
          "\"!10.1.0.0/16\" (allowlist:2) added" },
        { { "a.example\n", NULL, NULL },
          "deny .com",
          NULL,
          "already denied: no rule allows it" },
        { { "xa.example\na.example\n", NULL, NULL },
          "deny b.a.example",
          NULL,
          "already denied: no rule allows it" },
        { { "*.a.example\n", NULL, NULL },
          "deny a.example",
          NULL,
          "already denied: no rule allows it" },
        { { ".a.example\n!x.a.example\n", NULL, NULL },
          "deny x.a.example",
          NULL,
          "already denied by \"!x.a.example\" (allowlist:2)" },
        { { ".a.example\n!.x.a.example\n", NULL, NULL },
          "deny y.x.a.example",
          NULL,
          "already denied by \"!.x.a.example\" (allowlist:2)" },
        { { "10.0.0.0/8\n", NULL, NULL },
          "deny a.example",
          NULL,
          "already denied: no rule allows it" },
    };

    (void)state;
    try_all(cases, ARRAY_LEN(cases));
}

static void what_cannot_be_is_refused_with_the_reason(void **state)
{
    static const struct {
        struct texts texts;
        const char *command, *error;
    } cases[] = {
        { { "", NULL, NULL },
          "allow a.example tsl/443",
          "unknown service \"tsl/443\", expected tls/PORT, quic/PORT, http/PORT, tcp/PORT, "
          "udp/PORT or \"intranet\"" },
        { { "", NULL, NULL },
          "allow *.com",
          "\"*.com\" covers the public suffix \"com\", below which anybody can register a "
          "name, expected a wildcard on a name below it" },
        { { "", NULL, NULL },
          "allow https://a.example/x",
          "\"https://a.example/x\" is a URL, expected the name alone: \"a.example\"" },
        { { "", NULL, NULL },
          "allow !a.example",
          "\"!a.example\" denies, expected the target alone" },
        { { "", NULL, NULL },
          "deny !a.example",
          "\"!a.example\" denies already, expected the target alone" },
        { { "", NULL, NULL },
          "allow #a",
          "\"#a\" has a control character or \"#\", expected a rule's words" },
        { { "", NULL, NULL },
          "allow a.example\nb.example",
          "\"a.example\nb.example\" has a control character or \"#\", expected a rule's "
          "words" },
        { { "", NULL, NULL },
          "deny a.example\nb.example",
          "\"a.example\nb.example\" has a control character or \"#\", expected a rule's "
          "words" },
        { { "", NULL, ".b.example\n" },
          "allow a.example",
          "\"a.example\" tls/443 is outside the ceiling: no line of ceiling covers this target "
          "and service, expected one that it covers" },
        { { "", NULL, ".example\n!a.example\n" },
          "allow a.example",
          "\"a.example\" tls/443 is outside the ceiling: line 2 of ceiling forbids it, "
          "expected "
          "a target and service that it allows" },
        { { "!.example.org\n", NULL, NULL },
          "allow a.example.org",
          "\"a.example.org\" stays denied by rule \"!.example.org\" (allowlist:1), which wins "
          "over any allow, expected that rule removed first" },
        { { "!a.example\n", NULL, NULL },
          "@allow a.example",
          "\"a.example\" stays denied by rule \"!a.example\" (allowlist:1), which wins over "
          "any "
          "allow, expected that rule removed first" },
        { { "!.a.example\n", NULL, NULL },
          "allow *.a.example",
          "\"*.a.example\" stays denied by rule \"!.a.example\" (allowlist:1), which wins over "
          "any allow, expected that rule removed first" },
        { { "!a.example tls/443 tcp/22\n", NULL, NULL },
          "allow a.example tls/443",
          "rule \"!a.example\" (allowlist:1) denies this and other services, expected all of "
          "them allowed at once, or the line changed by hand" },
        { { "!a.example tcp/20-30\n", NULL, NULL },
          "allow a.example tcp/22",
          "rule \"!a.example\" (allowlist:1) denies this and other services, expected all of "
          "them allowed at once, or the line changed by hand" },
        { { "a.example\nb..example\n", NULL, NULL },
          "allow c.example",
          "allowlist:2:3: bad name \"b..example\": a label is empty, expected a host name such "
          "as api.example.com" },
        { { "a.example\nb..example\n", NULL, NULL },
          "deny a.example",
          "allowlist:2:3: bad name \"b..example\": a label is empty, expected a host name such "
          "as api.example.com" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (run(&cases[i].texts, cases[i].command))
            fail_msg("accepted: %s", cases[i].command);
        assert_string_equal(err.text, cases[i].error);
        assert_null(edit.text);
    }
}

static void what_others_may_and_may_not_says_nothing_of_an_agent(void **state)
{
    struct policy_source sources[] = {
        { "allowlist", NULL, ".b.example\n", 11 },
        { "agents/claude", "claude", "!b.example\n", 11 },
        { "agents/other", "other", "a.example\n", 10 },
    };
    const struct policy_dir dir = { sources, ARRAY_LEN(sources), NULL };

    (void)state;
    assert_true(policy_edit_deny(&dir, "claude", "a.example", &edit, &err));
    assert_string_equal(edit.said, "already denied: no rule allows it");
    assert_null(edit.text);
    assert_true(policy_edit_deny(&dir, NULL, "b.example", &edit, &err));
    assert_string_equal(edit.said, "\"!b.example\" (allowlist:2) added");
    policy_edit_clear(&edit);
}

static void words_that_fill_more_than_a_line_are_refused(void **state)
{
    static const struct texts texts = { "", NULL, NULL };
    static char command[6000];

    (void)state;
    memset(command, 'a', sizeof(command) - 1);
    memcpy(command, "allow ", 6);
    assert_false(run(&texts, command));
    assert_string_equal(err.text, "the rule is too long, expected at most 4096 bytes");
}

static void a_bad_agent_is_refused(void **state)
{
    struct policy_source source = { "allowlist", NULL, "", 0 };
    const struct policy_dir dir = { &source, 1, NULL };
    const char *word = "a.example";

    (void)state;
    assert_false(policy_edit_allow(&dir, "../x", &word, 1, &edit, &err));
    assert_string_equal(err.text, "\"../x\" is no agent's name, expected 1 to 63 of a-z, 0-9, "
                                  "\"_\" and \"-\"");
    assert_false(policy_edit_deny(&dir, "", word, &edit, &err));
    assert_false(policy_edit_allow(&dir, NULL, &word, 0, &edit, &err));
    assert_string_equal(err.text, "no target, expected a name, an address or a network");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allowing_adds_a_line),
        cmocka_unit_test(an_agents_own_file_is_changed_or_made),
        cmocka_unit_test(what_is_allowed_already_changes_nothing),
        cmocka_unit_test(allowing_takes_out_the_own_denial),
        cmocka_unit_test(denying_takes_rules_out_and_adds_one_if_needed),
        cmocka_unit_test(what_cannot_be_is_refused_with_the_reason),
        cmocka_unit_test(what_others_may_and_may_not_says_nothing_of_an_agent),
        cmocka_unit_test(words_that_fill_more_than_a_line_are_refused),
        cmocka_unit_test(a_bad_agent_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
