/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: on the underlay only VXLAN packets pass, from and to the outer addresses of
 * links. The rule that lets one in marks it with its link's place; VXLAN leaves the mark on the
 * frame's packet, so that what comes out of the tunnel's device can be held against all three:
 * outer address, MAC and source address. What does not fit goes to user space to be logged, and
 * is dropped there.
 *
 * The flowtable takes packets before these rules see them, by addresses and ports alone. So the
 * same chain is asked at ingress, and what does not fit is sent past the flowtable (see
 * add_detour()).
 */
#include <netinet/in.h> /* before the kernel headers, which then leave its names alone */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "common/marks.h"
#include "fwd/ruleset_internal.h"

bool ruleset_is_variable(const char *chain)
{
    static const char *const chains[] = { CHAIN_PAIR, CHAIN_OUTER, CHAIN_TO_LINK, CHAIN_SOURCE,
                                          CHAIN_DOCKER };

    for (size_t i = 0; i < ARRAY_LEN(chains); i++)
        if (strcmp(chain, chains[i]) == 0)
            return true;
    return false;
}

static uint32_t link_mark(size_t place)
{
    return VERDICT_PASS | (uint32_t)(place + 1);
}

static void rule_vxlan(struct rule *rule)
{
    rule_family(rule, ADDR_V4);
    rule_sport(rule, IPPROTO_UDP, TUNNEL_PORT);
    rule_dport(rule, IPPROTO_UDP, TUNNEL_PORT);
}

static void add_pair(struct ruleset *rs, size_t place, const struct link *link,
                     const struct addr *inner)
{
    struct rule *rule;
    uint8_t mac[6];

    if (inner->family == ADDR_NONE)
        return;
    link_mac(&link->inner4, mac);
    rule = ruleset_rule(rs, CHAIN_PAIR);
    rule_mark(rule, UINT32_MAX, NFT_CMP_EQ, link_mark(place));
    rule_source_mac(rule, mac);
    rule_source_is(rule, inner);
    rule_return(rule);
}

static void add_link(struct ruleset *rs, size_t place, const struct link *link)
{
    struct rule *rule = ruleset_rule(rs, CHAIN_OUTER);

    rule_source_is(rule, &link->outer);
    rule_set_mark(rule, link_mark(place));
    rule_accept(rule);
    rule = ruleset_rule(rs, CHAIN_TO_LINK);
    rule_target_is(rule, &link->outer);
    rule_accept(rule);
    add_pair(rs, place, link, &link->inner4);
    add_pair(rs, place, link, &link->inner6);
}

static void add_links(const struct ruleset_wish *wish, struct ruleset *rs)
{
    struct rule *rule;

    ruleset_regular(rs, CHAIN_PAIR);
    ruleset_regular(rs, CHAIN_OUTER);
    ruleset_regular(rs, CHAIN_TO_LINK);
    for (size_t i = 0; i < LINKS_MAX; i++)
        if (wish->links[i].agent[0])
            add_link(rs, i, &wish->links[i]);
    rule = ruleset_rule(rs, CHAIN_PAIR);
    rule_counter(rule);
    rule_set_mark(rule, MARK_SPOOFED);
    rule_drop(ruleset_rule(rs, CHAIN_OUTER));
    rule_drop(ruleset_rule(rs, CHAIN_TO_LINK));
}

void ruleset_add_tunnel(const struct ruleset_wish *wish, struct ruleset *rs)
{
    struct rule *rule;

    if (!wish->links)
        return;
    add_links(wish, rs);
    ruleset_regular(rs, CHAIN_SPOOFED);
    rule_queue(ruleset_rule(rs, CHAIN_SPOOFED), wish->is_queue_native);

    ruleset_base(rs, CHAIN_TUNNEL, "filter", NF_INET_PRE_ROUTING, -320, NF_ACCEPT);
    rule = ruleset_rule(rs, CHAIN_TUNNEL);
    rule_iif(rule, &wish->underlay);
    rule_vxlan(rule);
    rule_notrack(rule);
    rule = ruleset_rule(rs, CHAIN_TUNNEL);
    rule_iif(rule, &wish->internal);
    rule_jump(rule, CHAIN_PAIR);
    rule = ruleset_rule(rs, CHAIN_TUNNEL);
    rule_iif(rule, &wish->internal);
    rule_mark(rule, UINT32_MAX, NFT_CMP_EQ, MARK_SPOOFED);
    rule_goto(rule, CHAIN_SPOOFED);
}

void ruleset_add_tunnel_input(const struct ruleset_wish *wish, struct ruleset *rs)
{
    struct rule *rule;

    if (!wish->links)
        return;
    rule = ruleset_rule(rs, CHAIN_INPUT);
    rule_iif(rule, &wish->underlay);
    rule_vxlan(rule);
    rule_goto(rule, CHAIN_OUTER);
    rule = ruleset_rule(rs, CHAIN_INPUT);
    rule_iif(rule, &wish->underlay);
    rule_drop(rule);
}

void ruleset_add_tunnel_output(const struct ruleset_wish *wish, struct ruleset *rs)
{
    struct rule *rule;

    if (!wish->links)
        return;
    rule = ruleset_rule(rs, "output_raw");
    rule_oif(rule, &wish->underlay);
    rule_notrack(rule);
    rule = ruleset_rule(rs, CHAIN_OUTPUT);
    rule_oif(rule, &wish->underlay);
    rule_vxlan(rule);
    rule_goto(rule, CHAIN_TO_LINK);
    rule = ruleset_rule(rs, CHAIN_OUTPUT);
    rule_oif(rule, &wish->underlay);
    rule_drop(rule);
}

void ruleset_add_tunnel_detour(const struct ruleset_wish *wish, struct ruleset *rs)
{
    struct rule *rule;

    if (!wish->links)
        return;
    rule = ruleset_rule(rs, CHAIN_DETOUR);
    rule_iif(rule, &wish->internal);
    rule_jump(rule, CHAIN_PAIR);
    for (int is_v6 = 0; is_v6 < 2; is_v6++) {
        const enum addr_family family = is_v6 ? ADDR_V6 : ADDR_V4;

        rule = ruleset_rule(rs, CHAIN_DETOUR);
        rule_iif(rule, &wish->internal);
        rule_mark(rule, UINT32_MAX, NFT_CMP_EQ, MARK_SPOOFED);
        rule_family(rule, family);
        rule_set_ttl(rule, family, 1);
    }
}
