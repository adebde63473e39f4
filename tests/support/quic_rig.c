/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/quic_rig.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/exact.h"

struct quic_rig rig;

int quic_rig_begin(void **state)
{
    (void)state;
    rig.message.len = rig.frames.len = rig.datagram.len = 0;
    quic_seal_hello(&rig.message, "a.test");
    rig.scratch = malloc(QUIC_DATAGRAM_MAX);
    memset(&rig.conn, 0, sizeof(rig.conn));
    return rig.scratch != NULL && chunk_pool_init(&rig.pool, 64) &&
                   quic_cipher_init(&rig.cipher)
               ? 0
               : -1;
}

int quic_rig_end(void **state)
{
    (void)state;
    quic_conn_clear(&rig.conn, &rig.pool);
    if (rig.pool.nr_used != 0)
        return -1;
    chunk_pool_clear(&rig.pool);
    quic_cipher_clear(&rig.cipher);
    free(rig.scratch);
    return 0;
}

struct quic_seal quic_rig_client(void)
{
    return (
        struct quic_seal) { .dcid = RIG_FIRST, .scid = RIG_CLIENT, .pad_to = QUIC_INITIAL_MIN };
}

struct quic_seal quic_rig_server(void)
{
    return (struct quic_seal) {
        .side = QUIC_SERVER, .keys_from = RIG_FIRST, .dcid = RIG_CLIENT, .scid = RIG_SERVER
    };
}

void quic_rig_seal(const struct quic_seal *how)
{
    quic_seal_initial(&rig.datagram, how, &rig.frames);
    rig.frames.len = 0;
}

void quic_rig_part(const struct quic_seal *how, const struct bytes *message, size_t from,
                   size_t to)
{
    quic_seal_crypto(&rig.frames, message, from, to);
    quic_rig_seal(how);
}

enum quic_rc quic_rig_from_client(void)
{
    uint8_t *p = exact(rig.datagram.at, rig.datagram.len);
    enum quic_rc rc =
        quic_conn_client(&rig.conn, &rig.pool, &rig.cipher,
                         (struct cursor) { .base = p, .len = rig.datagram.len }, rig.scratch);

    rig.datagram.len = 0;
    free(p);
    return rc;
}

enum quic_answer quic_rig_from_server(void)
{
    uint8_t *p = exact(rig.datagram.at, rig.datagram.len);
    enum quic_answer answer =
        quic_conn_server(&rig.conn, &rig.pool, &rig.cipher,
                         (struct cursor) { .base = p, .len = rig.datagram.len }, rig.scratch);

    rig.datagram.len = 0;
    free(p);
    return answer;
}

enum parse_rc quic_rig_read(void)
{
    return quic_conn_hello(&rig.conn, &rig.pool, rig.scratch, &rig.hello);
}

enum quic_rc quic_rig_open(void)
{
    quic_conn_clear(&rig.conn, &rig.pool);
    return quic_conn_begin(
        &rig.conn, (struct cursor) { .base = rig.datagram.at, .len = rig.datagram.len });
}

void quic_rig_hello(const struct quic_seal *how)
{
    quic_rig_part(how, &rig.message, 0, rig.message.len);
    if (quic_rig_open() != QUIC_OK || quic_rig_from_client() != QUIC_OK ||
        quic_rig_read() != PARSE_OK || strcmp(rig.hello.name, "a.test") != 0)
        abort();
}

enum quic_answer quic_rig_answer(const struct quic_seal *how, bool is_retry)
{
    static struct bytes message;

    message.len = 0;
    quic_seal_server_hello(&message, is_retry);
    quic_rig_part(how, &message, 0, message.len);
    return quic_rig_from_server();
}
