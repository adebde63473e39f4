/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * UDP. A flow that a udp rule allows passes here. Of QUIC only short headers do, and only once
 * a server has answered a hello that was read: a long header may begin another connection. One
 * packet may be many datagrams (UDP segmentation offload, which needs no privilege), and only
 * the first one's header is looked at: a later one that begins a connection has at least 1200
 * bytes (RFC 9000 §14.1: servers drop others), and all but the last are equally long, so what
 * is shorter than two of them hides none. Longer ones are cut by the kernel on their way to
 * user space. Nothing of UDP is ever given to the flowtable.
 */
#include <netinet/in.h> /* before the kernel headers, which then leave its names alone */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "common/marks.h"
#include "fwd/ruleset_internal.h"

#define UDP_HEADER  8
#define INITIAL_MIN 1200
#define HIDES_NO_MAX                                                                           \
    (UDP_HEADER + 2 * INITIAL_MIN - 1) /* what a packet without a second one has */

static void has_short_header(struct rule *rule)
{
    static const uint8_t long_header = 0x80, none = 0;

    rule_bytes(rule, NFT_PAYLOAD_TRANSPORT_HEADER, UDP_HEADER, 1, &long_header, NFT_CMP_EQ,
               &none);
    rule_text(rule, "@th,64,8 & 0x80 == 0");
}

static void hides_nothing(struct rule *rule)
{
    static const uint8_t max[2] = { HIDES_NO_MAX >> 8, HIDES_NO_MAX & 0xff };

    rule_bytes(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 4, 2, NULL, NFT_CMP_LTE, max);
    rule_text(rule, "udp length <= %u", HIDES_NO_MAX);
}

static void pass_accepted(struct ruleset *rs, const char *chain)
{
    struct rule *rule = ruleset_rule(rs, chain);

    rule_ct_mark_state(rule, NFT_CMP_EQ, CT_ACCEPTED);
    rule_pass(rule);
}

void ruleset_add_udp_out(struct ruleset *rs)
{
    struct rule *rule;

    ruleset_regular(rs, CHAIN_UDP_OUT);
    pass_accepted(rs, CHAIN_UDP_OUT);
    rule = ruleset_rule(rs, CHAIN_UDP_OUT);
    rule->note = "QUIC";
    rule_ct_mark_state(rule, NFT_CMP_EQ, CT_QUIC);
    has_short_header(rule);
    hides_nothing(rule);
    rule_pass(rule);
    rule_jump(ruleset_rule(rs, CHAIN_UDP_OUT), CHAIN_SOURCE);
    rule = ruleset_rule(rs, CHAIN_UDP_OUT);
    rule->note = "no agent has this address";
    rule_mark(rule, UINT32_MAX, NFT_CMP_EQ, 0);
    rule_goto(rule, CHAIN_REFUSE);
    rule_goto(ruleset_rule(rs, CHAIN_UDP_OUT), CHAIN_ASK);
}

void ruleset_add_udp_in(struct ruleset *rs)
{
    static const uint32_t read[] = { CT_QUIC, CT_PINNED };
    struct rule *rule;

    ruleset_regular(rs, CHAIN_UDP_IN);
    pass_accepted(rs, CHAIN_UDP_IN);
    rule = ruleset_rule(rs, CHAIN_UDP_IN);
    rule->note = "QUIC";
    rule_ct_mark_state(rule, NFT_CMP_EQ, CT_QUIC);
    has_short_header(rule);
    rule_pass(rule);
    for (size_t i = 0; i < ARRAY_LEN(read); i++) {
        rule = ruleset_rule(rs, CHAIN_UDP_IN);
        rule_ct_mark_state(rule, NFT_CMP_EQ, read[i]);
        rule_goto(rule, CHAIN_ASK);
    }
    rule_drop(ruleset_rule(rs, CHAIN_UDP_IN));
}
