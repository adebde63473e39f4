/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Initial packets: their keys are made from a connection ID that everybody on the way sees
 * (RFC 9001 §5.2), so that they can be read, and forged, but not by accident.
 */
#ifndef SNI_FILTER_QUIC_INITIAL_H
#define SNI_FILTER_QUIC_INITIAL_H

#include "sni-filter/quic_cipher.h"
#include "sni-filter/quic_packet.h"

enum quic_side {
    QUIC_CLIENT,
    QUIC_SERVER,
    NR_QUIC_SIDES,
};

struct quic_keys {
    uint8_t key[QUIC_KEY_LEN], iv[QUIC_IV_LEN], hp[QUIC_KEY_LEN];
};

/**
 * quic_initial_keys - the keys that one side seals its Initial packets with
 *
 * dcid: of the client's first Initial, or what a Retry replaced it by (RFC 9001 §5.2). After a
 * compatible change of version it is still the same, with the other version's salt and labels
 * (RFC 9369 §3.3, §4.1). False: the library failed; *out is then not to be used.
 */
MUST_CHECK bool quic_initial_keys(enum quic_version version, const struct quic_cid *dcid,
                                  enum quic_side side, struct quic_keys *out);

struct quic_opened {
    uint64_t number;      /* the whole packet number */
    struct cursor frames; /* at least one byte; points into scratch */
};

/**
 * quic_initial_open - take header protection and seal off an Initial packet
 *
 * packet: of quic_packet_next(). next_number: the highest packet number opened before from this
 * side, plus 1 (0: none yet). scratch: QUIC_DATAGRAM_MAX bytes. Returns PARSE_OK; PARSE_ABSENT:
 * no Initial packet, or not sealed with these keys; PARSE_BAD: sealed with them, but reserved
 * bits are set or no frame is in it (RFC 9000 §12.4, §17.2). Unless PARSE_OK, *out is all zero.
 */
MUST_CHECK enum parse_rc quic_initial_open(struct quic_cipher *cipher,
                                           const struct quic_keys *keys,
                                           const struct quic_packet *packet,
                                           uint64_t next_number, uint8_t *scratch,
                                           struct quic_opened *out);

/**
 * quic_retry_is_genuine - was this Retry sent by one who saw the client's Initial?
 *
 * retry: type QUIC_RETRY. original: DCID of that Initial. scratch: QUIC_DATAGRAM_MAX bytes. RFC
 * 9001 §5.8, RFC 9369 §3.3.3.
 */
MUST_CHECK bool quic_retry_is_genuine(struct quic_cipher *cipher,
                                      const struct quic_packet *retry,
                                      const struct quic_cid *original, uint8_t *scratch);

#endif
