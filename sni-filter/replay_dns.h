/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The upstream resolvers of a replay: a question that the engine asks is answered by what the
 * capture holds as the answer to the client's own query.
 *
 * How it works: while a query is given to the engine it is the current one; a question that the
 * engine asks meanwhile waits with it, at most REPLAY_DNS_PENDING_MAX at once (the oldest is
 * given up for a new one) and for REPLAY_DNS_WAIT_US. A message from the server to that client
 * with the same ID, name and type is the answer. One given up is answered with SERVFAIL, as the
 * live gateway does when no upstream answers. DNS over TCP: bytes in order only, per connection
 * and direction; REPLAY_DNS_STREAMS_MAX connections at once, the one opened first makes room.
 */
#ifndef SNI_FILTER_REPLAY_DNS_H
#define SNI_FILTER_REPLAY_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "sni-filter/cursor.h"
#include "sni-filter/dns_message.h"
#include "sni-filter/engine.h"

#define REPLAY_DNS_PENDING_MAX 1024
#define REPLAY_DNS_WAIT_US     5000000u
#define REPLAY_DNS_STREAMS_MAX 64

struct replay_dns_pending {
    bool is_used;
    bool has_question;
    uint32_t ticket;
    uint64_t asked_us;
    struct dns_client client;
    struct dns_question question;
};

struct replay_dns_stream {
    bool has_next; /* next is known */
    uint32_t next; /* sequence number */
    size_t len;
    uint8_t bytes[2 + DNS_MESSAGE_MAX];
};

struct replay_dns_connection {
    bool is_used;
    uint64_t ticket; /* names the connection */
    struct replay_dns_stream up, down;
};

struct replay_dns {
    struct engine *engine;                                     /* kept */
    struct replay_dns_pending pending[REPLAY_DNS_PENDING_MAX]; /* a ring, oldest first */
    size_t first, nr;
    struct replay_dns_connection connections[REPLAY_DNS_STREAMS_MAX];
    size_t next_connection;
    const struct dns_query *current;
    const struct dns_client *current_client;
    uint64_t nr_lost_segments, nr_answers;
};

/**
 * replay_dns_query - give a query to the engine: over UDP as the packet that it came in, over
 * TCP as a message
 *
 * packet: the IP packet, NULL for TCP. message: the query itself. Questions that the engine
 * asks meanwhile belong to it.
 */
void replay_dns_query(struct replay_dns *dns, const struct engine_clock *now,
                      const struct dns_client *client, struct cursor message,
                      const struct packet_meta *meta, const struct cursor *packet);

/** replay_dns_ask - what engine_ops.dns_ask does */
void replay_dns_ask(struct replay_dns *dns, const struct engine_clock *now,
                    const struct dns_ask *ask);

/** replay_dns_answer - a message from a server to client: true when a question waited for it */
bool replay_dns_answer(struct replay_dns *dns, const struct engine_clock *now,
                       const struct dns_client *client, struct cursor message);

/** replay_dns_expire - give up what has waited too long */
void replay_dns_expire(struct replay_dns *dns, const struct engine_clock *now);

/** replay_dns_open - a TCP connection to port 53 begins; isn: the client's; client->tcp_ticket
 * names it */
void replay_dns_open(struct replay_dns *dns, const struct dns_client *client, uint32_t isn);

/** replay_dns_segment - payload on such a connection, from the client (is_up) or the server */
void replay_dns_segment(struct replay_dns *dns, const struct engine_clock *now,
                        const struct dns_client *client, bool is_up, uint32_t seq,
                        struct cursor payload);

#endif
