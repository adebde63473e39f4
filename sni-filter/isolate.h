/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_ISOLATE_H
#define SNI_FILTER_ISOLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/attr.h"
#include "common/err.h"
#include "sni-filter/sandbox.h"

struct isolate_user {
    uid_t uid;
    gid_t gid;
};

/** isolate_user_parse - a user's name or number; root is refused */
MUST_CHECK bool isolate_user_parse(const char *text, struct isolate_user *user,
                                   struct err *err);

struct isolate_plan {
    enum sandbox_role role;
    struct isolate_user user;
    pid_t parent;      /* dies with it; 0: does not */
    unsigned nr_files; /* descriptors it may have at once */
    const int *keep;   /* descriptors it has now and keeps, standard error not among them; -1 is
                          skipped */
    size_t nr_keep;
};

/** isolate_enter - stages 3 to 9 of isolate.c; on failure the process must end */
MUST_CHECK bool isolate_enter(const struct isolate_plan *plan, struct err *err);

#endif
