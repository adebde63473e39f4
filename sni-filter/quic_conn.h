/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One QUIC connection while its Initial packets are read: from the client's first one until the
 * server's ServerHello.
 */
#ifndef SNI_FILTER_QUIC_CONN_H
#define SNI_FILTER_QUIC_CONN_H

#include "sni-filter/quic_crypto.h"
#include "sni-filter/quic_initial.h"

#define QUIC_FIRST_DCID_MIN 8    /* RFC 9000 §7.2 */
#define QUIC_INITIAL_MIN    1200 /* bytes of a client's datagram with an Initial, §14.1 */

struct quic_conn {
    struct quic_cid initial; /* the keys come from it: the client's first DCID, or a Retry's */
    struct quic_cid client, server; /* what each calls itself: its SCID */
    bool is_answered;               /* the server's first Initial was read: server is known */
    bool is_retried;
    bool has_asked; /* a HelloRetryRequest was read */
    uint8_t keys_made;
    struct quic_keys keys[NR_QUIC_VERSIONS][NR_QUIC_SIDES];
    uint64_t next_number[NR_QUIC_SIDES];
    struct quic_crypto crypto[NR_QUIC_SIDES];
    uint32_t hello_at, hello_end; /* the hello being read; end 0: not whole yet */
    uint32_t answer_at;
};

/* What a datagram is; the order is of no meaning. */
enum quic_rc {
    QUIC_OK,            /* read: what its Initial packets say is in the connection */
    QUIC_NO_INITIAL,    /* well formed, but no Initial packet is in it */
    QUIC_MALFORMED,     /* or not QUIC at all */
    QUIC_OTHER_VERSION, /* neither version 1 nor 2 */
    QUIC_FOREIGN,       /* a connection ID that is not this connection's */
    QUIC_UNDECRYPTABLE,
    QUIC_TOO_LONG,
    QUIC_CONFLICT,
    QUIC_FULL, /* no memory for it: not the client's fault */
};

/**
 * quic_conn_begin - a connection, from its client's first datagram
 *
 * Only the first packet's header is read, to know the connection by: quic_conn_client() must
 * follow with the same datagram. Returns QUIC_OK; QUIC_NO_INITIAL: another packet comes first
 * (0-RTT, Handshake, 1-RTT); QUIC_MALFORMED; QUIC_OTHER_VERSION. Unless QUIC_OK, *conn holds
 * nothing.
 */
MUST_CHECK enum quic_rc quic_conn_begin(struct quic_conn *conn, struct cursor datagram);

/** quic_conn_clear - give the memory back; the keys and IDs stay */
void quic_conn_clear(struct quic_conn *conn, struct chunk_pool *pool);

/** quic_conn_owns - does a client's packet with this DCID belong to the connection? */
bool quic_conn_owns(const struct quic_conn *conn, const struct quic_cid *dcid);

/**
 * quic_conn_client - read a client's datagram
 *
 * scratch: QUIC_DATAGRAM_MAX bytes. After QUIC_OK, quic_conn_hello() says what is known. After
 * QUIC_CONFLICT, QUIC_TOO_LONG and QUIC_FULL the connection is not to be read on; after the
 * others it is as before but for whole packets that stand before the bad one.
 * Stricter than RFC 9000: a datagram with one bad packet is bad (§12.2 would have it dropped
 * alone), for all of it would leave.
 */
MUST_CHECK enum quic_rc quic_conn_client(struct quic_conn *conn, struct chunk_pool *pool,
                                         struct quic_cipher *cipher, struct cursor datagram,
                                         uint8_t *scratch);

/**
 * quic_conn_hello - the hello that is being read: the first, or, once the server has asked, the
 * second
 *
 * As quic_crypto_hello(). PARSE_OK stays PARSE_OK. out->alpn points into scratch.
 */
MUST_CHECK enum parse_rc quic_conn_hello(struct quic_conn *conn, const struct chunk_pool *pool,
                                         uint8_t *scratch, struct tls_hello *out);

enum quic_answer {
    QUIC_ANSWER_NONE,  /* nothing that tells, or not of this connection */
    QUIC_ANSWER_RETRY, /* a Retry: the client begins again, with another DCID */
    QUIC_ANSWER_ASKS,  /* a HelloRetryRequest: a second hello follows */
    QUIC_ANSWER_HELLO, /* a ServerHello: the Initial packets have done their work */
};

/**
 * quic_conn_server - read a server's datagram to the connection's client
 *
 * What cannot be read is passed over, as the client does. The version may be another than the
 * client's (RFC 9368 §2.1: a compatible one, with the same Initial DCID). After
 * QUIC_ANSWER_RETRY the connection is as at its beginning, with the DCID of the Retry.
 */
MUST_CHECK enum quic_answer quic_conn_server(struct quic_conn *conn, struct chunk_pool *pool,
                                             struct quic_cipher *cipher, struct cursor datagram,
                                             uint8_t *scratch);

#endif
