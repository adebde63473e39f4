/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fwd/nft_dump.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/flowtable.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

#include "common/marks.h"
#include "fwd/nft_expr.h"
#include "fwd/nft_sock.h"

/* One more element of the array that the pointer at array points to, zeroed; NULL when memory
 * runs out. Arrays grow by doubling. */
static void *grow(struct dump *dump, void *array, size_t *nr, size_t size)
{
    void *old, *bigger;
    char *element;

    memcpy(&old, array, sizeof(old));
    bigger = old;
    if ((*nr & (*nr - 1)) == 0) /* 0 or a power of two: full */
        bigger = reallocarray(old, *nr ? *nr * 2 : 1, size);
    if (!bigger) {
        dump->is_incomplete = true;
        return NULL;
    }
    memcpy(array, &bigger, sizeof(bigger));
    element = (char *)bigger + *nr * size;
    memset(element, 0, size);
    (*nr)++;
    return element;
}

#define GROW(dump, array, nr) grow(dump, &(dump)->array, &(dump)->nr, sizeof(*(dump)->array))

static void copy_name(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

static bool is_ours(const char *table, uint32_t family)
{
    return family == NFPROTO_INET && table && strcmp(table, NFT_TABLE_NAME) == 0;
}

static int on_table(const struct nlmsghdr *nlh, void *arg)
{
    struct dump *dump = arg;
    struct nftnl_table *table = nftnl_table_alloc();

    if (!table || nftnl_table_nlmsg_parse(nlh, table) < 0)
        dump->is_incomplete = true;
    else if (is_ours(nftnl_table_get_str(table, NFTNL_TABLE_NAME),
                     nftnl_table_get_u32(table, NFTNL_TABLE_FAMILY)))
        dump->has_table = true;
    nftnl_table_free(table);
    return MNL_CB_OK;
}

static void take_other(struct dump *dump, const struct nftnl_chain *chain)
{
    struct dump_other *other;

    if (!nftnl_chain_is_set(chain, NFTNL_CHAIN_HOOKNUM) ||
        !(other = GROW(dump, others, nr_others)))
        return;
    copy_name(other->table, DUMP_NAME_MAX, nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE));
    copy_name(other->name, DUMP_NAME_MAX, nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME));
    other->family = nftnl_chain_get_u32(chain, NFTNL_CHAIN_FAMILY);
    other->hook = nftnl_chain_get_u32(chain, NFTNL_CHAIN_HOOKNUM);
}

static void take_devices(struct dump_devices *devices, const char *const *names)
{
    for (size_t i = 0; names && names[i]; i++) {
        if (i < ARRAY_LEN(devices->names))
            copy_name(devices->names[i], IFNAMSIZ, names[i]);
        devices->nr++;
    }
}

static void take_chain(struct dump *dump, const struct nftnl_chain *from)
{
    struct dump_chain *chain = GROW(dump, chains, nr_chains);

    if (!chain)
        return;
    copy_name(chain->name, DUMP_NAME_MAX, nftnl_chain_get_str(from, NFTNL_CHAIN_NAME));
    chain->is_base = nftnl_chain_is_set(from, NFTNL_CHAIN_HOOKNUM);
    if (!chain->is_base)
        return;
    copy_name(chain->type, sizeof(chain->type), nftnl_chain_get_str(from, NFTNL_CHAIN_TYPE));
    chain->hook = nftnl_chain_get_u32(from, NFTNL_CHAIN_HOOKNUM);
    chain->priority = nftnl_chain_get_s32(from, NFTNL_CHAIN_PRIO);
    chain->policy = nftnl_chain_get_u32(from, NFTNL_CHAIN_POLICY);
    take_devices(&chain->devices, nftnl_chain_get_array(from, NFTNL_CHAIN_DEVICES));
}

static int on_chain(const struct nlmsghdr *nlh, void *arg)
{
    struct dump *dump = arg;
    struct nftnl_chain *chain = nftnl_chain_alloc();

    if (!chain || nftnl_chain_nlmsg_parse(nlh, chain) < 0)
        dump->is_incomplete = true;
    else if (is_ours(nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE),
                     nftnl_chain_get_u32(chain, NFTNL_CHAIN_FAMILY)))
        take_chain(dump, chain);
    else
        take_other(dump, chain);
    nftnl_chain_free(chain);
    return MNL_CB_OK;
}

static int on_expr(struct nftnl_expr *expr, void *arg)
{
    struct dump_rule *rule = arg;

    if (rule->nr_exprs < RULE_EXPRS_MAX)
        nft_expr_read(expr, &rule->exprs[rule->nr_exprs]);
    rule->nr_exprs++;
    return 0;
}

static int on_rule(const struct nlmsghdr *nlh, void *arg)
{
    struct dump *dump = arg;
    struct nftnl_rule *rule = nftnl_rule_alloc();
    struct dump_rule *to;

    if (!rule || nftnl_rule_nlmsg_parse(nlh, rule) < 0) {
        dump->is_incomplete = true;
    } else if (is_ours(nftnl_rule_get_str(rule, NFTNL_RULE_TABLE),
                       nftnl_rule_get_u32(rule, NFTNL_RULE_FAMILY)) &&
               (to = GROW(dump, rules, nr_rules))) {
        copy_name(to->chain, DUMP_NAME_MAX, nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN));
        nftnl_expr_foreach(rule, on_expr, to);
    }
    nftnl_rule_free(rule);
    return MNL_CB_OK;
}

static int on_set(const struct nlmsghdr *nlh, void *arg)
{
    struct dump *dump = arg;
    struct nftnl_set *set = nftnl_set_alloc();
    struct dump_set *to;

    if (!set || nftnl_set_nlmsg_parse(nlh, set) < 0) {
        dump->is_incomplete = true;
    } else if (is_ours(nftnl_set_get_str(set, NFTNL_SET_TABLE),
                       nftnl_set_get_u32(set, NFTNL_SET_FAMILY)) &&
               (to = GROW(dump, sets, nr_sets))) {
        copy_name(to->name, DUMP_NAME_MAX, nftnl_set_get_str(set, NFTNL_SET_NAME));
        to->key_len = nftnl_set_get_u32(set, NFTNL_SET_KEY_LEN);
        to->has_timeout = nftnl_set_get_u32(set, NFTNL_SET_FLAGS) & NFT_SET_TIMEOUT;
    }
    nftnl_set_free(set);
    return MNL_CB_OK;
}

static int on_flowtable(const struct nlmsghdr *nlh, void *arg)
{
    struct dump *dump = arg;
    struct nftnl_flowtable *flowtable = nftnl_flowtable_alloc();

    if (!flowtable || nftnl_flowtable_nlmsg_parse(nlh, flowtable) < 0) {
        dump->is_incomplete = true;
    } else if (is_ours(nftnl_flowtable_get_str(flowtable, NFTNL_FLOWTABLE_TABLE),
                       nftnl_flowtable_get_u32(flowtable, NFTNL_FLOWTABLE_FAMILY))) {
        dump->has_flowtable = true;
        dump->flowtable_flags = nftnl_flowtable_get_u32(flowtable, NFTNL_FLOWTABLE_FLAGS);
        take_devices(&dump->devices,
                     nftnl_flowtable_get_array(flowtable, NFTNL_FLOWTABLE_DEVICES));
    }
    nftnl_flowtable_free(flowtable);
    return MNL_CB_OK;
}

bool dump_read(struct mnl_socket *sock, struct dump *dump, struct err *err)
{
    static const struct {
        int (*each)(const struct nlmsghdr *nlh, void *arg);
        const char *what;
        uint16_t type, family;
        bool may_be_unknown; /* a kernel without flowtables */
    } parts[] = {
        { on_table, "tables", NFT_MSG_GETTABLE, NFPROTO_INET, false },
        { on_chain, "chains", NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, false },
        { on_rule, "rules", NFT_MSG_GETRULE, NFPROTO_INET, false },
        { on_set, "sets", NFT_MSG_GETSET, NFPROTO_INET, false },
        { on_flowtable, "flowtables", NFT_MSG_GETFLOWTABLE, NFPROTO_INET, true },
    };

    memset(dump, 0, sizeof(*dump));
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        int rc = nft_sock_dump(sock, parts[i].type, parts[i].family, parts[i].each, dump);

        if (rc == 0 || parts[i].may_be_unknown)
            continue;
        dump_clear(dump);
        return err_set(err, -rc, "list the kernel's %s: %s", parts[i].what, strerror(-rc));
    }
    if (!dump->is_incomplete)
        return true;
    dump_clear(dump);
    return err_set(err, EPROTO, "list the kernel's ruleset: not all of it could be read");
}

void dump_clear(struct dump *dump)
{
    free(dump->chains);
    free(dump->rules);
    free(dump->sets);
    free(dump->others);
    memset(dump, 0, sizeof(*dump));
}
