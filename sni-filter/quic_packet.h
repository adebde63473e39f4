/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Headers of QUIC packets, version 1 (RFC 9000) and 2 (RFC 9369), before any key is needed.
 */
#ifndef SNI_FILTER_QUIC_PACKET_H
#define SNI_FILTER_QUIC_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "common/attr.h"
#include "sni-filter/cursor.h"
#include "sni-filter/parse.h"

#define QUIC_CID_MAX      20 /* RFC 9000 §17.2 */
#define QUIC_TAG_LEN      16
#define QUIC_SAMPLE_LEN   16
#define QUIC_PN_MAX       4 /* bytes of a packet number */
#define QUIC_DATAGRAM_MAX 65527

enum quic_version {
    QUIC_V1,
    QUIC_V2,
    NR_QUIC_VERSIONS,
};

enum quic_type {
    QUIC_INITIAL,
    QUIC_ZERO_RTT,
    QUIC_HANDSHAKE,
    QUIC_RETRY,
    QUIC_VERSIONS, /* Version Negotiation */
    QUIC_SHORT,    /* 1-RTT, or the padding of a datagram: takes all that is left */
};

struct quic_cid {
    uint8_t len;
    uint8_t bytes[QUIC_CID_MAX]; /* zeros behind len */
};

struct quic_packet {
    enum quic_type type;
    enum quic_version version;  /* of Initial, 0-RTT, Handshake and Retry */
    bool has_fixed_bit;         /* RFC 9000 §17.2; may be clear where RFC 9287 was agreed on */
    struct quic_cid dcid, scid; /* of long headers */
    struct cursor token;        /* of Initial and Retry; may be empty */
    struct cursor whole;        /* the packet, from its first byte to its last; borrowed */
    size_t pn_at; /* of Initial, 0-RTT, Handshake: where in whole the packet number begins;
                     at least QUIC_PN_MAX + QUIC_SAMPLE_LEN bytes follow */
};

/**
 * quic_packet_next - the header of a datagram's next packet (RFC 9000 §12.2, §17)
 *
 * datagram: moved behind the packet on PARSE_OK and, to its end, on PARSE_ABSENT. Returns
 * PARSE_OK; PARSE_ABSENT: a long header of a version that is not read here (RFC 8999), so
 * nothing behind it can be found; PARSE_BAD, also for nothing at all. Never PARSE_MORE. Unless
 * PARSE_OK, *out is all zero.
 */
MUST_CHECK enum parse_rc quic_packet_next(struct cursor *datagram, struct quic_packet *out);

/** quic_varint - RFC 9000 §16: 1, 2, 4 or 8 bytes, the shortest form is not asked for */
MUST_CHECK bool quic_varint(struct cursor *c, uint64_t *out);

bool quic_cid_equal(const struct quic_cid *a, const struct quic_cid *b);

#endif
