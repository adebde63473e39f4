/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the gateway says of itself ("fwd status --json"), against the containers that are there.
 */
#ifndef CTL_STACK_STATE_H
#define CTL_STACK_STATE_H

#include "common/policy.h"
#include "ctl/stack.h"

struct stack_link {
    char agent[64];
    char outer[ADDR_TEXT_MAX];
};

struct stack_state {
    cJSON *document;
    char policy_id[POLICY_ID_MAX];
    int64_t nr_rules;
    bool is_healthy;
    struct stack_link *links;
    size_t nr_links;
};

/** stack_state_parse - read it. text: borrowed. Clear it also after a failure. */
MUST_CHECK bool stack_state_parse(const char *text, struct stack_state *state, struct err *err);
void stack_state_clear(struct stack_state *state);

/** stack_state_ask - ask the gateway; one that is not healthy answers all the same */
MUST_CHECK bool stack_state_ask(struct stack *stack, const char *id, struct stack_state *state,
                                struct err *err);

/** stack_state_has - does the gateway know this link, at this address? */
bool stack_state_has(const struct stack_state *state, const struct stack_container *link);

/** stack_state_repair - make the gateway know the links that run, and forget those that are
 * gone */
MUST_CHECK bool stack_state_repair(struct stack *stack, const struct stack_state *state,
                                   struct err *err);

/** stack_gateway_spec_wanted - LABEL_SPEC of the gateway and the policy that settings ask for
 */
MUST_CHECK bool stack_gateway_spec_wanted(struct stack *stack, char spec[STACK_SPEC_MAX],
                                          char policy_id[POLICY_ID_MAX], struct err *err);

#endif
