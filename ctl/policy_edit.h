/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Rules added to and taken out of the texts of a policy, for "secctl allow" and "secctl deny".
 * Nothing here opens a file.
 */
#ifndef CTL_POLICY_EDIT_H
#define CTL_POLICY_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "common/conf.h"
#include "common/err.h"
#include "common/policy.h"

#define POLICY_EDIT_SAID_MAX 1024
#define POLICY_EDIT_FILE_MAX 80

struct policy_edit {
    char file[POLICY_EDIT_FILE_MAX]; /* "allowlist" or "agents/NAME" */
    char *text;                      /* its new text; NULL when nothing has to change. Owned */
    size_t len;
    char said[POLICY_EDIT_SAID_MAX]; /* what was done, or why nothing: sentences for people */
};

/**
 * policy_edit_allow - allow a target
 *
 * dir: the policy as it is. agent: NULL for all agents, else whose file is changed, or made.
 * words: TARGET [SERVICE...] [intranet], nr of them.
 *
 * A "!" line of the same file for the same target that stands against it is taken out. False
 * with *err when the words are no rule, the rule is outside the ceiling, the policy is not well
 * formed, or another rule would still deny the target: which one is said.
 */
MUST_CHECK bool policy_edit_allow(const struct policy_dir *dir, const char *agent,
                                  const char *const *words, size_t nr, struct policy_edit *edit,
                                  struct err *err);

/**
 * policy_edit_deny - deny a target with all its services
 *
 * Rules of the file for exactly this target are taken out; "!TARGET" is added when something
 * else allows it, or anything below it. dir, agent, errors: as above.
 */
MUST_CHECK bool policy_edit_deny(const struct policy_dir *dir, const char *agent,
                                 const char *target, struct policy_edit *edit, struct err *err);

void policy_edit_clear(struct policy_edit *edit);

#endif
