/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/policy_ask.h"

#include <stdio.h>
#include <string.h>

#define BELOW "_secctl." /* stands for any name below one: nobody has a rule for it */

/* Is name below zone? */
static bool is_below(const char *name, const char *zone)
{
    size_t len = strlen(name), tail = strlen(zone);

    return len > tail && name[len - tail - 1] == '.' && strcmp(name + len - tail, zone) == 0;
}

static bool is_address(const struct parsed_rule *rule)
{
    return rule->name[0] == '\0';
}

static bool opens(const struct policy *policy, const struct rule *rule, enum service_kind kind,
                  uint16_t port)
{
    const struct ports *ports = policy_ports(policy, rule);

    for (size_t i = 0; !(rule->flags & RULE_DENY) && i < rule->nr_services; i++)
        if (ports[i].kind == kind && ports[i].first <= port && port <= ports[i].last)
            return true;
    return false;
}

/* Is there a rule that opens the port for the whole network? *answer: that rule. */
static bool is_network_open(const struct policy *policy, unsigned agent,
                            const struct prefix *prefix, enum service_kind kind, uint16_t port,
                            struct policy_answer *answer)
{
    struct path path;

    policy_path_prefix(policy, prefix, &path);
    for (unsigned i = path.nr; i-- > 0;) {
        uint32_t at = policy_node(policy, path.nodes[i])->first_rule;

        for (; at != POLICY_NONE; at = policy_rule(policy, at)->next) {
            const struct rule *rule = policy_rule(policy, at);

            if ((rule->agent && rule->agent != agent) || !opens(policy, rule, kind, port))
                continue;
            answer->rule = policy_text(policy, rule->target);
            answer->file = policy_text(policy, policy->source_files[rule->source]);
            answer->line = rule->line;
            return true;
        }
    }
    return false;
}

/* name: NULL to ask for the rule's address */
static bool ask_port(const struct policy *policy, unsigned agent,
                     const struct parsed_rule *rule, const char *name, enum service_kind kind,
                     uint16_t port, struct policy_answer *answer)
{
    if (name) {
        *answer = policy_name(policy, agent, name, kind, port);
        return answer->result == POLICY_ALLOWED &&
               (answer->is_intranet || !(rule->flags & RULE_INTRANET));
    }
    *answer = policy_addr(policy, agent, &rule->prefix.addr, kind, port);
    return answer->result == POLICY_ALLOWED &&
           is_network_open(policy, agent, &rule->prefix, kind, port, answer);
}

static bool ask_services(const struct policy *policy, unsigned agent,
                         const struct parsed_rule *rule, const char *name,
                         struct policy_answer *answer)
{
    for (size_t i = 0; i < rule->nr_services; i++) {
        const struct ports *ports = &rule->services[i];

        for (uint32_t port = ports->first; port <= ports->last; port++)
            if (!ask_port(policy, agent, rule, name, (enum service_kind)ports->kind,
                          (uint16_t)port, answer))
                return false;
    }
    return true;
}

bool policy_ask(const struct policy *policy, unsigned agent, const struct parsed_rule *rule,
                struct policy_answer *answer)
{
    char below[sizeof(BELOW) + HOSTNAME_MAX];

    if (is_address(rule))
        return ask_services(policy, agent, rule, NULL, answer);
    if (rule->flags & RULE_SELF && !ask_services(policy, agent, rule, rule->name, answer))
        return false;
    snprintf(below, sizeof(below), BELOW "%s", rule->name);
    if (!(rule->flags & RULE_BELOW) || strlen(below) > HOSTNAME_MAX)
        return true;
    return ask_services(policy, agent, rule, below, answer);
}

static bool prefix_covers(const struct prefix *wide, const struct prefix *narrow)
{
    return wide->bits <= narrow->bits && prefix_contains(wide, &narrow->addr);
}

bool policy_rules_meet(const struct parsed_rule *a, const struct parsed_rule *b)
{
    if (is_address(a) || is_address(b))
        return is_address(a) && is_address(b) &&
               (prefix_covers(&a->prefix, &b->prefix) || prefix_covers(&b->prefix, &a->prefix));
    if (strcmp(a->name, b->name) == 0)
        return (a->flags & b->flags & (RULE_SELF | RULE_BELOW)) != 0;
    return (is_below(a->name, b->name) && b->flags & RULE_BELOW) ||
           (is_below(b->name, a->name) && a->flags & RULE_BELOW);
}

bool policy_rule_denies_all(const struct parsed_rule *deny, const struct parsed_rule *rule)
{
    const unsigned extent = RULE_SELF | RULE_BELOW;

    if (!(deny->flags & RULE_ALL_SERVICES) || is_address(deny) != is_address(rule))
        return false;
    if (is_address(deny))
        return prefix_covers(&deny->prefix, &rule->prefix);
    if (strcmp(deny->name, rule->name) == 0)
        return (rule->flags & extent & ~deny->flags) == 0;
    return is_below(rule->name, deny->name) && deny->flags & RULE_BELOW;
}
