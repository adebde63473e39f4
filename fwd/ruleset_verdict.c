/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The words that end a rule.
 */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <string.h>

#include "common/marks.h"
#include "fwd/ruleset_rule.h"

static void rule_verdict(struct rule *rule, int32_t code, const char *chain)
{
    struct expr *expr = rule_expr(rule, EXPR_VERDICT);

    expr->op = (uint32_t)code;
    if (chain)
        snprintf(expr->name, sizeof(expr->name), "%s", chain);
}

void rule_accept(struct rule *rule)
{
    rule_verdict(rule, NF_ACCEPT, NULL);
    rule_text(rule, "accept");
}

void rule_drop(struct rule *rule)
{
    rule_counter(rule);
    rule_verdict(rule, NF_DROP, NULL);
    rule_text(rule, "drop");
}

void rule_return(struct rule *rule)
{
    rule_verdict(rule, NFT_RETURN, NULL);
    rule_text(rule, "return");
}

void rule_jump(struct rule *rule, const char *chain)
{
    rule_verdict(rule, NFT_JUMP, chain);
    rule_text(rule, "jump %s", chain);
}

void rule_goto(struct rule *rule, const char *chain)
{
    rule_verdict(rule, NFT_GOTO, chain);
    rule_text(rule, "goto %s", chain);
}

void rule_reject_reset(struct rule *rule)
{
    rule_expr(rule, EXPR_REJECT)->key = NFT_REJECT_TCP_RST;
    rule_text(rule, "reject with tcp reset");
}

void rule_reject_prohibited(struct rule *rule)
{
    struct expr *expr = rule_expr(rule, EXPR_REJECT);

    expr->key = NFT_REJECT_ICMPX_UNREACH;
    expr->base = NFT_REJECT_ICMPX_ADMIN_PROHIBITED;
    rule_text(rule, "reject with icmpx admin-prohibited");
}

/* Never with "bypass": without a reader the packet is dropped. */
void rule_queue(struct rule *rule, bool is_native)
{
    struct expr *expr;

    if (is_native) {
        expr = rule_expr(rule, EXPR_QUEUE);
        expr->key = NFQUEUE_NUMBER;
        expr->base = 1;
    } else {
        const struct xt_NFQ_info_v3 info = { .queuenum = NFQUEUE_NUMBER, .queues_total = 1 };

        expr = rule_expr(rule, EXPR_TARGET);
        expr->key = 3; /* revision */
        snprintf(expr->name, sizeof(expr->name), "NFQUEUE");
        expr->data_len = 8; /* XT_ALIGN(sizeof(info)) */
        memcpy(expr->data, &info, sizeof(info));
    }
    rule_text(rule, "queue num %u", NFQUEUE_NUMBER);
}

void rule_pass(struct rule *rule)
{
    rule_set_mark(rule, VERDICT_PASS);
    rule_accept(rule);
}
