/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Questions about whole rules, where common/policy.h answers for one name or address. Pure.
 */
#ifndef CTL_POLICY_ASK_H
#define CTL_POLICY_ASK_H

#include <stdbool.h>

#include "common/attr.h"
#include "common/policy_internal.h"

/**
 * policy_ask - does the policy allow all that rule allows?
 *
 * rule: an allow rule. "!" rules for a part of what a wildcard or network covers are not looked
 * at. *answer: out, of the last thing that was asked: the first one that is not allowed.
 */
bool policy_ask(const struct policy *policy, unsigned agent, const struct parsed_rule *rule,
                struct policy_answer *answer);

/** policy_rules_meet - is there a name or address that both rules match? Services are not
 * looked at. */
bool policy_rules_meet(const struct parsed_rule *a, const struct parsed_rule *b);

/** policy_rule_denies_all - does deny, a "!" rule, deny everything that rule matches? */
bool policy_rule_denies_all(const struct parsed_rule *deny, const struct parsed_rule *rule);

#endif
