/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/tls_record.h"

#include <string.h>

#define SERVER_HELLO      2
#define ALERT_WARNING     1
#define RANDOM_LEN        32
#define RANDOM_AT         (4 + 2)                  /* handshake header, legacy_version */
#define HEAD_LEN          (RANDOM_AT + RANDOM_LEN) /* bytes that tell a HelloRetryRequest */
#define HELLO_REQUEST     0
#define HELLO_REQUEST_LEN 4

/* RFC 8446 §4.1.3: SHA-256 of "HelloRetryRequest" */
static const uint8_t retry_random[RANDOM_LEN] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
    0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
    0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

/* The first bytes of the ServerHello, joined over records. */
struct head {
    uint8_t bytes[HEAD_LEN];
    size_t len;
};

/* RFC 5246 §7.4.1.1: HelloRequests may come at any time and mean nothing here. */
static void drop_hello_request(struct head *head)
{
    static const uint8_t request[HELLO_REQUEST_LEN] = { HELLO_REQUEST };

    if (head->len == HELLO_REQUEST_LEN && memcmp(head->bytes, request, HELLO_REQUEST_LEN) == 0)
        head->len = 0;
}

static void head_add(struct head *head, struct cursor body)
{
    uint32_t byte;

    while (head->len < HEAD_LEN && cursor_uint(&body, 1, &byte)) {
        head->bytes[head->len++] = (uint8_t)byte;
        drop_hello_request(head);
    }
}

static enum tls_answer head_verdict(const struct head *head)
{
    if (head->bytes[0] != SERVER_HELLO && head->bytes[0] != HELLO_REQUEST)
        return TLS_ANSWER_OTHER;
    if (head->len < HEAD_LEN)
        return TLS_ANSWER_MORE;
    return head->bytes[0] == SERVER_HELLO &&
                   memcmp(head->bytes + RANDOM_AT, retry_random, RANDOM_LEN) == 0
               ? TLS_ANSWER_RETRY
               : TLS_ANSWER_OTHER;
}

/* A record that is not of the handshake, whole or begun. MORE: it means nothing, go on. */
static enum tls_answer other_record(uint32_t type, size_t len, struct cursor body)
{
    uint32_t level;

    if (type == TLS_CHANGE_CIPHER_SPEC && len == 1)
        return TLS_ANSWER_MORE;
    if (type != TLS_ALERT || len != 2)
        return TLS_ANSWER_OTHER;
    return cursor_uint(&body, 1, &level) && level != ALERT_WARNING ? TLS_ANSWER_OTHER
                                                                   : TLS_ANSWER_MORE;
}

static enum tls_answer read_records(struct cursor stream)
{
    struct head head = { .len = 0 };
    uint32_t type, major, len;

    while (cursor_uint(&stream, 1, &type)) {
        enum tls_answer answer;
        struct cursor body;
        size_t there;

        if (type < TLS_CHANGE_CIPHER_SPEC || type > TLS_HANDSHAKE)
            return TLS_ANSWER_OTHER; /* application data as well: no ServerHello is in it */
        if (!cursor_uint(&stream, 1, &major))
            return TLS_ANSWER_MORE;
        if (major != 3)
            return TLS_ANSWER_OTHER;
        if (!cursor_skip(&stream, 1) || !cursor_uint(&stream, 2, &len))
            return TLS_ANSWER_MORE;
        there = len < cursor_left(&stream) ? len : cursor_left(&stream);
        if (!cursor_split(&stream, there, &body))
            return TLS_ANSWER_MORE;
        if (type == TLS_HANDSHAKE) {
            head_add(&head, body);
            answer = head_verdict(&head);
        } else {
            answer = other_record(type, len, body);
        }
        if (answer != TLS_ANSWER_MORE)
            return answer;
    }
    return TLS_ANSWER_MORE;
}

enum tls_answer tls_server_parse(struct cursor stream)
{
    enum tls_answer answer = read_records(stream);

    /* A server that hides what it says behind this much is not believed to be done: the
     * client's next bytes are read as a second hello, and anything else is refused. */
    if (answer == TLS_ANSWER_MORE && cursor_left(&stream) >= TLS_ANSWER_MAX)
        return TLS_ANSWER_RETRY;
    return answer;
}

enum tls_answer tls_server_message(struct cursor message)
{
    struct head head = { .len = 0 };

    head_add(&head, message);
    if (head.bytes[0] != SERVER_HELLO)
        return TLS_ANSWER_MORE;
    return head_verdict(&head);
}
