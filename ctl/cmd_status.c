/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/escape.h"
#include "ctl/json_get.h"
#include "ctl/json_make.h"
#include "ctl/on_stack.h"
#include "ctl/options.h"
#include "ctl/stack_state.h"

#define DIFFERENCES_MAX 64
#define SENTENCE_MAX    400

/* What was found; sentences say what differs and what to do about it. */
struct report {
    struct stack *stack;
    bool is_json;
    struct stack_state state;
    bool has_state; /* the gateway answered */
    char differences[DIFFERENCES_MAX][SENTENCE_MAX];
    size_t nr;
};

static void differ(struct report *report, const char *format, ...) PRINTF_LIKE(2, 3);

static void differ(struct report *report, const char *format, ...)
{
    va_list args;

    if (report->nr == DIFFERENCES_MAX)
        return;
    va_start(args, format);
    vsnprintf(report->differences[report->nr++], SENTENCE_MAX, format, args);
    va_end(args);
}

/* --- the gateway -------------------------------------------------------------------------- */

static void look_at_own_words(struct report *report, const cJSON *document)
{
    const cJSON *list, *item;
    struct err ignored;

    if (!json_array_or_null(document, "differences", &list, &ignored))
        return;
    cJSON_ArrayForEach(item, list)
    {
        char text[300];

        if (!cJSON_IsString(item))
            continue;
        escape_line(item->valuestring, text, sizeof(text));
        differ(report, "the gateway says: %s", text);
    }
}

static void look_at_policy(struct report *report, const struct stack_container *gateway)
{
    char spec[STACK_SPEC_MAX], policy_id[POLICY_ID_MAX];
    struct err err;

    if (!stack_gateway_spec_wanted(report->stack, spec, policy_id, &err)) {
        differ(report, "what the gateway should be cannot be told: %s", err.text);
        return;
    }
    if (gateway->spec[0] && strcmp(gateway->spec, spec) != 0)
        differ(report, "the gateway's image or settings have changed since it was started: the "
                       "next \"secctl run\" replaces it");
    if (report->has_state && strcmp(report->state.policy_id, policy_id) != 0)
        differ(report, "the policy folder has changed since it was loaded: \"secctl reload\"");
}

static void look_at_networks(struct report *report)
{
    static const char *const names[] = { STACK_INTERNAL, STACK_EXTERNAL };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char difference[256] = "";
        struct err err;

        if (!stack_network_check(report->stack, names[i], difference, sizeof(difference), &err))
            differ(report, "%s", err.text);
        else if (difference[0])
            differ(report, "network %s %s: \"secctl stop\", then start again", names[i],
                   difference);
    }
}

static void look_at_gateway(struct report *report)
{
    const struct stack_container *gateway =
        stack_list_find(&report->stack->list, STACK_GATEWAY);
    struct err err;

    if (gateway == NULL) {
        differ(report, "the gateway does not run: \"secctl start\" starts it");
        return;
    }
    if (!gateway->is_running) {
        differ(report, "the gateway is %s: \"secctl start\" starts it again", gateway->state);
        return;
    }
    look_at_networks(report);
    if (!gateway->has_external)
        differ(report, "the gateway is not on " STACK_EXTERNAL ": the next \"secctl run\" "
                       "replaces it");
    report->has_state = stack_state_ask(report->stack, gateway->id, &report->state, &err);
    if (!report->has_state)
        differ(report, "the gateway does not answer: %s", err.text);
    else if (!report->state.is_healthy)
        differ(report, "the gateway is not healthy: \"secctl doctor\" looks for the cause");
    if (report->has_state)
        look_at_own_words(report, report->state.document);
    look_at_policy(report, gateway);
}

/* --- links and agents --------------------------------------------------------------------- */

/* When it was started, as text that compares by time; "" when it is not known. */
static void started_at(struct stack *stack, const char *id, char text[40])
{
    struct err ignored;
    cJSON *answer = engine_inspect_container(stack->engine, id, &ignored);
    const char *found;

    text[0] = '\0';
    if (answer && json_string_or(answer, "State/StartedAt", "", &found, &ignored))
        snprintf(text, 40, "%.39s", found);
    cJSON_Delete(answer);
}

static void look_at_agent(struct report *report, const struct stack_container *agent)
{
    const struct stack_list *list = &report->stack->list;
    const struct stack_container *link =
        stack_list_slot(list, STACK_SERVICE_LINK, agent->number);
    char link_start[40], agent_start[40];

    if (stack_is_leftover(list, agent)) {
        differ(report,
               "%s was left by a secctl that is gone: the next \"secctl run\" removes it",
               agent->name);
        return;
    }
    if (!agent->is_running)
        return; /* in the making, or at its end */
    if (agent->owner[0] && owner_look(agent->owner) == OWNER_GONE)
        differ(report,
               "agent %s runs, but the secctl that started it is gone: \"docker rm -f "
               "%s\" or \"secctl stop\" ends it",
               agent->agent, agent->name);
    if (link == NULL || !link->is_running) {
        differ(report, "agent %s is cut off, its link does not run: end it and start it again",
               agent->agent);
        return;
    }
    started_at(report->stack, link->id, link_start);
    started_at(report->stack, agent->id, agent_start);
    if (strcmp(link_start, agent_start) > 0)
        /* it stays in the namespace of before, which an engine that was restarted with
         * live-restore may leave as it was */
        differ(
            report,
            "agent %s has lost its link, which was started again after it: it is cut off, or "
            "has what an engine's live-restore left of the earlier link, lock and all; end it "
            "and start it again",
            agent->agent);
}

static void look_at_link(struct report *report, const struct stack_container *link)
{
    const struct stack_list *list = &report->stack->list;

    if (stack_is_leftover(list, link)) {
        differ(report,
               "%s was left by a secctl that is gone: the next \"secctl run\" removes it",
               link->name);
        return;
    }
    if (!link->is_running || stack_list_slot(list, STACK_SERVICE_AGENT, link->number) == NULL)
        return;
    if (report->has_state && !stack_state_has(&report->state, link))
        differ(report,
               "agent %s is cut off, the gateway does not know its link: the next "
               "\"secctl run\" repairs it",
               link->agent);
    if (strcmp(stack_container_health(link), "unhealthy") == 0)
        differ(report,
               "agent %s is cut off, its link is not healthy: end it and start it again",
               link->agent);
}

static void look_at_agents(struct report *report)
{
    const struct stack_list *list = &report->stack->list;

    for (size_t i = 0; i < list->nr; i++) {
        if (list->all[i].service == STACK_SERVICE_AGENT)
            look_at_agent(report, &list->all[i]);
        else if (list->all[i].service == STACK_SERVICE_LINK)
            look_at_link(report, &list->all[i]);
    }
    for (size_t i = 0; report->has_state && i < report->state.nr_links; i++) {
        const char *agent = report->state.links[i].agent;

        if (stack_list_agent(list, STACK_SERVICE_LINK, agent) == NULL)
            differ(report,
                   "the gateway knows a link of agent %s that is gone: the next "
                   "\"secctl run\" makes it forget that",
                   agent);
    }
}

/* --- printed ------------------------------------------------------------------------------ */

static void print_text(const struct report *report)
{
    const struct stack_list *list = &report->stack->list;

    for (size_t i = 0; i < list->nr; i++) {
        const struct stack_container *one = &list->all[i];

        printf("%-8s %-28s %s\n",
               one->service == STACK_SERVICE_GATEWAY ? "gateway" : one->agent, one->name,
               one->status);
    }
    if (report->has_state)
        printf("policy   %s, %lld rules\n", report->state.policy_id,
               (long long)report->state.nr_rules);
    if (report->stack->is_ipv6_chosen)
        printf("ipv6     %s: %s\n", report->stack->ipv6.is_wanted ? "yes" : "no",
               report->stack->ipv6.why);
    for (size_t i = 0; i < report->nr; i++)
        printf("differs: %s\n", report->differences[i]);
}

static bool print_json(const struct report *report, struct err *err)
{
    const struct stack_list *list = &report->stack->list;
    struct json_make make = { .is_failed = false };
    cJSON *root = json_make_object(&make, NULL, NULL), *part;
    bool is_good;

    part = json_make_array(&make, root, "containers");
    for (size_t i = 0; i < list->nr; i++) {
        cJSON *item = json_make_object(&make, part, NULL);

        json_put(&make, item, "name", list->all[i].name);
        json_put(&make, item, "state", list->all[i].state);
        json_put(&make, item, "health", stack_container_health(&list->all[i]));
        if (list->all[i].agent[0])
            json_put(&make, item, "agent", list->all[i].agent);
        json_put(&make, item, "image", list->all[i].image);
    }
    if (report->has_state)
        json_put_item(&make, root, "gateway", cJSON_Duplicate(report->state.document, true));
    if (report->stack->is_ipv6_chosen) {
        part = json_make_object(&make, root, "ipv6");
        json_put_bool(&make, part, "wanted", report->stack->ipv6.is_wanted);
        json_put(&make, part, "why", report->stack->ipv6.why);
    }
    part = json_make_array(&make, root, "differences");
    for (size_t i = 0; i < report->nr; i++)
        json_append(&make, part, report->differences[i]);
    root = json_finish(&make, root, err);
    is_good = root && json_print(root, err);
    cJSON_Delete(root);
    return is_good;
}

static int status_on(struct stack *stack, void *arg, struct err *err)
{
    struct report *report = arg;
    int rc;

    report->stack = stack;
    look_at_gateway(report);
    look_at_agents(report);
    rc = report->nr ? EXIT_DIFFERS : EXIT_DONE;
    if (!report->is_json)
        print_text(report);
    else if (!print_json(report, err))
        rc = EXIT_FAILED;
    stack_state_clear(&report->state);
    return rc;
}

int ctl_status(int argc, char **argv, struct err *err)
{
    static struct report report; /* large */
    const struct option options[] = { { .name = "--json", .flag = &report.is_json } };

    if (!options_alone(argc, argv, options, ARRAY_LEN(options), err))
        return EXIT_USAGE;
    return cmd_on_stack(status_on, &report, err);
}
