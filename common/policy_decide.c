/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/policy_internal.h"

#include <errno.h>
#include <string.h>

/* Walks the rules that match what a path was made for, most specific first. */
struct walk {
    const struct policy *policy;
    const struct path *path;
    unsigned agent;
    unsigned left; /* nodes not yet entered */
    uint32_t next; /* rule */
    unsigned flag; /* what a rule of this node needs to match */
};

static struct walk walk_start(const struct policy *policy, const struct path *path,
                              unsigned agent)
{
    return (struct walk) { policy, path, agent, path->nr, POLICY_NONE, 0 };
}

static const struct rule *walk_next(struct walk *walk)
{
    for (;;) {
        const struct rule *rule;

        if (walk->next == POLICY_NONE) {
            if (walk->left == 0)
                return NULL;
            walk->flag =
                walk->path->is_whole && walk->left == walk->path->nr ? RULE_SELF : RULE_BELOW;
            walk->left--;
            walk->next = policy_node(walk->policy, walk->path->nodes[walk->left])->first_rule;
            continue;
        }
        rule = policy_rule(walk->policy, walk->next);
        walk->next = rule->next;
        if (rule->flags & walk->flag && (rule->agent == 0 || rule->agent == walk->agent))
            return rule;
    }
}

static bool has_port(const struct policy *policy, const struct rule *rule, unsigned kind,
                     unsigned port)
{
    const struct ports *ports = policy_ports(policy, rule);

    if (rule->flags & RULE_ALL_SERVICES)
        return true;
    for (unsigned i = 0; i < rule->nr_services; i++)
        if (ports[i].kind == kind && ports[i].first <= port && port <= ports[i].last)
            return true;
    return false;
}

static struct policy_answer answer_for(const struct policy *policy, enum policy_result result,
                                       const struct rule *rule)
{
    if (rule == NULL)
        return (struct policy_answer) { .result = POLICY_UNKNOWN };
    return (struct policy_answer) {
        .result = result,
        .rule = policy_text(policy, rule->target),
        .file = policy_text(policy, policy->source_files[rule->source]),
        .line = rule->line,
    };
}

/* Any "!" rule decides; else any allow rule; order does not matter. */
static struct policy_answer decide(const struct policy *policy, const struct path *path,
                                   unsigned agent, unsigned kind, uint16_t port)
{
    const struct rule *allow = NULL, *other = NULL, *rule;
    struct walk walk = walk_start(policy, path, agent);
    struct policy_answer answer;
    bool is_intranet = false;

    while ((rule = walk_next(&walk)) != NULL) {
        bool has = has_port(policy, rule, kind, port);

        if (rule->flags & RULE_DENY) {
            if (has)
                return answer_for(policy, POLICY_DENIED, rule);
            continue;
        }
        if (has && allow == NULL)
            allow = rule;
        if (!has && other == NULL)
            other = rule;
        if (has && rule->flags & RULE_INTRANET)
            is_intranet = true;
    }
    if (allow == NULL)
        return answer_for(policy, POLICY_OTHER_SERVICE, other);
    answer = answer_for(policy, POLICY_ALLOWED, allow);
    answer.is_intranet = is_intranet;
    return answer;
}

struct policy_answer policy_name(const struct policy *policy, unsigned agent, const char *name,
                                 enum service_kind kind, uint16_t port)
{
    struct path path;

    policy_path_name(policy, name, strlen(name), &path);
    return decide(policy, &path, agent, kind, port);
}

struct policy_answer policy_addr(const struct policy *policy, unsigned agent,
                                 const struct addr *addr, enum service_kind kind, uint16_t port)
{
    struct prefix prefix = { *addr, addr->family == ADDR_V4 ? 32 : 128 };
    struct path path;

    policy_path_prefix(policy, &prefix, &path);
    return decide(policy, &path, agent, kind, port);
}

static bool is_name(const char *target)
{
    struct prefix prefix;

    return !prefix_parse(target, strlen(target), &prefix);
}

struct policy_answer policy_some_name(const struct policy *policy, unsigned agent,
                                      enum service_kind kind, uint16_t port)
{
    for (uint32_t i = 0; i < policy->rules.nr; i++) {
        const struct rule *rule = policy_rule(policy, i);

        if (!(rule->flags & RULE_DENY) && (rule->agent == 0 || rule->agent == agent) &&
            has_port(policy, rule, kind, port) && is_name(policy_text(policy, rule->target)))
            return answer_for(policy, POLICY_ALLOWED, rule);
    }
    return (struct policy_answer) { .result = POLICY_OTHER_SERVICE };
}

bool policy_denies_name(const struct policy *policy, unsigned agent, const char *name,
                        enum service_kind kind, uint16_t port, struct policy_answer *answer)
{
    struct policy_answer found = policy_name(policy, agent, name, kind, port);

    if (found.result != POLICY_DENIED)
        return false;
    if (answer)
        *answer = found;
    return true;
}

/* Where does the run of ports from port on end, of which all or none are taken out by a "!"
 * rule? *is_denied says which. The last port of the run is at most last. */
static uint16_t denied_run(const struct policy *policy, const struct path *path, unsigned agent,
                           const struct ports *range, uint16_t port, bool *is_denied)
{
    struct walk walk = walk_start(policy, path, agent);
    uint16_t end = range->last;
    const struct rule *rule;

    *is_denied = false;
    while ((rule = walk_next(&walk)) != NULL) {
        const struct ports *ports = policy_ports(policy, rule);

        if (!(rule->flags & RULE_DENY))
            continue;
        if (rule->flags & RULE_ALL_SERVICES) {
            *is_denied = true;
            return range->last;
        }
        for (unsigned i = 0; i < rule->nr_services; i++) {
            if (ports[i].kind != range->kind || ports[i].last < port)
                continue;
            if (ports[i].first <= port) {
                *is_denied = true;
                return ports[i].last < range->last ? ports[i].last : range->last;
            }
            if (ports[i].first <= end)
                end = (uint16_t)(ports[i].first - 1);
        }
    }
    return end;
}

/* The next piece of range that no "!" rule takes out, searched from *port on; *port is moved
 * past it (65536: at the end). */
static bool next_piece(const struct policy *policy, const struct path *path, unsigned agent,
                       const struct ports *range, uint32_t *port, struct ports *piece)
{
    while (*port <= range->last) {
        uint16_t first = (uint16_t)*port;
        bool is_denied;
        uint16_t end = denied_run(policy, path, agent, range, first, &is_denied);

        *port = (uint32_t)end + 1;
        if (!is_denied) {
            *piece = (struct ports) { range->kind, first, end };
            return true;
        }
    }
    return false;
}

static bool is_within(const struct policy_service *inner, const struct policy_service *outer)
{
    return inner->kind == outer->kind && outer->port_first <= inner->port_first &&
           inner->port_last <= outer->port_last && (outer->is_intranet || !inner->is_intranet);
}

/* Add to the nr entries of out unless one says it already; those that it says go. */
static size_t add_service(struct policy_service *out, size_t nr, size_t max,
                          const struct policy_service *service)
{
    size_t kept = 0;

    for (size_t i = 0; i < nr; i++)
        if (is_within(service, &out[i]))
            return nr;
    for (size_t i = 0; i < nr; i++)
        if (!is_within(&out[i], service))
            out[kept++] = out[i];
    if (kept < max)
        out[kept++] = *service;
    return kept;
}

size_t policy_services(const struct policy *policy, unsigned agent, const char *name,
                       struct policy_service *out, size_t max)
{
    const struct rule *rule;
    struct path path;
    struct walk walk;
    size_t nr = 0;

    policy_path_name(policy, name, strlen(name), &path);
    walk = walk_start(policy, &path, agent);
    while ((rule = walk_next(&walk)) != NULL) {
        const struct ports *ports = policy_ports(policy, rule);

        if (rule->flags & RULE_DENY)
            continue;
        for (unsigned i = 0; i < rule->nr_services; i++) {
            uint32_t port = ports[i].first;
            struct ports piece;

            while (next_piece(policy, &path, agent, &ports[i], &port, &piece)) {
                struct policy_service service = {
                    .kind = (enum service_kind)piece.kind,
                    .port_first = piece.first,
                    .port_last = piece.last,
                    .is_intranet = rule->flags & RULE_INTRANET,
                };

                nr = add_service(out, nr, max, &service);
            }
        }
    }
    return nr;
}

static bool has_piece(const struct policy *policy, const struct path *path, unsigned agent,
                      const struct rule *rule)
{
    const struct ports *ports = policy_ports(policy, rule);

    for (unsigned i = 0; i < rule->nr_services; i++) {
        uint32_t port = ports[i].first;
        struct ports piece;

        if (next_piece(policy, path, agent, &ports[i], &port, &piece))
            return true;
    }
    return false;
}

static bool node_has_child(const struct node *node, unsigned agent)
{
    return node->has_child ||
           (agent > 0 && agent <= 64 && node->child_agents >> (agent - 1) & 1);
}

/* Is something below the path's name allowed? "!" rules that name single children are not
 * looked at. */
static bool has_allowed_child(const struct policy *policy, const struct path *path,
                              unsigned agent)
{
    bool is_allowed = path->is_whole && path->nr &&
                      node_has_child(policy_node(policy, path->nodes[path->nr - 1]), agent);

    for (unsigned i = 0; i < path->nr; i++) {
        uint32_t next = policy_node(policy, path->nodes[i])->first_rule;

        for (const struct rule *rule; next != POLICY_NONE; next = rule->next) {
            rule = policy_rule(policy, next);
            if (!(rule->flags & RULE_BELOW) || (rule->agent != 0 && rule->agent != agent))
                continue;
            if (!(rule->flags & RULE_DENY))
                is_allowed = true;
            else if (rule->flags & RULE_ALL_SERVICES)
                return false;
        }
    }
    return is_allowed;
}

struct policy_answer policy_dns(const struct policy *policy, unsigned agent, const char *name,
                                bool *has_child)
{
    const struct rule *allow = NULL, *deny = NULL, *rule;
    bool is_denied_whole = false, is_named = false, is_intranet = false;
    struct policy_answer answer;
    struct path path;
    struct walk walk;

    policy_path_name(policy, name, strlen(name), &path);
    *has_child = has_allowed_child(policy, &path, agent);
    walk = walk_start(policy, &path, agent);
    while ((rule = walk_next(&walk)) != NULL) {
        if (rule->flags & RULE_DENY) {
            bool is_whole = rule->flags & RULE_ALL_SERVICES;

            if (deny == NULL || (is_whole && !is_denied_whole))
                deny = rule;
            is_denied_whole = is_denied_whole || is_whole;
            continue;
        }
        is_named = true;
        if (!has_piece(policy, &path, agent, rule))
            continue;
        if (allow == NULL)
            allow = rule;
        if (rule->flags & RULE_INTRANET)
            is_intranet = true;
    }
    if (is_denied_whole || (is_named && allow == NULL))
        return answer_for(policy, POLICY_DENIED, deny);
    answer = answer_for(policy, POLICY_ALLOWED, allow);
    answer.is_intranet = is_intranet;
    return answer;
}

/* The end of the run of ports from port on that one allow rule of the ceiling covers; 0: none
 */
static uint16_t covered_run(const struct policy *ceiling, const struct path *path,
                            const struct parsed_rule *rule, unsigned kind, uint16_t port)
{
    struct walk walk = walk_start(ceiling, path, 0);
    const struct rule *line;
    uint16_t end = 0;

    while ((line = walk_next(&walk)) != NULL) {
        const struct ports *ports = policy_ports(ceiling, line);

        if (line->flags & RULE_DENY ||
            (rule->flags & RULE_INTRANET && !(line->flags & RULE_INTRANET)))
            continue;
        for (unsigned i = 0; i < line->nr_services; i++)
            if (ports[i].kind == kind && ports[i].first <= port && port <= ports[i].last &&
                ports[i].last > end)
                end = ports[i].last;
    }
    return end;
}

/* A line of the ceiling that forbids a part of range, or NULL. */
static const struct rule *forbidding(const struct policy *ceiling, const struct path *path,
                                     const struct ports *range)
{
    struct walk walk = walk_start(ceiling, path, 0);
    const struct rule *line;

    while ((line = walk_next(&walk)) != NULL) {
        const struct ports *ports = policy_ports(ceiling, line);

        if (!(line->flags & RULE_DENY))
            continue;
        if (line->flags & RULE_ALL_SERVICES)
            return line;
        for (unsigned i = 0; i < line->nr_services; i++)
            if (ports[i].kind == range->kind && ports[i].first <= range->last &&
                range->first <= ports[i].last)
                return line;
    }
    return NULL;
}

static bool fail_outside(const char *ceiling_file, const char *file,
                         const struct parsed_rule *rule, const struct ports *range,
                         uint16_t port, const struct rule *line, struct err *err)
{
    int shown = (int)(rule->target_len < 80 ? rule->target_len : 80);
    const char *kind = service_name((enum service_kind)range->kind);

    if (line)
        return err_set(
            err, EPERM,
            "%s:%u:%zu: \"%.*s\" %s/%u is outside the ceiling: line %u of %s forbids "
            "it, expected a target and service that it allows",
            file, rule->line, rule->column, shown, rule->target, kind, port, line->line,
            ceiling_file);
    return err_set(
        err, EPERM,
        "%s:%u:%zu: \"%.*s\" %s/%u%s is outside the ceiling: no line of %s covers this "
        "target and service, expected one that it covers",
        file, rule->line, rule->column, shown, rule->target, kind, port,
        rule->flags & RULE_INTRANET ? " intranet" : "", ceiling_file);
}

/* path leads to what the rule matches itself or (is_whole false) to what lies below it. */
static bool covers_part(const struct policy *ceiling, const struct path *path,
                        const char *ceiling_file, const char *file,
                        const struct parsed_rule *rule, struct err *err)
{
    for (size_t i = 0; i < rule->nr_services; i++) {
        const struct ports *range = &rule->services[i];
        const struct rule *line = forbidding(ceiling, path, range);

        if (line)
            return fail_outside(ceiling_file, file, rule, range, range->first, line, err);
        for (uint32_t port = range->first; port <= range->last;) {
            uint16_t end = covered_run(ceiling, path, rule, range->kind, (uint16_t)port);

            if (end == 0)
                return fail_outside(ceiling_file, file, rule, range, (uint16_t)port, NULL, err);
            port = (uint32_t)end + 1;
        }
    }
    return true;
}

bool policy_ceiling_covers(const struct policy *ceiling, const char *ceiling_file,
                           const char *file, const struct parsed_rule *rule, struct err *err)
{
    struct path path;

    if (rule->flags & RULE_DENY)
        return true;
    if (rule->name[0] == '\0') {
        policy_path_prefix(ceiling, &rule->prefix, &path);
        return covers_part(ceiling, &path, ceiling_file, file, rule, err);
    }
    policy_path_name(ceiling, rule->name, strlen(rule->name), &path);
    if (rule->flags & RULE_SELF && !covers_part(ceiling, &path, ceiling_file, file, rule, err))
        return false;
    path.is_whole = false; /* from here on only what covers everything below */
    return !(rule->flags & RULE_BELOW) ||
           covers_part(ceiling, &path, ceiling_file, file, rule, err);
}
