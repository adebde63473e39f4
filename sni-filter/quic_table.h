/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * QUIC connections that are being read, by the ports that they go between: one pair of sockets
 * may carry many.
 */
#ifndef SNI_FILTER_QUIC_TABLE_H
#define SNI_FILTER_QUIC_TABLE_H

#include "sni-filter/flow.h"
#include "sni-filter/quic_conn.h"

#define QUIC_CONNS_PER_FLOW 16 /* between one pair of sockets */
#define QUIC_HELD_PER_CONN  16 /* datagrams: a hello takes one to three */
#define QUIC_CHUNKS_WORST   (QUIC_CRYPTO_MAX / CHUNK_SIZE) /* that one datagram can need */

enum quic_state {
    QUIC_FREE,
    QUIC_OPEN,     /* a hello is being read, its datagrams are held */
    QUIC_PINNED,   /* hello judged and released; waiting for the server's answer */
    QUIC_ANSWERED, /* for the client's last Initial packets, and copies of earlier ones */
    QUIC_REFUSED,  /* tombstone: what still comes with its ID is dropped unread */
    NR_QUIC_STATES,
};

struct quic_entry {
    struct flow_key key;
    struct quic_conn conn;
    uint8_t state;
    bool has_name;     /* a hello of it was allowed: name_hash and tag count */
    bool is_flow_good; /* when its last datagram came: something of its flow is allowed */
    uint32_t source_tag;
    uint32_t tag; /* of the name, for the conntrack mark */
    uint64_t name_hash;
    uint64_t number; /* of the flow, in records: the caller's */
    uint64_t first_us, state_us;
    uint32_t held_head, held_tail, nr_held;
    struct index_link by_state;
    uint32_t next_hash;
};

struct quic_held {
    uint32_t id, next;
};

struct quic_agent { /* one agent's share */
    struct index_list lists[NR_QUIC_STATES];
    uint32_t nr_conns, nr_chunks, nr_held;
};

struct quic_table {
    struct quic_entry *entries;
    uint32_t *buckets;
    uint32_t nr_entries, nr_buckets, nr_used, nr_touched, free_head;
    struct quic_held *held;
    uint32_t nr_held_max, nr_held, nr_held_touched, held_free;
    struct chunk_pool pool;
    uint32_t nr_chunks_max;
    struct quic_agent *agents; /* by source tag */
    uint32_t nr_agents, conns_per_agent, chunks_per_agent, held_per_agent;
    uint8_t hash_key[16];
};

MUST_CHECK bool quic_table_init(struct quic_table *table, uint32_t nr_conns, uint32_t nr_chunks,
                                uint32_t nr_held, uint32_t nr_agents,
                                const uint8_t hash_key[16]);
void quic_table_clear(struct quic_table *table);

/** quic_table_share - nr agents share the table from now on */
void quic_table_share(struct quic_table *table, uint32_t nr);

/** quic_table_first, quic_table_next - the connections between one pair of sockets, in no
 * order; NULL at the end */
struct quic_entry *quic_table_first(struct quic_table *table, const struct flow_key *key);
struct quic_entry *quic_table_next(struct quic_table *table, const struct quic_entry *entry);

/** quic_table_owner - the one of them that a client's packet with this DCID belongs to */
struct quic_entry *quic_table_owner(struct quic_table *table, const struct flow_key *key,
                                    const struct quic_cid *dcid);

/**
 * quic_table_new - an OPEN entry that holds conn
 *
 * NULL when the pair of sockets or the agent has too many and none of them can be given up.
 */
struct quic_entry *quic_table_new(struct quic_table *table, const struct flow_key *key,
                                  uint32_t source_tag, const struct quic_conn *conn,
                                  uint64_t now_us);

/** quic_table_free - forget an entry; it must hold no datagram any more */
void quic_table_free(struct quic_table *table, struct quic_entry *entry);

/** quic_table_set_state - to the end of another state's list; REFUSED gives its memory back */
void quic_table_set_state(struct quic_table *table, struct quic_entry *entry,
                          enum quic_state state, uint64_t now_us);

/** quic_table_oldest - of one agent in one state, NULL when there is none */
struct quic_entry *quic_table_oldest(struct quic_table *table, uint32_t source_tag,
                                     enum quic_state state);

/** quic_table_client, quic_table_server - quic_conn_client(), quic_conn_server() within the
 * agent's share of memory; without room QUIC_FULL, QUIC_ANSWER_NONE */
MUST_CHECK enum quic_rc quic_table_client(struct quic_table *table, struct quic_entry *entry,
                                          struct quic_cipher *cipher, struct cursor datagram,
                                          uint8_t *scratch, uint64_t now_us);
MUST_CHECK enum quic_answer quic_table_server(struct quic_table *table,
                                              struct quic_entry *entry,
                                              struct quic_cipher *cipher,
                                              struct cursor datagram, uint8_t *scratch,
                                              uint64_t now_us);

/** quic_table_hold - remember a held datagram, last; false when the connection or its agent
 * holds too many. quic_table_unhold - take the first; false when there is none */
MUST_CHECK bool quic_table_hold(struct quic_table *table, struct quic_entry *entry,
                                uint32_t id);
MUST_CHECK bool quic_table_unhold(struct quic_table *table, struct quic_entry *entry,
                                  uint32_t *id);

#endif
