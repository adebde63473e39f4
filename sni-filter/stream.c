/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: a stream is an array of chunk numbers, chunk i holding bytes [i * CHUNK_SIZE,
 * (i + 1) * CHUNK_SIZE), each chunk with a bit for every byte that is there. So any cut, order
 * and overlap of segments costs the same, and two copies of a byte are compared wherever they
 * meet. Chunks come from one pool of fixed size; a full pool refuses, it never grows.
 */
#include "sni-filter/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(STREAM_MAX == CHUNK_SIZE * STREAM_CHUNKS_MAX, "whole chunks");

bool chunk_pool_init(struct chunk_pool *pool, uint32_t nr)
{
    *pool = (struct chunk_pool) { .nr = nr, .free_head = CHUNK_NONE };
    if (nr <= CHUNK_NONE)
        pool->chunks = calloc(nr, sizeof(*pool->chunks));
    return pool->chunks != NULL;
}

void chunk_pool_clear(struct chunk_pool *pool)
{
    free(pool->chunks);
    *pool = (struct chunk_pool) { .free_head = CHUNK_NONE };
}

static uint16_t chunk_take(struct chunk_pool *pool)
{
    uint16_t index = pool->free_head;

    if (index != CHUNK_NONE)
        pool->free_head = pool->chunks[index].next_free;
    else if (pool->nr_touched < pool->nr)
        index = (uint16_t)pool->nr_touched++;
    else
        return CHUNK_NONE;
    pool->nr_used++;
    memset(pool->chunks[index].present, 0, sizeof(pool->chunks[index].present));
    return index;
}

static void chunk_give(struct chunk_pool *pool, uint16_t index)
{
    pool->chunks[index].next_free = pool->free_head;
    pool->free_head = index;
    pool->nr_used--;
}

void stream_init(struct stream *stream)
{
    memset(stream->chunks, 0xff, sizeof(stream->chunks));
    stream->nr_chunks = 0;
    stream->edge = 0;
}

void stream_clear(struct stream *stream, struct chunk_pool *pool)
{
    for (size_t i = 0; i < STREAM_CHUNKS_MAX && stream->nr_chunks > 0; i++) {
        if (stream->chunks[i] == CHUNK_NONE)
            continue;
        chunk_give(pool, stream->chunks[i]);
        stream->nr_chunks--;
    }
    stream_init(stream);
}

static bool is_present(const struct stream *stream, const struct chunk_pool *pool,
                       uint32_t offset)
{
    uint16_t index = stream->chunks[offset / CHUNK_SIZE];
    uint32_t at = offset % CHUNK_SIZE;

    return index != CHUNK_NONE && (pool->chunks[index].present[at / 64] >> (at % 64) & 1) != 0;
}

uint8_t stream_byte(const struct stream *stream, const struct chunk_pool *pool, uint32_t offset)
{
    assert(offset < stream->edge);
    return pool->chunks[stream->chunks[offset / CHUNK_SIZE]].bytes[offset % CHUNK_SIZE];
}

/* Do the bytes agree with those that are there already? */
static bool agrees(const struct stream *stream, const struct chunk_pool *pool, uint32_t offset,
                   const struct cursor *segment)
{
    for (uint32_t i = 0; i < segment->len; i++) {
        uint32_t at = offset + i;

        if (is_present(stream, pool, at) &&
            pool->chunks[stream->chunks[at / CHUNK_SIZE]].bytes[at % CHUNK_SIZE] !=
                segment->base[i])
            return false;
    }
    return true;
}

/* Chunks for [offset, end); false, with nothing taken, when the pool cannot give them all. */
static bool reserve(struct stream *stream, struct chunk_pool *pool, uint32_t offset,
                    uint32_t end)
{
    uint32_t first = offset / CHUNK_SIZE, last = (end - 1) / CHUNK_SIZE, missing = 0;

    for (uint32_t i = first; i <= last; i++)
        missing += stream->chunks[i] == CHUNK_NONE;
    if (missing > pool->nr - pool->nr_used)
        return false;
    for (uint32_t i = first; i <= last; i++) {
        if (stream->chunks[i] != CHUNK_NONE)
            continue;
        stream->chunks[i] = chunk_take(pool);
        stream->nr_chunks++;
    }
    return true;
}

static void advance_edge(struct stream *stream, const struct chunk_pool *pool)
{
    while (stream->edge < STREAM_MAX && is_present(stream, pool, stream->edge))
        stream->edge++;
}

enum stream_rc stream_put(struct stream *stream, struct chunk_pool *pool, uint32_t offset,
                          struct cursor segment, uint32_t *nr_new)
{
    *nr_new = 0;
    if (segment.len == 0)
        return STREAM_OK;
    if (offset >= STREAM_MAX || segment.len > STREAM_MAX - offset)
        return STREAM_TOO_LONG;
    if (!agrees(stream, pool, offset, &segment))
        return STREAM_CONFLICT;
    if (!reserve(stream, pool, offset, offset + (uint32_t)segment.len))
        return STREAM_FULL;
    for (uint32_t i = 0; i < segment.len; i++) {
        uint32_t at = (offset + i) % CHUNK_SIZE;
        struct chunk *chunk = &pool->chunks[stream->chunks[(offset + i) / CHUNK_SIZE]];
        uint64_t bit = (uint64_t)1 << (at % 64);

        *nr_new += (chunk->present[at / 64] & bit) == 0;
        chunk->present[at / 64] |= bit;
        chunk->bytes[at] = segment.base[i];
    }
    advance_edge(stream, pool);
    return STREAM_OK;
}

uint32_t stream_pass(struct stream *stream, struct chunk_pool *pool, uint32_t to)
{
    const uint32_t nr = to / CHUNK_SIZE;

    assert(to <= STREAM_MAX);
    for (uint32_t i = 0; i < nr; i++) {
        if (stream->chunks[i] == CHUNK_NONE)
            continue;
        chunk_give(pool, stream->chunks[i]);
        stream->nr_chunks--;
    }
    if (nr > 0) {
        const size_t kept = STREAM_CHUNKS_MAX - nr;

        memmove(stream->chunks, stream->chunks + nr, kept * sizeof(stream->chunks[0]));
        memset(stream->chunks + kept, 0xff, nr * sizeof(stream->chunks[0]));
    }
    if (stream->edge < to)
        stream->edge = to;
    stream->edge -= nr * CHUNK_SIZE;
    advance_edge(stream, pool);
    return nr * CHUNK_SIZE;
}

void stream_copy(const struct stream *stream, const struct chunk_pool *pool, uint32_t from,
                 uint32_t to, uint8_t *out)
{
    assert(from <= to && to <= stream->edge);
    while (from < to) {
        uint32_t at = from % CHUNK_SIZE, n = CHUNK_SIZE - at;

        if (n > to - from)
            n = to - from;
        memcpy(out, pool->chunks[stream->chunks[from / CHUNK_SIZE]].bytes + at, n);
        out += n;
        from += n;
    }
}
