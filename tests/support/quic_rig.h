/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One QUIC connection, for tests of its two sides. What is gathered in rig.frames becomes a
 * packet of rig.datagram, which is then given to the connection from one side.
 */
#ifndef TESTS_SUPPORT_QUIC_RIG_H
#define TESTS_SUPPORT_QUIC_RIG_H

#include "sni-filter/quic_conn.h"
#include "tests/support/quic_seal.h"

#define RIG_FIRST  "a0a1a2a3a4a5a6a7" /* the client's first DCID */
#define RIG_CLIENT "c0c1c2"
#define RIG_SERVER "50515253"

struct quic_rig {
    struct chunk_pool pool;
    struct quic_cipher cipher;
    struct quic_conn conn;
    struct bytes message; /* at first a hello for a.test */
    struct bytes frames, datagram;
    uint8_t *scratch; /* of exactly the size that is asked for */
    struct tls_hello hello;
};

extern struct quic_rig rig;

/** quic_rig_begin, quic_rig_end - for each test, as cmocka's setup and teardown */
int quic_rig_begin(void **state);
int quic_rig_end(void **state);

/** quic_rig_client, quic_rig_server - how each side seals its first packet */
struct quic_seal quic_rig_client(void);
struct quic_seal quic_rig_server(void);

/** quic_rig_seal - the frames gathered so far become a packet of the datagram */
void quic_rig_seal(const struct quic_seal *how);
/** quic_rig_part - with bytes [from, to) of message after them */
void quic_rig_part(const struct quic_seal *how, const struct bytes *message, size_t from,
                   size_t to);

/** quic_rig_open - begin anew with the datagram, which stays */
enum quic_rc quic_rig_open(void);
/** quic_rig_from_client, quic_rig_from_server - give the datagram, at its exact size */
enum quic_rc quic_rig_from_client(void);
enum quic_answer quic_rig_from_server(void);
/** quic_rig_read - quic_conn_hello() into rig.hello */
enum parse_rc quic_rig_read(void);

/** quic_rig_hello - a connection whose hello, rig.message for a.test, was read whole; aborts
 * when it is not */
void quic_rig_hello(const struct quic_seal *how);
/** quic_rig_answer - a ServerHello or HelloRetryRequest from the server */
enum quic_answer quic_rig_answer(const struct quic_seal *how, bool is_retry);

#endif
