/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The gateway's container, as it is now.
 */
#include "ctl/doctor.h"

#include <stdio.h>
#include <string.h>

#include "ctl/escape.h"
#include "ctl/json_get.h"
#include "ctl/stack_state.h"

#define DIFFERENCES_MAX 8

/* Are there agents, who have no network without a gateway? */
static bool has_agents(const struct stack_list *list)
{
    for (size_t i = 0; i < list->nr; i++)
        if (list->all[i].service == STACK_SERVICE_AGENT && list->all[i].is_running)
            return true;
    return false;
}

static const char *advice_for(const char *state)
{
    if (strcmp(state, "exited") == 0 || strcmp(state, "created") == 0)
        return "\"secctl start\" starts it; when it ends again, \"docker logs " STACK_GATEWAY
               "\" says why";
    if (strcmp(state, "restarting") == 0)
        return "what it says is the reason (\"docker logs " STACK_GATEWAY
               "\"): mend that, then \"secctl start\"";
    return "\"secctl start\" makes it anew"; /* paused, dead */
}

static void add_stopped(struct doctor *doctor, struct stack *stack,
                        const struct stack_container *gateway)
{
    const char *agents = has_agents(&stack->list) ? "; agents run, without a network" : "";
    char words[320];

    stack_last_words(stack, gateway->id, words, sizeof(words));
    doctor_add(doctor, FINDING_PROBLEM, "gateway", advice_for(gateway->state),
               "container %s does not run (%.63s)%s%s%.250s", gateway->name,
               gateway->status[0] ? gateway->status : gateway->state, agents,
               words[0] ? "; it said: " : "", words);
}

/* What it finds wrong itself. Returns how much. */
static size_t add_own_words(struct doctor *doctor, const struct stack_state *state)
{
    const cJSON *list, *item;
    struct err ignored;
    size_t nr = 0;

    if (!json_array_or_null(state->document, "differences", &list, &ignored))
        return 0;
    cJSON_ArrayForEach(item, list)
    {
        if (cJSON_IsString(item) && nr++ < DIFFERENCES_MAX)
            doctor_add(doctor, FINDING_PROBLEM, "gateway",
                       "\"docker restart " STACK_GATEWAY "\" sets it up anew",
                       "it says: %.400s", item->valuestring);
    }
    return nr;
}

static void look_inside(struct doctor *doctor, struct stack *stack,
                        const struct stack_container *gateway)
{
    struct stack_state state;
    struct err err;

    if (!stack_state_ask(stack, gateway->id, &state, &err))
        doctor_add(doctor, FINDING_PROBLEM, "gateway",
                   "\"docker restart " STACK_GATEWAY "\", or \"secctl stop\" and start again",
                   "it does not answer: %.400s", err.text);
    else if (add_own_words(doctor, &state) == 0 && !state.is_healthy)
        doctor_add(doctor, FINDING_PROBLEM, "gateway",
                   "\"docker logs " STACK_GATEWAY "\" says more", "it is not healthy");
    else if (state.is_healthy)
        doctor_add(doctor, FINDING_OK, "gateway", "", "it runs, %lld rules in force",
                   (long long)state.nr_rules);
    stack_state_clear(&state);
}

void doctor_stack(struct doctor *doctor)
{
    struct stack stack = { .engine = doctor->engine, .settings = &doctor->settings };
    const struct stack_container *gateway;
    struct err err;

    if (!stack_refresh(&stack, &err)) {
        doctor_add(doctor, FINDING_PROBLEM, "gateway", "", "%s", err.text);
        return;
    }
    gateway = stack_list_find(&stack.list, STACK_GATEWAY);
    if (gateway && gateway->is_running)
        look_inside(doctor, &stack, gateway);
    else if (gateway)
        add_stopped(doctor, &stack, gateway);
    else if (has_agents(&stack.list))
        doctor_add(doctor, FINDING_PROBLEM, "gateway", "\"secctl start\" makes one",
                   "there is none; agents run, without a network");
    else
        doctor_add(doctor, FINDING_OK, "gateway", "", "none yet: \"secctl start\" makes one");
    stack_list_clear(&stack.list);
}
