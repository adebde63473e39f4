/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The ruleset that the gateway wants, as data. Pure: built from what is configured, turned into
 * netlink by nft_batch, into text by ruleset_print, compared with the kernel's by nft_check.
 */
#ifndef FWD_RULESET_H
#define FWD_RULESET_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/attr.h"
#include "common/ipc.h"
#include "common/link.h"

/* One nf_tables expression. Which fields it uses is said in one table, in nft_expr.c. */
enum expr_kind {
    EXPR_FOREIGN, /* read back from the kernel and none of ours */
    EXPR_META_GET,
    EXPR_META_SET,
    EXPR_CT_GET,
    EXPR_CT_SET,
    EXPR_PAYLOAD_GET,
    EXPR_PAYLOAD_SET,
    EXPR_EXTHDR_GET,
    EXPR_EXTHDR_SET,
    EXPR_EXTHDR_STRIP,
    EXPR_RT,
    EXPR_CMP,
    EXPR_BITWISE,
    EXPR_BYTEORDER,
    EXPR_DATA,
    EXPR_VERDICT,
    EXPR_LOOKUP,
    EXPR_REJECT,
    EXPR_QUEUE,
    EXPR_TARGET,
    EXPR_MASQ,
    EXPR_REDIR,
    EXPR_COUNTER,
    EXPR_NOTRACK,
    EXPR_FLOW,
    NR_EXPR_KINDS,
};

#define EXPR_DATA_MAX 16
#define EXPR_NAME_MAX 32

struct expr {
    enum expr_kind kind;
    uint32_t sreg, dreg;
    uint32_t key; /* meta, ct, rt key; TCP option; reject type; queue number; target revision */
    uint32_t base; /* payload: which header; queue: how many queues; reject: code */
    uint32_t offset, len;
    uint32_t op; /* cmp, byteorder, exthdr; verdict: its code */
    uint32_t flags;
    uint32_t csum_type, csum_offset;
    uint32_t data_len;
    uint8_t data[EXPR_DATA_MAX]; /* cmp, immediate, target; bitwise: the mask */
    uint8_t flip[EXPR_DATA_MAX]; /* bitwise: the xor */
    char name[EXPR_NAME_MAX];    /* chain, set, flowtable, target */
};

#define RULE_EXPRS_MAX 28
#define RULE_TEXT_MAX  512

struct rule {
    const char *chain;
    const char *note; /* comment in the kernel, or NULL */
    size_t nr_exprs;
    struct expr exprs[RULE_EXPRS_MAX];
    char text[RULE_TEXT_MAX]; /* nft's notation */
};

struct chain {
    const char *name;
    const char *type; /* NULL: a regular chain */
    uint32_t hook;
    int32_t priority;
    uint32_t policy;
};

struct set_decl {
    const char *name;
    const char *type_text;
    uint32_t key_type; /* as nft prints it */
    uint32_t key_len;
    uint32_t max;
    bool has_timeout;
};

#define RULESET_CHAINS_MAX 32
#define RULESET_SETS_MAX   4
#define FLOWTABLE_NAME     "ft"
#define CHAIN_OFFLOAD      "offload"
#define SET_UPSTREAM4      "upstream4" /* address . port: where the gateway may ask */
#define SET_UPSTREAM6      "upstream6"

struct ruleset {
    struct chain chains[RULESET_CHAINS_MAX];
    size_t nr_chains;
    struct set_decl sets[RULESET_SETS_MAX];
    size_t nr_sets;
    struct rule *rules; /* in order; a chain's rules need not be neighbours */
    size_t nr_rules, size;
    bool has_flowtable;
    char devices[2][IFNAMSIZ]; /* of the flowtable and of chains at ingress */
    bool is_incomplete; /* memory ran out or a rule outgrew its limits: not to be loaded */
};

struct ruleset_if {
    uint32_t index;
    char name[IFNAMSIZ];
};

/* What a gateway's ruleset depends on. */
struct ruleset_wish {
    struct ruleset_if internal, external;
    const struct ipc_setup *setup; /* borrowed: sources */
    uint32_t user;                 /* whose questions may leave */
    bool is_queue_native;          /* expression "queue"; else the xt target NFQUEUE */
    bool has_flowtable;
    bool asks_docker;         /* a resolver of the container engine asks in our stead */
    const struct link *links; /* borrowed: LINKS_MAX places; internal is the tunnel's device.
                                 NULL: no tunnel */
    struct ruleset_if underlay;
};

/* What the lock in an agent's network namespace depends on. */
struct ruleset_lock {
    struct ruleset_if underlay;
    struct addr outer, gateway; /* on the underlay: own, the gateway's */
    struct addr inner[2];       /* own: IPv4, IPv6 or ADDR_NONE */
};

/**
 * ruleset_gateway - the rules of a running gateway
 *
 * Returns false, *rs empty, when memory ran out. ruleset_clear() accepts a zeroed struct.
 */
MUST_CHECK bool ruleset_gateway(const struct ruleset_wish *wish, struct ruleset *rs);

/** ruleset_closed - the rules that a stopped gateway leaves: nothing but loopback */
MUST_CHECK bool ruleset_closed(struct ruleset *rs);

/**
 * ruleset_lock_rules - the lock: an agent's namespace speaks through the tunnel or not at all
 *
 * It names the tunnel's device, which need not be there yet.
 */
MUST_CHECK bool ruleset_lock_rules(const struct ruleset_lock *lock, struct ruleset *rs);
void ruleset_clear(struct ruleset *rs);

/** ruleset_is_variable - are the rules of that chain made anew while the gateway runs? They
 * come from the links, and from what the upstream servers are. */
bool ruleset_is_variable(const char *chain);

/** ruleset_print - the whole table in nft's notation */
void ruleset_print(const struct ruleset *rs, FILE *out);

const struct chain *ruleset_chain(const struct ruleset *rs, const char *name);

#endif
