/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/replay_defrag.h"

#include <string.h>

struct fragment {
    uint32_t id;
    uint8_t protocol;
    size_t offset; /* bytes */
    bool is_last;
    struct cursor header, body;
};

/* RFC 791 §3.1 */
static bool read_v4(struct cursor *packet, struct fragment *out)
{
    struct cursor whole = *packet, rest;
    uint32_t head, total, where, protocol;

    if (!cursor_uint(packet, 1, &head) || !cursor_skip(packet, 1) ||
        !cursor_uint(packet, 2, &total) || !cursor_uint(packet, 2, &out->id) ||
        !cursor_uint(packet, 2, &where) || !cursor_skip(packet, 1) ||
        !cursor_uint(packet, 1, &protocol))
        return false;
    if (!cursor_split(&whole, total, &rest) ||
        !cursor_split(&rest, (size_t)(head & 15) * 4, &out->header) || out->header.len < 20)
        return false;
    out->protocol = (uint8_t)protocol;
    out->offset = (size_t)(where & 0x1fff) * 8;
    out->is_last = (where & 0x2000) == 0;
    return cursor_split(&rest, cursor_left(&rest), &out->body);
}

/* RFC 8200 §3, §4.5 */
static bool read_v6(struct cursor *packet, struct fragment *out)
{
    struct cursor fixed, rest;
    uint32_t len, next, protocol, where;

    if (!cursor_split(packet, 40, &out->header))
        return false;
    fixed = out->header;
    if (!cursor_skip(&fixed, 4) || !cursor_uint(&fixed, 2, &len) ||
        !cursor_uint(&fixed, 1, &next) || next != 44 || !cursor_split(packet, len, &rest))
        return false;
    if (!cursor_uint(&rest, 1, &protocol) || !cursor_skip(&rest, 1) ||
        !cursor_uint(&rest, 2, &where) || !cursor_uint(&rest, 4, &out->id))
        return false;
    out->protocol = (uint8_t)protocol;
    out->offset = where & 0xfff8;
    out->is_last = (where & 1) == 0;
    return cursor_split(&rest, cursor_left(&rest), &out->body);
}

static struct replay_defrag_set *find_set(struct replay_defrag *defrag, uint64_t now_us,
                                          const struct ip_packet *ip, const struct fragment *f)
{
    struct replay_defrag_set *best = &defrag->sets[0];

    for (size_t i = 0; i < REPLAY_DEFRAG_SETS; i++) {
        struct replay_defrag_set *set = &defrag->sets[i];

        if (set->is_used && now_us - set->since_us >= REPLAY_DEFRAG_WAIT_US)
            set->is_used = false;
        if (set->is_used && set->id == f->id && set->protocol == f->protocol &&
            addr_equal(&set->src, &ip->src) && addr_equal(&set->dst, &ip->dst))
            return set;
        if (best->is_used && (!set->is_used || set->since_us < best->since_us))
            best = set;
    }
    best->is_used = true;
    best->is_broken = false;
    best->since_us = now_us;
    best->src = ip->src;
    best->dst = ip->dst;
    best->id = f->id;
    best->protocol = f->protocol;
    best->header_len = best->total = best->end = best->nr_units = 0;
    memset(best->units, 0, sizeof(best->units));
    return best;
}

/* Bytes of the fragment into the set; false for one that overlaps with others or contradicts
 * them. */
static bool place(struct replay_defrag_set *set, const struct fragment *f)
{
    size_t first = f->offset / 8, nr = (f->body.len + 7) / 8, nr_there = 0;
    size_t end = f->offset + f->body.len;

    if (f->body.len == 0 || end > REPLAY_DEFRAG_MAX - sizeof(set->header) ||
        (!f->is_last && f->body.len % 8 != 0))
        return false;
    if (set->total != 0 && (end > set->total || (f->is_last && end != set->total)))
        return false;
    if (f->is_last && end < set->end)
        return false;
    for (size_t i = first; i < first + nr; i++)
        nr_there += set->units[i / 8] >> i % 8 & 1;
    if (nr_there != 0)
        return nr_there == nr && memcmp(set->bytes + f->offset, f->body.base, f->body.len) == 0;
    memcpy(set->bytes + f->offset, f->body.base, f->body.len);
    for (size_t i = first; i < first + nr; i++)
        set->units[i / 8] = (uint8_t)(set->units[i / 8] | 1u << i % 8);
    set->nr_units += nr;
    if (end > set->end)
        set->end = end;
    if (f->is_last)
        set->total = end;
    if (f->offset == 0) {
        memcpy(set->header, f->header.base, f->header.len);
        set->header_len = f->header.len;
    }
    return true;
}

/* The whole packet: the first fragment's header says so no longer that it is one. */
static struct cursor join(struct replay_defrag *defrag, const struct replay_defrag_set *set)
{
    size_t len = set->header_len + set->total, length_at = 2, length = len;
    uint8_t *out = defrag->whole;

    memcpy(out, set->header, set->header_len);
    memcpy(out + set->header_len, set->bytes, set->total);
    if (set->src.family == ADDR_V6) {
        length_at = 4;
        length = set->total;
        out[6] = set->protocol;
    } else {
        out[6] = out[7] = 0;
    }
    out[length_at] = (uint8_t)(length >> 8);
    out[length_at + 1] = (uint8_t)length;
    return (struct cursor) { .base = out, .len = len };
}

enum parse_rc replay_defrag_add(struct replay_defrag *defrag, uint64_t now_us,
                                struct cursor packet, const struct ip_packet *ip,
                                struct cursor *whole)
{
    struct replay_defrag_set *set;
    struct fragment f;

    *whole = (struct cursor) { .base = NULL };
    if (!(ip->src.family == ADDR_V6 ? read_v6(&packet, &f) : read_v4(&packet, &f)))
        return PARSE_BAD;
    set = find_set(defrag, now_us, ip, &f);
    if (set->is_broken || !place(set, &f)) {
        set->is_broken = true;
        return PARSE_BAD;
    }
    /* No fragment ends beyond total: as many units as it has are all of them, the first one
     * too. */
    if (set->total == 0 || set->nr_units != (set->total + 7) / 8)
        return PARSE_MORE;
    set->is_used = false;
    *whole = join(defrag, set);
    return PARSE_OK;
}
