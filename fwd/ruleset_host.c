/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the gateway itself receives and sends. From the agents it takes DNS and neighbour
 * discovery, all else is refused by user space; the outside may answer questions. Out go DNS
 * answers, the resets and ICMP errors that rules and kernel make, and the resolver's questions:
 * its user only, to the configured servers only.
 */
#include <netinet/in.h> /* before the kernel headers, which then leave its names alone */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "common/marks.h"
#include "fwd/ruleset_internal.h"

static const struct ruleset_if loopback = { 1, "lo" };

static void add_prerouting(const struct ruleset_wish *wish, struct ruleset *rs)
{
    struct rule *rule;

    ruleset_base(rs, "dns_intake", "filter", NF_INET_PRE_ROUTING, -310, NF_ACCEPT);
    rule = ruleset_rule(rs, "dns_intake");
    rule_iif(rule, &wish->internal);
    rule_dport(rule, IPPROTO_UDP, 53);
    rule_goto(rule, CHAIN_ASK);

    ruleset_base(rs, "nat_in", "nat", NF_INET_PRE_ROUTING, -100, NF_ACCEPT);
    rule = ruleset_rule(rs, "nat_in");
    rule_iif(rule, &wish->internal);
    rule_dport(rule, IPPROTO_TCP, 53);
    rule_redirect(rule, DNS_TCP_PORT);

    ruleset_base(rs, "nat_out", "nat", NF_INET_POST_ROUTING, 100, NF_ACCEPT);
    rule = ruleset_rule(rs, "nat_out");
    rule_oif(rule, &wish->external);
    rule_masquerade(rule);
}

static void add_dns_tcp(struct ruleset *rs)
{
    struct rule *rule;

    ruleset_regular(rs, CHAIN_DNS_TCP);
    rule_jump(ruleset_rule(rs, CHAIN_DNS_TCP), CHAIN_SOURCE);
    rule = ruleset_rule(rs, CHAIN_DNS_TCP);
    rule_mark(rule, UINT32_MAX, NFT_CMP_EQ, 0);
    rule_goto(rule, CHAIN_REFUSE);
    rule_pass(ruleset_rule(rs, CHAIN_DNS_TCP));
}

static void add_input_from_outside(const struct ruleset_wish *wish, struct ruleset *rs)
{
    struct rule *rule = ruleset_rule(rs, CHAIN_INPUT);

    rule_iif(rule, &wish->external);
    rule_ct_state(rule, CT_STATE_ESTABLISHED, true, "established");
    rule_pass(rule);
    for (size_t i = 0; i < NR_ICMP_ERRORS; i++) {
        rule = ruleset_rule(rs, CHAIN_INPUT);
        rule_iif(rule, &wish->external);
        rule_ct_state(rule, CT_STATE_RELATED, true, "related");
        rule_icmp(rule, icmp_errors[i].family, icmp_errors[i].first, icmp_errors[i].last);
        rule_pass(rule);
    }
}

/* What kernels send by themselves when an interface comes up: router solicitations (133),
 * multicast listener reports (131, 132, 143). Not worth a record. */
static void add_input_chatter(const struct ruleset_wish *wish, struct ruleset *rs)
{
    static const uint8_t types[][2] = { { 131, 133 }, { 143, 143 } };

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct rule *rule = ruleset_rule(rs, CHAIN_INPUT);

        rule_iif(rule, &wish->internal);
        rule_icmp(rule, ADDR_V6, types[i][0], types[i][1]);
        rule_drop(rule);
    }
}

static void add_input(const struct ruleset_wish *wish, struct ruleset *rs)
{
    const struct ruleset_if *const sides[] = { &wish->internal, &wish->external };
    struct rule *rule;

    ruleset_base(rs, CHAIN_INPUT, "filter", NF_INET_LOCAL_IN, 0, NF_DROP);
    rule_set_mark(ruleset_rule(rs, CHAIN_INPUT), 0);
    rule = ruleset_rule(rs, CHAIN_INPUT);
    rule_iif(rule, &loopback);
    rule_pass(rule);
    ruleset_add_tunnel_input(wish, rs);
    rule = ruleset_rule(rs, CHAIN_INPUT);
    rule_ct_state(rule, NF_CT_STATE_INVALID_BIT, true, "invalid");
    rule_drop(rule);
    add_input_from_outside(wish, rs);

    rule = ruleset_rule(rs, CHAIN_INPUT);
    rule_iif(rule, &wish->internal);
    rule_dport(rule, IPPROTO_TCP, DNS_TCP_PORT);
    rule_ct_status(rule, IPS_DST_NAT, true, "dnat");
    rule_goto(rule, CHAIN_DNS_TCP);
    for (size_t i = 0; i < ARRAY_LEN(sides); i++) { /* neighbour solicitation, advertisement */
        rule = ruleset_rule(rs, CHAIN_INPUT);
        rule_iif(rule, sides[i]);
        rule_icmp(rule, ADDR_V6, 135, 136);
        rule_pass(rule);
    }
    add_input_chatter(wish, rs);
    rule = ruleset_rule(rs, CHAIN_INPUT);
    rule_iif(rule, &wish->internal);
    rule_goto(rule, CHAIN_REFUSE);
    rule_drop(ruleset_rule(rs, CHAIN_INPUT));
}

static void add_input_commit(struct ruleset *rs)
{
    struct rule *rule;

    ruleset_base(rs, "input_commit", "filter", NF_INET_LOCAL_IN, 10, NF_DROP);
    rule = ruleset_rule(rs, "input_commit");
    rule_mark(rule, MARK_STATE_MASK, NFT_CMP_EQ, VERDICT_PASS);
    rule_accept(rule);
    rule = ruleset_rule(rs, "input_commit");
    rule_mark(rule, MARK_STATE_MASK, NFT_CMP_EQ, VERDICT_RESET);
    rule_l4proto(rule, NFT_CMP_EQ, IPPROTO_TCP);
    rule_reject_reset(rule);
    rule = ruleset_rule(rs, "input_commit");
    rule_mark(rule, MARK_STATE_MASK, NFT_CMP_EQ, VERDICT_ICMP);
    rule_reject_prohibited(rule);
    rule_drop(ruleset_rule(rs, "input_commit"));
}

static void add_output_dns(const struct ruleset_wish *wish, struct ruleset *rs)
{
    struct rule *rule;

    ruleset_base(rs, "output_raw", "filter", NF_INET_LOCAL_OUT, -300, NF_ACCEPT);
    rule = ruleset_rule(rs, "output_raw");
    rule_mark(rule, UINT32_MAX, NFT_CMP_EQ, MARK_DNS_ANSWER);
    rule_notrack(rule);
    rule = ruleset_rule(rs, "output_raw");
    rule_mark(rule, UINT32_MAX, NFT_CMP_EQ, MARK_TOLD);
    rule_notrack(rule);

    ruleset_base(rs, CHAIN_OUTPUT, "filter", NF_INET_LOCAL_OUT, 0, NF_DROP);
    rule = ruleset_rule(rs, CHAIN_OUTPUT);
    rule_oif(rule, &loopback);
    rule_accept(rule);
    ruleset_add_tunnel_output(wish, rs);
    rule = ruleset_rule(rs, CHAIN_OUTPUT);
    rule_mark(rule, UINT32_MAX, NFT_CMP_EQ, MARK_DNS_ANSWER);
    rule_oif(rule, &wish->internal);
    rule_sport(rule, IPPROTO_UDP, 53);
    rule_accept(rule);
    ruleset_add_http_output(wish, rs);
    rule = ruleset_rule(rs, CHAIN_OUTPUT);
    rule->note = "DNS over TCP: the port becomes 53 in postrouting";
    rule_oif(rule, &wish->internal);
    rule_sport(rule, IPPROTO_TCP, DNS_TCP_PORT);
    rule_ct_state(rule, CT_STATE_ESTABLISHED, true, "established");
    rule_ct_status(rule, IPS_DST_NAT, true, "dnat");
    rule_accept(rule);
}

/* In the name of the client of a connection that is over: a reset for its server. A segment
 * before it, which goes nowhere, is there to be answered by a reset: that is for the client. */
static void add_goodbye(struct ruleset *rs)
{
    struct rule *rule;

    ruleset_regular(rs, CHAIN_GOODBYE);
    rule = ruleset_rule(rs, CHAIN_GOODBYE);
    rule_has_payload(rule);
    rule_drop(rule);
    rule = ruleset_rule(rs, CHAIN_GOODBYE);
    rule_l4proto(rule, NFT_CMP_EQ, IPPROTO_TCP);
    rule_tcp_flags(rule, TCP_FLAG_RST, NFT_CMP_NEQ, 0);
    rule_accept(rule);
    rule = ruleset_rule(rs, CHAIN_GOODBYE);
    rule_l4proto(rule, NFT_CMP_EQ, IPPROTO_TCP);
    rule_tcp_flags(rule, TCP_KIND_MASK, NFT_CMP_EQ, TCP_FLAG_ACK);
    rule_reject_reset(rule);
}

static void add_output_errors(const struct ruleset_wish *wish, struct ruleset *rs)
{
    static const uint8_t fragmentation_needed[2] = { 3, 4 };
    struct rule *rule = ruleset_rule(rs, CHAIN_OUTPUT);

    rule_oif(rule, &wish->internal);
    rule_l4proto(rule, NFT_CMP_EQ, IPPROTO_TCP);
    rule_tcp_flags(rule, TCP_FLAG_RST, NFT_CMP_NEQ, 0);
    rule_accept(rule);
    rule = ruleset_rule(rs, CHAIN_OUTPUT);
    rule_oif(rule, &wish->external);
    rule_ct_mark_state(rule, NFT_CMP_EQ, CT_REVOKED);
    rule_jump(rule, CHAIN_GOODBYE);
    for (size_t i = 0; i < NR_ICMP_ERRORS; i++) {
        rule = ruleset_rule(rs, CHAIN_OUTPUT);
        rule_oif(rule, &wish->internal);
        rule_icmp(rule, icmp_errors[i].family, icmp_errors[i].first, icmp_errors[i].last);
        rule_accept(rule);
    }
    /* To a server, about its own packet: too large for the way to the agent. */
    rule = ruleset_rule(rs, CHAIN_OUTPUT);
    rule_oif(rule, &wish->external);
    rule_ct_state(rule, CT_STATE_RELATED, true, "related");
    rule_l4proto(rule, NFT_CMP_EQ, IPPROTO_ICMP);
    rule_bytes(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, NULL, NFT_CMP_EQ,
               fragmentation_needed);
    rule_text(rule, "@th,0,16 0x0304");
    rule_accept(rule);
    rule = ruleset_rule(rs, CHAIN_OUTPUT);
    rule_oif(rule, &wish->external);
    rule_ct_state(rule, CT_STATE_RELATED, true, "related");
    rule_icmp(rule, ADDR_V6, 2, 2);
    rule_accept(rule);
}

static void rule_to_upstream(struct rule *rule, enum addr_family family)
{
    const bool is_v4 = family == ADDR_V4;
    const char *set = is_v4 ? SET_UPSTREAM4 : SET_UPSTREAM6;

    rule_load(rule, NFT_REG_1, NFT_PAYLOAD_NETWORK_HEADER, is_v4 ? 16 : 24, is_v4 ? 4 : 16);
    rule_load(rule, is_v4 ? NFT_REG32_01 : NFT_REG_2, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
    rule_lookup(rule, set, NFT_REG_1);
    rule_text(rule, "%s daddr . th dport @%s", is_v4 ? "ip" : "ip6", set);
}

/* A segment that is sent after its socket was closed has no owner any more: that connection's
 * first one had. */
static void add_output_questions(const struct ruleset_wish *wish, struct ruleset *rs)
{
    for (int is_v6 = 0; is_v6 < 2; is_v6++) {
        const enum addr_family family = is_v6 ? ADDR_V6 : ADDR_V4;
        struct rule *rule;

        for (int is_tcp = 0; is_tcp < 2; is_tcp++) {
            rule = ruleset_rule(rs, CHAIN_OUTPUT);
            rule_oif(rule, &wish->external);
            rule_skuid(rule, wish->user);
            rule_family(rule, family);
            rule_l4proto(rule, NFT_CMP_EQ, is_tcp ? IPPROTO_TCP : IPPROTO_UDP);
            rule_to_upstream(rule, family);
            rule_accept(rule);
        }
        rule = ruleset_rule(rs, CHAIN_OUTPUT);
        rule_oif(rule, &wish->external);
        rule_ct_state(rule, CT_STATE_ESTABLISHED, true, "established");
        rule_ct_direction(rule, false);
        rule_family(rule, family);
        rule_l4proto(rule, NFT_CMP_EQ, IPPROTO_TCP);
        rule_to_upstream(rule, family);
        rule_accept(rule);
    }
}

/* The engine's resolver at 127.0.0.11 listens in this namespace, and up to Engine 27 asks from
 * it too, as root: to servers that only the engine knows. */
static void add_output_docker(const struct ruleset_wish *wish, struct ruleset *rs)
{
    static const uint8_t protocols[] = { IPPROTO_UDP, IPPROTO_TCP };

    ruleset_regular(rs, CHAIN_DOCKER);
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
        struct rule *rule;

        if (wish->asks_docker) {
            rule = ruleset_rule(rs, CHAIN_DOCKER);
            rule_dport(rule, protocols[i], 53);
            rule_accept(rule);
        }
        rule = ruleset_rule(rs, CHAIN_OUTPUT);
        rule_oif(rule, &wish->external);
        rule_skuid(rule, 0);
        rule_dport(rule, protocols[i], 53);
        rule_jump(rule, CHAIN_DOCKER);
    }
}

void ruleset_add_host(const struct ruleset_wish *wish, struct ruleset *rs)
{
    static const uint8_t neighbours[][2] = { { 135, 136 }, { 143, 143 } };

    add_prerouting(wish, rs);
    add_dns_tcp(rs);
    add_input(wish, rs);
    add_input_commit(rs);
    add_goodbye(rs);
    add_output_dns(wish, rs);
    add_output_errors(wish, rs);
    add_output_questions(wish, rs);
    add_output_docker(wish, rs);
    for (size_t i = 0; i < ARRAY_LEN(neighbours); i++) {
        struct rule *rule = ruleset_rule(rs, CHAIN_OUTPUT);

        rule_icmp(rule, ADDR_V6, neighbours[i][0], neighbours[i][1]);
        rule_accept(rule);
    }
    rule_drop(ruleset_rule(rs, CHAIN_OUTPUT));
}
