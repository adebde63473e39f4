/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_UDP_REPLY_H
#define SNI_FILTER_UDP_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/err.h"
#include "sni-filter/engine.h"

/* The sockets that DNS answers leave through, in the name of the server that was asked. */
struct udp_reply {
    int fd4, fd6; /* fd6: -1 where the kernel has no IPv6 */
    unsigned internal;
    uint64_t nr_lost; /* answers that the kernel did not take */
};

/** udp_reply_open - internal: index of the only interface that answers may leave by */
MUST_CHECK bool udp_reply_open(struct udp_reply *reply, unsigned internal, struct err *err);

/** udp_reply_send - one answer, from client->dst port 53 to client->src; a failure is counted
 */
void udp_reply_send(struct udp_reply *reply, const struct dns_client *client,
                    const uint8_t *message, size_t len);

#endif
