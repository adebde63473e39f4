/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * HTTP connections. All payload of the client goes to user space for the connection's life, and
 * so does its end. The server's direction passes in the kernel, but for the time in which user
 * space waits for an ACK: then all that comes from the server goes there. Neither is ever given
 * to the flowtable.
 */
#include <netinet/in.h> /* before the kernel headers, which then leave its names alone */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "common/marks.h"
#include "fwd/ruleset_internal.h"

void ruleset_add_http_outbound(struct ruleset *rs)
{
    static const uint32_t states[] = { CT_HTTP_READ, CT_HTTP_SENT };

    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        struct rule *rule = ruleset_rule(rs, CHAIN_OUTBOUND);

        rule->note = "the client ends";
        rule_ct_mark_state(rule, NFT_CMP_EQ, states[i]);
        rule_tcp_flags(rule, TCP_FLAG_FIN | TCP_FLAG_RST, NFT_CMP_NEQ, 0);
        rule_goto(rule, CHAIN_ASK);
    }
}

void ruleset_add_http_inbound(struct ruleset *rs)
{
    struct rule *rule = ruleset_rule(rs, CHAIN_INBOUND);

    rule_ct_mark_state(rule, NFT_CMP_EQ, CT_HTTP_READ);
    rule_tcp_flags(rule, TCP_FLAG_SYN, NFT_CMP_EQ, 0);
    rule_pass(rule);
    rule = ruleset_rule(rs, CHAIN_INBOUND);
    rule->note = "an ACK is waited for";
    rule_ct_mark_state(rule, NFT_CMP_EQ, CT_HTTP_SENT);
    rule_tcp_flags(rule, TCP_FLAG_SYN, NFT_CMP_EQ, 0);
    rule_goto(rule, CHAIN_ASK);
}

void ruleset_add_http_commit(struct ruleset *rs)
{
    static const struct {
        uint32_t verdict, state;
    } steps[] = { { VERDICT_HTTP_READ, CT_HTTP_READ }, { VERDICT_HTTP_SENT, CT_HTTP_SENT } };

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct rule *rule = ruleset_rule(rs, CHAIN_COMMIT);

        rule_mark(rule, MARK_STATE_MASK, NFT_CMP_EQ, steps[i].verdict);
        rule_set_ct_state(rule, steps[i].state, true);
        rule_accept(rule);
    }
}

/* What tells a client why its request or its hello was refused. */
void ruleset_add_http_output(const struct ruleset_wish *wish, struct ruleset *rs)
{
    struct rule *rule = ruleset_rule(rs, CHAIN_OUTPUT);

    rule_mark(rule, UINT32_MAX, NFT_CMP_EQ, MARK_TOLD);
    rule_oif(rule, &wish->internal);
    rule_l4proto(rule, NFT_CMP_EQ, IPPROTO_TCP);
    rule_accept(rule);
}
