/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works. The data area is mapped twice in a row, so a message that runs over the end is
 * still one piece. head and tail count bytes ever written and read; their difference is what
 * waits. Each side keeps the index that it owns in private memory and only publishes it, so the
 * other side cannot move it; the foreign index is checked against the size at each use.
 *
 * A message is one 64-bit word (type above, length below), read once and atomically, and the
 * body, padded to 8 bytes. Full means that nothing is written.
 *
 * Waking: the reader raises is_sleeping and looks at head again; the writer publishes head and
 * looks at is_sleeping. A full fence stands between the two steps on both sides, so one of them
 * sees the other.
 */
#include "sni-filter/ring.h"

#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HEADER_LEN 8

struct shared { /* one page */
    alignas(64) _Atomic uint64_t head;
    alignas(64) _Atomic uint64_t tail;
    alignas(64) _Atomic uint32_t is_sleeping;
};

struct ring {
    struct shared *shared;
    uint8_t *data; /* size bytes, then the same bytes again */
    size_t size;
    size_t page;
    uint64_t head;   /* the writer's own */
    uint64_t tail;   /* the reader's own */
    uint64_t peeked; /* bytes that ring_pop() gives back */
};

/* Map the first page, then the data area twice, from fd. */
static bool map_all(struct ring *ring, int fd)
{
    size_t page = ring->page, size = ring->size;
    uint8_t *base = mmap(NULL, page + 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const int prot = PROT_READ | PROT_WRITE, flags = MAP_SHARED | MAP_FIXED;

    if (base == MAP_FAILED)
        return false;
    if (mmap(base, page + size, prot, flags, fd, 0) == MAP_FAILED ||
        mmap(base + page + size, size, prot, flags, fd, (off_t)page) == MAP_FAILED) {
        munmap(base, page + 2 * size);
        return false;
    }
    ring->shared = (void *)base;
    ring->data = base + page;
    return true;
}

struct ring *ring_new(size_t size)
{
    struct ring *ring = calloc(1, sizeof(*ring));
    bool is_ok = false;
    int fd = -1, saved;

    if (ring == NULL)
        return NULL;
    ring->page = (size_t)sysconf(_SC_PAGESIZE);
    ring->size = size;
    if ((size & (size - 1)) != 0) { /* less than a page: mmap() refuses */
        errno = EINVAL;
        goto out;
    }
    fd = memfd_create("ring", MFD_CLOEXEC);
    is_ok = fd >= 0 && ftruncate(fd, (off_t)(ring->page + size)) == 0 && map_all(ring, fd);
out:
    saved = errno;
    if (fd >= 0)
        close(fd);
    if (!is_ok) {
        free(ring);
        ring = NULL;
    }
    errno = saved;
    return ring;
}

void ring_free(struct ring *ring)
{
    if (ring == NULL)
        return;
    munmap(ring->shared, ring->page + 2 * ring->size);
    free(ring);
}

static size_t padded(size_t len)
{
    return (len + 7) & ~(size_t)7;
}

bool ring_put(struct ring *ring, uint32_t type, const void *a, size_t a_len, const void *b,
              size_t b_len, bool *must_wake)
{
    uint64_t used =
        ring->head - atomic_load_explicit(&ring->shared->tail, memory_order_acquire);
    size_t len, total;
    uint8_t *at;

    if (a_len > ring->size || b_len > ring->size || used > ring->size)
        return false;
    len = a_len + b_len;
    total = HEADER_LEN + padded(len);
    if (len > UINT32_MAX || total > ring->size - used)
        return false;
    at = ring->data + (ring->head & (ring->size - 1));
    *(uint64_t *)(void *)at = (uint64_t)type << 32 | len;
    if (a_len != 0)
        memcpy(at + HEADER_LEN, a, a_len);
    if (b_len != 0)
        memcpy(at + HEADER_LEN + a_len, b, b_len);
    ring->head += total;
    atomic_store_explicit(&ring->shared->head, ring->head, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&ring->shared->is_sleeping, memory_order_relaxed) != 0 &&
        atomic_exchange(&ring->shared->is_sleeping, 0) != 0)
        *must_wake = true;
    return true;
}

int ring_peek(struct ring *ring, uint32_t *type, const uint8_t **body, size_t *len)
{
    uint64_t used =
        atomic_load_explicit(&ring->shared->head, memory_order_acquire) - ring->tail;
    const uint8_t *at = ring->data + (ring->tail & (ring->size - 1));
    uint64_t header;
    size_t body_len;

    if (used == 0)
        return 0;
    if (used > ring->size || used % 8 != 0)
        return -EPROTO;
    header = __atomic_load_n((const uint64_t *)(const void *)at, __ATOMIC_RELAXED);
    body_len = (uint32_t)header;
    if (padded(body_len) > used - HEADER_LEN)
        return -EPROTO;
    ring->peeked = HEADER_LEN + padded(body_len);
    *type = (uint32_t)(header >> 32);
    *body = at + HEADER_LEN;
    *len = body_len;
    return 1;
}

void ring_pop(struct ring *ring)
{
    ring->tail += ring->peeked;
    ring->peeked = 0;
    atomic_store_explicit(&ring->shared->tail, ring->tail, memory_order_release);
}

bool ring_sleep(struct ring *ring)
{
    atomic_store_explicit(&ring->shared->is_sleeping, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&ring->shared->head, memory_order_acquire) == ring->tail)
        return true;
    ring_awake(ring);
    return false;
}

void ring_awake(struct ring *ring)
{
    atomic_store_explicit(&ring->shared->is_sleeping, 0, memory_order_relaxed);
}
