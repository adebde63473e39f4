/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl/workspace.h"
#include "tests/support/cm.h"

/* A user's home in a temporary folder: cfg/ is secctl's, src/ a project, link -> ... */
static char top[64];
static struct settings settings;
static struct err err;

static void path_of(char out[FOLDER_PATH_MAX], const char *name)
{
    assert_true(path_join(out, top, name, &err));
}

static void make_folder(const char *name)
{
    char path[FOLDER_PATH_MAX];

    path_of(path, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void make_file(const char *name)
{
    char path[FOLDER_PATH_MAX];
    int fd;

    path_of(path, name);
    fd = open(path, O_CREAT | O_WRONLY, 0644);
    assert_true(fd >= 0);
    close(fd);
}

static void make_link(const char *name, const char *to)
{
    char path[FOLDER_PATH_MAX];

    path_of(path, name);
    assert_int_equal(symlink(to, path), 0);
}

static int set_up(void **state)
{
    static const char *const folders[] = { "u",          "u/src",       "u/src/p",
                                           "u/.ssh",     "u/.ssh/x",    "u/.docker",
                                           "cfg",        "cfg/policy",  "cfg/policy/agents",
                                           "cfg/agent",  "dots",        "dotenv",
                                           "engine",     "agentdots",   "session",
                                           "session/in", "otherengine", "u/.docker/run" };
    char template[] = "/tmp/secctl-workspace.XXXXXX", path[FOLDER_PATH_MAX];

    (void)state;
    assert_non_null(mkdtemp(template));
    assert_true(path_resolve("test", template, path, &err));
    memcpy(top, path, strnlen(path, sizeof(top) - 1));
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        make_folder(folders[i]);
    make_file("dots/allowlist");
    make_file("dotenv/env");
    make_file("agentdots/claude");
    make_file("engine/docker.sock");
    make_file("plain");
    make_link("cfg/policy/allowlist", "../../dots/allowlist");
    make_link("cfg/policy/agents/claude", "../../../agentdots/claude");
    make_link("cfg/.env", "../dotenv/env");
    make_link("u/src/to-home", "..");
    make_link("u/src/to-p", "p");
    make_link("u/src/to-policy", "../../cfg/policy");
    make_link("u/src/nowhere", "gone");
    settings_defaults(&settings);
    path_of(settings.home, "cfg");
    path_of(settings.policy, "cfg/policy");
    path_of(settings.env_file, "cfg/.env");
    path_of(path, "u");
    setenv("HOME", path, 1);
    path_of(path, "session");
    setenv("XDG_RUNTIME_DIR", path, 1);
    path_of(path, "otherengine/docker.sock");
    memmove(path + 7, path, strlen(path) + 1);
    memcpy(path, "unix://", 7);
    setenv("DOCKER_HOST", path, 1);
    return 0;
}

static int tear_down(void **state)
{
    char command[FOLDER_PATH_MAX + 16];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", top);
    return system(command);
}

/* name: relative to top, or absolute */
static bool check(const char *name, char path[FOLDER_PATH_MAX])
{
    char socket[FOLDER_PATH_MAX];

    if (name[0] == '/')
        snprintf(settings.workspace_dir, sizeof(settings.workspace_dir), "%s", name);
    else
        path_of(settings.workspace_dir, name);
    path_of(socket, "engine/docker.sock");
    memset(&err, 0, sizeof(err));
    return workspace_check(&settings, socket, path, &err);
}

static void a_projects_folder_is_taken_with_links_resolved(void **state)
{
    static const char *const good[] = { "u/src", "u/src/p", "u/src/to-p", "u/src/p/../p/." };
    char path[FOLDER_PATH_MAX], expected[FOLDER_PATH_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        if (!check(good[i], path))
            fail_msg("%s", err.text);
        path_of(expected, i ? "u/src/p" : "u/src");
        assert_string_equal(path, expected);
    }
    settings.workspace_dir[0] = '\0';
    assert_true(workspace_check(&settings, NULL, path, &err));
    assert_string_equal(path, "");
}

static void what_holds_or_is_in_something_of_value_is_refused(void **state)
{
    /* %s is top */
    static const struct {
        const char *name, *error;
    } cases[] = {
        { "cfg/policy", "WORKSPACE_DIR \"%s/cfg/policy\" contains the policy (%s/cfg/policy)" },
        { "u/src/to-policy",
          "WORKSPACE_DIR \"%s/cfg/policy\" contains the policy (%s/cfg/policy)" },
        { "cfg/policy/agents",
          "WORKSPACE_DIR \"%s/cfg/policy/agents\" lies in the policy (%s/cfg/policy)" },
        { "cfg", "WORKSPACE_DIR \"%s/cfg\" contains the policy (%s/cfg/policy)" },
        { "cfg/agent", "WORKSPACE_DIR \"%s/cfg/agent\" lies in secctl's settings (%s/cfg)" },
        { ".", "WORKSPACE_DIR \"%s\" contains the policy (%s/cfg/policy)" },
        { "dots",
          "WORKSPACE_DIR \"%s/dots\" contains a file of the policy (%s/cfg/policy/allowlist)" },
        { "agentdots", "WORKSPACE_DIR \"%s/agentdots\" contains a file of the policy "
                       "(%s/cfg/policy/agents/claude)" },
        { "dotenv", "WORKSPACE_DIR \"%s/dotenv\" contains the settings file (%s/cfg/.env)" },
        { "u", "WORKSPACE_DIR \"%s/u\" contains your home folder (%s/u)" },
        { "u/src/to-home", "WORKSPACE_DIR \"%s/u\" contains your home folder (%s/u)" },
        { "u/.ssh", "WORKSPACE_DIR \"%s/u/.ssh\" contains your keys (%s/u/.ssh)" },
        { "u/.ssh/x", "WORKSPACE_DIR \"%s/u/.ssh/x\" lies in your keys (%s/u/.ssh)" },
        { "engine",
          "WORKSPACE_DIR \"%s/engine\" contains a Docker socket (%s/engine/docker.sock)" },
        { "otherengine", "WORKSPACE_DIR \"%s/otherengine\" contains a Docker socket "
                         "(%s/otherengine/docker.sock)" },
        { "session/in", "WORKSPACE_DIR \"%s/session/in\" lies in the folder of your session's "
                        "sockets (%s/session)" },
        { "u/.docker/run", "WORKSPACE_DIR \"%s/u/.docker/run\" lies in Docker's settings and "
                           "sockets (%s/u/.docker)" },
    };
    char path[FOLDER_PATH_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char expected[1024];
        const char *first = strstr(cases[i].error, "%s"), *second = strstr(first + 2, "%s");

        snprintf(expected, sizeof(expected),
                 "%.*s%s%.*s%s%s, expected a project's folder "
                 "apart from it",
                 (int)(first - cases[i].error), cases[i].error, top, (int)(second - first - 2),
                 first + 2, top, second + 2);
        if (check(cases[i].name, path))
            fail_msg("accepted: %s", cases[i].name);
        assert_string_equal(err.text, expected);
        assert_string_equal(path, "");
    }
}

static void folders_of_the_system_are_refused(void **state)
{
    static const char *const folders[] = { "/",        "/proc",      "/proc/self", "/sys",
                                           "/dev",     "/dev/shm",   "/run",       "/etc",
                                           "/usr",     "/var",       "/var/run",   "/bin",
                                           "/usr/lib", "/etc/../etc" };
    char path[FOLDER_PATH_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        if (access(folders[i], F_OK) == 0 && check(folders[i], path))
            fail_msg("accepted: %s", folders[i]);
    assert_false(check("/etc", path));
    assert_string_equal(err.text, "WORKSPACE_DIR \"/etc\" contains a folder of the system "
                                  "(/etc), expected a project's folder apart from it");
    assert_false(check("/proc/self", path));
    assert_non_null(strstr(err.text, "lies in a folder of the system (/proc), expected"));
}

static void what_is_no_folder_is_refused(void **state)
{
    char path[FOLDER_PATH_MAX], expected[1024];

    (void)state;
    assert_false(check("u/src/nowhere", path));
    snprintf(expected, sizeof(expected),
             "WORKSPACE_DIR \"%s/u/src/nowhere\": No such file or directory", top);
    assert_string_equal(err.text, expected);
    assert_false(check("plain", path));
    snprintf(expected, sizeof(expected),
             "WORKSPACE_DIR \"%s/plain\" is no folder, expected one", top);
    assert_string_equal(err.text, expected);
}

static void the_folder_of_this_program_is_refused(void **state)
{
    char program[FOLDER_PATH_MAX], path[FOLDER_PATH_MAX];

    (void)state;
    assert_true(folder_executable(program));
    assert_false(check(program, path));
    assert_non_null(strstr(err.text, " contains this program ("));
}

static void a_socket_in_the_folder_is_found(void **state)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char folder[FOLDER_PATH_MAX], found[FOLDER_PATH_MAX];
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    path_of(folder, "u/src/p");
    assert_true(fd >= 0);
    assert_false(workspace_has_socket(folder, found));
    assert_string_equal(found, "");
    assert_true(snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", folder) > 0);
    assert_int_equal(bind(fd, (const void *)&address, sizeof(address)), 0);
    assert_true(workspace_has_socket(folder, found));
    assert_string_equal(found, address.sun_path);
    folder[strlen(folder) - 1] = '\0'; /* another folder, whose name it begins with */
    assert_false(workspace_has_socket(folder, found));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_projects_folder_is_taken_with_links_resolved),
        cmocka_unit_test(what_holds_or_is_in_something_of_value_is_refused),
        cmocka_unit_test(what_is_no_folder_is_refused),
        cmocka_unit_test(the_folder_of_this_program_is_refused),
        cmocka_unit_test(folders_of_the_system_are_refused),
        cmocka_unit_test(a_socket_in_the_folder_is_found),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
