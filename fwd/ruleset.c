/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fwd/ruleset.h"

#include <linux/netfilter.h>
#include <stdlib.h>
#include <string.h>

#include "common/marks.h"
#include "fwd/ruleset_internal.h"

/* Data types as nft numbers them, and how it joins them (6 bits each). */
#define TYPE_IPADDR       7u
#define TYPE_IP6ADDR      8u
#define TYPE_INET_SERVICE 13u
#define TYPE_MARK         19u
#define TYPE_JOIN(a, b)   ((a) << 6 | (b))

#define BOUND_MAX    262144
#define UPSTREAM_MAX 256

static const struct set_decl gateway_sets[RULESET_SETS_MAX] = {
    { NFT_SET_BOUND4, "mark . ipv4_addr . inet_service",
      TYPE_JOIN(TYPE_JOIN(TYPE_MARK, TYPE_IPADDR), TYPE_INET_SERVICE), 12, BOUND_MAX, true },
    { NFT_SET_BOUND6, "mark . ipv6_addr . inet_service",
      TYPE_JOIN(TYPE_JOIN(TYPE_MARK, TYPE_IP6ADDR), TYPE_INET_SERVICE), 24, BOUND_MAX, true },
    { SET_UPSTREAM4, "ipv4_addr . inet_service", TYPE_JOIN(TYPE_IPADDR, TYPE_INET_SERVICE), 8,
      UPSTREAM_MAX, false },
    { SET_UPSTREAM6, "ipv6_addr . inet_service", TYPE_JOIN(TYPE_IP6ADDR, TYPE_INET_SERVICE), 20,
      UPSTREAM_MAX, false },
};

bool ruleset_done(struct ruleset *rs)
{
    for (size_t i = 0; i < rs->nr_rules; i++)
        if (rs->rules[i].nr_exprs > RULE_EXPRS_MAX)
            rs->is_incomplete = true;
    if (rs->is_incomplete)
        ruleset_clear(rs);
    return rs->nr_rules > 0;
}

bool ruleset_gateway(const struct ruleset_wish *wish, struct ruleset *rs)
{
    memset(rs, 0, sizeof(*rs));
    memcpy(rs->sets, gateway_sets, sizeof(gateway_sets));
    rs->nr_sets = ARRAY_LEN(gateway_sets);
    rs->has_flowtable = wish->has_flowtable;
    memcpy(rs->devices[0], wish->internal.name, IFNAMSIZ);
    memcpy(rs->devices[1], wish->external.name, IFNAMSIZ);
    ruleset_add_tunnel(wish, rs);
    ruleset_add_forward(wish, rs);
    ruleset_add_host(wish, rs);
    return ruleset_done(rs);
}

bool ruleset_closed(struct ruleset *rs)
{
    static const struct ruleset_if loopback = { 1, "lo" };
    struct rule *rule;

    memset(rs, 0, sizeof(*rs));
    ruleset_base(rs, "forward", "filter", NF_INET_FORWARD, 0, NF_DROP);
    ruleset_base(rs, CHAIN_INPUT, "filter", NF_INET_LOCAL_IN, 0, NF_DROP);
    ruleset_base(rs, CHAIN_OUTPUT, "filter", NF_INET_LOCAL_OUT, 0, NF_DROP);
    rule_drop(ruleset_rule(rs, "forward"));
    rule = ruleset_rule(rs, CHAIN_INPUT);
    rule_iif(rule, &loopback);
    rule_accept(rule);
    rule = ruleset_rule(rs, CHAIN_OUTPUT);
    rule_oif(rule, &loopback);
    rule_accept(rule);
    return ruleset_done(rs);
}

void ruleset_clear(struct ruleset *rs)
{
    free(rs->rules);
    memset(rs, 0, sizeof(*rs));
}

const struct chain *ruleset_chain(const struct ruleset *rs, const char *name)
{
    for (size_t i = 0; i < rs->nr_chains; i++)
        if (strcmp(rs->chains[i].name, name) == 0)
            return &rs->chains[i];
    return NULL;
}

/* --- text -------------------------------------------------------------------------------- */

static void print_chain(const struct ruleset *rs, const struct chain *chain, FILE *out)
{
    static const char *const hooks[] = {
        [NF_INET_PRE_ROUTING] = "prerouting",   [NF_INET_LOCAL_IN] = "input",
        [NF_INET_FORWARD] = "forward",          [NF_INET_LOCAL_OUT] = "output",
        [NF_INET_POST_ROUTING] = "postrouting", [NF_INET_INGRESS] = "ingress",
    };

    fprintf(out, "\tchain %s {\n", chain->name);
    if (chain->type) {
        fprintf(out, "\t\ttype %s hook %s ", chain->type, hooks[chain->hook]);
        if (chain->hook == NF_INET_INGRESS)
            fprintf(out, "devices = { %s, %s } ", rs->devices[0], rs->devices[1]);
        fprintf(out, "priority %d; policy %s;\n", chain->priority,
                chain->policy == NF_DROP ? "drop" : "accept");
    }
    for (size_t i = 0; i < rs->nr_rules; i++) {
        const struct rule *rule = &rs->rules[i];

        if (strcmp(rule->chain, chain->name) != 0)
            continue;
        fprintf(out, "\t\t%s", rule->text);
        if (rule->note)
            fprintf(out, " comment \"%s\"", rule->note);
        fputc('\n', out);
    }
    fputs("\t}\n", out);
}

void ruleset_print(const struct ruleset *rs, FILE *out)
{
    fprintf(out, "table inet %s {\n", NFT_TABLE_NAME);
    for (size_t i = 0; i < rs->nr_sets; i++)
        fprintf(out, "\tset %s {\n\t\ttype %s\n\t\tsize %u\n%s\t}\n", rs->sets[i].name,
                rs->sets[i].type_text, rs->sets[i].max,
                rs->sets[i].has_timeout ? "\t\tflags timeout\n" : "");
    if (rs->has_flowtable)
        fprintf(out,
                "\tflowtable %s {\n\t\thook ingress priority 0\n\t\tdevices = { %s, %s "
                "}\n\t\tcounter\n\t}\n",
                FLOWTABLE_NAME, rs->devices[0], rs->devices[1]);
    for (size_t i = 0; i < rs->nr_chains; i++)
        print_chain(rs, &rs->chains[i], out);
    fputs("}\n", out);
}
