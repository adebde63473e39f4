/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_PACKET_SIDE_H
#define SNI_FILTER_PACKET_SIDE_H

#include "sni-filter/bound_set.h"
#include "sni-filter/channel.h"
#include "sni-filter/conntrack.h"
#include "sni-filter/queue.h"
#include "sni-filter/udp_reply.h"

/* What the packet side works with; all of it kept. */
struct packet_side_io {
    struct queue *queue;
    struct bound_set *bound;
    struct conntrack *ct;
    struct udp_reply reply;
    struct channel to_inspector;
    struct ring *from_inspector;
    int wake_fd;   /* woken by the inspector */
    int signal_fd; /* SIGCHLD, SIGTERM, SIGINT, SIGHUP */
};

/**
 * packet_side_run - carry packets to the inspector and its orders to the kernel until the end
 *
 * Returns 0 after SIGTERM or SIGINT, or when a child ended with status 0 (its orders are
 * closed); 1 after anything else, which was printed.
 */
int packet_side_run(const struct packet_side_io *io);

#endif
