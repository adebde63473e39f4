/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: a CRYPTO stream is a stream (stream.c: chunks of a shared pool, a bit for every
 * byte, two copies of a byte must agree) of at most QUIC_CRYPTO_MAX bytes. A packet's frames
 * are all looked at before the first is taken, so what is malformed leaves no trace.
 */
#include "sni-filter/quic_crypto.h"

#include <assert.h>
#include <string.h>

#include "sni-filter/quic_frame.h"

#define HANDSHAKE_HEADER 4

static_assert(QUIC_CRYPTO_MAX <= STREAM_MAX, "a stream holds it");
static_assert(QUIC_CRYPTO_MAX <= TLS_HELLO_MAX, "whatever is whole can be parsed");

void quic_crypto_init(struct quic_crypto *crypto)
{
    stream_init(&crypto->stream);
    crypto->top = 0;
}

void quic_crypto_clear(struct quic_crypto *crypto, struct chunk_pool *pool)
{
    stream_clear(&crypto->stream, pool);
    crypto->top = 0;
}

static enum quic_crypto_rc check_frames(struct cursor frames)
{
    struct quic_frame frame;
    bool is_too_long = false;
    enum parse_rc rc;

    while ((rc = quic_frame_next(&frames, &frame)) == PARSE_OK)
        if (frame.data.len > QUIC_CRYPTO_MAX || frame.offset > QUIC_CRYPTO_MAX - frame.data.len)
            is_too_long = true;
    if (rc != PARSE_ABSENT)
        return QUIC_CRYPTO_BAD;
    return is_too_long ? QUIC_CRYPTO_TOO_LONG : QUIC_CRYPTO_OK;
}

static enum quic_crypto_rc take_frame(struct quic_crypto *crypto, struct chunk_pool *pool,
                                      const struct quic_frame *frame)
{
    uint32_t offset = (uint32_t)frame->offset, end = offset + (uint32_t)frame->data.len, nr_new;

    switch (stream_put(&crypto->stream, pool, offset, frame->data, &nr_new)) {
    case STREAM_OK:
        break;
    case STREAM_CONFLICT:
        return QUIC_CRYPTO_CONFLICT;
    case STREAM_TOO_LONG:
        return QUIC_CRYPTO_TOO_LONG;
    case STREAM_FULL:
        return QUIC_CRYPTO_FULL;
    }
    if (end > crypto->top)
        crypto->top = end;
    return QUIC_CRYPTO_OK;
}

enum quic_crypto_rc quic_crypto_take(struct quic_crypto *crypto, struct chunk_pool *pool,
                                     struct cursor frames)
{
    enum quic_crypto_rc rc = check_frames(frames);
    struct quic_frame frame;

    while (rc == QUIC_CRYPTO_OK && quic_frame_next(&frames, &frame) == PARSE_OK)
        rc = take_frame(crypto, pool, &frame);
    return rc;
}

enum parse_rc quic_crypto_message(const struct quic_crypto *crypto,
                                  const struct chunk_pool *pool, uint32_t at, uint8_t *scratch,
                                  struct cursor *message)
{
    struct cursor header = { .base = scratch, .len = HANDSHAKE_HEADER };
    uint32_t edge = crypto->stream.edge, len;

    *message = (struct cursor) { .base = NULL };
    if (edge < at || edge - at < HANDSHAKE_HEADER)
        return PARSE_MORE;
    stream_copy(&crypto->stream, pool, at, at + HANDSHAKE_HEADER, scratch);
    if (!cursor_skip(&header, 1) || !cursor_uint(&header, 3, &len) ||
        len + HANDSHAKE_HEADER > QUIC_CRYPTO_MAX - at)
        return PARSE_BAD;
    len += HANDSHAKE_HEADER;
    if (edge - at < len)
        return PARSE_MORE;
    stream_copy(&crypto->stream, pool, at, at + len, scratch);
    *message = (struct cursor) { .base = scratch, .len = len };
    return PARSE_OK;
}

/* A first byte that is no ClientHello's is not waited on. */
static bool may_be_hello(const struct quic_crypto *crypto, const struct chunk_pool *pool,
                         uint32_t at)
{
    return crypto->stream.edge <= at ||
           stream_byte(&crypto->stream, pool, at) == TLS_CLIENT_HELLO;
}

enum parse_rc quic_crypto_hello(const struct quic_crypto *crypto, const struct chunk_pool *pool,
                                uint32_t at, uint8_t *scratch, struct tls_hello *out,
                                uint32_t *end)
{
    struct cursor message;
    struct tls_hello hello;
    enum parse_rc rc;
    size_t used;

    memset(out, 0, sizeof(*out));
    *end = 0;
    if (!may_be_hello(crypto, pool, at))
        return PARSE_BAD;
    rc = quic_crypto_message(crypto, pool, at, scratch, &message);
    if (rc != PARSE_OK)
        return rc;
    if (tls_hello_parse(message, &hello, &used) != PARSE_OK || !hello.has_quic_parameters ||
        hello.has_session_id || crypto->top != at + used)
        return PARSE_BAD;
    *out = hello;
    *end = at + (uint32_t)used;
    return PARSE_OK;
}

enum tls_answer quic_crypto_answer(const struct quic_crypto *crypto,
                                   const struct chunk_pool *pool, uint32_t at, uint8_t *scratch,
                                   uint32_t *end)
{
    struct cursor message;
    enum tls_answer answer;

    *end = 0;
    if (quic_crypto_message(crypto, pool, at, scratch, &message) != PARSE_OK)
        return TLS_ANSWER_MORE;
    answer = tls_server_message(message);
    if (answer == TLS_ANSWER_RETRY)
        *end = at + (uint32_t)message.len;
    return answer;
}
