/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/attr.h"
#include "sni-filter/live.h"
#include "sni-filter/replay.h"

#ifndef SECCTL_VERSION
#define SECCTL_VERSION "unknown"
#endif

static int show_help(int argc, char **argv);
static int show_version(int argc, char **argv);

/* argv of run: live has its own name at 0; --read is an option of replay_main()'s, which reads
 * them all. */
static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    bool has_whole_argv;
    const char *arguments, *purpose;
} commands[] = {
    { "live", live_main, false, "--in FD --out FD --user NAME|UID --internal IFINDEX",
      "judge the packets of this network namespace; started by fwd" },
    { "--read", replay_main, true,
      "CAPTURE --allowlist FILE [--binding off] [--agent NAME] [--internal CIDR]...",
      "what would this policy have done with a recorded capture?" },
    { "--help", show_help, false, "", "print this" },
    { "--version", show_version, false, "", "print the version" },
};

static void print_usage(FILE *out)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "%s sni-filter %s %s\n           %s\n", i == 0 ? "usage:" : "      ",
                commands[i].name, commands[i].arguments, commands[i].purpose);
}

static int show_help(int argc, char **argv)
{
    (void)argc, (void)argv;
    print_usage(stdout);
    return 0;
}

static int show_version(int argc, char **argv)
{
    (void)argc, (void)argv;
    puts("sni-filter " SECCTL_VERSION);
    return 0;
}

/* The command stands first; options of a replay may come in any order. */
static const struct command *find_command(int argc, char **argv)
{
    for (int at = 1; at < argc; at++) {
        for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
            if (strcmp(argv[at], commands[i].name) == 0 &&
                (at == 1 || commands[i].has_whole_argv))
                return &commands[i];
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const struct command *command = find_command(argc, argv);

    if (command == NULL) {
        print_usage(stderr);
        return 2;
    }
    if (command->has_whole_argv)
        return command->run(argc, argv);
    return command->run(argc - 1, argv + 1);
}
