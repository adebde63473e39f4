/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works. A packet goes through the live gateway's rules in this order: fragments are put
 * together; what is never forwarded is left out; DNS over UDP goes to the engine; all else is
 * decided by what is known of its connection. That is conntrack's mark (common/marks.h):
 *
 * - SYN: the engine judges it, unless its address was reported as bound; the mark becomes OPEN
 *   with the client's ISN.
 * - OPEN: the client's payload goes to the engine, the server's is ignored.
 * - PINNED: both go to the engine, but when the server's first payload is the whole head of a
 *   ServerHello that is no HelloRetryRequest the connection becomes ACCEPTED, else ANSWERED.
 * - ANSWERED: both go to the engine.
 * - ACCEPTED: nobody looks any more.
 * - QUIC: long headers of both sides go to the engine.
 * - REVOKED: ignored; live, both ends have been reset.
 *
 * Where a capture differs from live traffic: it goes on whatever the verdict was. So the rest
 * of a refused connection is ignored, as is a refused UDP flow, but for long headers of QUIC,
 * until it was silent for UDP_SILENCE_US. A connection without its SYN, which the live gateway
 * refuses, is judged when its first payload may be a beginning, for captures are often started
 * late; its SYN is made up. Windows and checksums are not looked at: a capture on the sending
 * machine holds checksums that only the network card fills in.
 *
 * Bounds: the table of connections forgets the one unused for the longest time. Verdicts may
 * come in a later call: ids[] leads from a packet's id to its connection, and has more slots
 * than the engine holds packets. bound[] has one slot for each hash value, a newer entry takes
 * the older one's place: a lost entry costs only that the engine sees a SYN.
 */
#include "sni-filter/replay_kernel.h"

#include <stdlib.h>
#include <string.h>

#include "sni-filter/replay_internal.h"

/* --- UDP and the rest ------------------------------------------------------------------ */

static void take_dns_query(struct replay_kernel *kernel, const struct passing *p,
                           const struct replay_connection *connection)
{
    struct packet_meta meta = replay_meta(kernel, PLACE_DNS, NULL);
    struct dns_client client = replay_dns_client(kernel, connection);

    replay_dns_query(&kernel->dns, &kernel->now, &client, p->ip.payload, &meta, &p->bytes);
}

static bool has_long_header(const struct passing *p)
{
    return p->ip.protocol == PROTOCOL_UDP && p->ip.payload.len != 0 &&
           (p->ip.payload.base[0] & 0x80) != 0;
}

static void take_datagram(struct replay_kernel *kernel, const struct passing *p,
                          struct replay_connection *connection, bool is_silent)
{
    switch (connection->mark & MARK_STATE_MASK) {
    case CT_ACCEPTED:
        return;
    case CT_QUIC:
        if (!has_long_header(p))
            return;
        break;
    case CT_REVOKED:
        if (!is_silent && !has_long_header(p))
            return;
        connection->mark = CT_OPEN;
        break;
    }
    replay_give(kernel, PLACE_OUTBOUND, connection, p->bytes);
}

/* A capture's server answers what the gateway would have held, so the engine sees more of it
 * than live: it may tell what the client's next datagram means. */
static void take_answer(struct replay_kernel *kernel, const struct passing *p,
                        struct replay_connection *connection)
{
    if (has_long_header(p) && (connection->mark & MARK_STATE_MASK) != CT_ACCEPTED)
        replay_give(kernel, PLACE_INBOUND, connection, p->bytes);
}

/* UDP, and any protocol without ports: the sender of the first packet is the client. */
static void take_other(struct replay_kernel *kernel, const struct passing *p)
{
    struct replay_connection *connection =
        replay_table_find(&kernel->table, p->ip.protocol, &p->src, &p->dst);
    bool is_dns = p->ip.protocol == PROTOCOL_UDP && p->ip.has_ports;
    struct dns_client client;
    bool is_silent;

    if (connection == NULL) {
        if (is_dns && p->src.port == DNS_PORT && replay_is_agent(kernel, &p->dst.addr)) {
            kernel->counts.unjudged++; /* an answer to what was asked before the capture */
            return;
        }
        if (!replay_is_agent(kernel, &p->src.addr)) {
            kernel->counts.foreign++;
            return;
        }
        connection = replay_put(kernel, p->ip.protocol, &p->src, &p->dst);
    }
    is_silent = kernel->now.mono_us - connection->last_us >= UDP_SILENCE_US;
    connection->last_us = kernel->now.mono_us;
    is_dns = is_dns && connection->server.port == DNS_PORT;
    if (replay_is_up(p, connection)) {
        if (is_dns)
            take_dns_query(kernel, p, connection);
        else
            take_datagram(kernel, p, connection, is_silent);
    } else if (is_dns) {
        client = replay_dns_client(kernel, connection);
        (void)replay_dns_answer(&kernel->dns, &kernel->now, &client, p->ip.payload);
    } else {
        take_answer(kernel, p, connection);
    }
}

/* ICMP errors belong to another connection; neighbour discovery stays on the link. */
static bool is_icmp_passed_by(const struct ip_packet *ip)
{
    uint8_t type = ip->payload.len != 0 ? ip->payload.base[0] : 255;

    if (ip->protocol == PROTOCOL_ICMP)
        return type == 3 || type == 11 || type == 12; /* RFC 792 */
    return ip->protocol == PROTOCOL_ICMPV6 &&         /* RFC 4443, RFC 4861, RFC 3810 */
           (type <= 4 || (type >= 130 && type <= 137) || type == 143);
}

/* --- one packet -------------------------------------------------------------------------- */

static bool stays_on_link(const struct addr *addr)
{
    const uint8_t *b = addr->bytes;

    if (addr->family == ADDR_V4)
        return b[0] == 0 || (b[0] & 0xf0) == 224 || (b[0] == 255 && b[1] == 255);
    return b[0] == 0xff || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
}

static void take_whole(struct replay_kernel *kernel, struct passing *p)
{
    p->src = (struct replay_endpoint) { .addr = p->ip.src, .port = p->ip.sport };
    p->dst = (struct replay_endpoint) { .addr = p->ip.dst, .port = p->ip.dport };
    if (!p->ip.has_ports)
        p->src.port = p->dst.port = 0;
    if (stays_on_link(&p->ip.src) || stays_on_link(&p->ip.dst) || is_icmp_passed_by(&p->ip))
        kernel->counts.link_local++;
    else if (p->ip.protocol == PROTOCOL_TCP && p->ip.has_ports)
        replay_take_tcp(kernel, p);
    else
        take_other(kernel, p);
}

static void tick(struct replay_kernel *kernel, uint64_t mono_us)
{
    uint64_t wait_us;

    kernel->now.mono_us = mono_us;
    kernel->now.wall_us = kernel->first_wall_us - SECOND_US + mono_us;
    replay_dns_expire(&kernel->dns, &kernel->now);
    wait_us = engine_tick(kernel->engine, &kernel->now);
    if (wait_us < TICK_MIN_US)
        wait_us = TICK_MIN_US;
    kernel->due_us = mono_us + (wait_us < SECOND_US ? wait_us : SECOND_US);
}

/* Ticks at the times at which the live gateway would have made them; a gap is shortened. */
static void advance(struct replay_kernel *kernel, uint64_t mono_us)
{
    for (unsigned i = 0; i < TICKS_MAX && kernel->due_us <= mono_us; i++)
        tick(kernel, kernel->due_us);
    if (kernel->due_us <= mono_us)
        tick(kernel, mono_us);
    kernel->now.mono_us = mono_us;
    kernel->now.wall_us = kernel->first_wall_us - SECOND_US + mono_us;
}

/* The engine's monotonic clock starts at one second: 0 may mean "never" somewhere. */
static uint64_t mono_of(struct replay_kernel *kernel, uint64_t wall_us)
{
    uint64_t mono_us;

    if (!kernel->has_begun) {
        kernel->has_begun = true;
        kernel->first_wall_us = wall_us;
    }
    if (wall_us < kernel->first_wall_us)
        return kernel->now.mono_us;
    mono_us = wall_us - kernel->first_wall_us + SECOND_US;
    return mono_us > kernel->now.mono_us ? mono_us : kernel->now.mono_us;
}

void replay_kernel_packet(struct replay_kernel *kernel, uint64_t wall_us, struct cursor packet)
{
    struct passing p = { .bytes = packet };
    enum parse_rc rc;

    kernel->counts.packets++;
    advance(kernel, mono_of(kernel, wall_us));
    rc = ip_packet_parse(p.bytes, &p.ip);
    if (rc == PARSE_OK && p.ip.is_fragment) {
        kernel->counts.fragments++;
        rc = replay_defrag_add(&kernel->defrag, kernel->now.mono_us, packet, &p.ip, &p.bytes);
        if (rc != PARSE_OK)
            return;
        rc = ip_packet_parse(p.bytes, &p.ip);
        if (rc == PARSE_OK && p.ip.is_fragment)
            rc = PARSE_BAD; /* a fragment header inside a fragment */
    }
    if (rc == PARSE_MORE)
        kernel->counts.cut++;
    else if (rc == PARSE_OK)
        take_whole(kernel, &p);
    else
        kernel->counts.malformed++;
}

void replay_kernel_end(struct replay_kernel *kernel)
{
    advance(kernel, kernel->now.mono_us + END_US);
}

struct replay_kernel *replay_kernel_new(const struct ipc_setup *setup, uint32_t nr_connections,
                                        const uint8_t seed[16],
                                        void (*record)(void *arg, const struct record *record),
                                        void *record_arg)
{
    struct replay_kernel *kernel = calloc(1, sizeof(*kernel));

    if (kernel == NULL)
        return NULL;
    if (nr_connections == 0)
        nr_connections = REPLAY_CONNECTIONS_DEFAULT;
    if (!replay_table_init(&kernel->table, nr_connections, seed)) {
        free(kernel);
        return NULL;
    }
    kernel->setup = setup;
    kernel->record = record;
    kernel->record_arg = record_arg;
    kernel->now.mono_us = SECOND_US;
    kernel->due_us = SECOND_US;
    memcpy(kernel->seed, seed, sizeof(kernel->seed));
    return kernel;
}

void replay_kernel_free(struct replay_kernel *kernel)
{
    if (kernel == NULL)
        return;
    replay_table_clear(&kernel->table);
    free(kernel);
}

void replay_kernel_attach(struct replay_kernel *kernel, struct engine *engine)
{
    kernel->engine = engine;
    kernel->dns.engine = engine;
}

void replay_kernel_counts(const struct replay_kernel *kernel, struct replay_kernel_counts *out)
{
    *out = kernel->counts;
    out->evicted = kernel->table.nr_evicted;
    out->dns_answers = kernel->dns.nr_answers;
    out->dns_lost = kernel->dns.nr_lost_segments;
}
