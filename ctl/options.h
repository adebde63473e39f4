/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The options of a command.
 */
#ifndef CTL_OPTIONS_H
#define CTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "common/err.h"

#define OPTION_LIST_MAX 64

struct option_list {
    const char *all[OPTION_LIST_MAX];
    size_t nr;
};

/* One of the three is set: what the option fills in. */
struct option {
    const char *name; /* "--image" */
    bool *flag;
    const char **value;
    struct option_list *list; /* one that may be repeated */
};

/**
 * options_read - take the options off the front of the arguments
 *
 * argv[0]: the command's name. They end at "--", which is taken too, or at the first word that
 * does not start with "-". Returns the index of the first word after them; 0 with *err when one
 * is wrong.
 */
MUST_CHECK int options_read(int argc, char **argv, const struct option *options, size_t nr,
                            struct err *err);

/** options_alone - the same for a command that takes no other words: false with *err when there
 * are */
MUST_CHECK bool options_alone(int argc, char **argv, const struct option *options, size_t nr,
                              struct err *err);

#endif
