/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: one buffer of NFT_BATCH_MAX bytes plus room for one message of any size we
 * build; after each message the fill is compared with the maximum, past it the batch is broken
 * and never sent. Each message asks for an acknowledgement and has a text that says what it is,
 * found by its sequence number when the kernel refuses it.
 */
#include "fwd/nft_batch.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/flowtable.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/marks.h"
#include "fwd/nft_expr.h"

#define MESSAGE_ROOM 65536

bool nft_batch_init(struct nft_batch *batch)
{
    memset(batch, 0, sizeof(*batch));
    batch->buf = malloc(NFT_BATCH_MAX + MESSAGE_ROOM);
    if (!batch->buf)
        return false;
    batch->first_seq = (uint32_t)time(NULL) + 1;
    nftnl_batch_begin(batch->buf, batch->first_seq - 1);
    batch->len = ((struct nlmsghdr *)(void *)batch->buf)->nlmsg_len;
    return true;
}

void nft_batch_clear(struct nft_batch *batch)
{
    free(batch->buf);
    free(batch->messages);
    memset(batch, 0, sizeof(*batch));
}

/* The next message's header, its text noted; NULL when the batch is broken. */
static struct nlmsghdr *message_begin(struct nft_batch *batch, uint16_t type, uint16_t flags,
                                      enum nft_part part, const char *format, ...)
    PRINTF_LIKE(5, 6);
static struct nlmsghdr *message_begin(struct nft_batch *batch, uint16_t type, uint16_t flags,
                                      enum nft_part part, const char *format, ...)
{
    struct nft_message *message;
    va_list args;

    if (batch->nr_messages == batch->size && !batch->is_broken) {
        size_t size = batch->size ? batch->size * 2 : 256;

        message = reallocarray(batch->messages, size, sizeof(*message));
        if (message) {
            batch->messages = message;
            batch->size = size;
        } else {
            batch->is_broken = true;
        }
    }
    if (batch->is_broken)
        return NULL;
    message = &batch->messages[batch->nr_messages];
    message->part = part;
    va_start(args, format);
    vsnprintf(message->what, sizeof(message->what), format, args);
    va_end(args);
    return nftnl_nlmsg_build_hdr(batch->buf + batch->len, type, NFPROTO_INET,
                                 (uint16_t)(flags | NLM_F_ACK),
                                 batch->first_seq + (uint32_t)batch->nr_messages);
}

static void message_end(struct nft_batch *batch, const struct nlmsghdr *nlh)
{
    if (nlh->nlmsg_len > MESSAGE_ROOM || batch->len + nlh->nlmsg_len > NFT_BATCH_MAX) {
        batch->is_broken = true;
        return;
    }
    batch->len += nlh->nlmsg_len;
    batch->nr_messages++;
}

static void put_table(struct nft_batch *batch, uint16_t type, uint16_t flags)
{
    struct nftnl_table *table = nftnl_table_alloc();
    struct nlmsghdr *nlh =
        message_begin(batch, type, flags, PART_OTHER, "%s table inet %s",
                      type == NFT_MSG_DELTABLE ? "delete" : "add", NFT_TABLE_NAME);

    if (!table)
        batch->is_broken = true;
    if (table && nlh) {
        nftnl_table_set_u32(table, NFTNL_TABLE_FAMILY, NFPROTO_INET);
        nftnl_table_set_str(table, NFTNL_TABLE_NAME, NFT_TABLE_NAME);
        nftnl_table_nlmsg_build_payload(nlh, table);
        message_end(batch, nlh);
    }
    nftnl_table_free(table);
}

static void put_set(struct nft_batch *batch, const struct set_decl *decl, uint32_t id)
{
    struct nftnl_set *set = nftnl_set_alloc();
    struct nlmsghdr *nlh = message_begin(batch, NFT_MSG_NEWSET, NLM_F_CREATE, PART_OTHER,
                                         "add set %s", decl->name);

    if (!set)
        batch->is_broken = true;
    if (set && nlh) {
        nftnl_set_set_str(set, NFTNL_SET_TABLE, NFT_TABLE_NAME);
        nftnl_set_set_str(set, NFTNL_SET_NAME, decl->name);
        nftnl_set_set_u32(set, NFTNL_SET_FAMILY, NFPROTO_INET);
        nftnl_set_set_u32(set, NFTNL_SET_ID, id);
        nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, decl->key_type);
        nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, decl->key_len);
        nftnl_set_set_u32(set, NFTNL_SET_DESC_SIZE, decl->max);
        nftnl_set_set_u32(set, NFTNL_SET_FLAGS, decl->has_timeout ? NFT_SET_TIMEOUT : 0);
        nftnl_set_nlmsg_build_payload(nlh, set);
        message_end(batch, nlh);
    }
    nftnl_set_free(set);
}

/* A chain at ingress is there for the flowtable: with it, it is done without. */
static void put_chain(struct nft_batch *batch, const struct ruleset *rs,
                      const struct chain *decl)
{
    const char *devices[] = { rs->devices[0], rs->devices[1], NULL };
    const bool is_ingress = decl->type && decl->hook == NF_INET_INGRESS;
    struct nftnl_chain *chain = nftnl_chain_alloc();
    struct nlmsghdr *nlh =
        message_begin(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE,
                      is_ingress ? PART_FLOWTABLE : PART_OTHER, "add chain %s", decl->name);

    if (!chain)
        batch->is_broken = true;
    if (chain && nlh) {
        nftnl_chain_set_u32(chain, NFTNL_CHAIN_FAMILY, NFPROTO_INET);
        nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, NFT_TABLE_NAME);
        nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, decl->name);
        if (decl->type) {
            nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, decl->type);
            nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, decl->hook);
            nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, decl->priority);
            nftnl_chain_set_u32(chain, NFTNL_CHAIN_POLICY, decl->policy);
            if (is_ingress)
                nftnl_chain_set_array(chain, NFTNL_CHAIN_DEVICES, devices);
        }
        nftnl_chain_nlmsg_build_payload(nlh, chain);
        message_end(batch, nlh);
    }
    nftnl_chain_free(chain);
}

static bool rule_fill(struct nftnl_rule *to, const struct rule *rule)
{
    struct nftnl_udata_buf *note;

    nftnl_rule_set_u32(to, NFTNL_RULE_FAMILY, NFPROTO_INET);
    nftnl_rule_set_str(to, NFTNL_RULE_TABLE, NFT_TABLE_NAME);
    nftnl_rule_set_str(to, NFTNL_RULE_CHAIN, rule->chain);
    for (size_t i = 0; i < rule->nr_exprs; i++) {
        struct nftnl_expr *expr = nft_expr_new(&rule->exprs[i]);

        if (!expr)
            return false;
        nftnl_rule_add_expr(to, expr);
    }
    if (!rule->note)
        return true;
    note = nftnl_udata_buf_alloc(NFTNL_UDATA_COMMENT_MAXLEN + 8);
    if (!note)
        return false;
    nftnl_udata_put_strz(note, NFTNL_UDATA_RULE_COMMENT, rule->note);
    nftnl_rule_set_data(to, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(note),
                        nftnl_udata_buf_len(note));
    nftnl_udata_buf_free(note);
    return true;
}

static enum nft_part rule_part(const struct rule *rule)
{
    for (size_t i = 0; i < rule->nr_exprs; i++) {
        if (rule->exprs[i].kind == EXPR_QUEUE)
            return PART_QUEUE;
        if (rule->exprs[i].kind == EXPR_FLOW)
            return PART_FLOWTABLE;
    }
    return PART_OTHER;
}

static void put_rule(struct nft_batch *batch, const struct rule *rule)
{
    struct nftnl_rule *made = nftnl_rule_alloc();
    struct nlmsghdr *nlh =
        message_begin(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, rule_part(rule),
                      "add rule %s \"%.80s\"", rule->chain, rule->text);

    if (!made || !rule_fill(made, rule)) {
        batch->is_broken = true;
    } else if (nlh) {
        nftnl_rule_nlmsg_build_payload(nlh, made);
        message_end(batch, nlh);
    }
    nftnl_rule_free(made);
}

static void put_flowtable(struct nft_batch *batch, uint16_t type, const struct ruleset *rs)
{
    const char *devices[] = { rs->devices[0], rs->devices[1], NULL };
    struct nftnl_flowtable *flowtable = nftnl_flowtable_alloc();
    const bool is_new = type == NFT_MSG_NEWFLOWTABLE;
    struct nlmsghdr *nlh =
        message_begin(batch, type, is_new ? NLM_F_CREATE : 0, PART_FLOWTABLE, "%s flowtable %s",
                      is_new ? "add" : "delete", FLOWTABLE_NAME);

    if (!flowtable)
        batch->is_broken = true;
    if (flowtable && nlh) {
        nftnl_flowtable_set_u32(flowtable, NFTNL_FLOWTABLE_FAMILY, NFPROTO_INET);
        nftnl_flowtable_set_str(flowtable, NFTNL_FLOWTABLE_TABLE, NFT_TABLE_NAME);
        nftnl_flowtable_set_str(flowtable, NFTNL_FLOWTABLE_NAME, FLOWTABLE_NAME);
        if (is_new) {
            nftnl_flowtable_set_u32(flowtable, NFTNL_FLOWTABLE_HOOKNUM, NF_NETDEV_INGRESS);
            nftnl_flowtable_set_s32(flowtable, NFTNL_FLOWTABLE_PRIO, 0);
            nftnl_flowtable_set_array(flowtable, NFTNL_FLOWTABLE_DEVICES, devices);
            nftnl_flowtable_set_u32(flowtable, NFTNL_FLOWTABLE_FLAGS, NFT_FLOWTABLE_COUNTER);
        }
        nftnl_flowtable_nlmsg_build_payload(nlh, flowtable);
        message_end(batch, nlh);
    }
    nftnl_flowtable_free(flowtable);
}

void nft_batch_replace(struct nft_batch *batch, const struct ruleset *rs)
{
    put_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE); /* so that deleting it cannot fail */
    put_table(batch, NFT_MSG_DELTABLE, 0);
    put_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE);
    for (size_t i = 0; i < rs->nr_sets; i++)
        put_set(batch, &rs->sets[i], (uint32_t)i + 1);
    if (rs->has_flowtable)
        put_flowtable(batch, NFT_MSG_NEWFLOWTABLE, rs);
    for (size_t i = 0; i < rs->nr_chains; i++)
        put_chain(batch, rs, &rs->chains[i]);
    for (size_t i = 0; i < rs->nr_rules; i++)
        put_rule(batch, &rs->rules[i]);
}

static void flush_chain(struct nft_batch *batch, const char *chain)
{
    struct nftnl_rule *all = nftnl_rule_alloc();
    struct nlmsghdr *nlh =
        message_begin(batch, NFT_MSG_DELRULE, 0, PART_OTHER, "flush chain %s", chain);

    if (!all)
        batch->is_broken = true;
    if (all && nlh) {
        nftnl_rule_set_u32(all, NFTNL_RULE_FAMILY, NFPROTO_INET);
        nftnl_rule_set_str(all, NFTNL_RULE_TABLE, NFT_TABLE_NAME);
        nftnl_rule_set_str(all, NFTNL_RULE_CHAIN, chain);
        nftnl_rule_nlmsg_build_payload(nlh, all);
        message_end(batch, nlh);
    }
    nftnl_rule_free(all);
}

void nft_batch_relink(struct nft_batch *batch, const struct ruleset *rs)
{
    for (size_t i = 0; i < rs->nr_chains; i++)
        if (ruleset_is_variable(rs->chains[i].name))
            flush_chain(batch, rs->chains[i].name);
    for (size_t i = 0; i < rs->nr_rules; i++)
        if (ruleset_is_variable(rs->rules[i].chain))
            put_rule(batch, &rs->rules[i]);
}

void nft_batch_reoffload(struct nft_batch *batch, const struct ruleset *rs)
{
    flush_chain(batch, CHAIN_OFFLOAD);
    put_flowtable(batch, NFT_MSG_DELFLOWTABLE, rs);
    put_flowtable(batch, NFT_MSG_NEWFLOWTABLE, rs);
    for (size_t i = 0; i < rs->nr_rules; i++)
        if (strcmp(rs->rules[i].chain, CHAIN_OFFLOAD) == 0)
            put_rule(batch, &rs->rules[i]);
}

static bool elem_add(struct nftnl_set *set, const struct nft_endpoint *endpoint)
{
    const uint16_t port_be = htons(endpoint->port);
    const size_t len = endpoint->addr.family == ADDR_V4 ? 4 : 16;
    uint8_t key[20] = { 0 };
    struct nftnl_set_elem *elem = nftnl_set_elem_alloc();

    if (!elem)
        return false;
    memcpy(key, endpoint->addr.bytes, len);
    memcpy(key + len, &port_be, sizeof(port_be));
    nftnl_set_elem_set(elem, NFTNL_SET_ELEM_KEY, key, (uint32_t)len + 4);
    nftnl_set_elem_add(set, elem);
    return true;
}

/* endpoints NULL: a message that deletes all elements. */
static void put_elems(struct nft_batch *batch, const char *name, enum addr_family family,
                      const struct nft_endpoint *endpoints, size_t nr)
{
    struct nftnl_set *set = nftnl_set_alloc();
    struct nlmsghdr *nlh = NULL;

    if (!set)
        batch->is_broken = true;
    for (size_t i = 0; set && i < nr; i++)
        if (endpoints[i].addr.family == family && !elem_add(set, &endpoints[i]))
            batch->is_broken = true;
    nlh = message_begin(batch, endpoints ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM,
                        endpoints ? NLM_F_CREATE : 0, PART_OTHER, "%s set %s",
                        endpoints ? "fill" : "flush", name);
    if (set && nlh) {
        nftnl_set_set_str(set, NFTNL_SET_TABLE, NFT_TABLE_NAME);
        nftnl_set_set_str(set, NFTNL_SET_NAME, name);
        nftnl_set_elems_nlmsg_build_payload(nlh, set);
        message_end(batch, nlh);
    }
    nftnl_set_free(set);
}

void nft_batch_upstreams(struct nft_batch *batch, const struct nft_endpoint *endpoints,
                         size_t nr)
{
    put_elems(batch, SET_UPSTREAM4, ADDR_V4, NULL, 0);
    put_elems(batch, SET_UPSTREAM6, ADDR_V6, NULL, 0);
    for (size_t i = 0; i < nr; i++)
        put_elems(batch, endpoints[i].addr.family == ADDR_V4 ? SET_UPSTREAM4 : SET_UPSTREAM6,
                  endpoints[i].addr.family, &endpoints[i], 1);
}

void nft_batch_end(struct nft_batch *batch, bool is_trial)
{
    struct nlmsghdr *nlh;

    if (is_trial || batch->is_broken)
        return;
    nlh = nftnl_batch_end(batch->buf + batch->len,
                          batch->first_seq + (uint32_t)batch->nr_messages);
    batch->len += nlh->nlmsg_len;
}
