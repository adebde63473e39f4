/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * QUIC packets made for tests: sealed by OpenSSL's own calls, apart from the keys.
 */
#ifndef TESTS_SUPPORT_QUIC_SEAL_H
#define TESTS_SUPPORT_QUIC_SEAL_H

#include "sni-filter/quic_initial.h"
#include "tests/support/bytes.h"

/* An Initial packet; what is not set is 0 or empty. */
struct quic_seal {
    enum quic_version version;
    enum quic_side side;
    const char *keys_from;           /* hex of the DCID that the keys are made of; NULL: dcid */
    const char *dcid, *scid, *token; /* hex */
    uint64_t number;
    unsigned number_len; /* bytes; 0: 4 */
    uint8_t reserved;    /* bits ORed to the first byte */
    bool is_fixed_bit_clear;
    size_t pad_to; /* PADDING frames until the datagram is this long */
};

/** quic_seal_initial - append the packet that holds frames to a datagram */
void quic_seal_initial(struct bytes *datagram, const struct quic_seal *seal,
                       const struct bytes *frames);

/** quic_seal_crypto - append a CRYPTO frame to frames: bytes [from, to) of message */
void quic_seal_crypto(struct bytes *frames, const struct bytes *message, size_t from,
                      size_t to);

/** quic_seal_retry - append a Retry with its tag; original: hex of the DCID it answers */
void quic_seal_retry(struct bytes *datagram, const struct quic_seal *seal,
                     const char *original);

/** quic_seal_hello - a ClientHello as QUIC carries it: no session id, transport parameters;
 * name NULL: without server_name */
void quic_seal_hello(struct bytes *message, const char *name);

/** quic_seal_server_hello - a ServerHello, or a HelloRetryRequest */
void quic_seal_server_hello(struct bytes *message, bool is_retry);

#endif
