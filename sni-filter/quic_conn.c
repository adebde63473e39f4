/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works. A connection is known by the DCID of its client's first Initial packet: both
 * sides' Initial keys come from it, whatever DCID later packets carry, and whatever version the
 * server changes to. Later packets may carry the server's own ID instead, once it has been read
 * in a packet that only one who knows the first DCID can have sealed. A Retry replaces the
 * first DCID, and all begins again.
 *
 * Of each side the CRYPTO stream is kept (quic_crypto.c), at most QUIC_CRYPTO_MAX bytes. The
 * client's holds its hello and nothing else until the server has asked for a second one, so no
 * byte of a hello can be sent ahead of its being read.
 */
#include "sni-filter/quic_conn.h"

#include <string.h>

static enum quic_rc from_crypto(enum quic_crypto_rc rc)
{
    switch (rc) {
    case QUIC_CRYPTO_OK:
        return QUIC_OK;
    case QUIC_CRYPTO_BAD:
        return QUIC_MALFORMED;
    case QUIC_CRYPTO_TOO_LONG:
        return QUIC_TOO_LONG;
    case QUIC_CRYPTO_CONFLICT:
        return QUIC_CONFLICT;
    case QUIC_CRYPTO_FULL:
        return QUIC_FULL;
    }
    return QUIC_MALFORMED;
}

/* The header of the next packet of a datagram. */
static enum quic_rc next_packet(struct cursor *datagram, struct quic_packet *packet)
{
    switch (quic_packet_next(datagram, packet)) {
    case PARSE_OK:
        return QUIC_OK;
    case PARSE_ABSENT:
        return QUIC_OTHER_VERSION;
    case PARSE_MORE:
    case PARSE_BAD:
        break;
    }
    return QUIC_MALFORMED;
}

enum quic_rc quic_conn_begin(struct quic_conn *conn, struct cursor datagram)
{
    struct quic_packet packet;
    enum quic_rc rc = next_packet(&datagram, &packet);

    memset(conn, 0, sizeof(*conn));
    quic_crypto_init(&conn->crypto[QUIC_CLIENT]);
    quic_crypto_init(&conn->crypto[QUIC_SERVER]);
    if (rc != QUIC_OK)
        return rc;
    if (packet.type == QUIC_RETRY || packet.type == QUIC_VERSIONS)
        return QUIC_MALFORMED; /* only servers send them */
    if (packet.type != QUIC_INITIAL)
        return packet.has_fixed_bit ? QUIC_NO_INITIAL : QUIC_MALFORMED;
    if (packet.dcid.len < QUIC_FIRST_DCID_MIN)
        return QUIC_MALFORMED;
    conn->initial = packet.dcid;
    conn->client = packet.scid;
    return QUIC_OK;
}

void quic_conn_clear(struct quic_conn *conn, struct chunk_pool *pool)
{
    quic_crypto_clear(&conn->crypto[QUIC_CLIENT], pool);
    quic_crypto_clear(&conn->crypto[QUIC_SERVER], pool);
}

bool quic_conn_owns(const struct quic_conn *conn, const struct quic_cid *dcid)
{
    return quic_cid_equal(dcid, &conn->initial) ||
           (conn->is_answered && quic_cid_equal(dcid, &conn->server));
}

/* The keys of a version and side, made when they are first needed. NULL: the library failed. */
static const struct quic_keys *keys_of(struct quic_conn *conn, enum quic_version version,
                                       enum quic_side side)
{
    struct quic_keys *keys = &conn->keys[version][side];
    uint8_t bit = (uint8_t)(1u << (version * NR_QUIC_SIDES + side));

    if ((conn->keys_made & bit) != 0)
        return keys;
    if (!quic_initial_keys(version, &conn->initial, side, keys))
        return NULL;
    conn->keys_made |= bit;
    return keys;
}

/* Open one side's Initial packet and take its CRYPTO frames. */
static enum quic_rc take_initial(struct quic_conn *conn, struct chunk_pool *pool,
                                 struct quic_cipher *cipher, const struct quic_packet *packet,
                                 enum quic_side side, uint8_t *scratch)
{
    const struct quic_keys *keys = keys_of(conn, packet->version, side);
    struct quic_opened opened;
    enum parse_rc rc;

    if (keys == NULL)
        return QUIC_UNDECRYPTABLE;
    rc = quic_initial_open(cipher, keys, packet, conn->next_number[side], scratch, &opened);
    if (rc != PARSE_OK)
        return rc == PARSE_ABSENT ? QUIC_UNDECRYPTABLE : QUIC_MALFORMED;
    if (opened.number >= conn->next_number[side])
        conn->next_number[side] = opened.number + 1;
    return from_crypto(quic_crypto_take(&conn->crypto[side], pool, opened.frames));
}

static enum quic_rc client_initial(struct quic_conn *conn, struct chunk_pool *pool,
                                   struct quic_cipher *cipher, const struct quic_packet *packet,
                                   uint8_t *scratch)
{
    enum quic_rc rc;

    /* RFC 9000 §7.2: a client never changes its own ID during the handshake. */
    if (!quic_cid_equal(&packet->scid, &conn->client))
        return QUIC_MALFORMED;
    rc = take_initial(conn, pool, cipher, packet, QUIC_CLIENT, scratch);
    /* Bytes behind a hello that has been judged would be the start of one that has not. */
    if (rc == QUIC_OK && conn->hello_end != 0 &&
        conn->crypto[QUIC_CLIENT].top > conn->hello_end)
        return QUIC_MALFORMED;
    return rc;
}

static bool is_all_zero(struct cursor bytes)
{
    uint32_t byte;

    while (cursor_uint(&bytes, 1, &byte))
        if (byte != 0)
            return false;
    return true;
}

/* Before the server has spoken, the fixed bit may not be clear (RFC 9287 §3.1 needs its
 * consent) but in what is no packet: zeros that fill a datagram up. */
static bool is_well_marked(const struct quic_conn *conn, const struct quic_packet *packet)
{
    return packet->has_fixed_bit || conn->is_answered ||
           (packet->type == QUIC_SHORT && is_all_zero(packet->whole));
}

enum quic_rc quic_conn_client(struct quic_conn *conn, struct chunk_pool *pool,
                              struct quic_cipher *cipher, struct cursor datagram,
                              uint8_t *scratch)
{
    enum quic_rc result = QUIC_NO_INITIAL, rc;
    struct quic_packet first, packet;

    for (bool is_first = true; is_first || cursor_left(&datagram) != 0; is_first = false) {
        rc = next_packet(&datagram, &packet);
        if (rc != QUIC_OK)
            return rc;
        if (is_first)
            first = packet;
        if (packet.type == QUIC_RETRY || packet.type == QUIC_VERSIONS ||
            !is_well_marked(conn, &packet))
            return QUIC_MALFORMED;
        if (packet.type == QUIC_SHORT)
            continue;
        if (!quic_conn_owns(conn, &packet.dcid) || !quic_cid_equal(&packet.dcid, &first.dcid))
            return QUIC_FOREIGN;
        if (packet.type == QUIC_HANDSHAKE && !conn->is_answered)
            return QUIC_MALFORMED; /* nobody has keys for it yet */
        if (packet.type != QUIC_INITIAL)
            continue;
        if (datagram.len < QUIC_INITIAL_MIN)
            return QUIC_MALFORMED;
        rc = client_initial(conn, pool, cipher, &packet, scratch);
        if (rc != QUIC_OK)
            return rc;
        result = QUIC_OK;
    }
    return result;
}

enum parse_rc quic_conn_hello(struct quic_conn *conn, const struct chunk_pool *pool,
                              uint8_t *scratch, struct tls_hello *out)
{
    uint32_t end;
    enum parse_rc rc =
        quic_crypto_hello(&conn->crypto[QUIC_CLIENT], pool, conn->hello_at, scratch, out, &end);

    if (rc == PARSE_OK)
        conn->hello_end = end;
    return rc;
}

/* RFC 9000 §17.2.5.2: what a client makes of a Retry. */
static bool take_retry(struct quic_conn *conn, struct chunk_pool *pool,
                       struct quic_cipher *cipher, const struct quic_packet *retry,
                       uint8_t *scratch)
{
    if (conn->is_answered || conn->is_retried || retry->token.len == 0 ||
        quic_cid_equal(&retry->scid, &conn->initial) ||
        !quic_retry_is_genuine(cipher, retry, &conn->initial, scratch))
        return false;
    quic_conn_clear(conn, pool);
    conn->initial = retry->scid;
    conn->is_retried = true;
    conn->next_number[QUIC_CLIENT] = 0; /* the server has kept nothing either */
    conn->keys_made = 0;
    conn->hello_end = 0;
    return true;
}

static enum quic_answer server_initial(struct quic_conn *conn, struct chunk_pool *pool,
                                       struct quic_cipher *cipher,
                                       const struct quic_packet *packet, uint8_t *scratch)
{
    uint32_t end;

    if (conn->is_answered && !quic_cid_equal(&packet->scid, &conn->server))
        return QUIC_ANSWER_NONE;
    if (take_initial(conn, pool, cipher, packet, QUIC_SERVER, scratch) != QUIC_OK)
        return QUIC_ANSWER_NONE;
    conn->server = packet->scid;
    conn->is_answered = true;
    if (conn->hello_end == 0)
        return QUIC_ANSWER_NONE; /* no whole hello has left: whatever this answers, not it */
    switch (
        quic_crypto_answer(&conn->crypto[QUIC_SERVER], pool, conn->answer_at, scratch, &end)) {
    case TLS_ANSWER_MORE:
        return QUIC_ANSWER_NONE;
    case TLS_ANSWER_OTHER:
        return QUIC_ANSWER_HELLO;
    case TLS_ANSWER_RETRY:
        break;
    }
    if (conn->has_asked)
        return QUIC_ANSWER_NONE; /* RFC 8446 §4.1.4: a second time it is an error */
    conn->has_asked = true;
    conn->answer_at = end;
    conn->hello_at = conn->hello_end;
    conn->hello_end = 0;
    return QUIC_ANSWER_ASKS;
}

enum quic_answer quic_conn_server(struct quic_conn *conn, struct chunk_pool *pool,
                                  struct quic_cipher *cipher, struct cursor datagram,
                                  uint8_t *scratch)
{
    enum quic_answer answer = QUIC_ANSWER_NONE;
    struct quic_packet packet;

    while (answer == QUIC_ANSWER_NONE && cursor_left(&datagram) != 0 &&
           next_packet(&datagram, &packet) == QUIC_OK) {
        if (packet.type == QUIC_SHORT || !quic_cid_equal(&packet.dcid, &conn->client))
            continue;
        if (packet.type == QUIC_INITIAL)
            answer = server_initial(conn, pool, cipher, &packet, scratch);
        else if (packet.type == QUIC_RETRY && take_retry(conn, pool, cipher, &packet, scratch))
            answer = QUIC_ANSWER_RETRY;
    }
    return answer;
}
