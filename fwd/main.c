/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/attr.h"
#include "common/log.h"
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
    { "gateway", cmd_gateway, "--config FILE", "be the gateway of this network namespace" },
    { "load", cmd_load, "[--config FILE] -",
      "hand the running gateway a policy from standard input" },
    { "show", cmd_show, "--config FILE", "print the ruleset that would be loaded" },
    { "check", cmd_check, "--config FILE",
      "compare the kernel's ruleset with it; exit status 3 when they differ" },
    { "help", cmd_help, "", "print this" },
    { "version", cmd_version, "", "print the version" },
};

static void print_usage(FILE *out)
{
    fputs("usage: fwd COMMAND ...\n", out);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "  fwd %s%s%s\n      %s\n", commands[i].name,
                commands[i].arguments[0] ? " " : "", commands[i].arguments,
                commands[i].purpose);
}

static int cmd_help(int argc, char **argv)
{
    (void)argc, (void)argv;
    print_usage(stdout);
    return EXIT_DONE;
}

static int cmd_version(int argc, char **argv)
{
    (void)argc, (void)argv;
    puts("fwd " SECCTL_VERSION);
    return EXIT_DONE;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    int rc;

    log_set("fwd", getenv("SECCTL_DEBUG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i].name, name) != 0)
            continue;
        rc = commands[i].run(argc - 1, argv + 1);
        if (fflush(stdout) != 0 && rc == EXIT_DONE) {
            fprintf(stderr, "fwd: write to standard output: %s\n", strerror(errno));
            return EXIT_FAILED;
        }
        return rc;
    }
    if (name[0])
        fprintf(stderr, "fwd: unknown command \"%s\"\n", name);
    print_usage(stderr);
    return EXIT_USAGE;
}
