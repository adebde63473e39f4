/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: the base chain decide gives each forwarded packet a verdict as packet mark, or
 * lets user space do so through the queue; a packet that comes back from the queue skips the
 * rest of decide. The base chain commit carries the verdict out. Both have policy drop, and
 * commit drops what has no verdict, so a packet passes only when something said so.
 *
 * Invariants: a payload byte of a connection that is not CT_ACCEPTED leaves only through the
 * queue (for UDP see ruleset_udp.c). A SYN never carries one. The initial sequence number is
 * written once, by the SYN that makes the conntrack entry: a later SYN goes to user space with
 * the mark as it is, because a second number would let the reading of the stream start
 * elsewhere than the server's.
 */
#include <netinet/in.h> /* before the kernel headers, which then leave its names alone */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "common/marks.h"
#include "fwd/ruleset_internal.h"

#define TTL_OUTBOUND 64

static const uint8_t tcp_options_stripped[] = {
    34,  /* TCP Fast Open (RFC 7413) */
    30,  /* Multipath TCP (RFC 8684) */
    254, /* experimental (RFC 4727): what Linux falls back to for Fast Open */
    253,
};
static const uint8_t tcp_options_refused[] = {
    19, /* MD5 signature (RFC 2385): the server may drop what was judged */
    29, /* TCP-AO (RFC 5925) */
};

void ruleset_add_bare_tcp(struct ruleset *rs, const char *chain)
{
    static const uint8_t kinds[] = { TCP_FLAG_ACK, TCP_FLAG_FIN | TCP_FLAG_ACK, TCP_FLAG_RST,
                                     TCP_FLAG_RST | TCP_FLAG_ACK };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct rule *rule = ruleset_rule(rs, chain);

        rule_tcp_flags(rule, TCP_KIND_MASK, NFT_CMP_EQ, kinds[i]);
        rule_pass(rule);
    }
}

static uint32_t source_tag(const struct ipc_setup *setup, size_t nr)
{
    for (size_t i = 0; i < nr; i++)
        if (strcmp(setup->sources[i].agent, setup->sources[nr].agent) == 0)
            return (uint32_t)i + 1;
    return (uint32_t)nr + 1;
}

static void add_source(const struct ruleset_wish *wish, struct ruleset *rs)
{
    struct rule *rule;

    ruleset_regular(rs, CHAIN_SOURCE);
    for (size_t i = 0; i < wish->setup->nr_sources && i < IPC_PREFIXES_MAX; i++) {
        if (!wish->setup->sources[i].agent[0])
            continue; /* a link's place that is free */
        rule = ruleset_rule(rs, CHAIN_SOURCE);
        rule_source(rule, &wish->setup->sources[i].prefix);
        rule_set_mark(rule, source_tag(wish->setup, i));
        rule_return(rule);
    }
    rule = ruleset_rule(rs, CHAIN_SOURCE);
    rule_set_mark(rule, 0);
}

static void add_queue(const struct ruleset_wish *wish, struct ruleset *rs)
{
    struct rule *rule;

    ruleset_regular(rs, CHAIN_ASK);
    rule_set_mark(ruleset_rule(rs, CHAIN_ASK), 0); /* before conntrack there is no other mark */
    rule_set_mark_from_ct(ruleset_rule(rs, CHAIN_ASK));
    rule_queue(ruleset_rule(rs, CHAIN_ASK), wish->is_queue_native);

    ruleset_regular(rs, CHAIN_REFUSE);
    rule = ruleset_rule(rs, CHAIN_REFUSE);
    rule_counter(rule);
    rule_goto(rule, CHAIN_ASK);
}

static void add_bound_lookup(struct ruleset *rs, enum addr_family family)
{
    const bool is_v4 = family == ADDR_V4;
    struct rule *rule = ruleset_rule(rs, CHAIN_SYN);
    struct expr *expr;

    rule_family(rule, family);
    expr = rule_expr(rule, EXPR_META_GET);
    expr->key = NFT_META_MARK;
    expr->dreg = NFT_REG_1;
    rule_load(rule, NFT_REG32_01, NFT_PAYLOAD_NETWORK_HEADER, is_v4 ? 16 : 24, is_v4 ? 4 : 16);
    rule_load(rule, is_v4 ? NFT_REG32_02 : NFT_REG32_05, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
    rule_lookup(rule, is_v4 ? NFT_SET_BOUND4 : NFT_SET_BOUND6, NFT_REG_1);
    rule_text(rule, "meta mark . %s daddr . th dport @%s", is_v4 ? "ip" : "ip6",
              is_v4 ? NFT_SET_BOUND4 : NFT_SET_BOUND6);
    rule_pass(rule);
}

static void add_syn(struct ruleset *rs)
{
    struct rule *rule;

    ruleset_regular(rs, CHAIN_SYN);
    rule = ruleset_rule(rs, CHAIN_SYN);
    rule_has_payload(rule);
    rule_goto(rule, CHAIN_ASK);

    rule = ruleset_rule(rs, CHAIN_SYN);
    for (size_t i = 0; i < ARRAY_LEN(tcp_options_stripped); i++)
        rule_strip_option(rule, tcp_options_stripped[i]);
    rule_clamp_mss(ruleset_rule(rs, CHAIN_SYN));

    /* Before its handshake is done only an any-bytes rule makes a connection accepted: then the
     * sequence number of a repeated SYN says nothing. */
    rule = ruleset_rule(rs, CHAIN_SYN);
    rule->note = "repeated SYN of a connection accepted by its SYN";
    rule_ct_mark_state(rule, NFT_CMP_EQ, CT_ACCEPTED);
    rule_ct_status(rule, IPS_ASSURED, false, "assured");
    rule_pass(rule);
    rule = ruleset_rule(rs, CHAIN_SYN);
    rule->note = "not the first SYN: its sequence number is compared";
    rule_ct_status(rule, IPS_CONFIRMED, true, "confirmed");
    rule_goto(rule, CHAIN_ASK);

    rule_set_ct_isn(ruleset_rule(rs, CHAIN_SYN));
    add_bound_lookup(rs, ADDR_V4);
    add_bound_lookup(rs, ADDR_V6);
    rule_goto(ruleset_rule(rs, CHAIN_SYN), CHAIN_ASK);
}

/* What the server's stack might read in another way than we do. */
static void add_odd(struct ruleset *rs)
{
    static const uint8_t zero[2] = { 0 }, reserved = 0x0e;
    struct rule *rule = ruleset_rule(rs, CHAIN_OUTBOUND);

    rule_bytes(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 12, 1, &reserved, NFT_CMP_NEQ, zero);
    rule_text(rule, "@th,96,8 & 0x0e != 0");
    rule_goto(rule, CHAIN_REFUSE);
    rule = ruleset_rule(rs, CHAIN_OUTBOUND);
    rule_tcp_flags(rule, TCP_FLAG_URG, NFT_CMP_NEQ, 0);
    rule_goto(rule, CHAIN_REFUSE);
    rule = ruleset_rule(rs, CHAIN_OUTBOUND);
    rule_bytes(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 18, 2, NULL, NFT_CMP_NEQ, zero);
    rule_text(rule, "tcp urgptr != 0");
    rule_goto(rule, CHAIN_REFUSE);
    for (size_t i = 0; i < ARRAY_LEN(tcp_options_refused); i++) {
        rule = ruleset_rule(rs, CHAIN_OUTBOUND);
        rule_tcp_option(rule, tcp_options_refused[i]);
        rule_goto(rule, CHAIN_REFUSE);
    }
}

/* IPv4 options, IPv6 extension headers, anything but TCP and UDP. */
static void add_not_plain(struct ruleset *rs)
{
    static const uint8_t length_mask = 0x0f, five = 5, tcp = IPPROTO_TCP, udp = IPPROTO_UDP;
    struct rule *rule = ruleset_rule(rs, CHAIN_OUTBOUND);

    rule_family(rule, ADDR_V4);
    rule_bytes(rule, NFT_PAYLOAD_NETWORK_HEADER, 0, 1, &length_mask, NFT_CMP_GT, &five);
    rule_text(rule, "@nh,0,8 & 0x0f > 5");
    rule_goto(rule, CHAIN_REFUSE);
    rule = ruleset_rule(rs, CHAIN_OUTBOUND);
    rule_family(rule, ADDR_V6);
    rule_bytes(rule, NFT_PAYLOAD_NETWORK_HEADER, 6, 1, NULL, NFT_CMP_NEQ, &tcp);
    rule_bytes(rule, NFT_PAYLOAD_NETWORK_HEADER, 6, 1, NULL, NFT_CMP_NEQ, &udp);
    rule_text(rule, "ip6 nexthdr != tcp ip6 nexthdr != udp");
    rule_goto(rule, CHAIN_REFUSE);
    rule = ruleset_rule(rs, CHAIN_OUTBOUND);
    rule_l4proto(rule, NFT_CMP_NEQ, IPPROTO_TCP);
    rule_l4proto(rule, NFT_CMP_NEQ, IPPROTO_UDP);
    rule_goto(rule, CHAIN_REFUSE);
}

static void accepted_and_no_syn(struct rule *rule)
{
    rule_ct_mark_state(rule, NFT_CMP_EQ, CT_ACCEPTED);
    rule_ct_state(rule, CT_STATE_ESTABLISHED, true, "established");
    rule_tcp_flags(rule, TCP_FLAG_SYN, NFT_CMP_EQ, 0);
}

static void add_outbound(const struct ruleset_wish *wish, struct ruleset *rs)
{
    struct rule *rule;

    ruleset_regular(rs, CHAIN_OUTBOUND);
    add_not_plain(rs);
    for (int is_v6 = 0; is_v6 < 2; is_v6++) {
        rule = ruleset_rule(rs, CHAIN_OUTBOUND);
        rule_family(rule, is_v6 ? ADDR_V6 : ADDR_V4);
        rule_set_ttl(rule, is_v6 ? ADDR_V6 : ADDR_V4, TTL_OUTBOUND);
    }
    rule = ruleset_rule(rs, CHAIN_OUTBOUND);
    rule_l4proto(rule, NFT_CMP_EQ, IPPROTO_UDP);
    rule_goto(rule, CHAIN_UDP_OUT);
    if (wish->has_flowtable) {
        rule = ruleset_rule(rs, CHAIN_OUTBOUND);
        accepted_and_no_syn(rule);
        rule_jump(rule, CHAIN_OFFLOAD);
    }
    rule = ruleset_rule(rs, CHAIN_OUTBOUND);
    accepted_and_no_syn(rule);
    rule_pass(rule);

    rule_jump(ruleset_rule(rs, CHAIN_OUTBOUND), CHAIN_SOURCE);
    rule = ruleset_rule(rs, CHAIN_OUTBOUND);
    rule->note = "no agent has this address";
    rule_mark(rule, UINT32_MAX, NFT_CMP_EQ, 0);
    rule_goto(rule, CHAIN_REFUSE);
    add_odd(rs);

    rule = ruleset_rule(rs, CHAIN_OUTBOUND);
    rule_tcp_flags(rule, TCP_KIND_MASK, NFT_CMP_EQ, TCP_FLAG_SYN);
    rule_goto(rule, CHAIN_SYN);
    rule = ruleset_rule(rs, CHAIN_OUTBOUND);
    rule_ct_state(rule, CT_STATE_ESTABLISHED, false, "established");
    rule_goto(rule, CHAIN_REFUSE);
    rule = ruleset_rule(rs, CHAIN_OUTBOUND);
    rule_tcp_flags(rule, TCP_FLAG_SYN, NFT_CMP_NEQ, 0);
    rule_goto(rule, CHAIN_REFUSE);
    rule = ruleset_rule(rs, CHAIN_OUTBOUND);
    rule_has_payload(rule);
    rule_goto(rule, CHAIN_ASK);
    ruleset_add_http_outbound(rs);
    ruleset_add_bare_tcp(rs, CHAIN_OUTBOUND);
    rule_goto(ruleset_rule(rs, CHAIN_OUTBOUND), CHAIN_REFUSE);
}

/* The flowtable forwards by addresses and ports alone. But a SYN begins another connection,
 * whose hello nobody has read, and the server may take it: it may have lost the one that was
 * accepted. So it has to come here. The flowtable leaves alone what has no hop left: a SYN gets
 * that TTL before it, and a usual one after it. */
static void add_detour(const struct ruleset_wish *wish, struct ruleset *rs)
{
    static const struct {
        const char *chain;
        uint8_t ttl;
    } steps[] = { { CHAIN_DETOUR, 1 }, { CHAIN_REJOIN, TTL_OUTBOUND } };

    ruleset_base(rs, CHAIN_DETOUR, "filter", NF_INET_INGRESS, -1, NF_ACCEPT);
    ruleset_base(rs, CHAIN_REJOIN, "filter", NF_INET_PRE_ROUTING, -300, NF_ACCEPT);
    ruleset_add_tunnel_detour(wish, rs);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        for (int is_v6 = 0; is_v6 < 2; is_v6++) {
            const enum addr_family family = is_v6 ? ADDR_V6 : ADDR_V4;
            struct rule *rule = ruleset_rule(rs, steps[i].chain);

            rule_family(rule, family);
            rule_l4proto(rule, NFT_CMP_EQ, IPPROTO_TCP);
            rule_tcp_flags(rule, TCP_FLAG_SYN, NFT_CMP_NEQ, 0);
            rule_set_ttl(rule, family, steps[i].ttl);
        }
    }
}

static const uint32_t client_was_told = CT_REVOKED | 1;

/* The server's first segment becomes the client's reset. */
static void add_turned(const struct ruleset_wish *wish, struct ruleset *rs, bool has_payload)
{
    struct rule *rule = ruleset_rule(rs, CHAIN_REVOKED);

    rule_iif(rule, &wish->external);
    rule_oif(rule, &wish->internal);
    rule_ct_mark(rule, CT_REVOKED);
    if (has_payload)
        rule_has_payload(rule);
    rule_set_ct_mark(rule, client_was_told);
    rule_set_tcp_reset(rule);
    rule_pass(rule);
}

/* Both ends must learn of it, and "reject" tells only the sender. So the server's first segment
 * becomes the client's reset, its later ones are rejected; but an empty one may be a probe,
 * whose sequence number is not the one that a reset must have: it passes, and the client
 * answers. What a client sends goes nowhere: user space resets the server in its place. A
 * client that was told may acknowledge that. */
static void add_revoked(const struct ruleset_wish *wish, struct ruleset *rs)
{
    struct rule *rule;

    ruleset_regular(rs, CHAIN_REVOKED);
    rule = ruleset_rule(rs, CHAIN_REVOKED);
    rule_l4proto(rule, NFT_CMP_NEQ, IPPROTO_TCP);
    rule_reject_prohibited(rule);
    add_turned(wish, rs, true);
    rule = ruleset_rule(rs, CHAIN_REVOKED);
    rule_iif(rule, &wish->external);
    rule_oif(rule, &wish->internal);
    rule_ct_mark(rule, CT_REVOKED);
    rule_tcp_flags(rule, TCP_KIND_MASK, NFT_CMP_EQ, TCP_FLAG_ACK);
    rule_pass(rule);
    add_turned(wish, rs, false);
    rule = ruleset_rule(rs, CHAIN_REVOKED);
    rule_iif(rule, &wish->internal);
    rule_oif(rule, &wish->external);
    rule_has_payload(rule);
    rule_goto(rule, CHAIN_ASK);
    rule = ruleset_rule(rs, CHAIN_REVOKED);
    rule_iif(rule, &wish->internal);
    rule_oif(rule, &wish->external);
    rule_ct_mark(rule, CT_REVOKED);
    rule_tcp_flags(rule, TCP_FLAG_SYN, NFT_CMP_EQ, 0);
    rule_goto(rule, CHAIN_ASK);
    rule_reject_reset(ruleset_rule(rs, CHAIN_REVOKED));
}

static void add_decide(const struct ruleset_wish *wish, struct ruleset *rs)
{
    struct rule *rule;

    ruleset_base(rs, CHAIN_DECIDE, "filter", NF_INET_FORWARD, 0, NF_DROP);
    rule_set_mark(ruleset_rule(rs, CHAIN_DECIDE), 0);
    rule = ruleset_rule(rs, CHAIN_DECIDE);
    rule_ct_state(rule, CT_STATE_BAD, true, "invalid,untracked");
    rule_drop(rule);
    rule = ruleset_rule(rs, CHAIN_DECIDE);
    rule_ct_mark_state(rule, NFT_CMP_EQ, CT_REVOKED);
    rule_goto(rule, CHAIN_REVOKED);

    rule = ruleset_rule(rs, CHAIN_DECIDE);
    rule_iif(rule, &wish->internal);
    rule_oif(rule, &wish->external);
    rule_goto(rule, CHAIN_OUTBOUND);
    rule = ruleset_rule(rs, CHAIN_DECIDE);
    rule_iif(rule, &wish->external);
    rule_oif(rule, &wish->internal);
    rule_goto(rule, CHAIN_INBOUND);
    rule = ruleset_rule(rs, CHAIN_DECIDE);
    rule->note = "agent to agent, or to a third network";
    rule_iif(rule, &wish->internal);
    rule_goto(rule, CHAIN_REFUSE);
    rule_drop(ruleset_rule(rs, CHAIN_DECIDE));
}

static void add_commit(struct ruleset *rs)
{
    struct rule *rule;

    ruleset_base(rs, CHAIN_COMMIT, "filter", NF_INET_FORWARD, 10, NF_DROP);
    rule = ruleset_rule(rs, CHAIN_COMMIT);
    rule_mark(rule, MARK_STATE_MASK, NFT_CMP_EQ, VERDICT_PASS);
    rule_accept(rule);
    rule = ruleset_rule(rs, CHAIN_COMMIT);
    rule_mark(rule, MARK_STATE_MASK, NFT_CMP_EQ, VERDICT_ACCEPT);
    rule_set_ct_state(rule, CT_ACCEPTED, true);
    rule_accept(rule);
    rule = ruleset_rule(rs, CHAIN_COMMIT);
    rule_mark(rule, MARK_STATE_MASK, NFT_CMP_EQ, VERDICT_PIN);
    rule_set_ct_state(rule, CT_PINNED, true);
    rule_accept(rule);
    ruleset_add_http_commit(rs);
    rule = ruleset_rule(rs, CHAIN_COMMIT);
    rule_mark(rule, UINT32_MAX, NFT_CMP_EQ, VERDICT_RESET_SERVER);
    rule_l4proto(rule, NFT_CMP_EQ, IPPROTO_TCP);
    rule_set_ct_mark(rule, client_was_told);
    rule_drop(rule);
    rule = ruleset_rule(rs, CHAIN_COMMIT);
    rule_mark(rule, MARK_STATE_MASK, NFT_CMP_EQ, VERDICT_RESET);
    rule_l4proto(rule, NFT_CMP_EQ, IPPROTO_TCP);
    rule_set_ct_mark(rule, CT_REVOKED);
    rule_reject_reset(rule);
    rule = ruleset_rule(rs, CHAIN_COMMIT);
    rule_mark(rule, MARK_STATE_MASK, NFT_CMP_EQ, VERDICT_ICMP);
    rule_reject_prohibited(rule);
    rule_drop(ruleset_rule(rs, CHAIN_COMMIT));
}

void ruleset_add_forward(const struct ruleset_wish *wish, struct ruleset *rs)
{
    add_source(wish, rs);
    add_queue(wish, rs);
    if (wish->has_flowtable) {
        ruleset_regular(rs, CHAIN_OFFLOAD);
        rule_flow_add(ruleset_rule(rs, CHAIN_OFFLOAD));
        add_detour(wish, rs);
    }
    add_syn(rs);
    ruleset_add_udp_out(rs);
    add_outbound(wish, rs);
    ruleset_add_udp_in(rs);
    ruleset_add_inbound(wish, rs);
    add_revoked(wish, rs);
    add_decide(wish, rs);
    add_commit(rs);
}
