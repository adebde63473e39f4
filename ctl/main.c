/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/nearest.h"
#include "ctl/cmd.h"
#include "ctl/folders.h"
#include "ctl/json_make.h"
#include "ctl/options.h"

#ifndef SECCTL_VERSION
#define SECCTL_VERSION "0.1.0"
#endif

static int cmd_help(int argc, char **argv, struct err *err);
static int cmd_version(int argc, char **argv, struct err *err);

static const struct cmd commands[] = {
    { "start", "[--image I] [--name A] [-e KEY[=VALUE]]... [--] [CMD...]",
      "build what is missing or outdated, then as run", ctl_start },
    { "run", "[--image I] [--name A] [-e KEY[=VALUE]]... [--] [CMD...]",
      "the agent (Claude Code, or any image and command) behind the gateway, on this terminal",
      ctl_run },
    { "shell", "[--name A] [--] [CMD...]", "a shell in the container of a running agent",
      ctl_shell },
    { "status", "[--json]",
      "containers, health, the policy in force; exit status 3 when something is not as asked",
      ctl_status },
    { "stop", "", "stop and remove all containers; volumes and the log stay", ctl_stop },
    { "build", "[--build-arg KEY=VALUE]...", "build the images that are missing or outdated",
      ctl_build },
    { "update", "[--build-arg KEY=VALUE]...", "build the images anew, without cache",
      ctl_update },
    { "allow", "[--agent A] [--json] TARGET [SERVICE...] [intranet]",
      "add a rule to the policy, in force at once", ctl_allow },
    { "deny", "[--agent A] [--json] TARGET",
      "take a target out of the policy, at once for live connections", ctl_deny },
    { "reload", "[--json]", "put the policy folder in force as it is, and the host's resolver",
      ctl_reload },
    { "logs", "[-f] [-n N] [--denied] [--since TIME] [--agent A] [--json]",
      "the verdict log, also after stop", ctl_logs },
    { "check",
      "[--policy DIR | --allowlist FILE] [--agent A] [--json] [NAME[:PORT][/PROTO]...]",
      "which rule decides on a name or address; without one: is the policy well formed?",
      ctl_check },
    { "doctor", "[--json]",
      "look for what could keep this from working, and what to do about it", ctl_doctor },
    { "version", "[--json]", "print the version", cmd_version },
    { "help", "", "print this list", cmd_help },
};

static void print_command(FILE *out, const struct cmd *cmd)
{
    fprintf(out, "  %s%s%s\n      %s\n", cmd->name, *cmd->arguments ? " " : "", cmd->arguments,
            cmd->summary);
}

static void print_usage(FILE *out)
{
    fputs("usage: secctl [--home DIR] COMMAND [ARGUMENTS]\n\n", out);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        print_command(out, &commands[i]);
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int cmd_help(int argc, char **argv, struct err *err)
{
    if (!options_alone(argc, argv, NULL, 0, err))
        return EXIT_USAGE;
    print_usage(stdout);
    return EXIT_DONE;
}

static bool print_version_json(struct err *err)
{
    struct json_make make = { .is_failed = false };
    cJSON *document = json_make_object(&make, NULL, NULL);
    bool is_good;

    json_put(&make, document, "program", "secctl");
    json_put(&make, document, "version", SECCTL_VERSION);
    document = json_finish(&make, document, err);
    is_good = document && json_print(document, err);
    cJSON_Delete(document);
    return is_good;
}

static int cmd_version(int argc, char **argv, struct err *err)
{
    bool is_json = false;
    const struct option options[] = { { .name = "--json", .flag = &is_json } };

    if (!options_alone(argc, argv, options, ARRAY_LEN(options), err))
        return EXIT_USAGE;
    if (is_json)
        return print_version_json(err) ? EXIT_DONE : EXIT_FAILED;
    puts("secctl " SECCTL_VERSION);
    return EXIT_DONE;
}

static const struct cmd *find(const char *name)
{
    if (is_help(name))
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int fail_unknown(const char *name)
{
    const char *names[ARRAY_LEN(commands)], *nearest;

    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        names[i] = commands[i].name;
    nearest = nearest_word(name, names, ARRAY_LEN(names));
    if (nearest)
        fprintf(stderr, "secctl: unknown command \"%.80s\", expected \"%s\"?\n", name, nearest);
    else
        fprintf(stderr,
                "secctl: unknown command \"%.80s\", expected one that \"secctl help\" "
                "lists\n",
                name);
    return EXIT_USAGE;
}

/* Take "--home DIR" from the front; returns how many words, or -1 when DIR is missing. */
static int take_home(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--home") != 0)
        return 0;
    if (argc == 2) {
        fputs("secctl: --home without a value, expected a folder after it\n", stderr);
        return -1;
    }
    folder_set_home(argv[2]);
    return 2;
}

int main(int argc, char **argv)
{
    struct err err = { .code = 0 };
    const struct cmd *cmd;
    int rc = take_home(argc, argv);

    if (rc < 0)
        return EXIT_USAGE;
    argc -= rc;
    argv += rc;
    if (argc < 2) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    cmd = find(argv[1]);
    if (cmd == NULL)
        return fail_unknown(argv[1]);
    if (argc == 3 && is_help(argv[2])) {
        print_command(stdout, cmd);
        rc = EXIT_DONE;
    } else {
        rc = cmd->run(argc - 1, argv + 1, &err);
    }
    if (rc != EXIT_DONE && err.text[0] && err.code != EINTR)
        fprintf(stderr, "secctl: %s: %s\n", cmd->name, err.text);
    if (fflush(stdout) != 0 && rc == EXIT_DONE) {
        fprintf(stderr, "secctl: %s: write to standard output: %s\n", cmd->name,
                strerror(errno));
        return EXIT_FAILED;
    }
    return rc;
}
