/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Puts the fragments of a capture together, as the kernel does before the gateway's rules see
 * them.
 *
 * How it works: REPLAY_DEFRAG_SETS sets of fragments are gathered at once, each in a buffer of
 * its own with a bit per 8 bytes that says what is there. A new set takes the place of the
 * oldest one when all are in use; a set older than REPLAY_DEFRAG_WAIT_US is dropped. Fragments
 * that overlap drop their set, unless they repeat the same bytes (RFC 8200 §4.5, RFC 5722;
 * Linux treats IPv4 alike).
 */
#ifndef SNI_FILTER_REPLAY_DEFRAG_H
#define SNI_FILTER_REPLAY_DEFRAG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/attr.h"
#include "sni-filter/cursor.h"
#include "sni-filter/ip_packet.h"
#include "sni-filter/parse.h"

#define REPLAY_DEFRAG_SETS    16
#define REPLAY_DEFRAG_WAIT_US 30000000u
#define REPLAY_DEFRAG_MAX     65536 /* bytes of a whole packet, header included: less than this */

struct replay_defrag_set {
    bool is_used;
    bool is_broken; /* fragments overlapped: the rest of the set is dropped too */
    uint64_t since_us;
    struct addr src, dst;
    uint32_t id;
    uint8_t protocol;
    uint8_t header[60]; /* of the first fragment */
    size_t header_len;
    size_t total;    /* 0: the last fragment is not there yet */
    size_t end;      /* where the furthest fragment ended */
    size_t nr_units; /* of 8 bytes, there so far */
    uint8_t units[REPLAY_DEFRAG_MAX / 64];
    uint8_t bytes[REPLAY_DEFRAG_MAX];
};

struct replay_defrag {
    struct replay_defrag_set sets[REPLAY_DEFRAG_SETS];
    uint8_t whole[REPLAY_DEFRAG_MAX];
};

/**
 * replay_defrag_add - take one fragment
 *
 * packet: what ip_packet_parse() said is_fragment of, whole; ip: what it said. Returns
 * PARSE_OK: *whole is the packet put together (borrowed, until the next call; its header
 * checksum is stale); PARSE_MORE; PARSE_BAD: dropped. Unless PARSE_OK, *whole is empty. IPv6:
 * only a fragment header that follows the fixed header at once; RFC 791 §3.2, RFC 8200 §4.5.
 */
MUST_CHECK enum parse_rc replay_defrag_add(struct replay_defrag *defrag, uint64_t now_us,
                                           struct cursor packet, const struct ip_packet *ip,
                                           struct cursor *whole);

#endif
