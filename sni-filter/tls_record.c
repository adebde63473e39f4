/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/tls_record.h"

#include <string.h>

#define HANDSHAKE_HEADER  4
#define RECORD_MAX        (1 << 14)          /* RFC 8446 §5.1 */
#define RECORD_SEALED_MAX (RECORD_MAX + 256) /* §5.2: early data is encrypted */
#define TYPE_UNKNOWN      (-1)

/* One record, as far as the stream holds it. */
struct record {
    int type;           /* TYPE_UNKNOWN: not even its first byte is there */
    size_t len;         /* as the header says; 0 until the header is whole */
    struct cursor body; /* at most len bytes */
};

/* The next record's header and what is there of its body; moves the stream behind it when it is
 * whole (PARSE_OK). record->type is set in any case. */
static enum parse_rc record_next(struct cursor *stream, struct record *record)
{
    struct cursor c = *stream;
    uint32_t type, major, len;

    *record = (struct record) { .type = TYPE_UNKNOWN };
    if (!cursor_uint(&c, 1, &type))
        return PARSE_MORE;
    record->type = (int)type;
    if (!cursor_uint(&c, 1, &major))
        return PARSE_MORE;
    if (major != 3)
        return PARSE_BAD;
    if (!cursor_skip(&c, 1) || !cursor_uint(&c, 2, &len))
        return PARSE_MORE;
    if (len == 0 || len > (type == TLS_APPLICATION_DATA ? RECORD_SEALED_MAX : RECORD_MAX))
        return PARSE_BAD;
    record->len = len;
    if (!cursor_split(&c, len, &record->body))
        return cursor_split(&c, cursor_left(&c), &record->body) ? PARSE_MORE : PARSE_BAD;
    *stream = c;
    return PARSE_OK;
}

/* The handshake message that begins a flight, while its records are gone through. */
struct message {
    uint8_t head[HANDSHAKE_HEADER];
    size_t nr_bytes; /* that whole and begun records have announced */
    size_t need;     /* header included; 0 until the header is there */
};

/* Count a record's bytes in. PARSE_BAD when the message cannot be a hello that ends where this
 * or a later record ends; PARSE_OK when it ends with this one. */
static enum parse_rc message_add(struct message *message, const struct record *record)
{
    struct tls_hello unused;
    size_t used, at = message->nr_bytes;

    for (size_t i = 0; i < record->body.len && at < HANDSHAKE_HEADER; i++)
        message->head[at++] = record->body.base[i];
    message->nr_bytes += record->len;
    if (message->need == 0) {
        struct cursor head = { .base = message->head,
                               .len = at < HANDSHAKE_HEADER ? at : HANDSHAKE_HEADER };
        uint32_t len = 0;

        if (tls_hello_parse(head, &unused, &used) == PARSE_BAD)
            return PARSE_BAD;
        if (!cursor_skip(&head, 1) || !cursor_uint(&head, 3, &len))
            return PARSE_MORE;
        message->need = HANDSHAKE_HEADER + len;
    }
    if (message->nr_bytes > message->need)
        return PARSE_BAD;
    return message->nr_bytes == message->need ? PARSE_OK : PARSE_MORE;
}

/* Records that a client may send between a HelloRetryRequest and its second hello: early data
 * that the server will not take, and the ChangeCipherSpec for middleboxes. */
static bool may_come_before(const struct record *record)
{
    if (record->type == TLS_APPLICATION_DATA)
        return true;
    return record->type == TLS_CHANGE_CIPHER_SPEC && record->len <= 1 &&
           (record->body.len == 0 || record->body.base[0] == 1);
}

/* Go to the record in which the hello begins. PARSE_OK: the stream stands there, a handshake
 * record's first byte at least is present. */
static enum parse_rc find_hello(struct cursor *stream, bool is_second)
{
    for (;;) {
        struct cursor at = *stream;
        struct record record;
        enum parse_rc rc = record_next(&at, &record);

        if (record.type == TLS_HANDSHAKE)
            return PARSE_OK;
        if (rc == PARSE_BAD || record.type == TYPE_UNKNOWN)
            return rc;
        if (!is_second || !may_come_before(&record))
            return PARSE_BAD;
        if (rc == PARSE_MORE)
            return rc;
        *stream = at;
    }
}

/* Go through the hello's records without taking them. PARSE_OK: they are whole, *end is the
 * stream behind them and *len the hello's length. */
static enum parse_rc measure(struct cursor stream, struct cursor *end, size_t *len)
{
    struct message message = { .need = 0 };

    for (;;) {
        struct record record;
        enum parse_rc rc = record_next(&stream, &record);
        enum parse_rc fit;

        if (rc == PARSE_BAD || (record.type != TYPE_UNKNOWN && record.type != TLS_HANDSHAKE))
            return PARSE_BAD;
        fit = message_add(&message, &record);
        if (fit == PARSE_BAD || rc == PARSE_MORE)
            return fit == PARSE_BAD ? PARSE_BAD : PARSE_MORE;
        if (fit == PARSE_OK)
            break;
    }
    *end = stream;
    *len = message.need;
    return PARSE_OK;
}

/* The hello's bytes in one piece: where they are when one record holds them, else in scratch.
 */
static bool join(struct cursor stream, size_t len, uint8_t *scratch, struct cursor *hello)
{
    struct record record;
    size_t done = 0;

    if (record_next(&stream, &record) != PARSE_OK)
        return false;
    *hello = record.body;
    if (record.len == len)
        return true;
    while (len - done >= record.len) {
        memcpy(scratch + done, record.body.base, record.len);
        done += record.len;
        if (done == len) {
            *hello = (struct cursor) { .base = scratch, .len = len };
            return true;
        }
        if (record_next(&stream, &record) != PARSE_OK)
            return false;
    }
    return false;
}

/* Could the stream begin a TLS handshake? False only when its first bytes rule it out. */
static bool looks_like_tls(struct cursor stream)
{
    uint32_t type, major;

    if (cursor_uint(&stream, 1, &type) && type != TLS_HANDSHAKE)
        return false;
    return !cursor_uint(&stream, 1, &major) || major == 3;
}

enum parse_rc tls_client_parse(struct cursor stream, bool is_second, uint8_t *scratch,
                               struct tls_client_flight *out, bool *is_tls)
{
    size_t start = stream.off, len, used;
    struct cursor end, hello;
    struct tls_hello parsed;
    enum parse_rc rc;

    memset(out, 0, sizeof(*out));
    if (is_tls)
        *is_tls = is_second || looks_like_tls(stream);
    rc = find_hello(&stream, is_second);
    if (rc == PARSE_OK)
        rc = measure(stream, &end, &len);
    if (rc != PARSE_OK)
        return rc;
    if (!join(stream, len, scratch, &hello) ||
        tls_hello_parse(hello, &parsed, &used) != PARSE_OK)
        return PARSE_BAD;
    out->hello = parsed;
    out->hello_end = end.off - start;
    return PARSE_OK;
}
