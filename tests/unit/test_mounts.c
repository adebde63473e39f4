/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/mounts.h"
#include "tests/support/cm.h"

static char top[FOLDER_PATH_MAX];
static struct settings settings;
static struct err err;

/* A self-signed certificate for "test", made for this test with "openssl req -x509". */
#define CERTIFICATE                                                                            \
    "-----BEGIN CERTIFICATE-----\n"                                                            \
    "MIIBdTCCARugAwIBAgIUAaIFkh4gNlmgW70bKGKfSTdpEWgwCgYIKoZIzj0EAwIw\n"                       \
    "DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMzAyMTA0MTJaGA8yMTI2MTEwNjIxMDQx\n"                       \
    "MlowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJxQ\n"                       \
    "LKgvV6HO0qxIXCoOPJrMSh+bIrLSICjHJqk7TMT5XZWz4RZN73bLx5hKhMpgMpz8\n"                       \
    "urAQGGFIEIZLs5ShwXujUzBRMB0GA1UdDgQWBBSVZz6Lj66w+1IL4fzCkWbYBQ1F\n"                       \
    "0zAfBgNVHSMEGDAWgBSVZz6Lj66w+1IL4fzCkWbYBQ1F0zAPBgNVHRMBAf8EBTAD\n"                       \
    "AQH/MAoGCCqGSM49BAMCA0gAMEUCIDZgwTly7Xe3aoYqkW/Jo/6oGgufVtjoIgia\n"                       \
    "tuTqyzY4AiEApvqMi8I6bqZHbiCD6w5B8j/0hynshW/IXkDkZDcstwQ=\n"                               \
    "-----END CERTIFICATE-----\n"
#define KEY "-----BEGIN PRIVATE KEY-----\nMC4CAQ==\n-----END PRIVATE KEY-----\n"

static int set_up(void **state)
{
    char template[] = "/tmp/secctl-mounts.XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(template));
    assert_true(path_resolve("test", template, top, &err));
    return 0;
}

static int tear_down(void **state)
{
    char path[FOLDER_PATH_MAX];

    (void)state;
    assert_true(path_join(path, top, "ca.pem", &err));
    unlink(path);
    return rmdir(top);
}

static const char *write_ca(const char *text, size_t len)
{
    static char path[FOLDER_PATH_MAX];
    FILE *out;

    assert_true(path_join(path, top, "ca.pem", &err));
    out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, len, out), len);
    assert_int_equal(fclose(out), 0);
    return path;
}

static void by_default_only_volumes_are_mounted(void **state)
{
    struct mounts mounts;

    (void)state;
    settings_defaults(&settings);
    assert_true(mounts_agent(&settings, NULL, &mounts, &err));
    assert_int_equal(mounts.nr, 2);
    assert_string_equal(mounts.list[0].source, "claude-secure-workspace");
    assert_string_equal(mounts.list[0].target, "/workspace");
    assert_true(mounts.list[0].is_volume && !mounts.list[0].is_read_only);
    assert_string_equal(mounts.list[1].source, "claude-secure-config");
    assert_true(mounts.list[1].is_volume);
    assert_null(mounts.env[0]);
}

static void a_ca_file_is_mounted_read_only_and_named(void **state)
{
    struct mounts mounts;

    (void)state;
    settings_defaults(&settings);
    strcpy(settings.ca_file, write_ca(CERTIFICATE CERTIFICATE, 2 * strlen(CERTIFICATE)));
    if (!mounts_agent(&settings, "/nowhere", &mounts, &err))
        fail_msg("%s", err.text);
    assert_int_equal(mounts.nr, 3);
    assert_string_equal(mounts.list[2].source, settings.ca_file);
    assert_string_equal(mounts.list[2].target, "/etc/secctl/ca.pem");
    assert_true(!mounts.list[2].is_volume && mounts.list[2].is_read_only);
    assert_string_equal(mounts.env[0], "NODE_EXTRA_CA_CERTS=/etc/secctl/ca.pem");
}

static void what_is_no_ca_file_is_refused(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        const char *error; /* what follows the path */
    } cases[] = {
#define V(text, error) { text, sizeof(text) - 1, error }
#define NO_PEM                                                                                 \
    " is no PEM file, expected certificates, each from -----BEGIN CERTIFICATE----- to "        \
    "-----END CERTIFICATE-----"
        V("", NO_PEM),
        V("text\n", NO_PEM),
        V("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", NO_PEM),
        V(CERTIFICATE "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", NO_PEM),
        V(CERTIFICATE "\0", NO_PEM),
        V(CERTIFICATE KEY, " holds a private key, which the agent could read, expected "
                           "certificates only"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *path = write_ca(cases[i].text, cases[i].len);
        char expected[1024];

        snprintf(expected, sizeof(expected), "CA_FILE \"%s\"%s", path, cases[i].error);
        assert_false(ca_file_check(path, &err));
        assert_string_equal(err.text, expected);
    }
    assert_false(ca_file_check("/nowhere/ca.pem", &err));
    assert_string_equal(err.text, "CA_FILE: read /nowhere/ca.pem: No such file or directory");
}

static void an_engine_elsewhere_cannot_mount_from_here(void **state)
{
    struct mounts mounts;

    (void)state;
    settings_defaults(&settings);
    strcpy(settings.workspace_dir, top);
    assert_false(mounts_agent(&settings, NULL, &mounts, &err));
    assert_string_equal(err.text, "WORKSPACE_DIR is set, but the engine is on another machine "
                                  "and cannot mount what is on this one, expected it unset");
    settings.workspace_dir[0] = '\0';
    strcpy(settings.ca_file, "/x");
    assert_false(mounts_agent(&settings, NULL, &mounts, &err));
    assert_int_equal(strncmp(err.text, "CA_FILE is set, ", 16), 0);
}

static void a_workspace_that_is_refused_is_not_mounted(void **state)
{
    struct mounts mounts;

    (void)state;
    settings_defaults(&settings);
    strcpy(settings.workspace_dir, "/");
    assert_false(mounts_agent(&settings, "/nowhere", &mounts, &err));
    assert_int_equal(mounts.nr, 0);
    strcpy(settings.workspace_dir, top);
    strcpy(settings.policy, "/nowhere/policy");
    strcpy(settings.home, "/nowhere");
    strcpy(settings.env_file, "/nowhere/.env");
    if (!mounts_agent(&settings, "/nowhere", &mounts, &err))
        fail_msg("%s", err.text);
    assert_string_equal(mounts.list[0].source, top);
    assert_true(!mounts.list[0].is_volume && !mounts.list[0].is_read_only);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_default_only_volumes_are_mounted),
        cmocka_unit_test(a_ca_file_is_mounted_read_only_and_named),
        cmocka_unit_test(what_is_no_ca_file_is_refused),
        cmocka_unit_test(an_engine_elsewhere_cannot_mount_from_here),
        cmocka_unit_test(a_workspace_that_is_refused_is_not_mounted),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
