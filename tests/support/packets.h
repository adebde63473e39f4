/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Makes IP packets for tests. Checksums are zero.
 */
#ifndef TESTS_SUPPORT_PACKETS_H
#define TESTS_SUPPORT_PACKETS_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

#define PACKET_MAX 65535

/* Both addresses of one family. */
struct packet_ends {
    const char *src, *dst; /* numeric */
    uint16_t sport, dport;
};

struct packet_tcp {
    uint32_t seq, ack;
    uint8_t flags;
};

/* Each returns the packet's length; out: PACKET_MAX bytes; data may be NULL when len is 0. */
size_t packet_make_tcp(const struct packet_ends *ends, const struct packet_tcp *tcp,
                       const void *data, size_t len, uint8_t *out);
size_t packet_make_udp(const struct packet_ends *ends, const void *data, size_t len,
                       uint8_t *out);
/* Any protocol: data stands behind the IP header. */
size_t packet_make_ip(const struct packet_ends *ends, uint8_t protocol, const void *data,
                      size_t len, uint8_t *out);

/* packet_exact - the same bytes in a heap block of exactly that size; free() it */
uint8_t *packet_exact(const void *bytes, size_t len);

struct addr packet_addr(const char *text);

#endif
