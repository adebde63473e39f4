/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bytes with known answers that others recorded or published, from vectors.tsv in the folder
 * that SECCTL_RECORDINGS names. Each row's answer is compared with its expected one; a row that
 * we read differently on purpose stands in the table below with the reason.
 */
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "sni-filter/dns_message.h"
#include "sni-filter/http_request.h"
#include "sni-filter/quic_conn.h"
#include "sni-filter/tls_record.h"
#include "tests/support/cm.h"
#include "tests/support/exact.h"
#include "tests/support/vector_file.h"

#define ANSWER_MAX 512

static const struct {
    const char *source, *answer, *why;
} known[] = {
    { "synth/ECH inner form in the clear", "invalid",
      "an inner hello is never sent in the clear (RFC 9849 §5): refused as malformed" },
    { "synth/dns class CH", "invalid", "only class IN is answered: NOTIMP" },
    { "synth/dns class ANY", "invalid", "only class IN is answered: NOTIMP" },
    { "synth/dns EDNS padding 400 non-zero", "allowed.test",
      "well formed; the gateway asks a question of its own, so no option of the client's "
      "leaves" },
    { "synth/dns answer rebinding 198.18.0.1", "learn=198.18.0.1",
      "the benchmark network holds nothing worth an attack, and tests stand on it" },
    { "sniproxy/http_test good", "invalid",
      "lines that end with a bare LF are refused at once" },
    { "sniproxy/http_test bad", "invalid",
      "lines that end with a bare LF are refused at once" },
    { "synth/http Upgrade h2c", "invalid", "what follows could not be read" },
    { "synth/http Upgrade websocket", "invalid",
      "what follows could not be read, and a server that does not upgrade would read it as "
      "requests" },
    { "synth/http IPv6 Host", "fd77:3::2",
      "an address is judged by address rules; brackets and port are not of it" },
    { "mihomo/TestQuicHeaders", "invalid",
      "an Initial packet in a datagram of 554 bytes: servers drop it (RFC 9000 §14.1)" },
    { "synth/quic DCID 4 bytes", "invalid",
      "a first DCID has at least 8 bytes (RFC 9000 §7.2): servers refuse it" },
    { "synth/quic reserved bits set", "invalid",
      "a protocol violation (RFC 9000 §17.2): servers close" },
    { "synth/quic coalesced: A on DCID1 + B on DCID2", "invalid",
      "refused for its two DCIDs (RFC 9000 §12.2), before the second name is read" },
    { "synth/quic TLS 1.2-only hello in QUIC", "invalid",
      "no quic_transport_parameters (RFC 9001 §8.2): servers refuse it" },
    { "pcap/quic_frags_different_dcid.pcapng 129.21.84.33:37229", "invalid",
      "the second datagram carries the ID that the server gave itself in between; without the "
      "server's datagram it belongs to no connection" },
};

static uint8_t scratch[TLS_HELLO_MAX];

/* The expected name in the form that we compare. */
static void fold_expected(const char *expected, char out[ANSWER_MAX])
{
    if (hostname_canonical((const uint8_t *)expected, strlen(expected), out) == 0)
        snprintf(out, ANSWER_MAX, "%s", expected);
}

static void tls_answer(enum parse_rc rc, const struct tls_hello *hello, char out[ANSWER_MAX])
{
    const char *text = "invalid";

    if (rc == PARSE_OK)
        text = hello->has_name ? hello->name : "none";
    else if (rc == PARSE_MORE)
        text = "incomplete";
    snprintf(out, ANSWER_MAX, "%s", text);
}

static void read_client(const uint8_t *bytes, size_t len, bool is_second, char out[ANSWER_MAX])
{
    struct tls_client_flight flight;
    enum parse_rc rc = tls_client_parse((struct cursor) { .base = bytes, .len = len },
                                        is_second, scratch, &flight, NULL);

    assert_int_not_equal(rc, PARSE_ABSENT);
    if (rc == PARSE_OK)
        assert_in_range(flight.hello_end, 1, len);
    tls_answer(rc, &flight.hello, out);
}

/* Growing, the stream must say "incomplete" until it gives the answer of the whole. Small ones
 * are copied to their exact size each time. */
static void assert_grows(const char *source, const uint8_t *bytes, size_t len,
                         const char *whole)
{
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *p = cut < 2048 ? exact(bytes, cut) : NULL;
        char answer[ANSWER_MAX];

        read_client(p ? p : bytes, cut, false, answer);
        if (strcmp(answer, "incomplete") != 0 && strcmp(answer, whole) != 0)
            fail_msg("%s: %s after %zu bytes, %s in the end", source, answer, cut, whole);
        free(p);
    }
}

static void answer_tls_stream(const struct vector *vector, char out[ANSWER_MAX])
{
    size_t len;
    uint8_t *bytes = exact_hex(vector->hex, &len);

    read_client(bytes, len, false, out);
    assert_grows(vector->source, bytes, len, out);
    free(bytes);
}

static void answer_tls_handshake(const struct vector *vector, char out[ANSWER_MAX])
{
    struct tls_hello hello;
    size_t len, used;
    uint8_t *bytes = exact_hex(vector->hex, &len);
    enum parse_rc rc =
        tls_hello_parse((struct cursor) { .base = bytes, .len = len }, &hello, &used);

    tls_answer(rc == PARSE_OK && used != len ? PARSE_BAD : rc, &hello, out);
    free(bytes);
}

/* Both flights, one after the other, as the filter does: the second must name what the first
 * did. */
static void answer_tls_hrr(const struct vector *vector, char out[ANSWER_MAX])
{
    char first[ANSWER_MAX], *hex = vector->hex;
    size_t len;
    uint8_t *bytes = exact_hex(strsep(&hex, ","), &len);

    read_client(bytes, len, false, first);
    free(bytes);
    bytes = exact_hex(hex, &len);
    read_client(bytes, len, true, out);
    free(bytes);
    if (strcmp(out, "none") != 0 && strcmp(first, out) != 0)
        snprintf(out, ANSWER_MAX, "invalid");
}

/* Connections of one client, as the filter keeps them; a refused one stays refused. */
struct quic_flow {
    struct quic_conn conns[4];
    bool is_closed[4];
    size_t nr;
    struct chunk_pool pool;
    struct quic_cipher cipher;
};

static struct quic_conn *quic_conn_of(struct quic_flow *flow, struct cursor datagram)
{
    struct quic_packet packet;

    if (quic_packet_next(&datagram, &packet) == PARSE_OK && packet.type != QUIC_SHORT)
        for (size_t i = 0; i < flow->nr; i++)
            if (quic_conn_owns(&flow->conns[i], &packet.dcid))
                return &flow->conns[i];
    return NULL;
}

/* One datagram; out is the answer so far. */
static void read_quic(struct quic_flow *flow, struct cursor datagram, char out[ANSWER_MAX])
{
    struct quic_conn *conn = quic_conn_of(flow, datagram);
    struct tls_hello hello;
    enum parse_rc rc = PARSE_BAD;
    size_t index;

    if (conn == NULL) {
        assert_in_range(flow->nr, 0, ARRAY_LEN(flow->conns) - 1);
        conn = &flow->conns[flow->nr];
        if (quic_conn_begin(conn, datagram) != QUIC_OK) {
            tls_answer(PARSE_BAD, NULL, out);
            return;
        }
        flow->is_closed[flow->nr++] = false;
    }
    index = (size_t)(conn - flow->conns);
    if (flow->is_closed[index])
        return;
    if (quic_conn_client(conn, &flow->pool, &flow->cipher, datagram, scratch) == QUIC_OK)
        rc = quic_conn_hello(conn, &flow->pool, scratch, &hello);
    tls_answer(rc, &hello, out);
    flow->is_closed[index] = rc == PARSE_BAD || strcmp(out, "blocked.test") == 0;
}

static void answer_quic_dgrams(const struct vector *vector, char out[ANSWER_MAX])
{
    struct quic_flow flow = { .nr = 0 };
    char *hex = vector->hex, *part;

    assert_true(quic_cipher_init(&flow.cipher));
    assert_true(chunk_pool_init(&flow.pool, 64));
    while ((part = strsep(&hex, ",")) != NULL) {
        size_t len;
        uint8_t *bytes = exact_hex(part, &len);

        read_quic(&flow, (struct cursor) { .base = bytes, .len = len }, out);
        free(bytes);
    }
    chunk_pool_clear(&flow.pool);
    quic_cipher_clear(&flow.cipher);
}

/* A name that is no host name is refused by the policy: only the root has a text of its own. */
static void read_query(const uint8_t *bytes, size_t len, char out[ANSWER_MAX])
{
    struct dns_query query;
    int rcode;
    enum parse_rc rc =
        dns_query_parse((struct cursor) { .base = bytes, .len = len }, &query, &rcode);
    const char *text = query.wire_name_len == 1 ? "." : "invalid";

    assert_int_not_equal(rc, PARSE_MORE);
    assert_int_not_equal(rc, PARSE_ABSENT);
    if (rc == PARSE_OK && query.name[0] != '\0')
        text = query.name;
    snprintf(out, ANSWER_MAX, "%s", rc == PARSE_OK ? text : "invalid");
}

static void answer_dns_udp(const struct vector *vector, char out[ANSWER_MAX])
{
    size_t len;
    uint8_t *bytes = exact_hex(vector->hex, &len);

    read_query(bytes, len, out);
    free(bytes);
}

/* RFC 1035 §4.2.2: each message after its length. The answer is that of the last message. */
static void answer_dns_tcp(const struct vector *vector, char out[ANSWER_MAX])
{
    size_t len;
    uint8_t *bytes = exact_hex(vector->hex, &len);
    struct cursor stream = { .base = bytes, .len = len }, peek, message;
    uint32_t announced;

    do {
        peek = stream;
        if (cursor_uint(&peek, 2, &announced) && announced > DNS_MESSAGE_MAX) {
            snprintf(out, ANSWER_MAX, "invalid");
            break;
        }
        if (!cursor_vec(&stream, 2, &message)) {
            snprintf(out, ANSWER_MAX, "incomplete");
            break;
        }
        read_query(message.base, message.len, out);
    } while (cursor_left(&stream) != 0);
    free(bytes);
}

/* The question is taken from the answer itself. */
static bool question_of(struct cursor answer, struct dns_question *out)
{
    struct cursor label;
    uint32_t id, qtype;

    memset(out, 0, sizeof(*out));
    if (!cursor_uint(&answer, 2, &id) || !cursor_skip(&answer, 10))
        return false;
    out->id = (uint16_t)id;
    do {
        if (!cursor_vec(&answer, 1, &label) ||
            label.len >= sizeof(out->wire_name) - out->wire_name_len)
            return false;
        out->wire_name[out->wire_name_len++] = (uint8_t)label.len;
        if (label.len != 0)
            memcpy(out->wire_name + out->wire_name_len, label.base, label.len);
        out->wire_name_len += label.len;
    } while (label.len != 0);
    if (!cursor_uint(&answer, 2, &qtype))
        return false;
    out->qtype = (uint16_t)qtype;
    return true;
}

static void answer_dns_answer(const struct vector *vector, char out[ANSWER_MAX])
{
    size_t len, used;
    uint8_t *bytes = exact_hex(vector->hex, &len);
    struct cursor message = { .base = bytes, .len = len };
    struct dns_question question;
    struct dns_answer answer;

    assert_true(question_of(message, &question));
    used = (size_t)snprintf(out, ANSWER_MAX, "learn=");
    if (dns_answer_parse(message, &question, &answer) != PARSE_OK)
        snprintf(out, ANSWER_MAX, "invalid");
    else if (answer.nr_addrs == DNS_ADDRS_MAX)
        snprintf(out, ANSWER_MAX, "learn=*");
    else
        for (size_t i = 0; i < answer.nr_addrs; i++) {
            char text[ADDR_TEXT_MAX];

            if (!addr_is_special(&answer.addrs[i]))
                used += (size_t)snprintf(out + used, ANSWER_MAX - used, "%s%s",
                                         out[used - 1] == '=' ? "" : ",",
                                         addr_format(&answer.addrs[i], text));
        }
    free(bytes);
}

/* Growing, it must stay incomplete until it gives the answer of the whole. */
static void answer_http(const struct vector *vector, char out[ANSWER_MAX])
{
    size_t len, used;
    uint8_t *bytes = exact_hex(vector->hex, &len);
    struct http_request request, part;
    enum parse_rc rc = http_request_parse((struct cursor) { .base = bytes, .len = len },
                                          &request, &used, NULL);
    const char *text = rc == PARSE_MORE ? "incomplete" : "invalid";

    snprintf(out, ANSWER_MAX, "%s", rc == PARSE_OK ? request.name : text);
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *p = exact(bytes, cut);
        enum parse_rc cut_rc =
            http_request_parse((struct cursor) { .base = p, .len = cut }, &part, &used, NULL);

        if (cut_rc != PARSE_MORE && cut_rc != rc)
            fail_msg("%s: %d after %zu bytes", vector->source, (int)cut_rc, cut);
        free(p);
    }
    free(bytes);
}

static bool is_known(const struct vector *vector, const char *answer)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strcmp(known[i].source, vector->source) == 0 &&
            strcmp(known[i].answer, answer) == 0) {
            print_message("differs knowingly: %s: %s, not %s: %s\n", vector->source, answer,
                          vector->expected, known[i].why);
            return true;
        }
    return false;
}

static void run_kind(const char *kind, void (*read)(const struct vector *, char *))
{
    unsigned nr = 0, nr_same = 0, nr_unexplained = 0;
    struct vector_file vectors;
    struct vector vector;

    if (!vector_file_open(&vectors))
        skip();
    while (vector_file_next(&vectors, &vector)) {
        char expected[ANSWER_MAX], answer[ANSWER_MAX];

        if (strcmp(vector.kind, kind) != 0)
            continue;
        nr++;
        fold_expected(vector.expected, expected);
        read(&vector, answer);
        if (strcmp(answer, expected) == 0) {
            nr_same++;
        } else if (!is_known(&vector, answer)) {
            print_error("differs: %s: %s, not %s (%s)\n", vector.source, answer, expected,
                        vector.note);
            nr_unexplained++;
        }
    }
    vector_file_close(&vectors);
    print_message("%s: %u of %u as expected\n", kind, nr_same, nr);
    assert_int_not_equal(nr, 0);
    assert_int_equal(nr_unexplained, 0);
}

static void client_streams_have_their_known_names(void **state)
{
    (void)state;
    run_kind("tls_stream", answer_tls_stream);
}

static void hellos_without_records_have_their_known_names(void **state)
{
    (void)state;
    run_kind("tls_handshake", answer_tls_handshake);
}

static void second_hellos_have_their_known_names(void **state)
{
    (void)state;
    run_kind("tls_hrr", answer_tls_hrr);
}

static void first_datagrams_have_their_known_names(void **state)
{
    (void)state;
    run_kind("quic_dgrams", answer_quic_dgrams);
}

static void queries_over_udp_have_their_known_names(void **state)
{
    (void)state;
    run_kind("dns_udp", answer_dns_udp);
}

static void queries_over_tcp_have_their_known_names(void **state)
{
    (void)state;
    run_kind("dns_tcp", answer_dns_tcp);
}

static void answers_bind_their_known_addresses(void **state)
{
    (void)state;
    run_kind("dns_answer", answer_dns_answer);
}

static void requests_name_their_known_hosts(void **state)
{
    (void)state;
    run_kind("http", answer_http);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_streams_have_their_known_names),
        cmocka_unit_test(hellos_without_records_have_their_known_names),
        cmocka_unit_test(second_hellos_have_their_known_names),
        cmocka_unit_test(first_datagrams_have_their_known_names),
        cmocka_unit_test(queries_over_udp_have_their_known_names),
        cmocka_unit_test(queries_over_tcp_have_their_known_names),
        cmocka_unit_test(answers_bind_their_known_addresses),
        cmocka_unit_test(requests_name_their_known_hosts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
