/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_QUEUE_H
#define SNI_FILTER_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/err.h"
#include "sni-filter/engine.h"

struct queue;

struct queue_counts {
    uint64_t packets;
    uint64_t overruns; /* ENOBUFS: the receive buffer was full, packets were dropped */
    uint64_t unwanted; /* no id, or from a hook that nothing should be queued in */
    uint64_t late;     /* verdicts on packets that the kernel does not know (any more) */
};

/**
 * queue_new - bind NFQUEUE number `number` in this network namespace
 *
 * internal: index of the agents' interface; tells outbound from inbound in the forward hook.
 * Needs CAP_NET_ADMIN, now and for every verdict. NULL with *err.
 */
struct queue *queue_new(uint16_t number, unsigned internal, struct err *err);
void queue_free(struct queue *queue);
int queue_fd(const struct queue *queue);

typedef void queue_packet_fn(void *arg, const struct packet_meta *meta, const uint8_t *packet,
                             size_t len);

/**
 * queue_receive - hand at most one batch of packets to fn
 *
 * fn: the packet is borrowed. Returns how many messages were read (0: none waits) or -errno.
 */
MUST_CHECK int queue_receive(struct queue *queue, queue_packet_fn *fn, void *arg);

/**
 * queue_verdict - 0 drops packet id, anything else accepts it with that packet mark
 *
 * Verdicts gather and leave, in order, when the batch is full or with queue_flush(). 0 or
 * -errno.
 */
MUST_CHECK int queue_verdict(struct queue *queue, uint32_t id, uint32_t verdict);
MUST_CHECK int queue_flush(struct queue *queue);

const struct queue_counts *queue_counts(const struct queue *queue);

#endif
