/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The kernel's ruleset, read back into the same form that the wish has.
 */
#ifndef FWD_NFT_DUMP_H
#define FWD_NFT_DUMP_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "common/err.h"
#include "fwd/ruleset.h"

struct mnl_socket;

#define DUMP_NAME_MAX 64

struct dump_devices { /* those past the array are counted, not kept */
    char names[4][IFNAMSIZ];
    size_t nr;
};

struct dump_chain {
    char name[DUMP_NAME_MAX], type[16];
    bool is_base;
    uint32_t hook, policy;
    int32_t priority;
    struct dump_devices devices; /* of a chain at ingress */
};

struct dump_rule {
    char chain[DUMP_NAME_MAX];
    size_t nr_exprs; /* those past RULE_EXPRS_MAX are counted, not kept */
    struct expr exprs[RULE_EXPRS_MAX];
};

struct dump_set {
    char name[DUMP_NAME_MAX];
    uint32_t key_len;
    bool has_timeout;
};

struct dump_other { /* a base chain of another table */
    char table[DUMP_NAME_MAX], name[DUMP_NAME_MAX];
    uint32_t family, hook;
};

struct dump {
    struct dump_chain *chains;
    struct dump_rule *rules; /* in the kernel's order */
    struct dump_set *sets;
    struct dump_other *others;
    size_t nr_chains, nr_rules, nr_sets, nr_others;
    struct dump_devices devices; /* of the flowtable */
    uint32_t flowtable_flags;
    bool has_table, has_flowtable, is_incomplete;
};

/** dump_read - all of our table; false with *err. dump_clear() frees it */
MUST_CHECK bool dump_read(struct mnl_socket *sock, struct dump *dump, struct err *err);
void dump_clear(struct dump *dump);

#endif
