/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The policy on its way to the running gateway: "fwd load -" in its container reads it from
 * standard input, checks it, puts it in force and answers.
 */
#ifndef CTL_POLICY_HAND_H
#define CTL_POLICY_HAND_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "common/conf.h"
#include "common/err.h"
#include "common/policy.h"
#include "ctl/engine.h"

#define POLICY_ANSWER_MAX 1024

/**
 * policy_hand_text - all files of the policy, as sections
 *
 * resolv_conf: what follows as "%% resolv.conf", NULL for none. Returns the text, given; NULL
 * when memory runs out. A text without a newline at its end gets one.
 */
char *policy_hand_text(const struct policy_dir *dir, const char *resolv_conf, size_t *len);

enum policy_hand {
    HAND_TAKEN,   /* in force; *answer says what was done */
    HAND_REFUSED, /* the gateway keeps the one it has; *err says why */
    HAND_ABSENT,  /* no gateway is running */
    HAND_UNKNOWN, /* *err says why nobody knows */
};

/** policy_hand_over - give text to the running gateway; answer: one line for people */
enum policy_hand policy_hand_over(struct engine *engine, const char *text, size_t len,
                                  char answer[POLICY_ANSWER_MAX], struct err *err);

#endif
