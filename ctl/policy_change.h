/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One change of the policy, from the file to the kernel: locked, checked, written, handed over,
 * and put back when the gateway refuses it.
 */
#ifndef CTL_POLICY_CHANGE_H
#define CTL_POLICY_CHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "common/err.h"

struct policy_change {
    const char *folder; /* the policy's */
    const char *agent;  /* whose file; NULL: the allowlist */
    bool is_deny, is_json;
    const char *const *words; /* TARGET [SERVICE...] [intranet] */
    size_t nr_words;
};

/** policy_change_run - make it and print what was done; an exit status (cmd.h) */
int policy_change_run(const struct policy_change *change, struct err *err);

/** policy_reload_run - hand over the folder as it is, and the host's resolver with it */
int policy_reload_run(const char *folder, bool is_json, struct err *err);

#endif
