/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the replay's kernel files share; nobody else includes this.
 */
#ifndef SNI_FILTER_REPLAY_INTERNAL_H
#define SNI_FILTER_REPLAY_INTERNAL_H

#include "common/marks.h"
#include "sni-filter/ip_packet.h"
#include "sni-filter/replay_defrag.h"
#include "sni-filter/replay_dns.h"
#include "sni-filter/replay_kernel.h"
#include "sni-filter/replay_table.h"

enum {
    NR_IDS = 32768,
    NR_BOUND = 16384,
    TICKS_MAX = 32, /* of at most 1 s, made up for a gap: more than any deadline */
    PROTOCOL_ICMP = 1,
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    PROTOCOL_ICMPV6 = 58,
    DNS_PORT = 53,
    HTTPS_PORT = 443,
};

#define SECOND_US      1000000u
#define UDP_SILENCE_US (30 * (uint64_t)SECOND_US)
#define TICK_MIN_US    1000u
#define END_US         (35 * (uint64_t)SECOND_US) /* beyond the engine's deadlines */

struct waiting_id {
    bool is_used;
    uint32_t id;
    uint32_t slot, generation; /* of the connection; REPLAY_NONE: a packet without one */
};

struct bound_entry {
    bool is_used;
    struct engine_bound bound;
    uint64_t until_us;
};

struct replay_kernel {
    const struct ipc_setup *setup;
    struct engine *engine;
    void (*record)(void *arg, const struct record *record);
    void *record_arg;
    struct engine_clock now;
    bool has_begun;
    uint64_t first_wall_us, due_us;
    uint8_t seed[16];
    uint32_t next_id;
    struct waiting_id ids[NR_IDS];
    struct bound_entry bound[NR_BOUND];
    struct replay_table table;
    struct replay_defrag defrag;
    struct replay_dns dns;
    struct replay_kernel_counts counts;
};

/* One packet on its way through the rules. */
struct passing {
    struct cursor bytes;
    struct ip_packet ip;
    struct replay_endpoint src, dst;
};

/* replay_ops.c: packets to the engine, its verdicts back */

/** replay_give - the engine judges a packet of a connection */
void replay_give(struct replay_kernel *kernel, enum packet_place place,
                 struct replay_connection *connection, struct cursor packet);

/** replay_meta - a new packet id; connection may be NULL: what becomes of the packet changes
 * nothing */
struct packet_meta replay_meta(struct replay_kernel *kernel, enum packet_place place,
                               const struct replay_connection *connection);

bool replay_is_agent(const struct replay_kernel *kernel, const struct addr *addr);

/** replay_is_bound - may a SYN to the connection's server pass unseen? */
bool replay_is_bound(struct replay_kernel *kernel, const struct replay_connection *connection);

struct dns_client replay_dns_client(const struct replay_kernel *kernel,
                                    const struct replay_connection *connection);

/** replay_put - a new connection, counted */
struct replay_connection *replay_put(struct replay_kernel *kernel, uint8_t protocol,
                                     const struct replay_endpoint *client,
                                     const struct replay_endpoint *server);

/* replay_tcp.c */
void replay_take_tcp(struct replay_kernel *kernel, const struct passing *p);

/** replay_is_up - was the packet sent by the connection's client? */
static inline bool replay_is_up(const struct passing *p,
                                const struct replay_connection *connection)
{
    return connection->client.port == p->src.port &&
           addr_equal(&connection->client.addr, &p->src.addr);
}

#endif
