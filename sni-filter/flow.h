/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * TCP connections that are being read: from the client's first byte until the server's answer.
 */
#ifndef SNI_FILTER_FLOW_H
#define SNI_FILTER_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/attr.h"
#include "sni-filter/http_body.h"
#include "sni-filter/index_list.h"
#include "sni-filter/stream.h"

#define HELD_NONE UINT32_MAX

enum flow_state {
    FLOW_FREE,
    FLOW_OPEN,     /* the client's hello is not whole yet */
    FLOW_PINNED,   /* hello judged and released; waiting for the server's answer */
    FLOW_HTTP,     /* a request was judged; all that its client sends is read */
    FLOW_HTTP_END, /* the same, its client has said that it will send no more */
    FLOW_REFUSED,  /* tombstone: what is still in the queue is dropped */
    NR_FLOW_STATES,
};

enum flow_phase {                      /* of a pinned flow */
                  PHASE_FIRST_ANSWER,  /* the server has not answered the first hello */
                  PHASE_SECOND_HELLO,  /* it asked for another hello */
                  PHASE_SECOND_ANSWER, /* the second hello was judged and released */
};

struct flow_key { /* client's side first; no padding: hashed as bytes */
    struct addr client, server;
    uint16_t client_port, server_port;
};

struct held { /* a packet that waits in the kernel's queue */
    uint32_t id;
    uint32_t offset, end; /* bytes of the client's stream */
    uint32_t next;
};

/* Positions count bytes of the client's direction, from its first one on; they do not wrap.
 * flow->client holds what stands at and above at, flow->server framing that went and that the
 * server has not acknowledged. */
struct http_flow {
    uint64_t base;   /* position of the client stream's offset 0 */
    uint64_t at;     /* where the next piece of framing begins: bytes below it may go */
    uint64_t high;   /* end of the highest byte that has gone */
    uint64_t acked;  /* what the server has acknowledged */
    uint64_t pinned; /* end of the last piece of framing that may go */
    uint32_t pins_from, pins_to; /* flow->server: the pins that are kept */
    uint32_t seen;               /* client stream: lines below this offset are no news */
    struct http_body body;
    bool is_marked; /* a packet was seen that the kernel knows to be of this connection */
};

struct flow {
    struct flow_key key;
    bool is_http;
    struct http_flow http;
    uint8_t state, phase;
    bool was_released_early; /* and that was recorded */
    bool is_pin_sent; /* the packet that ends the first hello has gone, with VERDICT_PIN */
    uint32_t source_tag;
    uint32_t isn;          /* of the client, low 28 bits */
    uint32_t client_start; /* sequence number of the client's first byte */
    uint32_t server_start; /* sequence number of the server's first byte */
    struct stream client, server;
    uint32_t record_at; /* client stream: offset of the record header to be read next */
    uint32_t hello_at;  /* offset of the record in which the hello being read begins */
    uint32_t message_have,
        message_need; /* handshake bytes seen from hello_at on; need 0: not known yet */
    uint8_t message_head[4];
    uint32_t released;     /* bytes [0, released) of the client have been let go */
    uint32_t answer_needs; /* what a server's ACK must cover to count as an answer */
    uint32_t tag;          /* of the name, for the conntrack mark */
    uint64_t name_hash;
    uint64_t number;
    uint64_t first_us, last_new_us, state_us;
    uint32_t held_head, nr_held;
    struct index_link by_state, by_stall;
    bool is_stall_listed;
    uint32_t next_hash;
};

struct flow_agent { /* one agent's share */
    struct index_list lists[NR_FLOW_STATES];
    uint32_t nr_flows, nr_chunks, nr_held;
};

struct flow_table {
    struct flow *flows;
    uint32_t *buckets;
    uint32_t nr_flows, nr_buckets, nr_used, nr_touched, free_head;
    struct held *held;
    uint32_t nr_chunks_max;
    uint32_t nr_held_max, nr_held, nr_held_touched, held_free;
    struct chunk_pool pool;
    struct flow_agent *agents; /* by source tag */
    uint32_t nr_agents, flows_per_agent, chunks_per_agent, held_per_agent;
    struct index_list stalls; /* flows with held packets, by the time of their last new byte */
    uint64_t nr_made;
    uint8_t hash_key[16];
};

MUST_CHECK bool flow_table_init(struct flow_table *table, uint32_t nr_flows, uint32_t nr_chunks,
                                uint32_t nr_held, uint32_t nr_agents,
                                const uint8_t hash_key[16]);
void flow_table_clear(struct flow_table *table);

struct flow *flow_find(struct flow_table *table, const struct flow_key *key);

/** flow_table_share - nr agents share the table from now on; until then nr_agents - 1 do */
void flow_table_share(struct flow_table *table, uint32_t nr);

/** flow_new - an OPEN flow; key must not be in the table. NULL when the agent's share is used
 * up and none of its flows that wait for an answer can be given up. */
struct flow *flow_new(struct flow_table *table, const struct flow_key *key, uint32_t source_tag,
                      uint64_t now_us);

/** flow_free - forget a flow; it must hold no packet any more */
void flow_free(struct flow_table *table, struct flow *flow);

/** flow_set_state - move to the end of another state's list */
void flow_set_state(struct flow_table *table, struct flow *flow, enum flow_state state,
                    uint64_t now_us);

/** flow_oldest - of one agent in one state, NULL when there is none */
struct flow *flow_oldest(struct flow_table *table, uint32_t source_tag, enum flow_state state);

/** flow_put - stream_put() on the client's or server's stream within the agent's share of
 * chunks; when that is used up, flows of the agent that wait longest for their answer are given
 * up */
MUST_CHECK enum stream_rc flow_put(struct flow_table *table, struct flow *flow,
                                   struct stream *stream, uint32_t offset,
                                   struct cursor segment, uint64_t now_us, uint32_t *nr_new);
/** flow_pass - stream_pass() on one of the flow's streams; held packets move with the client's
 */
MUST_CHECK uint32_t flow_pass(struct flow_table *table, struct flow *flow,
                              struct stream *stream, uint32_t to);
void flow_drop_streams(struct flow_table *table, struct flow *flow);

/** flow_hold - remember a held packet in stream order; false when the flow or its agent holds
 * too many */
MUST_CHECK bool flow_hold(struct flow_table *table, struct flow *flow, uint32_t id,
                          uint32_t offset, uint32_t end);
/** flow_unhold - take the first held packet that ends at or before end; false when there is
 * none */
MUST_CHECK bool flow_unhold(struct flow_table *table, struct flow *flow, uint32_t end,
                            struct held *out);

/** flow_touch - a new byte came: last in the list of stalls; flow_calm - out of it */
void flow_touch(struct flow_table *table, struct flow *flow, uint64_t now_us);
void flow_calm(struct flow_table *table, struct flow *flow);

#define FLOW_HELD_MAX 256 /* packets of one flow */

#endif
