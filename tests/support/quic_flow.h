/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * QUIC between two sockets, as an engine sees it: datagrams sealed here, put into packets, and
 * the conntrack mark that its verdicts make.
 */
#ifndef TESTS_SUPPORT_QUIC_FLOW_H
#define TESTS_SUPPORT_QUIC_FLOW_H

#include "tests/support/engine_rig.h"
#include "tests/support/quic_seal.h"

struct quic_flow {
    const char *client, *server;
    uint16_t client_port, server_port;
    uint32_t mark;
};

struct quic_flow quic_flow(const char *server, uint16_t server_port);

/** quic_flow_up, quic_flow_down - a datagram of the client's, of the server's: its packet id */
uint32_t quic_flow_up(struct rig *rig, struct quic_flow *flow, const struct bytes *datagram);
uint32_t quic_flow_down(struct rig *rig, struct quic_flow *flow, const struct bytes *datagram);

/** quic_flow_hello - one datagram of the client's: bytes [from, to) of message (to 0: all) */
void quic_flow_hello(struct bytes *datagram, const struct quic_seal *seal,
                     const struct bytes *message, size_t from, size_t to);
/** quic_flow_answer - one of the server's: a ServerHello or a HelloRetryRequest */
void quic_flow_answer(struct bytes *datagram, const struct quic_seal *seal, bool is_retry);

/** quic_flow_other - a packet of type (first byte) with this DCID and len bytes */
void quic_flow_other(struct bytes *datagram, uint8_t first, const char *dcid, const char *scid,
                     size_t len);

#endif
