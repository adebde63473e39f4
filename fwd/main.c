/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/attr.h"
#include "common/log.h"
#include "common/nearest.h"
#include "fwd/commands.h"

#ifndef SECCTL_VERSION
#define SECCTL_VERSION "unknown"
#endif

static int cmd_help(int argc, char **argv);
static int cmd_version(int argc, char **argv);

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0]: the command's name */
    const char *arguments, *purpose;
} commands[] = {
    { "gateway", cmd_gateway, "--config FILE [--set KEY=VALUE] ...",
      "be the gateway of this network namespace" },
    { "link", cmd_link,
      "--gateway OUTER --inner ADDRESS/BITS --router ADDRESS\n"
      "           [--inner6 ADDRESS/BITS --router6 ADDRESS] [--resolv-conf FILE] [--user "
      "USER]\n"
      "  fwd link --check",
      "lock this network namespace and be the agent's end of the tunnel; or check that it is" },
    { "attach", cmd_attach, "[--config FILE] NAME OUTER INNER4 [INNER6]",
      "have the running gateway take a link" },
    { "detach", cmd_detach, "[--config FILE] NAME", "have it forget the link" },
    { "load", cmd_load, "[--config FILE] -",
      "hand the running gateway a policy from standard input" },
    { "status", cmd_status, "[--config FILE] [--json]",
      "what the running gateway says of itself; exit status 3 when it is not healthy" },
    { "log", cmd_log, "[-f] [-n LINES] [--since TIME] [--file PATH]",
      "print the verdict log's records, and those that come" },
    { "show", cmd_show, "[--config FILE ...]", "print the ruleset that would be loaded" },
    { "check", cmd_check, "[--config FILE ...]",
      "compare the kernel's ruleset and tunnel with it; exit status 3 when they differ" },
    { "probe", cmd_probe, "", "say in JSON what this kernel can do, tried in this namespace" },
    { "help", cmd_help, "", "print this" },
    { "version", cmd_version, "", "print the version" },
};

static void print_command(FILE *out, const struct command *command)
{
    fprintf(out, "  fwd %s%s%s\n      %s\n", command->name, command->arguments[0] ? " " : "",
            command->arguments, command->purpose);
}

static void print_usage(FILE *out)
{
    fputs("usage: fwd COMMAND ...\n", out);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        print_command(out, &commands[i]);
}

static bool no_arguments(int argc, char **argv)
{
    if (argc > 1)
        fprintf(stderr, "fwd: %s: \"%.80s\", expected no argument\n", argv[0], argv[1]);
    return argc == 1;
}

static int cmd_help(int argc, char **argv)
{
    if (!no_arguments(argc, argv))
        return EXIT_USAGE;
    print_usage(stdout);
    return EXIT_DONE;
}

static int cmd_version(int argc, char **argv)
{
    if (!no_arguments(argc, argv))
        return EXIT_USAGE;
    puts("fwd " SECCTL_VERSION);
    return EXIT_DONE;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static const struct command *find(const char *name)
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
        fprintf(stderr, "fwd: unknown command \"%.80s\", expected \"%s\"?\n", name, nearest);
    else
        fprintf(stderr,
                "fwd: unknown command \"%.80s\", expected one that \"fwd help\" lists\n", name);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    const struct command *command;
    int rc;

    log_set("fwd", getenv("SECCTL_DEBUG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
    if (argc < 2) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    command = find(argv[1]);
    if (!command)
        return fail_unknown(argv[1]);
    if (argc == 3 && is_help(argv[2])) {
        print_command(stdout, command);
        rc = EXIT_DONE;
    } else {
        rc = command->run(argc - 1, argv + 1);
    }
    if (fflush(stdout) != 0 && rc == EXIT_DONE) {
        fprintf(stderr, "fwd: write to standard output: %s\n", strerror(errno));
        return EXIT_FAILED;
    }
    return rc;
}
