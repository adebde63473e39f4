/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fwd/ruleset_rule.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/marks.h"

static struct rule *rule_scratch(struct ruleset *rs)
{
    static struct rule scratch;

    rs->is_incomplete = true;
    memset(&scratch, 0, sizeof(scratch));
    return &scratch;
}

struct rule *ruleset_rule(struct ruleset *rs, const char *chain)
{
    struct rule *rule;

    if (rs->nr_rules == rs->size) {
        size_t size = rs->size ? rs->size * 2 : 128;

        rule = reallocarray(rs->rules, size, sizeof(*rule));
        if (!rule)
            return rule_scratch(rs);
        rs->rules = rule;
        rs->size = size;
    }
    rule = &rs->rules[rs->nr_rules++];
    memset(rule, 0, sizeof(*rule));
    rule->chain = chain;
    return rule;
}

static void ruleset_chain_add(struct ruleset *rs, const struct chain *chain)
{
    if (rs->nr_chains == RULESET_CHAINS_MAX)
        rs->is_incomplete = true;
    else
        rs->chains[rs->nr_chains++] = *chain;
}

void ruleset_base(struct ruleset *rs, const char *name, const char *type, uint32_t hook,
                  int32_t priority, uint32_t policy)
{
    ruleset_chain_add(rs, &(struct chain) { name, type, hook, priority, policy });
}

void ruleset_regular(struct ruleset *rs, const char *name)
{
    ruleset_chain_add(rs, &(struct chain) { .name = name });
}

/* A rule that outgrows its limits is marked by nr_exprs past the maximum; ruleset_gateway()
 * looks for that once, at the end. */
struct expr *rule_expr(struct rule *rule, enum expr_kind kind)
{
    static struct expr scratch;
    struct expr *expr = &scratch;

    if (rule->nr_exprs < RULE_EXPRS_MAX)
        expr = &rule->exprs[rule->nr_exprs++];
    else
        rule->nr_exprs = RULE_EXPRS_MAX + 1;
    memset(expr, 0, sizeof(*expr));
    expr->kind = kind;
    return expr;
}

void rule_text(struct rule *rule, const char *format, ...)
{
    size_t len = strlen(rule->text);
    va_list args;
    int n;

    if (len > 0 && len + 1 < sizeof(rule->text))
        rule->text[len++] = ' ';
    va_start(args, format);
    n = vsnprintf(rule->text + len, sizeof(rule->text) - len, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof(rule->text) - len)
        rule->nr_exprs = RULE_EXPRS_MAX + 1;
}

static void rule_cmp(struct rule *rule, uint32_t op, const void *data, uint32_t len)
{
    struct expr *expr = rule_expr(rule, EXPR_CMP);

    expr->sreg = NFT_REG_1;
    expr->op = op;
    expr->data_len = len;
    memcpy(expr->data, data, len);
}

static void rule_get(struct rule *rule, enum expr_kind kind, uint32_t key)
{
    struct expr *expr = rule_expr(rule, kind);

    expr->key = key;
    expr->dreg = NFT_REG_1;
}

static void rule_put(struct rule *rule, enum expr_kind kind, uint32_t key)
{
    struct expr *expr = rule_expr(rule, kind);

    expr->key = key;
    expr->sreg = NFT_REG_1;
}

void rule_masked(struct rule *rule, uint32_t len, const void *mask, const void *flip)
{
    struct expr *expr = rule_expr(rule, EXPR_BITWISE);

    expr->sreg = expr->dreg = NFT_REG_1;
    expr->len = expr->data_len = len;
    memcpy(expr->data, mask, len);
    if (flip)
        memcpy(expr->flip, flip, len);
}

static const char *op_text(uint32_t op)
{
    static const char *const texts[] = {
        [NFT_CMP_EQ] = "==",  [NFT_CMP_NEQ] = "!=", [NFT_CMP_LT] = "<",
        [NFT_CMP_LTE] = "<=", [NFT_CMP_GT] = ">",   [NFT_CMP_GTE] = ">=",
    };

    return texts[op];
}

/* --- matches ----------------------------------------------------------------------------- */

static void rule_interface(struct rule *rule, uint32_t key, const struct ruleset_if *interface)
{
    rule_get(rule, EXPR_META_GET, key);
    rule_cmp(rule, NFT_CMP_EQ, &interface->index, sizeof(interface->index));
    rule_text(rule, "%s \"%s\"", key == NFT_META_IIF ? "iif" : "oif", interface->name);
}

void rule_iif(struct rule *rule, const struct ruleset_if *interface)
{
    rule_interface(rule, NFT_META_IIF, interface);
}

void rule_oif(struct rule *rule, const struct ruleset_if *interface)
{
    rule_interface(rule, NFT_META_OIF, interface);
}

void rule_family(struct rule *rule, enum addr_family family)
{
    uint8_t value = family == ADDR_V4 ? NFPROTO_IPV4 : NFPROTO_IPV6;

    rule_get(rule, EXPR_META_GET, NFT_META_NFPROTO);
    rule_cmp(rule, NFT_CMP_EQ, &value, sizeof(value));
    rule_text(rule, "meta nfproto %s", family == ADDR_V4 ? "ipv4" : "ipv6");
}

void rule_l4proto(struct rule *rule, uint32_t op, uint8_t protocol)
{
    const char *name = protocol == IPPROTO_TCP      ? "tcp"
                       : protocol == IPPROTO_UDP    ? "udp"
                       : protocol == IPPROTO_ICMP   ? "icmp"
                       : protocol == IPPROTO_ICMPV6 ? "ipv6-icmp"
                                                    : "unknown";

    rule_get(rule, EXPR_META_GET, NFT_META_L4PROTO);
    rule_cmp(rule, op, &protocol, sizeof(protocol));
    rule_text(rule, "meta l4proto %s%s", op == NFT_CMP_EQ ? "" : "!= ", name);
}

void rule_mark(struct rule *rule, uint32_t mask, uint32_t op, uint32_t value)
{
    rule_get(rule, EXPR_META_GET, NFT_META_MARK);
    if (mask != UINT32_MAX)
        rule_masked(rule, sizeof(mask), &mask, NULL);
    rule_cmp(rule, op, &value, sizeof(value));
    if (mask != UINT32_MAX)
        rule_text(rule, "meta mark & 0x%08x %s 0x%08x", mask, op_text(op), value);
    else
        rule_text(rule, "meta mark %s 0x%08x", op_text(op), value);
}

void rule_ct_mark(struct rule *rule, uint32_t value)
{
    rule_get(rule, EXPR_CT_GET, NFT_CT_MARK);
    rule_cmp(rule, NFT_CMP_EQ, &value, sizeof(value));
    rule_text(rule, "ct mark 0x%08x", value);
}

void rule_ct_mark_state(struct rule *rule, uint32_t op, uint32_t state)
{
    const uint32_t mask = MARK_STATE_MASK;

    rule_get(rule, EXPR_CT_GET, NFT_CT_MARK);
    rule_masked(rule, sizeof(mask), &mask, NULL);
    rule_cmp(rule, op, &state, sizeof(state));
    rule_text(rule, "ct mark & 0x%08x %s 0x%08x", mask, op_text(op), state);
}

static void rule_ct_bits(struct rule *rule, uint32_t key, uint32_t bits, bool is_set)
{
    const uint32_t zero = 0;

    rule_get(rule, EXPR_CT_GET, key);
    rule_masked(rule, sizeof(bits), &bits, NULL);
    rule_cmp(rule, is_set ? NFT_CMP_NEQ : NFT_CMP_EQ, &zero, sizeof(zero));
}

void rule_ct_state(struct rule *rule, uint32_t bits, bool is_set, const char *name)
{
    rule_ct_bits(rule, NFT_CT_STATE, bits, is_set);
    rule_text(rule, "ct state %s%s", is_set ? "" : "! ", name);
}

void rule_ct_status(struct rule *rule, uint32_t bits, bool is_set, const char *name)
{
    rule_ct_bits(rule, NFT_CT_STATUS, bits, is_set);
    rule_text(rule, "ct status %s%s", is_set ? "" : "! ", name);
}

void rule_ct_direction(struct rule *rule, bool is_reply)
{
    uint8_t value = is_reply ? IP_CT_DIR_REPLY : IP_CT_DIR_ORIGINAL;

    rule_get(rule, EXPR_CT_GET, NFT_CT_DIRECTION);
    rule_cmp(rule, NFT_CMP_EQ, &value, sizeof(value));
    rule_text(rule, "ct direction %s", is_reply ? "reply" : "original");
}

void rule_skuid(struct rule *rule, uint32_t uid)
{
    rule_get(rule, EXPR_META_GET, NFT_META_SKUID);
    rule_cmp(rule, NFT_CMP_EQ, &uid, sizeof(uid));
    rule_text(rule, "meta skuid %u", uid);
}

void rule_load(struct rule *rule, uint32_t dreg, uint32_t base, uint32_t offset, uint32_t len)
{
    struct expr *expr = rule_expr(rule, EXPR_PAYLOAD_GET);

    expr->dreg = dreg;
    expr->base = base;
    expr->offset = offset;
    expr->len = len;
}

void rule_bytes(struct rule *rule, uint32_t base, uint32_t offset, uint32_t len,
                const uint8_t *mask, uint32_t op, const uint8_t *bytes)
{
    rule_load(rule, NFT_REG_1, base, offset, len);
    if (mask)
        rule_masked(rule, len, mask, NULL);
    rule_cmp(rule, op, bytes, len);
}

void rule_tcp_flags(struct rule *rule, uint8_t mask, uint32_t op, uint8_t value)
{
    rule_bytes(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1, &mask, op, &value);
    rule_text(rule, "tcp flags & 0x%02x %s 0x%02x", mask, op_text(op), value);
}

void rule_tcp_option(struct rule *rule, uint8_t kind)
{
    struct expr *expr = rule_expr(rule, EXPR_EXTHDR_GET);
    const uint8_t one = 1;

    expr->dreg = NFT_REG_1;
    expr->key = kind;
    expr->len = 1;
    expr->op = NFT_EXTHDR_OP_TCPOPT;
    expr->flags = NFT_EXTHDR_F_PRESENT;
    rule_cmp(rule, NFT_CMP_EQ, &one, sizeof(one));
    rule_text(rule, "tcp option %u exists", kind);
}

static void rule_port(struct rule *rule, uint8_t protocol, bool is_source, uint16_t port)
{
    const uint16_t port_be = htons(port);

    rule_get(rule, EXPR_META_GET, NFT_META_L4PROTO);
    rule_cmp(rule, NFT_CMP_EQ, &protocol, sizeof(protocol));
    rule_load(rule, NFT_REG_1, NFT_PAYLOAD_TRANSPORT_HEADER, is_source ? 0 : 2, 2);
    rule_cmp(rule, NFT_CMP_EQ, &port_be, sizeof(port_be));
    rule_text(rule, "%s %s %u", protocol == IPPROTO_TCP ? "tcp" : "udp",
              is_source ? "sport" : "dport", port);
}

void rule_sport(struct rule *rule, uint8_t protocol, uint16_t port)
{
    rule_port(rule, protocol, true, port);
}

void rule_dport(struct rule *rule, uint8_t protocol, uint16_t port)
{
    rule_port(rule, protocol, false, port);
}

void rule_has_payload(struct rule *rule)
{
    rule_bytes(rule, NFT_PAYLOAD_INNER_HEADER, 0, 1, NULL, NFT_CMP_GTE, &(uint8_t) { 0 });
    rule_text(rule, "@ih,0,8 >= 0");
}

void rule_lookup(struct rule *rule, const char *set, uint32_t sreg)
{
    struct expr *expr = rule_expr(rule, EXPR_LOOKUP);

    expr->sreg = sreg;
    snprintf(expr->name, sizeof(expr->name), "%s", set);
}

/* --- statements -------------------------------------------------------------------------- */

static void rule_data(struct rule *rule, const void *data, uint32_t len)
{
    struct expr *expr = rule_expr(rule, EXPR_DATA);

    expr->dreg = NFT_REG_1;
    expr->data_len = len;
    memcpy(expr->data, data, len);
}

void rule_set_mark(struct rule *rule, uint32_t value)
{
    rule_data(rule, &value, sizeof(value));
    rule_put(rule, EXPR_META_SET, NFT_META_MARK);
    rule_text(rule, "meta mark set 0x%08x", value);
}

void rule_set_mark_from_ct(struct rule *rule)
{
    rule_get(rule, EXPR_CT_GET, NFT_CT_MARK);
    rule_put(rule, EXPR_META_SET, NFT_META_MARK);
    rule_text(rule, "meta mark set ct mark");
}

void rule_set_ct_mark(struct rule *rule, uint32_t value)
{
    rule_data(rule, &value, sizeof(value));
    rule_put(rule, EXPR_CT_SET, NFT_CT_MARK);
    rule_text(rule, "ct mark set 0x%08x", value);
}

/* Conntrack mark := state | value of the packet's or the connection's own mark. */
void rule_set_ct_state(struct rule *rule, uint32_t state, bool is_from_packet)
{
    const uint32_t mask = MARK_VALUE_MASK;

    if (is_from_packet)
        rule_get(rule, EXPR_META_GET, NFT_META_MARK);
    else
        rule_get(rule, EXPR_CT_GET, NFT_CT_MARK);
    rule_masked(rule, sizeof(mask), &mask, &state);
    rule_put(rule, EXPR_CT_SET, NFT_CT_MARK);
    rule_text(rule, "ct mark set %s mark & 0x%08x ^ 0x%08x", is_from_packet ? "meta" : "ct",
              mask, state);
}

/* Conntrack mark := CT_OPEN | low bits of the sequence number, in host order. */
void rule_set_ct_isn(struct rule *rule)
{
    const uint32_t mask = MARK_VALUE_MASK;
    struct expr *expr;

    rule_load(rule, NFT_REG_1, NFT_PAYLOAD_TRANSPORT_HEADER, 4, 4);
    expr = rule_expr(rule, EXPR_BYTEORDER);
    expr->sreg = expr->dreg = NFT_REG_1;
    expr->op = NFT_BYTEORDER_NTOH;
    expr->len = expr->base = 4;
    rule_masked(rule, sizeof(mask), &mask, NULL);
    rule_put(rule, EXPR_CT_SET, NFT_CT_MARK);
    rule_text(rule, "ct mark set tcp sequence & 0x%08x", mask);
}

static struct expr *rule_store(struct rule *rule, uint32_t base, uint32_t offset, uint32_t len)
{
    struct expr *expr = rule_expr(rule, EXPR_PAYLOAD_SET);

    expr->sreg = NFT_REG_1;
    expr->base = base;
    expr->offset = offset;
    expr->len = len;
    return expr;
}

/* IPv4: the TTL and the protocol behind it are written as one word of the header checksum. */
void rule_set_ttl(struct rule *rule, enum addr_family family, uint8_t ttl)
{
    static const uint8_t keep_protocol[2] = { 0x00, 0xff };
    const uint8_t value[2] = { ttl, 0 };
    struct expr *expr;

    if (family == ADDR_V4) {
        rule_load(rule, NFT_REG_1, NFT_PAYLOAD_NETWORK_HEADER, 8, 2);
        rule_masked(rule, 2, keep_protocol, value);
        expr = rule_store(rule, NFT_PAYLOAD_NETWORK_HEADER, 8, 2);
        expr->csum_type = NFT_PAYLOAD_CSUM_INET;
        expr->csum_offset = 10;
        rule_text(rule, "ip ttl set %u", ttl);
    } else {
        rule_data(rule, value, 1);
        rule_store(rule, NFT_PAYLOAD_NETWORK_HEADER, 7, 1);
        rule_text(rule, "ip6 hoplimit set %u", ttl);
    }
}

/* The flags are written together with the data offset before them, as one word of the checksum.
 */
void rule_set_tcp_reset(struct rule *rule)
{
    static const uint8_t keep_offset[2] = { 0xf0, 0x00 };
    static const uint8_t flags[2] = { 0x00, 0x14 }; /* RST, ACK */
    struct expr *expr;

    rule_load(rule, NFT_REG_1, NFT_PAYLOAD_TRANSPORT_HEADER, 12, 2);
    rule_masked(rule, 2, keep_offset, flags);
    expr = rule_store(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 12, 2);
    expr->csum_type = NFT_PAYLOAD_CSUM_INET;
    expr->csum_offset = 16;
    rule_text(rule, "tcp flags set rst | ack");
}

void rule_strip_option(struct rule *rule, uint8_t kind)
{
    struct expr *expr = rule_expr(rule, EXPR_EXTHDR_STRIP);

    expr->key = kind;
    expr->op = NFT_EXTHDR_OP_TCPOPT;
    rule_text(rule, "reset tcp option %u", kind);
}

/* The kernel only ever lowers the option's value. */
void rule_clamp_mss(struct rule *rule)
{
    struct expr *expr;

    rule_get(rule, EXPR_RT, NFT_RT_TCPMSS);
    expr = rule_expr(rule, EXPR_BYTEORDER);
    expr->sreg = expr->dreg = NFT_REG_1;
    expr->op = NFT_BYTEORDER_HTON;
    expr->len = expr->base = 2;
    expr = rule_expr(rule, EXPR_EXTHDR_SET);
    expr->sreg = NFT_REG_1;
    expr->key = TCPOPT_MAXSEG;
    expr->offset = 2;
    expr->len = 2;
    expr->op = NFT_EXTHDR_OP_TCPOPT;
    rule_text(rule, "tcp option maxseg size set rt mtu");
}

void rule_counter(struct rule *rule)
{
    rule_expr(rule, EXPR_COUNTER);
    rule_text(rule, "counter");
}

void rule_notrack(struct rule *rule)
{
    rule_expr(rule, EXPR_NOTRACK);
    rule_text(rule, "notrack");
}

void rule_flow_add(struct rule *rule)
{
    struct expr *expr = rule_expr(rule, EXPR_FLOW);

    snprintf(expr->name, sizeof(expr->name), "%s", FLOWTABLE_NAME);
    rule_text(rule, "flow add @%s", FLOWTABLE_NAME);
}

void rule_masquerade(struct rule *rule)
{
    rule_expr(rule, EXPR_MASQ);
    rule_text(rule, "masquerade");
}

void rule_redirect(struct rule *rule, uint16_t port)
{
    const uint16_t port_be = htons(port);
    struct expr *expr;

    rule_data(rule, &port_be, sizeof(port_be));
    expr = rule_expr(rule, EXPR_REDIR);
    expr->sreg = expr->dreg = NFT_REG_1; /* lowest and highest port */
    expr->flags = NF_NAT_RANGE_PROTO_SPECIFIED;
    rule_text(rule, "redirect to :%u", port);
}
