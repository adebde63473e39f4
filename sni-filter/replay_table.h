/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The connections of a replay: what the kernel's conntrack would know.
 *
 * How it works: a fixed number of slots, found through a hash table with chains, listed by last
 * use. When all are taken, the one unused for the longest time makes room (conntrack has
 * time-outs instead; a capture file is finite). Slots are numbers, which a packet that waits
 * for its verdict keeps together with the slot's generation: a slot that was given to another
 * connection meanwhile is not touched by a late verdict.
 */
#ifndef SNI_FILTER_REPLAY_TABLE_H
#define SNI_FILTER_REPLAY_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/attr.h"

#define REPLAY_NONE UINT32_MAX

struct replay_endpoint {
    struct addr addr;
    uint16_t port; /* 0 where the protocol has none */
};

#define REPLAY_KEY_LEN 39 /* two addresses of 17 bytes, two ports, protocol */

struct replay_connection {
    struct replay_endpoint client, server;
    uint8_t protocol;
    uint32_t mark;     /* conntrack mark, common/marks.h */
    uint32_t isn;      /* TCP: the client's, when has_isn */
    uint64_t last_us;  /* UDP: its last packet */
    bool has_isn;      /* the begin was judged */
    bool is_confirmed; /* a packet of it was let through */
    bool is_answered;  /* the server sent something */
    bool is_over;      /* RST, or FIN from both sides */
    bool is_unjudged;  /* it began before the capture, in the middle of something */
    uint8_t fins;      /* bit 0: the client's, bit 1: the server's */
    /* the table's own */
    uint8_t key[REPLAY_KEY_LEN];
    uint32_t generation;
    uint32_t next;         /* of the hash chain */
    uint32_t older, newer; /* by last use */
};

struct replay_table {
    struct replay_connection *slots;
    uint32_t *heads;
    uint32_t nr_slots, nr_heads, nr_used;
    uint32_t oldest, newest;
    uint8_t seed[16];
    uint64_t nr_evicted;
};

/** replay_table_init - memory is allocated here alone; nr_slots > 0; false when there is none
 */
MUST_CHECK bool replay_table_init(struct replay_table *table, uint32_t nr_slots,
                                  const uint8_t seed[16]);
void replay_table_clear(struct replay_table *table);

/**
 * replay_table_find - the connection between two endpoints, whoever sent
 *
 * Counts as a use. Returns NULL when there is none.
 */
struct replay_connection *replay_table_find(struct replay_table *table, uint8_t protocol,
                                            const struct replay_endpoint *a,
                                            const struct replay_endpoint *b);

/**
 * replay_table_put - a new connection, in place of an older one between the same endpoints
 *
 * Never fails: see above. All fields but the endpoints and the protocol are zero.
 */
struct replay_connection *replay_table_put(struct replay_table *table, uint8_t protocol,
                                           const struct replay_endpoint *client,
                                           const struct replay_endpoint *server);

uint32_t replay_table_slot(const struct replay_table *table,
                           const struct replay_connection *connection);

/** replay_table_at - the connection in a slot, if it is still of this generation; else NULL */
struct replay_connection *replay_table_at(const struct replay_table *table, uint32_t slot,
                                          uint32_t generation);

#endif
