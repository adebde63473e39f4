/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_TLS_RECORD_H
#define SNI_FILTER_TLS_RECORD_H

#include "sni-filter/cursor.h"
#include "sni-filter/parse.h"
#include "sni-filter/tls_hello.h"

#define TLS_CHANGE_CIPHER_SPEC 20
#define TLS_ALERT              21
#define TLS_HANDSHAKE          22
#define TLS_APPLICATION_DATA   23

/* An alert's level, and descriptions of fatal ones, RFC 8446 §6 */
#define TLS_ALERT_FATAL   2
#define TLS_ACCESS_DENIED 49
#define TLS_DECODE_ERROR  50

/* What a client's stream holds, as far as it is there. */
struct tls_client_flight {
    struct tls_hello hello;
    size_t hello_end; /* bytes of the stream given, up to the end of the record in which the
                         hello ends */
};

/**
 * tls_client_parse - find a ClientHello in what a client sent on a TLS connection
 *
 * stream: the connection's bytes in order, from its first one (is_second: from the first byte
 * after the first hello's record: early data records (23) and ChangeCipherSpec records of one
 * byte 0x01 may come before the hello, RFC 8446 §4.2.10, §D.4). scratch: TLS_HELLO_MAX bytes
 * that the handshake bytes of several records are joined in; *out may point into scratch or
 * stream. Returns PARSE_OK, PARSE_MORE, PARSE_BAD; *out is zero unless PARSE_OK. Records: major
 * version 3, length 1..2^14, type handshake until the hello is whole; the hello must end where
 * a record ends (RFC 8446 §5.1). For a first hello, the first byte decides: not 22 is PARSE_BAD
 * at once. *is_tls: out, false when the first bytes cannot be a TLS handshake record at all
 * (for the reason in the log), may be NULL.
 */
MUST_CHECK enum parse_rc tls_client_parse(struct cursor stream, bool is_second,
                                          uint8_t *scratch, struct tls_client_flight *out,
                                          bool *is_tls);

enum tls_answer {
    TLS_ANSWER_MORE,  /* cannot be told yet */
    TLS_ANSWER_RETRY, /* HelloRetryRequest: a second ClientHello will come */
    TLS_ANSWER_OTHER, /* ServerHello, a fatal alert, or no TLS: reading is over */
};

/**
 * tls_server_parse - what a server's first bytes are
 *
 * stream: what the server sent, in order, from its first byte; at most TLS_ANSWER_MAX bytes
 * need be there. Records of 1 byte and several records are joined; warning alerts,
 * ChangeCipherSpec, empty records and HelloRequests before the ServerHello are skipped. When
 * TLS_ANSWER_MAX bytes tell nothing yet: TLS_ANSWER_RETRY (what the client sends next must then
 * be a hello). An answer other than TLS_ANSWER_MORE stays when more bytes come.
 * RFC 8446 §4.1.3 (random of a HelloRetryRequest, SHA-256 of "HelloRetryRequest").
 */
MUST_CHECK enum tls_answer tls_server_parse(struct cursor stream);
#define TLS_ANSWER_MAX 320

/** tls_server_message - the same of a handshake message without records, as QUIC carries it;
 * TLS_ANSWER_OTHER: a ServerHello; TLS_ANSWER_MORE: too short to tell, or another message */
MUST_CHECK enum tls_answer tls_server_message(struct cursor message);

#endif
