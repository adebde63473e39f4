/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What of the home folder the gateway gets: the policy and gateway.conf, before it starts as
 * files in its volume, later through "fwd load -".
 */
#ifndef CTL_STACK_POLICY_H
#define CTL_STACK_POLICY_H

#include "common/conf.h"
#include "common/policy.h"
#include "ctl/resolver.h"
#include "ctl/stack.h"

struct stack_policy {
    struct policy_dir dir;
    char id[POLICY_ID_MAX];
    char *gateway_conf; /* its text, "" when there is no such file */
    size_t gateway_conf_len;
    struct resolver resolver;
};

/** stack_policy_read - read and check it. Clear it also after a failure. */
MUST_CHECK bool stack_policy_read(const struct settings *settings, bool is_local,
                                  struct stack_policy *policy, struct err *err);
void stack_policy_clear(struct stack_policy *policy);

/** stack_policy_put - into the volume of a gateway that was made but not started */
MUST_CHECK bool stack_policy_put(struct stack *stack, const char *id,
                                 const struct stack_policy *policy, struct err *err);

/** stack_policy_load - hand it to the running gateway; a line on stderr says what that answered
 */
MUST_CHECK bool stack_policy_load(struct stack *stack, const struct stack_policy *policy,
                                  struct err *err);

#endif
