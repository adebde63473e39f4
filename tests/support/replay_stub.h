/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An engine that notes what it is given and says what it is told to, for tests of the replay.
 * The program must be linked with -Wl,--wrap for engine_packet, engine_dns_tcp,
 * engine_dns_found, engine_tick and engine_source_tag.
 */
#ifndef TESTS_SUPPORT_REPLAY_STUB_H
#define TESTS_SUPPORT_REPLAY_STUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sni-filter/engine.h"
#include "sni-filter/replay_kernel.h"
#include "tests/support/packets.h"

#define STUB_HOLD 1u /* no verdict yet */

struct stub_packet {
    struct packet_meta meta;
    uint64_t mono_us;
    size_t len;
    uint8_t bytes[2048]; /* the first ones */
};

struct stub {
    struct replay_kernel *kernel;
    struct engine_ops ops;
    struct ipc_setup setup;
    uint32_t verdict; /* the answer to each packet */
    bool is_asking;   /* each query leads to a question, with ticket + 1 */
    uint32_t ticket;
    uint64_t wait_us; /* what engine_tick() returns */
    struct stub_packet packets[64];
    size_t nr_packets;
    struct dns_found found[16];
    size_t nr_found;
    char queries[16][64]; /* messages over TCP, as text */
    size_t nr_queries;
    struct engine_clock ticks[256];
    size_t nr_ticks;
};

/* Every IPv4 and IPv6 host is an agent, but those of 203.0.113.0/24 when has_outside. */
void stub_start(struct stub *stub, uint32_t nr_connections, bool has_outside);
void stub_stop(struct stub *stub);

/* At a time in microseconds since the capture's first packet, from an exact heap copy. */
void stub_packet(struct stub *stub, uint64_t us, const uint8_t *packet, size_t len);
void stub_tcp(struct stub *stub, uint64_t us, const struct packet_ends *ends,
              const struct packet_tcp *tcp, const void *data, size_t len);
void stub_udp(struct stub *stub, uint64_t us, const struct packet_ends *ends, const void *data,
              size_t len);
struct replay_kernel_counts stub_counts(const struct stub *stub);

#endif
