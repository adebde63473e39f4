/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/cmd.h"
#include "ctl/policy_change.h"
#include "ctl/settings.h"

/* Take "[--agent A] [--json]" out of the words, up to "--"; how many words are left in words,
 * -1 with *err when an option is wrong. */
static int read_words(int argc, char **argv, const char **words, struct policy_change *change,
                      struct err *err)
{
    bool is_over = false;
    int nr = 0;

    for (int i = 1; i < argc; i++) {
        if (is_over || argv[i][0] != '-') {
            words[nr++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            is_over = true;
        } else if (strcmp(argv[i], "--json") == 0) {
            change->is_json = true;
        } else if (strcmp(argv[i], "--agent") != 0) {
            err_set(err, 0, "unknown option \"%.80s\", expected --agent A or --json", argv[i]);
            return -1;
        } else if (++i == argc) {
            err_set(err, 0, "--agent without a value, expected an agent's name after it");
            return -1;
        } else {
            change->agent = argv[i];
        }
    }
    return nr;
}

static int change(int argc, char **argv, const char **words, bool is_deny, struct err *err)
{
    struct policy_change change = { .is_deny = is_deny, .words = words };
    int nr = read_words(argc, argv, words, &change, err);
    static struct settings settings;

    if (nr < 0)
        return EXIT_USAGE;
    if (nr == 0) {
        err_set(err, 0, "no target, expected a name, an address or a network");
        return EXIT_USAGE;
    }
    if (is_deny && nr > 1) {
        err_set(err, 0,
                "\"%.80s\" after the target, expected one target, which is denied with all "
                "its services",
                words[1]);
        return EXIT_USAGE;
    }
    if (!settings_folders(&settings, err))
        return EXIT_FAILED;
    change.folder = settings.policy;
    change.nr_words = (size_t)nr;
    return policy_change_run(&change, err);
}

static int run(int argc, char **argv, bool is_deny, struct err *err)
{
    const char **words = calloc((size_t)argc, sizeof(*words));
    int rc = EXIT_FAILED;

    if (words)
        rc = change(argc, argv, words, is_deny, err);
    else
        err_set(err, ENOMEM, "out of memory");
    free(words);
    return rc;
}

int ctl_allow(int argc, char **argv, struct err *err)
{
    return run(argc, argv, false, err);
}

int ctl_deny(int argc, char **argv, struct err *err)
{
    return run(argc, argv, true, err);
}
