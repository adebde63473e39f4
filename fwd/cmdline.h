/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the command lines of several commands have in common.
 */
#ifndef FWD_CMDLINE_H
#define FWD_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "fwd/config.h"

/* An option of one command alone. Exactly one of text and flag is set. */
struct cmdline_option {
    const char *name;
    const char **text; /* takes a value */
    bool *flag;
    char letter; /* "-LETTER" is the same; 0: none */
};

/**
 * cmdline_read - "--config FILE", "--set KEY=VALUE", and the command's own, up to a list end of
 * name NULL
 *
 * config NULL: the command takes neither. Words that are left begin at argv[*first]. expected:
 * for the message about what is none of them. False: what is wrong has been printed.
 */
MUST_CHECK bool cmdline_read(int argc, char **argv, struct config *config,
                             const struct cmdline_option *extra, const char *expected,
                             int *first);

#endif
