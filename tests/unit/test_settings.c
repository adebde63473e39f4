/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "ctl/settings.h"
#include "tests/support/cm.h"

static struct settings settings;
static struct err err;

static bool parse(const char *text)
{
    settings_defaults(&settings);
    memset(&err, 0, sizeof(err));
    return settings_parse(&settings, "/h/.env", text, strlen(text), "/h", "/u", &err);
}

static void without_a_value_the_defaults_hold(void **state)
{
    char text[PREFIX_TEXT_MAX];

    (void)state;
    assert_true(parse("ANTHROPIC_API_KEY=\nINTERNAL_SUBNET=\nAGENT_IMAGE=''\n"));
    assert_string_equal(settings.anthropic_api_key, "");
    assert_string_equal(settings.claude_code_oauth_token, "");
    assert_string_equal(settings.workspace_dir, "");
    assert_string_equal(settings.ca_file, "");
    assert_string_equal(prefix_format(&settings.internal_subnet, text), "10.213.76.0/24");
    assert_string_equal(prefix_format(&settings.tunnel_subnet, text), "10.213.77.0/24");
    assert_int_equal(settings.external_ipv6, EXTERNAL_IPV6_AUTO);
    assert_string_equal(settings.gateway_image, "claude-secure-gateway:latest");
    assert_string_equal(settings.agent_image, "claude-secure-claude:latest");
    assert_true(settings_check(&settings, &err));
}

static void every_key_is_read(void **state)
{
    char text[PREFIX_TEXT_MAX];

    (void)state;
    assert_true(parse("ANTHROPIC_API_KEY=sk-ant-1\nCLAUDE_CODE_OAUTH_TOKEN='tok'\n"
                      "WORKSPACE_DIR=/src/it\nCA_FILE=ca.pem\nINTERNAL_SUBNET=192.168.7.0/24\n"
                      "TUNNEL_SUBNET=198.18.1.0/24\nGATEWAY_IMAGE=r.example:5000/g@sha256:ab\n"
                      "AGENT_IMAGE=a\nEXTERNAL_IPV6=on\n"));
    assert_string_equal(settings.anthropic_api_key, "sk-ant-1");
    assert_string_equal(settings.claude_code_oauth_token, "tok");
    assert_string_equal(settings.workspace_dir, "/src/it");
    assert_string_equal(settings.ca_file, "/h/ca.pem");
    assert_string_equal(prefix_format(&settings.internal_subnet, text), "192.168.7.0/24");
    assert_string_equal(prefix_format(&settings.tunnel_subnet, text), "198.18.1.0/24");
    assert_string_equal(settings.gateway_image, "r.example:5000/g@sha256:ab");
    assert_string_equal(settings.agent_image, "a");
    assert_int_equal(settings.external_ipv6, EXTERNAL_IPV6_ON);
    assert_string_equal(settings.warnings, "");
    assert_true(parse("EXTERNAL_IPV6=off\n"));
    assert_int_equal(settings.external_ipv6, EXTERNAL_IPV6_OFF);
    assert_true(parse("EXTERNAL_IPV6=auto\n"));
    assert_int_equal(settings.external_ipv6, EXTERNAL_IPV6_AUTO);
}

static void paths_start_at_the_files_folder_or_at_home(void **state)
{
    (void)state;
    assert_true(parse("WORKSPACE_DIR=../src\nCA_FILE=~/ca.pem\n"));
    assert_string_equal(settings.workspace_dir, "/h/../src");
    assert_string_equal(settings.ca_file, "/u/ca.pem");
    assert_true(settings_set(&settings, "WORKSPACE_DIR", ".", "/cwd", NULL, &err));
    assert_string_equal(settings.workspace_dir, "/cwd/.");
    assert_true(settings_set(&settings, "WORKSPACE_DIR", "", "/cwd", NULL, &err));
    assert_string_equal(settings.workspace_dir, "");
}

static void the_environment_wins_even_with_nothing(void **state)
{
    (void)state;
    assert_true(parse("ANTHROPIC_API_KEY=from-file\nAGENT_IMAGE=from-file\n"));
    assert_true(settings_set(&settings, "ANTHROPIC_API_KEY", "", "/", NULL, &err));
    assert_true(settings_set(&settings, "AGENT_IMAGE", "other", "/", NULL, &err));
    assert_string_equal(settings.anthropic_api_key, "");
    assert_string_equal(settings.agent_image, "other");
}

static void unknown_keys_are_passed_over_with_a_warning(void **state)
{
    (void)state;
    assert_true(parse("FOO=1\n export WORKSPACE_DIRR=/x\nAGENT_IMAGE=a\n"));
    assert_string_equal(settings.warnings,
                        "/h/.env:1:1: unknown key \"FOO\" is passed over\n"
                        "/h/.env:2:9: unknown key \"WORKSPACE_DIRR\" is passed over, expected "
                        "\"WORKSPACE_DIR\"?\n");
    assert_string_equal(settings.workspace_dir, "");
    assert_string_equal(settings.agent_image, "a");
    /* not those of compose.yaml */
    assert_true(parse("TUNNEL_PREFIX6=fd00\nEXTERNAL_PREFIX6=fd01\nINTERNAL_PREFIX=10.1."
                      "2\nTUNNEL_PREFIX=10.1.3\nCOMPOSE_PROJECT_NAME=two\n"));
    assert_string_equal(settings.warnings, "");
}

static void limits_have_units_and_defaults(void **state)
{
    static const struct {
        const char *text;
        int64_t pids, memory, nano_cpus;
    } cases[] = {
        { "", 4096, 0, 0 },
        { "AGENT_PIDS=\nAGENT_MEMORY=\nAGENT_CPUS=\n", 4096, 0, 0 },
        { "AGENT_PIDS=0\nAGENT_MEMORY=0\nAGENT_CPUS=0\n", 0, 0, 0 },
        { "AGENT_PIDS=32\nAGENT_MEMORY=16m\nAGENT_CPUS=0.01\n", 32, 16 << 20, 10000000 },
        { "AGENT_PIDS=4194304\nAGENT_MEMORY=8G\nAGENT_CPUS=2\n", 4194304, 8ll << 30,
          2000000000 },
        { "AGENT_MEMORY=16777216\nAGENT_CPUS=1.25\n", 4096, 16 << 20, 1250000000 },
        { "AGENT_MEMORY=1048576g\nAGENT_CPUS=8192.999\n", 4096, 1ll << 50, 8192999000000 },
        { "AGENT_MEMORY=16384k\nAGENT_CPUS=0.5\n", 4096, 16 << 20, 500000000 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(parse(cases[i].text));
        assert_int_equal(settings.agent_pids, cases[i].pids);
        assert_int_equal(settings.agent_memory, cases[i].memory);
        assert_int_equal(settings.agent_nano_cpus, cases[i].nano_cpus);
    }
}

static void bad_values_are_refused_with_their_place(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "X", "/h/.env:1:2: no \"=\" after \"X\", expected KEY=VALUE" },
        { "CA_FILE=a\n\nCA_FILE=b",
          "/h/.env:3:1: CA_FILE again, expected it once: line 1 has it" },
        { "ANTHROPIC_API_KEY=se cret",
          "/h/.env:1:19: ANTHROPIC_API_KEY has a byte that no key has, expected letters, "
          "digits and punctuation without blanks" },
        { "ANTHROPIC_API_KEY=\"secret\\nX: y\"",
          "/h/.env:1:19: ANTHROPIC_API_KEY has a byte that no key has, expected letters, "
          "digits and punctuation without blanks" },
        { "CLAUDE_CODE_OAUTH_TOKEN=s\xc3\xa9",
          "/h/.env:1:25: CLAUDE_CODE_OAUTH_TOKEN has a byte that no key has, expected letters, "
          "digits and punctuation without blanks" },
        { "WORKSPACE_DIR=\"a\\nb\"",
          "/h/.env:1:15: WORKSPACE_DIR \"a\nb\" has a control character, expected a path" },
        { "INTERNAL_SUBNET=10.0.0.0",
          "/h/.env:1:17: INTERNAL_SUBNET \"10.0.0.0\" has another size, expected a /24" },
        { "INTERNAL_SUBNET=10.0.0.0/23",
          "/h/.env:1:17: INTERNAL_SUBNET \"10.0.0.0/23\" has another size, expected a /24" },
        { "INTERNAL_SUBNET=10.0.0.1/24",
          "/h/.env:1:17: INTERNAL_SUBNET \"10.0.0.1/24\" is no IPv4 network, expected one such "
          "as 10.213.76.0/24, its host bits zero" },
        { "TUNNEL_SUBNET=fd00::/24",
          "/h/.env:1:15: TUNNEL_SUBNET \"fd00::/24\" is no IPv4 network, expected one such "
          "as 10.213.76.0/24, its host bits zero" },
        { "TUNNEL_SUBNET=8.8.8.0/24",
          "/h/.env:1:15: TUNNEL_SUBNET \"8.8.8.0/24\" is no private network, expected one "
          "within 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10 or "
          "198.18.0.0/15" },
        { "EXTERNAL_IPV6=yes", "/h/.env:1:15: EXTERNAL_IPV6 \"yes\" is no choice, expected "
                               "auto, on or off" },
        { "AGENT_IMAGE=a b", "/h/.env:1:13: AGENT_IMAGE \"a b\" is no image, expected one such "
                             "as name:tag or registry.example/name:tag" },
        { "GATEWAY_IMAGE=-x",
          "/h/.env:1:15: GATEWAY_IMAGE \"-x\" is no image, expected one such "
          "as name:tag or registry.example/name:tag" },
        { "AGENT_PIDS=31",
          "/h/.env:1:12: AGENT_PIDS \"31\" is no number of processes, expected "
          "32 to 4194304, or 0 for no limit" },
        { "AGENT_PIDS=4194305", "/h/.env:1:12: AGENT_PIDS \"4194305\" is no number of "
                                "processes, expected 32 to 4194304, or 0 for no limit" },
        { "AGENT_MEMORY=15m",
          "/h/.env:1:14: AGENT_MEMORY \"15m\" is no size of memory, expected one such as 8g or "
          "512m, at least 16m, or 0 for no limit" },
        { "AGENT_MEMORY=g",
          "/h/.env:1:14: AGENT_MEMORY \"g\" is no size of memory, expected one such as 8g or "
          "512m, at least 16m, or 0 for no limit" },
        { "AGENT_MEMORY=1048577g",
          "/h/.env:1:14: AGENT_MEMORY \"1048577g\" is no size of memory, expected one such as "
          "8g or 512m, at least 16m, or 0 for no limit" },
        { "AGENT_CPUS=1.5.1",
          "/h/.env:1:12: AGENT_CPUS \"1.5.1\" is no number of CPUs, expected "
          "one such as 2 or 1.5, or 0 for no limit" },
        { "AGENT_CPUS=.5", "/h/.env:1:12: AGENT_CPUS \".5\" is no number of CPUs, expected one "
                           "such as 2 or 1.5, or 0 for no limit" },
        { "AGENT_CPUS=1.", "/h/.env:1:12: AGENT_CPUS \"1.\" is no number of CPUs, expected one "
                           "such as 2 or 1.5, or 0 for no limit" },
        { "AGENT_CPUS=1.0005", "/h/.env:1:12: AGENT_CPUS \"1.0005\" is no number of CPUs, "
                               "expected one such as 2 or 1.5, or 0 for no limit" },
        { "AGENT_CPUS=0.009",
          "/h/.env:1:12: AGENT_CPUS \"0.009\" is too small a part of a CPU, "
          "expected at least 0.01" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (parse(cases[i].text))
            fail_msg("accepted: %s", cases[i].text);
        assert_string_equal(err.text, cases[i].error);
    }
}

static void values_that_are_too_long_are_refused(void **state)
{
    static char text[FOLDER_PATH_MAX + 1];

    (void)state;
    snprintf(text, sizeof(text), "ANTHROPIC_API_KEY=%0*d", SETTINGS_SECRET_MAX, 1);
    assert_false(parse(text));
    assert_string_equal(err.text, "/h/.env:1:19: ANTHROPIC_API_KEY is too long for a key, "
                                  "expected at most 1023 bytes");
    snprintf(text, sizeof(text), "AGENT_IMAGE=%0*d", SETTINGS_IMAGE_MAX, 1);
    assert_false(parse(text));
    memset(text, 'x', sizeof(text) - 1);
    assert_false(settings_set(&settings, "CA_FILE", text, "/h", NULL, &err));
    text[0] = '/';
    assert_false(settings_set(&settings, "CA_FILE", text, "/h", NULL, &err));
    memcpy(text, "~/", 2);
    assert_false(settings_set(&settings, "CA_FILE", text, "/h", "/u", &err));
}

static void errors_of_the_environment_name_it(void **state)
{
    (void)state;
    settings_defaults(&settings);
    assert_false(settings_set(&settings, "CA_FILE", "~/x", "/", NULL, &err));
    assert_string_equal(err.text, "environment: CA_FILE \"~/x\" starts with \"~\" and HOME is "
                                  "not set, expected an absolute path");
    assert_false(settings_set(&settings, "ANTHROPIC_API_KEY", "se cret", "/", NULL, &err));
    assert_null(strstr(err.text, "cret"));
    assert_false(settings_set(&settings, "PATH", "x", "/", NULL, &err));
    assert_string_equal(err.text, "environment: PATH is no key");
}

static void two_subnets_must_differ(void **state)
{
    (void)state;
    assert_true(parse("TUNNEL_SUBNET=10.213.76.0/24"));
    assert_false(settings_check(&settings, &err));
    assert_string_equal(err.text, "settings: INTERNAL_SUBNET and TUNNEL_SUBNET are both "
                                  "10.213.76.0/24, expected two different networks");
}

static void many_warnings_do_not_overflow(void **state)
{
    static char text[SETTINGS_WARNINGS_MAX * 2];
    size_t used = 0;

    (void)state;
    while (used < sizeof(text) - 8)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "X=1\n");
    assert_true(parse(text));
    assert_int_equal(strlen(settings.warnings), SETTINGS_WARNINGS_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_value_the_defaults_hold),
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(paths_start_at_the_files_folder_or_at_home),
        cmocka_unit_test(the_environment_wins_even_with_nothing),
        cmocka_unit_test(unknown_keys_are_passed_over_with_a_warning),
        cmocka_unit_test(limits_have_units_and_defaults),
        cmocka_unit_test(bad_values_are_refused_with_their_place),
        cmocka_unit_test(values_that_are_too_long_are_refused),
        cmocka_unit_test(errors_of_the_environment_name_it),
        cmocka_unit_test(two_subnets_must_differ),
        cmocka_unit_test(many_warnings_do_not_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
