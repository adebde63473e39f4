/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/stack_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/json_get.h"

static bool copy(const cJSON *item, const char *path, char *out, size_t size, struct err *err)
{
    const char *text;

    if (!json_string(item, path, &text, err))
        return false;
    if (strlen(text) >= size)
        return err_set(err, EPROTO, "field \"%s\" is too long", path);
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static bool read_links(struct stack_state *state, struct err *err)
{
    const cJSON *links, *item;

    if (!json_array_or_null(state->document, "links", &links, err))
        return false;
    state->links = calloc((size_t)cJSON_GetArraySize(links) + 1, sizeof(*state->links));
    if (state->links == NULL)
        return err_set(err, ENOMEM, "out of memory");
    cJSON_ArrayForEach(item, links)
    {
        struct stack_link *link = &state->links[state->nr_links++];

        if (!copy(item, "agent", link->agent, sizeof(link->agent), err) ||
            !copy(item, "outer", link->outer, sizeof(link->outer), err))
            return false;
    }
    return true;
}

bool stack_state_parse(const char *text, struct stack_state *state, struct err *err)
{
    memset(state, 0, sizeof(*state));
    state->document = json_parse("what fwd status says", text, strlen(text), err);
    if (state->document == NULL)
        return false;
    return (copy(state->document, "policy/id", state->policy_id, sizeof(state->policy_id),
                 err) &&
            json_integer_or(state->document, "policy/rules", -1, &state->nr_rules, err) &&
            json_bool(state->document, "healthy", &state->is_healthy, err) &&
            read_links(state, err)) ||
           err_wrap(err, "what fwd status says");
}

void stack_state_clear(struct stack_state *state)
{
    cJSON_Delete(state->document);
    free(state->links);
    memset(state, 0, sizeof(*state));
}

bool stack_state_ask(struct stack *stack, const char *id, struct stack_state *state,
                     struct err *err)
{
    static const char *const argv[] = { STACK_FWD, "status", "--json", NULL };
    struct engine_output output;
    bool is_good;

    memset(state, 0, sizeof(*state));
    if (!engine_exec(stack->engine, id, argv, NULL, 0, &output, err))
        return false;
    /* 3: it answers, and what it says is that something differs */
    if (output.status == 0 || output.status == 3)
        is_good = stack_state_parse(output.out, state, err);
    else
        is_good = err_set(err, EIO, "ask the gateway for its status: %.300s",
                          output.errors_len ? output.errors : "no answer");
    engine_output_clear(&output);
    return is_good;
}

bool stack_state_has(const struct stack_state *state, const struct stack_container *link)
{
    for (size_t i = 0; i < state->nr_links; i++)
        if (strcmp(state->links[i].agent, link->agent) == 0 &&
            (link->internal[0] == '\0' || strcmp(state->links[i].outer, link->internal) == 0))
            return true;
    return false;
}

bool stack_state_repair(struct stack *stack, const struct stack_state *state, struct err *err)
{
    for (size_t i = 0; i < stack->list.nr; i++) {
        const struct stack_container *link = &stack->list.all[i];

        /* one that is being made is attached by who makes it */
        if (link->service == STACK_SERVICE_LINK && link->is_running && link->number &&
            !stack_state_has(state, link) &&
            stack_list_slot(&stack->list, STACK_SERVICE_AGENT, link->number) &&
            !stack_attach(stack, link->agent, link->number, err))
            return false;
    }
    for (size_t i = 0; i < state->nr_links; i++)
        if (stack_list_agent(&stack->list, STACK_SERVICE_LINK, state->links[i].agent) == NULL &&
            !stack_forget(stack, state->links[i].agent, err))
            return false;
    return true;
}
