/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The lock in an agent's network namespace. Its programs have no capability, but may open any
 * socket: what they send leaves through the tunnel's device with the agent's own address, or
 * not at all.
 *
 * The packets around the frames leave through the underlay, and only they: port 4789 is held
 * by the device's own socket for IPv4, yet a program can bind it for IPv6 and send to a mapped
 * address, and the outer packet keeps the inner one's owner; so neither port nor user tells it
 * from a home-made frame. The mark does: the last rule that sees a packet on its way into the
 * tunnel sets it, VXLAN leaves it on the packet around, and without CAP_NET_ADMIN no program
 * can set it. What is refused is told at once, as far as a rule can.
 *
 * The device's socket takes packets from loopback too: what a program sends there would come
 * out of the tunnel's device as a frame from anybody, with headers that no unprivileged program
 * may otherwise make. So nothing goes to its port on loopback.
 *
 * Docker's resolver at 127.0.0.11 is reached through a NAT rule on loopback: it is refused
 * before that (priority -310) and after it, and asked for no packet back.
 */
#include <netinet/in.h> /* before the kernel headers, which then leave its names alone */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "common/marks.h"
#include "fwd/ruleset_internal.h"

#define CHAIN_EARLY "early"
#define CHAIN_LAST  "last"

static const struct ruleset_if loopback = { 1, "lo" };
static const struct addr docker_resolver = { ADDR_V4, { 127, 0, 0, 11 } };

static void add_refusal(struct ruleset *rs, const char *chain, const struct addr *target)
{
    struct rule *rule = ruleset_rule(rs, chain);

    if (target)
        rule_target_is(rule, target);
    rule_l4proto(rule, NFT_CMP_EQ, IPPROTO_TCP);
    rule_counter(rule);
    rule_reject_reset(rule);
    rule = ruleset_rule(rs, chain);
    if (target)
        rule_target_is(rule, target);
    rule_counter(rule);
    rule_reject_prohibited(rule);
}

/* The packets around frames: from one end to the other. */
static void rule_outer(struct rule *rule, const struct addr *from, const struct addr *to)
{
    rule_source_is(rule, from);
    rule_target_is(rule, to);
    rule_sport(rule, IPPROTO_UDP, TUNNEL_PORT);
    rule_dport(rule, IPPROTO_UDP, TUNNEL_PORT);
}

static void add_input(const struct ruleset_lock *lock, struct ruleset *rs)
{
    struct rule *rule;

    ruleset_base(rs, CHAIN_INPUT, "filter", NF_INET_LOCAL_IN, 0, NF_DROP);
    rule = ruleset_rule(rs, CHAIN_INPUT);
    rule_target_is(rule, &docker_resolver);
    rule_drop(rule);
    rule = ruleset_rule(rs, CHAIN_INPUT);
    rule_iif(rule, &loopback);
    rule_dport(rule, IPPROTO_UDP, TUNNEL_PORT);
    rule_drop(rule);
    rule = ruleset_rule(rs, CHAIN_INPUT);
    rule_iif(rule, &loopback);
    rule_accept(rule);
    for (size_t i = 0; i < ARRAY_LEN(lock->inner); i++) {
        if (lock->inner[i].family == ADDR_NONE)
            continue;
        rule = ruleset_rule(rs, CHAIN_INPUT);
        rule_iifname(rule, TUNNEL_DEVICE);
        rule_target_is(rule, &lock->inner[i]);
        rule_accept(rule);
    }
    rule = ruleset_rule(rs, CHAIN_INPUT);
    rule_iif(rule, &lock->underlay);
    rule_outer(rule, &lock->gateway, &lock->outer);
    rule_accept(rule);
    rule_drop(ruleset_rule(rs, CHAIN_INPUT));
}

/* One of the two chains that see what leaves; is_last sets the mark that the other one, and
 * itself, looks for. */
static void add_ways_out(const struct ruleset_lock *lock, struct ruleset *rs, const char *chain,
                         bool is_last)
{
    struct rule *rule = ruleset_rule(rs, chain);

    rule_oif(rule, &loopback);
    rule_accept(rule);
    for (size_t i = 0; i < ARRAY_LEN(lock->inner); i++) {
        if (lock->inner[i].family == ADDR_NONE)
            continue;
        rule = ruleset_rule(rs, chain);
        rule_oifname(rule, TUNNEL_DEVICE);
        rule_source_is(rule, &lock->inner[i]);
        if (is_last)
            rule_set_mark(rule, MARK_TUNNEL);
        rule_accept(rule);
    }
    rule = ruleset_rule(rs, chain);
    rule->note = "a refusal would go to the address that it claims";
    rule_oifname(rule, TUNNEL_DEVICE);
    rule_drop(rule);
    rule = ruleset_rule(rs, chain);
    rule_oif(rule, &lock->underlay);
    rule_mark(rule, UINT32_MAX, NFT_CMP_EQ, MARK_TUNNEL);
    rule_outer(rule, &lock->outer, &lock->gateway);
    rule_accept(rule);
}

bool ruleset_lock_rules(const struct ruleset_lock *lock, struct ruleset *rs)
{
    struct rule *rule;

    memset(rs, 0, sizeof(*rs));
    ruleset_base(rs, CHAIN_EARLY, "filter", NF_INET_LOCAL_OUT, -310, NF_ACCEPT);
    add_refusal(rs, CHAIN_EARLY, &docker_resolver);
    add_input(lock, rs);
    ruleset_base(rs, "forward", "filter", NF_INET_FORWARD, 0, NF_DROP);
    rule_drop(ruleset_rule(rs, "forward"));
    ruleset_base(rs, CHAIN_OUTPUT, "filter", NF_INET_LOCAL_OUT, 0, NF_DROP);
    add_refusal(rs, CHAIN_OUTPUT, &docker_resolver);
    rule = ruleset_rule(rs, CHAIN_OUTPUT);
    rule_oif(rule, &loopback);
    rule_dport(rule, IPPROTO_UDP, TUNNEL_PORT);
    rule_counter(rule);
    rule_reject_prohibited(rule);
    add_ways_out(lock, rs, CHAIN_OUTPUT, false);
    add_refusal(rs, CHAIN_OUTPUT, NULL);
    ruleset_base(rs, CHAIN_LAST, "filter", NF_INET_POST_ROUTING, 300, NF_DROP);
    add_ways_out(lock, rs, CHAIN_LAST, true);
    rule_drop(ruleset_rule(rs, CHAIN_LAST));
    return ruleset_done(rs);
}
