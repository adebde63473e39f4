/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/attr.h"
#include "common/nearest.h"
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
      "CAPTURE --allowlist FILE [--binding on|off] [--agent NAME] [--internal CIDR]...",
      "what would this policy have done with a recorded capture?" },
    { "--help", show_help, false, "", "print this" },
    { "--version", show_version, false, "", "print the version" },
};

static void print_command(FILE *out, const struct command *command)
{
    fprintf(out, "  sni-filter %s%s%s\n      %s\n", command->name,
            command->arguments[0] ? " " : "", command->arguments, command->purpose);
}

static void print_usage(FILE *out)
{
    fputs("usage:\n", out);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        print_command(out, &commands[i]);
}

static bool no_arguments(int argc, char **argv)
{
    if (argc > 1)
        fprintf(stderr, "sni-filter: %s: \"%.80s\", expected no argument\n", argv[0], argv[1]);
    return argc == 1;
}

static int show_help(int argc, char **argv)
{
    if (!no_arguments(argc, argv))
        return 2;
    print_usage(stdout);
    return 0;
}

static int show_version(int argc, char **argv)
{
    if (!no_arguments(argc, argv))
        return 2;
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

static int fail_unknown(const char *name)
{
    const char *names[ARRAY_LEN(commands)], *nearest;

    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        names[i] = commands[i].name;
    nearest = nearest_word(name, names, ARRAY_LEN(names));
    if (nearest)
        fprintf(stderr, "sni-filter: \"%.80s\", expected \"%s\"?\n", name, nearest);
    else
        fprintf(stderr,
                "sni-filter: \"%.80s\", expected --read CAPTURE or another that \"sni-filter "
                "--help\" lists\n",
                name);
    return 2;
}

static int run_command(const struct command *command, int argc, char **argv)
{
    if (command->has_whole_argv)
        return command->run(argc, argv);
    if (argc == 3 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0)) {
        print_command(stdout, command);
        return 0;
    }
    return command->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    const struct command *command = find_command(argc, argv);
    int rc;

    if (argc < 2) {
        print_usage(stderr);
        return 2;
    }
    if (command == NULL)
        return fail_unknown(argv[1]);
    rc = run_command(command, argc, argv);
    if (fflush(stdout) != 0 && rc == 0) {
        perror("sni-filter: write to standard output");
        return 1;
    }
    return rc;
}
