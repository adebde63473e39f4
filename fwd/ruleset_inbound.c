/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Towards the agents: answers only. The first answer to a ClientHello decides whether a second
 * one will follow (RFC 8446 §4.1.4): a ServerHello that is no HelloRetryRequest is told by its
 * bytes here, so that the hello is commonly the only packet that user space reads. The match is
 * positive: a segment too short for it, or anything else, goes to user space, and so does all
 * that the server sends after it. For rules do not know where a segment stands in the stream: a
 * HelloRetryRequest repeats the client's session id, and a client that acknowledges what stands
 * before it gets a segment that begins with 32 bytes of its own choice.
 */
#include <netinet/in.h> /* before the kernel headers, which then leave its names alone */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "common/marks.h"
#include "fwd/ruleset_internal.h"

const struct icmp_range icmp_errors[NR_ICMP_ERRORS] = {
    { ADDR_V4, 3, 3 },   /* destination unreachable, fragmentation needed */
    { ADDR_V4, 11, 12 }, /* time exceeded, parameter problem */
    { ADDR_V6, 1, 4 },   /* the same, packet too big */
};

void rule_icmp(struct rule *rule, enum addr_family family, uint8_t first, uint8_t last)
{
    struct expr *expr;

    rule_l4proto(rule, NFT_CMP_EQ, family == ADDR_V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
    rule_bytes(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, NULL,
               first == last ? NFT_CMP_EQ : NFT_CMP_GTE, &first);
    if (first != last) {
        expr = rule_expr(rule, EXPR_CMP);
        expr->sreg = NFT_REG_1;
        expr->op = NFT_CMP_LTE;
        expr->data_len = 1;
        expr->data[0] = last;
        rule_text(rule, "@th,0,8 >= %u @th,0,8 <= %u", first, last);
    } else {
        rule_text(rule, "@th,0,8 %u", first);
    }
}

#define INNER NFT_PAYLOAD_INNER_HEADER

/* RFC 8446 §4.1.3: the Random that makes a ServerHello a HelloRetryRequest. */
static const uint8_t retry_random[2][16] = {
    { 0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8,
      0x91 },
    { 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33,
      0x9c },
};

/* More than a HelloRetryRequest without a cookie holds from its session id on, less than any
 * server's first segment with a ServerHello in it. */
#define ANSWER_MIN 96

/* ServerHello whose Random differs from the retry's in its first or second half. */
static void add_server_hello(struct ruleset *rs, unsigned half)
{
    static const uint8_t handshake = 0x16, major = 3, server_hello = 2, any = 0;
    const uint32_t offset = 11 + half * 16;
    struct rule *rule = ruleset_rule(rs, CHAIN_ANSWER);

    rule->note = "ServerHello, no HelloRetryRequest";
    rule_ct_mark_state(rule, NFT_CMP_EQ, CT_PINNED);
    rule_bytes(rule, INNER, 0, 1, NULL, NFT_CMP_EQ, &handshake);
    rule_bytes(rule, INNER, 1, 1, NULL, NFT_CMP_EQ, &major);
    rule_bytes(rule, INNER, 5, 1, NULL, NFT_CMP_EQ, &server_hello);
    rule_bytes(rule, INNER, ANSWER_MIN - 1, 1, NULL, NFT_CMP_GTE, &any); /* is there */
    rule_text(rule, "@ih,0,8 0x16 @ih,8,8 0x03 @ih,40,8 0x02 @ih,%u,8 >= 0",
              (ANSWER_MIN - 1) * 8);
    rule_bytes(rule, INNER, offset, 16, NULL, NFT_CMP_NEQ, retry_random[half]);
    rule_text(rule, "@ih,%u,128 != 0x", offset * 8);
    for (size_t i = 0; i < 16; i++)
        snprintf(rule->text + strlen(rule->text), 3, "%02x", retry_random[half][i]);
    rule_set_ct_state(rule, CT_ACCEPTED, false);
    rule_pass(rule);
}

static void add_answer(struct ruleset *rs)
{
    struct rule *rule;

    ruleset_regular(rs, CHAIN_ANSWER);
    add_server_hello(rs, 0);
    add_server_hello(rs, 1);
    rule = ruleset_rule(rs, CHAIN_ANSWER);
    rule->note = "only the first segment is recognised";
    rule_ct_mark_state(rule, NFT_CMP_EQ, CT_PINNED);
    rule_set_ct_state(rule, CT_ANSWERED, false);
    rule = ruleset_rule(rs, CHAIN_ANSWER);
    rule_ct_mark_state(rule, NFT_CMP_EQ, CT_ANSWERED);
    rule_goto(rule, CHAIN_ASK);
    rule = ruleset_rule(rs, CHAIN_ANSWER);
    rule->note = "the server speaks before the client was judged";
    rule_drop(rule);
}

static void add_errors(struct ruleset *rs)
{
    for (size_t i = 0; i < NR_ICMP_ERRORS; i++) {
        struct rule *rule = ruleset_rule(rs, CHAIN_INBOUND);

        rule_ct_state(rule, CT_STATE_RELATED, true, "related");
        rule_icmp(rule, icmp_errors[i].family, icmp_errors[i].first, icmp_errors[i].last);
        rule_pass(rule);
    }
}

static void add_syn_ack(struct ruleset *rs)
{
    struct rule *rule = ruleset_rule(rs, CHAIN_INBOUND);

    rule_tcp_flags(rule, TCP_FLAG_SYN | TCP_FLAG_ACK, NFT_CMP_EQ, TCP_FLAG_SYN);
    rule_drop(rule);
    rule = ruleset_rule(rs, CHAIN_INBOUND);
    rule_tcp_flags(rule, TCP_FLAG_SYN, NFT_CMP_NEQ, 0);
    rule_has_payload(rule);
    rule_drop(rule);
    rule = ruleset_rule(rs, CHAIN_INBOUND);
    rule_tcp_flags(rule, TCP_FLAG_SYN, NFT_CMP_NEQ, 0);
    rule_clamp_mss(rule);
    rule = ruleset_rule(rs, CHAIN_INBOUND);
    rule_tcp_flags(rule, TCP_KIND_MASK, NFT_CMP_EQ, TCP_FLAG_SYN | TCP_FLAG_ACK);
    rule_pass(rule);
}

void ruleset_add_inbound(const struct ruleset_wish *wish, struct ruleset *rs)
{
    struct rule *rule;

    add_answer(rs);
    ruleset_regular(rs, CHAIN_INBOUND);
    rule = ruleset_rule(rs, CHAIN_INBOUND);
    rule->note = "nobody outside opens a connection";
    rule_ct_direction(rule, false);
    rule_drop(rule);
    add_errors(rs);
    rule = ruleset_rule(rs, CHAIN_INBOUND);
    rule_l4proto(rule, NFT_CMP_EQ, IPPROTO_UDP);
    rule_goto(rule, CHAIN_UDP_IN);
    rule = ruleset_rule(rs, CHAIN_INBOUND);
    rule_l4proto(rule, NFT_CMP_NEQ, IPPROTO_TCP);
    rule_drop(rule);
    rule = ruleset_rule(rs, CHAIN_INBOUND);
    rule_ct_state(rule, CT_STATE_ESTABLISHED, false, "established");
    rule_drop(rule);
    if (wish->has_flowtable) {
        rule = ruleset_rule(rs, CHAIN_INBOUND);
        rule_ct_mark_state(rule, NFT_CMP_EQ, CT_ACCEPTED);
        rule_tcp_flags(rule, TCP_FLAG_SYN, NFT_CMP_EQ, 0);
        rule_jump(rule, CHAIN_OFFLOAD);
    }
    rule = ruleset_rule(rs, CHAIN_INBOUND);
    rule_ct_mark_state(rule, NFT_CMP_EQ, CT_ACCEPTED);
    rule_tcp_flags(rule, TCP_FLAG_SYN, NFT_CMP_EQ, 0);
    rule_pass(rule);
    ruleset_add_http_inbound(rs);
    add_syn_ack(rs);
    rule = ruleset_rule(rs, CHAIN_INBOUND);
    rule_has_payload(rule);
    rule_goto(rule, CHAIN_ANSWER);
    ruleset_add_bare_tcp(rs, CHAIN_INBOUND);
    rule_drop(ruleset_rule(rs, CHAIN_INBOUND));
}
