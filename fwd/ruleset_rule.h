/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The words that rules are written with. Each adds its expressions and its text to a rule, so
 * the two cannot drift apart. Pure.
 *
 * Registers: every match loads into register 1 and is done with it at once.
 */
#ifndef FWD_RULESET_RULE_H
#define FWD_RULESET_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/attr.h"
#include "fwd/ruleset.h"

/** ruleset_rule - append an empty rule to chain; never NULL (a scratch rule when memory is out,
 * and is_incomplete is set) */
struct rule *ruleset_rule(struct ruleset *rs, const char *chain);
void ruleset_base(struct ruleset *rs, const char *name, const char *type, uint32_t hook,
                  int32_t priority, uint32_t policy);
void ruleset_regular(struct ruleset *rs, const char *name);

struct expr *rule_expr(struct rule *rule, enum expr_kind kind);
void rule_text(struct rule *rule, const char *format, ...) PRINTF_LIKE(2, 3);

/* Matches. op is an enum nft_cmp_ops. */
void rule_iif(struct rule *rule, const struct ruleset_if *interface);
void rule_oif(struct rule *rule, const struct ruleset_if *interface);
void rule_family(struct rule *rule, enum addr_family family);
void rule_l4proto(struct rule *rule, uint32_t op, uint8_t protocol);
void rule_mark(struct rule *rule, uint32_t mask, uint32_t op, uint32_t value);
void rule_ct_mark(struct rule *rule, uint32_t value);
void rule_ct_mark_state(struct rule *rule, uint32_t op, uint32_t state);
void rule_ct_state(struct rule *rule, uint32_t bits, bool is_set, const char *name);
void rule_ct_status(struct rule *rule, uint32_t bits, bool is_set, const char *name);
void rule_ct_direction(struct rule *rule, bool is_reply);
void rule_skuid(struct rule *rule, uint32_t uid);
void rule_tcp_flags(struct rule *rule, uint8_t mask, uint32_t op, uint8_t value);
void rule_tcp_option(struct rule *rule, uint8_t kind);
void rule_sport(struct rule *rule, uint8_t protocol, uint16_t port);
void rule_dport(struct rule *rule, uint8_t protocol, uint16_t port);
void rule_source(struct rule *rule, const struct prefix *prefix);
void rule_source_is(struct rule *rule, const struct addr *addr);
void rule_target_is(struct rule *rule, const struct addr *addr);
void rule_source_mac(struct rule *rule, const uint8_t mac[6]);
void rule_iifname(struct rule *rule, const char *name);
void rule_oifname(struct rule *rule, const char *name);
void rule_has_payload(struct rule *rule); /* at least one byte behind the transport header */
void rule_lookup(struct rule *rule, const char *set, uint32_t sreg);

/* len bytes at offset of a header (enum nft_payload_bases), masked unless mask is NULL. The
 * text is the caller's. */
void rule_bytes(struct rule *rule, uint32_t base, uint32_t offset, uint32_t len,
                const uint8_t *mask, uint32_t op, const uint8_t *bytes);
void rule_load(struct rule *rule, uint32_t dreg, uint32_t base, uint32_t offset, uint32_t len);
void rule_masked(struct rule *rule, uint32_t len, const void *mask, const void *flip);

/* Statements. */
void rule_set_mark(struct rule *rule, uint32_t value);
void rule_set_mark_from_ct(struct rule *rule);
void rule_set_ct_mark(struct rule *rule, uint32_t value);
void rule_set_ct_state(struct rule *rule, uint32_t state, bool is_from_packet);
void rule_set_ct_isn(struct rule *rule);
void rule_set_ttl(struct rule *rule, enum addr_family family, uint8_t ttl);
void rule_set_tcp_reset(struct rule *rule); /* the segment becomes a reset, its payload stays */
void rule_strip_option(struct rule *rule, uint8_t kind);
void rule_clamp_mss(struct rule *rule);
void rule_counter(struct rule *rule);
void rule_notrack(struct rule *rule);
void rule_flow_add(struct rule *rule);
void rule_masquerade(struct rule *rule);
void rule_redirect(struct rule *rule, uint16_t port);

/* Verdicts: what ends a rule. */
void rule_accept(struct rule *rule);
void rule_drop(struct rule *rule); /* with a counter */
void rule_return(struct rule *rule);
void rule_jump(struct rule *rule, const char *chain);
void rule_goto(struct rule *rule, const char *chain);
void rule_reject_reset(struct rule *rule);
void rule_reject_prohibited(struct rule *rule);
void rule_queue(struct rule *rule, bool is_native);
void rule_pass(
    struct rule *rule); /* mark VERDICT_PASS and accept: the base chain commit follows */

#endif
