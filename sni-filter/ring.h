/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A one-writer one-reader ring of messages in shared memory, between two processes that do not
 * trust each other: neither reads a length twice, and a broken ring ends the reader.
 */
#ifndef SNI_FILTER_RING_H
#define SNI_FILTER_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"

struct ring; /* a handle in private memory; what it points to is shared over fork() */

/** ring_new - size: bytes, a power of two of whole pages; NULL with errno. Given to the caller.
 */
struct ring *ring_new(size_t size);
void ring_free(struct ring *ring);

/**
 * ring_put - append one message of up to two parts; false when there is no room (nothing
 * written then)
 *
 * *must_wake: set (never cleared) when the reader said that it sleeps: write to its eventfd
 * once the batch is done. Each sleep is reported once.
 */
MUST_CHECK bool ring_put(struct ring *ring, uint32_t type, const void *a, size_t a_len,
                         const void *b, size_t b_len, bool *must_wake);

/**
 * ring_peek - the oldest message; valid until ring_pop(). 1 there is one, 0 none, -EPROTO
 * broken
 *
 * body is aligned to 8 bytes. Its bytes lie in shared memory: copy before checking what the
 * writer must not change afterwards.
 */
MUST_CHECK int ring_peek(struct ring *ring, uint32_t *type, const uint8_t **body, size_t *len);
void ring_pop(struct ring *ring);

/** ring_sleep - the reader says that it is about to wait; false when a message came meanwhile
 * (do not wait) */
MUST_CHECK bool ring_sleep(struct ring *ring);
void ring_awake(struct ring *ring);

#endif
