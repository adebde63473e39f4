/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The part of the kernel in a replay: decides, as the live gateway's rules and conntrack do,
 * which packets of a capture the engine gets to see, and keeps what its verdicts make of the
 * connections.
 */
#ifndef SNI_FILTER_REPLAY_KERNEL_H
#define SNI_FILTER_REPLAY_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/ipc.h"
#include "sni-filter/cursor.h"
#include "sni-filter/engine.h"

#define REPLAY_CONNECTIONS_DEFAULT 65536

struct replay_kernel_counts {
    uint64_t packets;     /* given to replay_kernel_packet() */
    uint64_t connections; /* TCP and UDP flows begun by an agent */
    uint64_t judged;      /* packets that the engine got */
    uint64_t dns_answers; /* taken from the capture */
    uint64_t malformed;   /* IP, TCP or UDP headers that contradict themselves */
    uint64_t cut;         /* shorter than their IP header says */
    uint64_t fragments;
    uint64_t invalid;    /* conntrack would drop them: TCP flags, no connection */
    uint64_t link_local; /* multicast, link-local and ICMP errors: nothing to judge */
    uint64_t foreign;    /* not to or from an agent */
    uint64_t unjudged;   /* connections that began before the capture */
    uint64_t late;    /* connections whose first packets are missing but that could be judged */
    uint64_t evicted; /* connections forgotten for want of room */
    uint64_t dns_lost; /* TCP segments to or from port 53 out of order */
};

struct replay_kernel;

/**
 * replay_kernel_new - setup: kept. nr_connections: table size, 0: REPLAY_CONNECTIONS_DEFAULT
 *
 * record: gets each record of the engine. Memory is allocated here alone; NULL when there is
 * none.
 */
struct replay_kernel *replay_kernel_new(const struct ipc_setup *setup, uint32_t nr_connections,
                                        const uint8_t seed[16],
                                        void (*record)(void *arg, const struct record *record),
                                        void *record_arg);
void replay_kernel_free(
    struct replay_kernel *kernel); /* accepts NULL; the engine is not freed */

/** replay_kernel_ops - what engine_new() must be given */
struct engine_ops replay_kernel_ops(struct replay_kernel *kernel);

/** replay_kernel_attach - the engine made with them; before the first packet */
void replay_kernel_attach(struct replay_kernel *kernel, struct engine *engine);

/**
 * replay_kernel_packet - the next IP packet of a capture
 *
 * wall_us: when it was captured, since 1970. One that is earlier than the packet before counts
 * as simultaneous with it. packet: any bytes, borrowed.
 */
void replay_kernel_packet(struct replay_kernel *kernel, uint64_t wall_us, struct cursor packet);

/** replay_kernel_end - the capture is over: let all deadlines pass */
void replay_kernel_end(struct replay_kernel *kernel);

void replay_kernel_counts(const struct replay_kernel *kernel, struct replay_kernel_counts *out);

#endif
