/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A conversation: each step is a kind, a 16-bit length and that many bytes, which are a
 * datagram as they are or what is sealed into one. The first byte says which versions are used.
 */
#include <stdlib.h>
#include <string.h>

#include "sni-filter/quic_conn.h"
#include "tests/support/quic_seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FIRST  "a0a1a2a3a4a5a6a7"
#define CLIENT "c0c1c2"
#define SERVER "50515253"
#define AGAIN  "d0d1"

enum step {
    CLIENT_RAW,
    CLIENT_SEALED,
    CLIENT_FOLLOWED, /* the packet has 4 bytes less than its datagram: they follow it */
    SERVER_RAW,
    SERVER_SEALED,
    SERVER_RETRY,
    NR_STEPS,
};

struct talk {
    struct quic_conn conn;
    bool is_open, is_over, is_retried;
    uint8_t versions;
    uint64_t number[NR_QUIC_SIDES];
    uint8_t judged[QUIC_CRYPTO_MAX]; /* the client's bytes [0, nr_judged) */
    uint32_t nr_judged;
    unsigned nr_asked;
};

static struct chunk_pool pool;
static struct quic_cipher cipher;
static struct talk talk;
static struct bytes datagram, frames;
static uint8_t *scratch;

static void must(bool is_true)
{
    if (!is_true)
        abort();
}

static void init(void)
{
    if (scratch != NULL)
        return;
    scratch = malloc(QUIC_DATAGRAM_MAX);
    must(scratch != NULL && chunk_pool_init(&pool, 24) && quic_cipher_init(&cipher));
}

/* A datagram's packets lie one behind the other, whatever they are. */
static void check_packets(struct cursor rest)
{
    while (cursor_left(&rest) != 0) {
        size_t at = rest.off;
        struct quic_packet packet;
        enum parse_rc rc = quic_packet_next(&rest, &packet);

        must(rc != PARSE_MORE);
        if (rc != PARSE_OK) {
            must(rest.off == (rc == PARSE_ABSENT ? rest.len : at));
            return;
        }
        must(packet.whole.base == rest.base + at && packet.whole.len == rest.off - at &&
             packet.whole.len != 0 && packet.dcid.len <= QUIC_CID_MAX &&
             packet.scid.len <= QUIC_CID_MAX && packet.token.len < packet.whole.len);
        if (packet.pn_at != 0)
            must(packet.whole.len - packet.pn_at >= QUIC_PN_MAX + QUIC_SAMPLE_LEN);
    }
}

/* What was judged is still there, byte by byte, and nothing is behind it. */
static void check_judged(void)
{
    const struct quic_crypto *crypto = &talk.conn.crypto[QUIC_CLIENT];

    must(crypto->stream.edge >= talk.nr_judged && crypto->top <= QUIC_CRYPTO_MAX);
    for (uint32_t i = 0; i < talk.nr_judged; i++)
        must(stream_byte(&crypto->stream, &pool, i) == talk.judged[i]);
    must(pool.nr_used ==
         crypto->stream.nr_chunks + talk.conn.crypto[QUIC_SERVER].stream.nr_chunks);
}

static void check_hello(void)
{
    const struct quic_crypto *crypto = &talk.conn.crypto[QUIC_CLIENT];
    bool was_whole = talk.conn.hello_end != 0;
    char folded[HOSTNAME_MAX + 1];
    struct tls_hello hello;
    enum parse_rc rc = quic_conn_hello(&talk.conn, &pool, scratch, &hello);

    must(rc != PARSE_ABSENT && (!was_whole || rc == PARSE_OK));
    if (rc == PARSE_BAD)
        talk.is_over = true;
    if (rc != PARSE_OK)
        return;
    must(hello.has_name == (hello.name[0] != '\0') && hello.has_quic_parameters);
    if (hello.has_name && !hello.is_name_ip)
        must(hostname_canonical((const uint8_t *)hello.name, strlen(hello.name), folded) != 0 &&
             strcmp(folded, hello.name) == 0);
    must(hello.alpn.len == 0 ||
         (hello.alpn.base >= scratch &&
          hello.alpn.base + hello.alpn.len <= scratch + QUIC_CRYPTO_MAX));
    must(talk.conn.hello_end == crypto->top && talk.conn.hello_end == crypto->stream.edge);
    talk.nr_judged = talk.conn.hello_end;
    stream_copy(&crypto->stream, &pool, 0, talk.nr_judged, talk.judged);
}

static void from_client(struct cursor bytes)
{
    enum quic_rc rc;

    check_packets(bytes);
    if (!talk.is_open) {
        rc = quic_conn_begin(&talk.conn, bytes);
        talk.is_open = rc == QUIC_OK;
        must(pool.nr_used == 0);
    }
    if (!talk.is_open)
        return;
    rc = quic_conn_client(&talk.conn, &pool, &cipher, bytes, scratch);
    must(rc != QUIC_OK || bytes.len >= QUIC_INITIAL_MIN);
    if (rc == QUIC_OK)
        check_hello();
    else
        talk.is_over = rc != QUIC_NO_INITIAL;
    check_judged();
}

static void from_server(struct cursor bytes)
{
    bool was_whole = talk.conn.hello_end != 0;
    uint32_t top = talk.conn.crypto[QUIC_CLIENT].top;
    enum quic_answer answer;

    check_packets(bytes);
    if (!talk.is_open)
        return;
    answer = quic_conn_server(&talk.conn, &pool, &cipher, bytes, scratch);
    if (answer == QUIC_ANSWER_RETRY) {
        must(!talk.is_retried);
        talk.is_retried = true;
        talk.nr_judged = 0;
        must(pool.nr_used == 0 && talk.conn.crypto[QUIC_CLIENT].top == 0);
        return;
    }
    must(talk.conn.crypto[QUIC_CLIENT].top == top);
    must(answer == QUIC_ANSWER_NONE || was_whole);
    if (answer == QUIC_ANSWER_ASKS)
        must(++talk.nr_asked == 1 && talk.conn.hello_end == 0 &&
             talk.conn.hello_at == talk.nr_judged);
    check_judged();
}

static void seal(enum quic_side side, size_t pad_to)
{
    struct quic_seal how = {
        .version = (enum quic_version)(talk.versions >> side & 1),
        .side = side,
        .keys_from = talk.is_retried ? AGAIN : FIRST,
        .dcid = side == QUIC_SERVER ? CLIENT
                : talk.is_retried   ? AGAIN
                                    : FIRST,
        .scid = side == QUIC_SERVER ? SERVER : CLIENT,
        .number = talk.number[side]++,
        .number_len = 2,
        .pad_to = pad_to,
    };

    quic_seal_initial(&datagram, &how, &frames);
}

static void take_step(enum step step, struct cursor bytes)
{
    struct quic_seal retry = { .dcid = CLIENT, .scid = AGAIN, .token = "aa" };
    size_t nr_behind = step == CLIENT_FOLLOWED && bytes.len >= 4 ? 4 : 0;

    datagram.len = frames.len = 0;
    bytes_add(&frames, bytes.base, bytes.len - nr_behind);
    if (step == CLIENT_RAW || step == SERVER_RAW)
        bytes_add(&datagram, bytes.base, bytes.len);
    else if (step == SERVER_RETRY)
        quic_seal_retry(&datagram, &retry, FIRST);
    else
        seal(step == SERVER_SEALED ? QUIC_SERVER : QUIC_CLIENT, QUIC_INITIAL_MIN);
    if (nr_behind != 0)
        bytes_add(&datagram, bytes.base + bytes.len - nr_behind, nr_behind);
    bytes = (struct cursor) { .base = datagram.at, .len = datagram.len };
    if (step <= CLIENT_FOLLOWED)
        from_client(bytes);
    else
        from_server(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor input = { .base = data, .len = size }, bytes;
    uint32_t kind, versions;

    init();
    if (size > 16384 || !cursor_uint(&input, 1, &versions))
        return 0;
    memset(&talk, 0, sizeof(talk));
    talk.versions = (uint8_t)versions;
    while (!talk.is_over && cursor_uint(&input, 1, &kind) && cursor_vec(&input, 2, &bytes))
        take_step((enum step)(kind % NR_STEPS), bytes);
    quic_conn_clear(&talk.conn, &pool);
    must(pool.nr_used == 0);
    return 0;
}
