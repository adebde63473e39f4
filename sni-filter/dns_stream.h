/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_DNS_STREAM_H
#define SNI_FILTER_DNS_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"

/* One question over TCP to an upstream server, and its answer (RFC 1035 §4.2.2). */
struct dns_stream;

/** dns_stream_new - message: without its length, at most 512 bytes; NULL when memory runs out.
 * free() it. */
struct dns_stream *dns_stream_new(const uint8_t *message, size_t len);

/**
 * dns_stream_run - write and read on, as far as the non-blocking socket goes
 *
 * Returns 1 with the whole answer (borrowed from stream), 0 when it is not there yet, -errno;
 * -EPIPE when the server closed early.
 */
MUST_CHECK int dns_stream_run(struct dns_stream *stream, int fd, const uint8_t **message,
                              size_t *len);

#endif
