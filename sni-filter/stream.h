/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The bytes of one direction of a TCP connection, put together from segments.
 */
#ifndef SNI_FILTER_STREAM_H
#define SNI_FILTER_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "sni-filter/cursor.h"

#define CHUNK_SIZE        1024u
#define CHUNK_NONE        UINT16_MAX
#define STREAM_CHUNKS_MAX 80u
#define STREAM_MAX                                                                             \
    81920u /* bytes of a stream that are read: CHUNK_SIZE * STREAM_CHUNKS_MAX                  \
            */

struct chunk {
    uint8_t bytes[CHUNK_SIZE];
    uint64_t present[CHUNK_SIZE / 64]; /* one bit a byte */
    uint16_t next_free;
};

struct chunk_pool {
    struct chunk *chunks;
    uint32_t nr, nr_used, nr_touched;
    uint16_t free_head;
};

/** chunk_pool_init - nr: at most CHUNK_NONE. The only allocation; pages are touched as chunks
 * are first used */
MUST_CHECK bool chunk_pool_init(struct chunk_pool *pool, uint32_t nr);
void chunk_pool_clear(struct chunk_pool *pool);

struct stream {
    uint16_t chunks[STREAM_CHUNKS_MAX];
    uint32_t nr_chunks; /* chunks in use by this stream, anywhere in it */
    uint32_t edge;      /* bytes present from the first one on, without a gap */
};

void stream_init(struct stream *stream);
/** stream_clear - give the chunks back; a cleared stream may be cleared again */
void stream_clear(struct stream *stream, struct chunk_pool *pool);

enum stream_rc {
    STREAM_OK,
    STREAM_CONFLICT, /* a byte that is already there has another value: nothing was taken */
    STREAM_TOO_LONG, /* past STREAM_MAX: nothing was taken */
    STREAM_FULL,     /* the pool has no chunk left: nothing was taken */
};

/**
 * stream_put - take a segment's bytes; offset counts from the stream's first byte
 *
 * Every byte that was there before must be the same again. On anything but STREAM_OK the stream
 * is as it was. nr_new: out, bytes that were not there before.
 */
MUST_CHECK enum stream_rc stream_put(struct stream *stream, struct chunk_pool *pool,
                                     uint32_t offset, struct cursor segment, uint32_t *nr_new);

/**
 * stream_pass - bytes below to are no longer of interest, whether they have come or not
 *
 * to: at most STREAM_MAX. Whole chunks below it are given back and the stream moves up: every
 * offset is less by the number that is returned, to's too.
 */
MUST_CHECK uint32_t stream_pass(struct stream *stream, struct chunk_pool *pool, uint32_t to);

/** stream_byte - the byte at offset, which must be below stream->edge */
uint8_t stream_byte(const struct stream *stream, const struct chunk_pool *pool,
                    uint32_t offset);

/** stream_copy - bytes [from, to) below the edge into out (to - from bytes) */
void stream_copy(const struct stream *stream, const struct chunk_pool *pool, uint32_t from,
                 uint32_t to, uint8_t *out);

#endif
