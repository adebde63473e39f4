/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Links and agents: claimed, linked, removed, swept.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/signals.h"
#include "ctl/stack.h"
#include "ctl/stack_task.h"

#define YOUNG_S 600 /* what another machine's secctl may still be making */

/* fwd in the gateway about one agent. */
static bool tell_gateway(struct stack *stack, const char *const *argv, struct err *err)
{
    int status;

    if (stack_ask(stack, STACK_GATEWAY, argv, NULL, &status, err))
        return true;
    return err->code != EINTR && err_wrap(err, "%s agent %s", argv[1], argv[2]);
}

bool stack_attach(struct stack *stack, const char *agent, unsigned n, struct err *err)
{
    char outer[ADDR_TEXT_MAX], inner[ADDR_TEXT_MAX], inner6[ADDR_TEXT_MAX];
    const char *argv[] = { STACK_FWD, "attach", agent, outer, inner, NULL, NULL };

    if (!stack_ipv6(stack, err))
        return false;
    stack_address(&stack->settings->internal_subnet, n + STACK_SLOT_OFFSET, outer);
    stack_address(&stack->settings->tunnel_subnet, n + STACK_SLOT_OFFSET, inner);
    if (stack->ipv6.is_wanted)
        argv[5] = stack_address6(stack->settings, n + STACK_SLOT_OFFSET, inner6);
    if (tell_gateway(stack, argv, err))
        return true;
    /* one that was killed may have left the name with the addresses of other settings */
    return err->code != EINTR && strstr(err->text, "with other addresses") != NULL &&
           stack_detach(stack, agent, err) && tell_gateway(stack, argv, err);
}

bool stack_detach(struct stack *stack, const char *agent, struct err *err)
{
    const char *argv[] = { STACK_FWD, "detach", agent, NULL };

    return tell_gateway(stack, argv, err);
}

bool stack_forget(struct stack *stack, const char *agent, struct err *err)
{
    /* another secctl may have made it since the list was read */
    if (!stack_refresh(stack, err))
        return false;
    return stack_list_agent(&stack->list, STACK_SERVICE_LINK, agent) != NULL ||
           stack_detach(stack, agent, err);
}

/* --- what killed ones left ---------------------------------------------------------------- */

static bool has_maker(const struct stack_container *container)
{
    switch (owner_look(container->owner)) {
    case OWNER_ALIVE:
        return true;
    case OWNER_GONE:
        return false;
    case OWNER_ELSEWHERE:
        break;
    }
    return (int64_t)time(NULL) < container->created_s + YOUNG_S;
}

bool stack_is_leftover(const struct stack_list *list, const struct stack_container *container)
{
    const struct stack_container *agent;

    if (container->owner[0] == '\0' || container->number == 0) /* docker compose's */
        return false;
    if (container->service == STACK_SERVICE_AGENT)
        return !container->is_running && !has_maker(container);
    if (container->service != STACK_SERVICE_LINK || has_maker(container))
        return false;
    agent = stack_list_slot(list, STACK_SERVICE_AGENT, container->number);
    return agent == NULL || stack_is_leftover(list, agent);
}

bool stack_sweep(struct stack *stack, struct err *err)
{
    size_t nr = 0;

    /* agents first: a link may not go before who is joined to it */
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < stack->list.nr; i++) {
            const struct stack_container *container = &stack->list.all[i];
            bool is_turn = (container->service == STACK_SERVICE_AGENT) == (pass == 0);

            if (is_turn && stack_is_leftover(&stack->list, container)) {
                if (!stack_remove(stack, container->id, err))
                    return false;
                nr++;
            }
        }
    if (nr == 0)
        return true;
    fprintf(stderr, "secctl: removed %zu container%s that an earlier run left\n", nr,
            nr == 1 ? "" : "s");
    return stack_refresh(stack, err);
}

/* --- a run -------------------------------------------------------------------------------- */

static bool is_name_taken(const struct stack *stack, const char *name, const char *own_id)
{
    for (size_t i = 0; i < stack->list.nr; i++) {
        const struct stack_container *container = &stack->list.all[i];

        if (container->service == STACK_SERVICE_LINK && strcmp(container->agent, name) == 0 &&
            strcmp(container->id, own_id) != 0)
            return true;
    }
    return false;
}

/* The creation by name is the claim. */
static bool claim(struct stack *stack, const char *name, struct stack_run *run, struct err *err)
{
    const struct prefix *subnet = &stack->settings->internal_subnet;
    struct stack_agent_spec spec = { .settings = stack->settings, .owner = stack->owner };
    char container[STACK_NAME_MAX];

    if (!stack_ipv6(stack, err))
        return false;
    spec.has_ipv6 = stack->ipv6.is_wanted;
    for (unsigned first = 1;; first = run->n + 1) {
        run->n = stack_list_free_slot(&stack->list, subnet, first);
        if (run->n == 0)
            return err_set(err, EBUSY, "all %d slots for agents are taken",
                           STACK_SLOTS_MAX - 1);
        if (name)
            snprintf(run->agent, sizeof(run->agent), "%s", name);
        else
            stack_agent_name(run->n, run->agent);
        if (is_name_taken(stack, run->agent, "")) {
            if (name)
                return err_set(err, EEXIST, "agent %s is running already", name);
            continue;
        }
        spec.n = run->n;
        spec.agent = run->agent;
        stack_link_name(run->n, container);
        if (stack_create(stack, container, stack_link(&spec, err), run->link_id, err))
            return true;
        if (err->code != EEXIST)
            return false;
    }
}

/* What concerns the gateway, while the link starts. */
static bool gateway_part(struct stack *stack, void *arg, struct err *err)
{
    const struct stack_run *run = arg;

    return (!stack->is_unverified || (stack_refresh(stack, err) && stack_verify(stack, err))) &&
           stack_attach(stack, run->agent, run->n, err);
}

static bool link_up(struct stack *stack, struct stack_run *run, struct err *err)
{
    static const char *const check[] = { STACK_FWD, "link", "--check", NULL };
    struct stack_task task;
    struct err why = { 0 };
    char what[96];
    bool is_good, is_attached;

    snprintf(what, sizeof(what), "the link of agent %s", run->agent);
    run->is_attached = true; /* from here on it may be */
    stack_task_begin(&task, stack, gateway_part, run);
    is_good = stack_start(stack, run->link_id, err);
    is_attached = stack_task_end(&task, is_good ? err : &why);
    stack->is_unverified = false;
    return is_good && is_attached && stack_wait_ready(stack, run->link_id, what, check, err);
}

/* Two with the same --name at once: the one in the lower slot stays. */
static bool check_name(struct stack *stack, const struct stack_run *run, struct err *err)
{
    if (!stack_refresh(stack, err))
        return false;
    return !is_name_taken(stack, run->agent, run->link_id) ||
           err_set(err, EEXIST, "agent %s is running already", run->agent);
}

bool stack_run_link(struct stack *stack, const char *name, struct stack_run *run,
                    struct err *err)
{
    struct err ignored;

    memset(run, 0, sizeof(*run));
    if (name && is_name_taken(stack, name, ""))
        return err_set(err, EEXIST, "agent %s is running already", name);
    if (claim(stack, name, run, err) && (name == NULL || check_name(stack, run, err)) &&
        link_up(stack, run, err))
        return true;
    if (!stack_run_end(stack, run, &ignored))
        fprintf(stderr, "secctl: %s\n", ignored.text);
    return false;
}

static bool detach_part(struct stack *stack, void *arg, struct err *err)
{
    const struct stack_run *run = arg;

    /* a gateway that is gone has nothing to forget */
    return !run->is_attached || stack_detach(stack, run->agent, err) || err->code == ENOENT ||
           err->code == EEXIST;
}

bool stack_run_end(struct stack *stack, struct stack_run *run, struct err *err)
{
    struct stack_task task;
    struct err why;
    bool is_good = true;

    signals_hold(true);
    stack_task_begin(&task, stack, detach_part, run);
    if (run->agent_id[0] && !stack_remove(stack, run->agent_id, err))
        is_good = false;
    if (run->link_id[0] && !stack_remove(stack, run->link_id, is_good ? err : &why))
        is_good = false;
    if (!stack_task_end(&task, is_good ? err : &why))
        is_good = false;
    signals_hold(false);
    memset(run, 0, sizeof(*run));
    return is_good;
}

bool stack_down(struct stack *stack, size_t *nr, struct err *err)
{
    static const enum stack_service order[] = { STACK_SERVICE_AGENT, STACK_SERVICE_LINK,
                                                STACK_SERVICE_GATEWAY, STACK_SERVICE_OTHER };

    *nr = 0;
    for (size_t k = 0; k < ARRAY_LEN(order); k++)
        for (size_t i = 0; i < stack->list.nr; i++) {
            if (stack->list.all[i].service != order[k])
                continue;
            if (!stack_remove(stack, stack->list.all[i].id, err))
                return false;
            (*nr)++;
        }
    return true;
}
