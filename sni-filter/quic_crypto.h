/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The CRYPTO stream of one side's Initial packets, and the TLS messages in it.
 */
#ifndef SNI_FILTER_QUIC_CRYPTO_H
#define SNI_FILTER_QUIC_CRYPTO_H

#include "sni-filter/parse.h"
#include "sni-filter/stream.h"
#include "sni-filter/tls_hello.h"
#include "sni-filter/tls_record.h"

/* Bytes of a side's CRYPTO stream that are read. Real clients send 300 to 2500 bytes a hello,
 * and at most two hellos; RFC 9000 §7.5 asks a server for 4096. */
#define QUIC_CRYPTO_MAX 16384u

struct quic_crypto {
    struct stream stream;
    uint32_t top; /* end of the furthest byte that came */
};

void quic_crypto_init(struct quic_crypto *crypto);
void quic_crypto_clear(struct quic_crypto *crypto, struct chunk_pool *pool);

enum quic_crypto_rc {
    QUIC_CRYPTO_OK,
    QUIC_CRYPTO_BAD,      /* frames: see quic_frame_next() */
    QUIC_CRYPTO_TOO_LONG, /* past QUIC_CRYPTO_MAX */
    QUIC_CRYPTO_CONFLICT, /* a byte that came before has another value now */
    QUIC_CRYPTO_FULL,     /* the pool has no chunk left */
};

/**
 * quic_crypto_take - the CRYPTO frames of one packet, in any order, number and overlap
 *
 * frames: the packet's payload. With BAD and TOO_LONG nothing was taken; with CONFLICT and FULL
 * the frames before it were: the connection is not to be read on.
 */
MUST_CHECK enum quic_crypto_rc quic_crypto_take(struct quic_crypto *crypto,
                                                struct chunk_pool *pool, struct cursor frames);

/**
 * quic_crypto_message - the handshake message at offset at, as far as it is there
 *
 * scratch: QUIC_CRYPTO_MAX bytes. Returns PARSE_OK: *message is the whole of it, header
 * included, in scratch; PARSE_MORE; PARSE_BAD: it would end beyond QUIC_CRYPTO_MAX.
 */
MUST_CHECK enum parse_rc quic_crypto_message(const struct quic_crypto *crypto,
                                             const struct chunk_pool *pool, uint32_t at,
                                             uint8_t *scratch, struct cursor *message);

/**
 * quic_crypto_hello - the ClientHello at offset at
 *
 * end: out, the offset behind it, 0 unless PARSE_OK. Returns as tls_hello_parse(); also
 * PARSE_BAD for what RFC 9001 forbids: no quic_transport_parameters (§8.2), a session id
 * (§8.4), bytes behind the hello (a client has nothing to say there before it is asked). Unless
 * PARSE_OK, *out is all zero; out->alpn points into scratch.
 */
MUST_CHECK enum parse_rc quic_crypto_hello(const struct quic_crypto *crypto,
                                           const struct chunk_pool *pool, uint32_t at,
                                           uint8_t *scratch, struct tls_hello *out,
                                           uint32_t *end);

/** quic_crypto_answer - what a server says at offset at: TLS_ANSWER_RETRY, with *end the offset
 * behind it; TLS_ANSWER_OTHER: a ServerHello; TLS_ANSWER_MORE: neither is whole */
enum tls_answer quic_crypto_answer(const struct quic_crypto *crypto,
                                   const struct chunk_pool *pool, uint32_t at, uint8_t *scratch,
                                   uint32_t *end);

#endif
