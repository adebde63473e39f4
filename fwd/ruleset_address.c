/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The words that say whose a packet is: addresses, and interfaces by name.
 */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "fwd/ruleset_rule.h"

static void match(struct rule *rule, const void *data, uint32_t len)
{
    struct expr *expr = rule_expr(rule, EXPR_CMP);

    expr->sreg = NFT_REG_1;
    expr->op = NFT_CMP_EQ;
    expr->data_len = len;
    memcpy(expr->data, data, len);
}

static void load_meta(struct rule *rule, uint32_t key)
{
    struct expr *expr = rule_expr(rule, EXPR_META_GET);

    expr->key = key;
    expr->dreg = NFT_REG_1;
}

static void address(struct rule *rule, const struct prefix *prefix, bool is_source)
{
    const bool is_v4 = prefix->addr.family == ADDR_V4;
    const uint8_t family = is_v4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
    const uint32_t len = is_v4 ? 4 : 16, offset = (is_v4 ? 12 : 8) + (is_source ? 0 : len);
    uint8_t mask[16] = { 0 };
    char text[PREFIX_TEXT_MAX];

    for (unsigned bit = 0; bit < prefix->bits; bit++)
        mask[bit / 8] = (uint8_t)(mask[bit / 8] | 0x80u >> bit % 8);
    load_meta(rule, NFT_META_NFPROTO);
    match(rule, &family, sizeof(family));
    rule_bytes(rule, NFT_PAYLOAD_NETWORK_HEADER, offset, len, mask, NFT_CMP_EQ,
               prefix->addr.bytes);
    rule_text(rule, "%s %s %s", is_v4 ? "ip" : "ip6", is_source ? "saddr" : "daddr",
              prefix_format(prefix, text));
}

void rule_source(struct rule *rule, const struct prefix *prefix)
{
    address(rule, prefix, true);
}

void rule_source_is(struct rule *rule, const struct addr *addr)
{
    const struct prefix prefix = { *addr, addr->family == ADDR_V4 ? 32 : 128 };

    address(rule, &prefix, true);
}

void rule_target_is(struct rule *rule, const struct addr *addr)
{
    const struct prefix prefix = { *addr, addr->family == ADDR_V4 ? 32 : 128 };

    address(rule, &prefix, false);
}

void rule_source_mac(struct rule *rule, const uint8_t mac[6])
{
    rule_bytes(rule, NFT_PAYLOAD_LL_HEADER, 6, 6, NULL, NFT_CMP_EQ, mac);
    rule_text(rule, "ether saddr %02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
              mac[4], mac[5]);
}

static void interface_name(struct rule *rule, uint32_t key, const char *name)
{
    char bytes[IFNAMSIZ] = "";

    memcpy(bytes, name, strnlen(name, IFNAMSIZ - 1));
    load_meta(rule, key);
    match(rule, bytes, sizeof(bytes));
    rule_text(rule, "%s \"%s\"", key == NFT_META_IIFNAME ? "iifname" : "oifname", bytes);
}

void rule_iifname(struct rule *rule, const char *name)
{
    interface_name(rule, NFT_META_IIFNAME, name);
}

void rule_oifname(struct rule *rule, const char *name)
{
    interface_name(rule, NFT_META_OIFNAME, name);
}
