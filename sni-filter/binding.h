/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which addresses were given out for which names, to which agent, until when.
 */
#ifndef SNI_FILTER_BINDING_H
#define SNI_FILTER_BINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/attr.h"
#include "common/hostname.h"

#define BINDING_NONE UINT32_MAX

struct binding {
    uint32_t source_tag; /* 0: the slot is free */
    struct addr addr;
    char name[HOSTNAME_MAX + 1];
    uint64_t until_us;             /* for services where the name is seen again (TLS) */
    uint64_t until_plain_us;       /* for tcp and udp rules by name */
    uint64_t kept_us;              /* when it was last reported to be kept */
    uint64_t reported_us;          /* when the kernel was last told of it */
    uint32_t next_pair, next_addr; /* hash chains */
    uint32_t older, newer;         /* by last refresh, per agent */
};

struct binding_agent {
    uint32_t oldest, newest, nr;
};

struct binding_table {
    struct binding *slots;
    uint32_t *by_pair, *by_addr; /* heads; nr_buckets each */
    uint32_t nr_slots, nr_buckets, nr_used, free_head;
    uint32_t per_agent_max;
    struct binding_agent *agents; /* by source tag */
    uint32_t nr_agents;
    uint8_t key[16];
};

/** Memory is allocated here and nowhere else. nr_agents: highest source tag + 1; until
 * binding_table_share() says otherwise each of them has a share. */
MUST_CHECK bool binding_table_init(struct binding_table *table, uint32_t nr_slots,
                                   uint32_t nr_agents, const uint8_t key[16]);
void binding_table_clear(struct binding_table *table);

/** binding_table_share - nr agents share the table; one that has more than its share loses its
 * least recently refreshed bindings */
void binding_table_share(struct binding_table *table, uint32_t nr);

/** binding_drop_agent - forget all bindings of an agent that is gone */
void binding_drop_agent(struct binding_table *table, uint32_t source_tag);

/**
 * binding_put - note that name was answered with addr; times only ever grow
 *
 * When the agent's share is used up its own least recently refreshed binding makes room: one
 * agent's generated names never push out another's. Returns the binding (valid until the next
 * put).
 */
struct binding *binding_put(struct binding_table *table, uint32_t source_tag,
                            const struct addr *addr, const char *name, uint64_t until_us,
                            uint64_t until_plain_us);

/** binding_find - the binding of exactly this name and address, NULL when there is none or it
 * has run out */
struct binding *binding_find(struct binding_table *table, uint32_t source_tag,
                             const struct addr *addr, const char *name, uint64_t now_us);

/** binding_next - iterate over the names of an address: start with at = NULL; NULL at the end
 */
struct binding *binding_next(struct binding_table *table, uint32_t source_tag,
                             const struct addr *addr, const struct binding *at,
                             uint64_t now_us);

/** binding_expire - free up to max bindings that have run out */
void binding_expire(struct binding_table *table, uint64_t now_us, uint32_t max);

#endif
