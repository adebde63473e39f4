/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * HTTP connections through the judge: requests one after the other, in any pieces, with bodies
 * between them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/marks.h"
#include "sni-filter/http_request.h"
#include "sni-filter/ip_packet.h"
#include "sni-filter/stream.h"
#include "tests/support/cm.h"
#include "tests/support/engine_rig.h"

#define LIST                                                                                   \
    "allowed.test http/80 http/8080\nother.test http/80\ntls.test tls/80\n"                    \
    "203.0.113.77 http/80\n!bad.test\nbad.test http/80\n"
#define WEB   "203.0.113.10"
#define OTHER "203.0.113.20"
#define GOOD  "GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n"
#define EVIL  "GET / HTTP/1.1\r\nHost: denied.test\r\n\r\n"
#define LONG  (sizeof(GOOD) - 1)

static struct rig rig;

static int start(void **state)
{
    (void)state;
    rig_start(&rig, LIST);
    rig_bind(&rig, "allowed.test", WEB);
    rig_bind(&rig, "other.test", OTHER);
    rig_bind(&rig, "tls.test", "203.0.113.30");
    rig.nr_records = 0;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

static uint32_t send_text(struct rig_conn *c, uint32_t offset, const char *text)
{
    return rig_client(&rig, c, offset, (const uint8_t *)text, strlen(text));
}

static uint32_t answer(struct rig_conn *c, uint32_t acked)
{
    return rig_server(&rig, c, 0, acked, (const uint8_t *)"HTTP/1.1 200 OK\r\n", 17);
}

static uint32_t verdict(uint32_t id)
{
    assert_true(rig.is_judged[id]);
    return rig.verdict[id] & MARK_STATE_MASK;
}

static void assert_denied(enum reason reason)
{
    assert_int_equal(rig_last(&rig)->event, EVENT_HTTP);
    assert_int_equal(rig_last(&rig)->verdict, RECORD_DENY);
    if (rig_last(&rig)->reason != reason)
        fail_msg("%s", record_reason_name(rig_last(&rig)->reason));
}

/* A connection whose first request has been answered. */
static struct rig_conn opened(void)
{
    struct rig_conn c = rig_conn(WEB, 80);

    assert_int_equal(verdict(send_text(&c, 0, GOOD)), VERDICT_HTTP_SENT);
    assert_int_equal(verdict(answer(&c, LONG)), VERDICT_HTTP_READ);
    return c;
}

static void a_request_is_judged_by_name_address_and_port(void **state)
{
    static const struct {
        const char *what, *server, *host;
        uint16_t port;
        enum reason reason;
    } cases[] = {
        { "allowed", WEB, "allowed.test", 80, REASON_RULE },
        { "with its port", WEB, "allowed.test:80", 80, REASON_RULE },
        { "other port", WEB, "allowed.test:8080", 8080, REASON_RULE },
        { "other port, none named", WEB, "allowed.test", 8080, REASON_RULE },
        { "names another port", WEB, "allowed.test:8080", 80, REASON_HTTP_MALFORMED },
        { "no rule", WEB, "denied.test", 80, REASON_NAME_NOT_ALLOWED },
        { "a ! rule", WEB, "bad.test", 80, REASON_NAME_DENIED },
        { "other address", WEB, "other.test", 80, REASON_NAME_ADDRESS_MISMATCH },
        { "for tls only", WEB, "tls.test", 80, REASON_SERVICE_NOT_ALLOWED },
        { "not at this port", WEB, "other.test", 8080, REASON_SERVICE_NOT_ALLOWED },
        { "address rule", "203.0.113.77", "203.0.113.77", 80, REASON_RULE },
        { "address rule, any name", "203.0.113.77", "x.test", 80, REASON_RULE },
        { "address rule, ! name", "203.0.113.77", "bad.test", 80, REASON_NAME_DENIED },
        { "another address", "203.0.113.77", "203.0.113.10", 80, REASON_NAME_NOT_ALLOWED },
        { "address without a rule", WEB, WEB, 80, REASON_NAME_NOT_ALLOWED },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig_conn c = rig_conn(cases[i].server, cases[i].port);
        bool is_allowed = cases[i].reason == REASON_RULE;
        char text[200];
        uint32_t id;

        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", cases[i].host);
        id = send_text(&c, 0, text);
        assert_int_equal(rig_last(&rig)->event, EVENT_HTTP);
        if (rig_last(&rig)->reason != cases[i].reason)
            fail_msg("%s: %s", cases[i].what, record_reason_name(rig_last(&rig)->reason));
        assert_int_equal(rig_last(&rig)->verdict, is_allowed ? RECORD_ALLOW : RECORD_DENY);
        assert_int_equal(verdict(id), is_allowed ? VERDICT_HTTP_SENT : 0);
    }
}

#define STATUS "HTTP/1.1 403 Refused by the network policy (name-not-allowed)\r\n"

static void a_refused_first_request_gets_a_page_and_its_server_a_reset(void **state)
{
    struct rig_conn c = rig_conn(WEB, 80);

    (void)state;
    assert_int_equal(verdict(send_text(&c, 0, EVIL)), 0);
    assert_denied(REASON_NAME_NOT_ALLOWED);
    assert_string_equal(rig_last(&rig)->name, "denied.test");
    assert_string_equal(rig_last(&rig)->method, "GET");
    assert_int_equal(rig.nr_pages, 1);
    assert_memory_equal(rig.page.text, STATUS, sizeof(STATUS) - 1);
    assert_non_null(strstr(rig.page.text, "secctl allow denied.test http/80"));
    assert_int_equal(rig.page.seq, c.server_isn + 1);
    assert_int_equal(rig.page.ack, c.isn + 1 + sizeof(EVIL) - 1);
    assert_int_equal(rig.nr_revoked, 1);
    assert_int_equal(rig.nr_resets, 1);
    assert_int_equal(rig.reset.seq, c.isn + 1);
    assert_true(rig.reset.is_client_told);
    assert_int_equal(verdict(send_text(&c, 0, EVIL)), 0); /* what was under way */
    assert_int_equal(rig.nr_pages, 1);
}

static void the_page_for_head_has_no_body(void **state)
{
    struct rig_conn c = rig_conn(WEB, 80);

    (void)state;
    send_text(&c, 0, "HEAD / HTTP/1.1\r\nHost: denied.test\r\n\r\n");
    assert_int_equal(rig.nr_pages, 1);
    assert_string_equal(rig.page.text + rig.page.len - 4, "\r\n\r\n");
}

static void the_longest_name_has_room_on_its_page(void **state)
{
    struct rig_conn c = rig_conn(WEB, 80);
    char text[400], name[254];

    (void)state;
    for (size_t i = 0; i < 253; i++)
        name[i] = i % 63 == 62 ? '.' : 'a';
    name[253] = '\0';
    snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", name);
    send_text(&c, 0, text);
    assert_denied(REASON_NAME_NOT_ALLOWED);
    assert_int_equal(rig.nr_pages, 1);
    assert_non_null(strstr(rig.page.text, "or ask whoever administers it.\n"));
}

static void every_cut_of_a_request_is_held_until_it_is_whole(void **state)
{
    (void)state;
    for (size_t cut = 1; cut < LONG; cut++) {
        struct rig_conn c = rig_conn(WEB, 80);
        uint32_t first = rig_client(&rig, &c, 0, (const uint8_t *)GOOD, cut), second;

        assert_false(rig.is_judged[first]);
        second = rig_client(&rig, &c, (uint32_t)cut, (const uint8_t *)GOOD + cut, LONG - cut);
        assert_int_equal(verdict(first), VERDICT_HTTP_SENT);
        assert_int_equal(verdict(second), VERDICT_HTTP_SENT);
    }
    assert_int_equal(rig_last(&rig)->verdict, RECORD_ALLOW);
}

static void pieces_in_any_order_are_put_together(void **state)
{
    struct rig_conn c = rig_conn(WEB, 80);
    uint32_t last = rig_client(&rig, &c, 20, (const uint8_t *)GOOD + 20, LONG - 20);
    uint32_t first = rig_client(&rig, &c, 0, (const uint8_t *)GOOD, 20);

    (void)state;
    assert_int_equal(verdict(first), VERDICT_HTTP_SENT);
    assert_int_equal(verdict(last), VERDICT_HTTP_SENT);
}

static void what_is_malformed_is_refused(void **state)
{
    static const char *const bad[] = {
        "GET / HTTP/1.1\r\nHost: allowed.test\r\nHost: allowed.test\r\n\r\n",
        "GET / HTTP/1.1\nHost: allowed.test\n\n",
        "SSH-2.0-OpenSSH_9\r\n",
        "\r\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct rig_conn c = rig_conn(WEB, 80);

        assert_int_equal(verdict(send_text(&c, 0, bad[i])), 0);
        assert_denied(REASON_HTTP_MALFORMED);
        assert_int_equal(rig.nr_pages, i + 1);
        rig_wait(&rig, 1100000); /* equal refusals are folded within a second */
        c = opened();
        assert_int_equal(verdict(send_text(&c, LONG, bad[i])), VERDICT_RESET);
        assert_denied(REASON_HTTP_MALFORMED);
        assert_int_equal(rig.nr_pages, i + 1);
        rig_wait(&rig, 1100000);
    }
}

static void every_later_request_is_judged_too(void **state)
{
    struct rig_conn c = opened();
    uint32_t half, id;

    (void)state;
    assert_int_equal(verdict(send_text(&c, LONG, GOOD)), VERDICT_HTTP_SENT);
    assert_int_equal(verdict(answer(&c, 2 * LONG)), VERDICT_HTTP_READ);
    half = rig_client(&rig, &c, 2 * LONG, (const uint8_t *)EVIL, 20);
    assert_false(rig.is_judged[half]);
    id = rig_client(&rig, &c, 2 * LONG + 20, (const uint8_t *)EVIL + 20, sizeof(EVIL) - 21);
    assert_true(verdict(half) == 0 || verdict(half) == VERDICT_RESET);
    assert_true(verdict(id) == 0 || verdict(id) == VERDICT_RESET);
    assert_denied(REASON_NAME_NOT_ALLOWED);
    assert_int_equal(rig.nr_pages, 0);
    assert_int_equal(rig.nr_resets, 1);
    assert_int_equal(rig.reset.seq, c.isn + 1 + 2 * LONG);
}

static void a_pipelined_request_keeps_its_segment_back(void **state)
{
    struct rig_conn c = rig_conn(WEB, 80);

    (void)state;
    assert_int_equal(verdict(send_text(&c, 0, GOOD GOOD)), VERDICT_HTTP_SENT);
    c = rig_conn(WEB, 80);
    assert_int_equal(verdict(send_text(&c, 0, GOOD EVIL)), VERDICT_RESET);
    c = rig_conn(WEB, 80);
    assert_int_equal(verdict(send_text(&c, 0, GOOD)), VERDICT_HTTP_SENT);
    assert_false(rig.is_judged[send_text(&c, LONG, "GET")]);
}

#define PUT "PUT / HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 5000000000\r\n\r\n"

static void content_passes_in_any_order_and_is_not_read(void **state)
{
    static uint8_t bytes[60000];
    struct rig_conn c = rig_conn(WEB, 80);
    uint64_t at = sizeof(PUT) - 1, end = at + 5000000000u;

    (void)state;
    assert_int_equal(verdict(send_text(&c, 0, PUT)), VERDICT_HTTP_SENT);
    /* far behind what has gone, and again with other bytes: content */
    assert_int_equal(verdict(rig_client(&rig, &c, (uint32_t)at + 900000, bytes, 60000)),
                     VERDICT_HTTP_SENT);
    bytes[0] = 1;
    assert_int_equal(verdict(rig_client(&rig, &c, (uint32_t)at, bytes, 60000)),
                     VERDICT_HTTP_SENT);
    assert_int_equal(verdict(answer(&c, (uint32_t)at)), VERDICT_HTTP_READ);
    for (uint64_t pos = at + 60000; pos < end - 60000; pos += 1000000000)
        assert_int_equal(verdict(rig_client(&rig, &c, (uint32_t)pos, bytes, 60000)),
                         VERDICT_PASS);
    assert_int_equal(verdict(send_text(&c, (uint32_t)end, GOOD)), VERDICT_HTTP_SENT);
    assert_int_equal(verdict(rig_client(&rig, &c, (uint32_t)end - 100, bytes, 100)),
                     VERDICT_HTTP_SENT);
}

static void a_segment_with_the_end_of_content_waits_for_the_next_request(void **state)
{
    struct rig_conn c = rig_conn(WEB, 80);
    static const char put[] =
        "PUT / HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 3\r\n\r\n";
    uint32_t len = sizeof(put) - 1, id;

    (void)state;
    send_text(&c, 0, put);
    id = send_text(&c, len, "abcGET / HTT");
    assert_false(rig.is_judged[id]);
    assert_int_equal(verdict(send_text(&c, len + 12, &EVIL[9])), VERDICT_RESET);
    assert_int_equal(verdict(id), 0);
}

static void chunks_are_followed(void **state)
{
    static const char post[] =
        "POST / HTTP/1.1\r\nHost: allowed.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    static const char body[] = "5\r\nhello\r\n1\r\nx\r\n0\r\nA: b\r\n\r\n" GOOD;
    struct rig_conn c;
    uint32_t len = sizeof(post) - 1, at = len, id = 0;

    (void)state;
    c = rig_conn(WEB, 80);
    assert_int_equal(verdict(send_text(&c, 0, post)), VERDICT_HTTP_SENT);
    assert_int_equal(verdict(send_text(&c, len, body)), VERDICT_HTTP_SENT);
    c = rig_conn(WEB, 80);
    send_text(&c, 0, post);
    for (const char *p = body; *p != '\0'; p++)
        id = rig_client(&rig, &c, at++, (const uint8_t *)p, 1);
    assert_int_equal(verdict(id), VERDICT_HTTP_SENT);
    c = rig_conn(WEB, 80);
    send_text(&c, 0, post);
    assert_int_equal(verdict(send_text(&c, len, "5\r\nhello!")), VERDICT_RESET);
    assert_denied(REASON_HTTP_MALFORMED);
    c = rig_conn(WEB, 80);
    send_text(&c, 0, post);
    assert_int_equal(verdict(send_text(&c, len, "1\r\na\r\n0\r\n\r\n" EVIL)), VERDICT_RESET);
    assert_denied(REASON_NAME_NOT_ALLOWED);
}

static void a_copy_of_a_request_must_be_the_same_until_it_is_acknowledged(void **state)
{
    static const char other[] = "GET X HTTP/1.1\r\nHost: allowed.test\r\n\r\n";
    struct rig_conn c = rig_conn(WEB, 80);

    (void)state;
    send_text(&c, 0, GOOD);
    assert_int_equal(verdict(send_text(&c, 0, GOOD)), VERDICT_HTTP_SENT);
    assert_int_equal(verdict(rig_client(&rig, &c, 3, (const uint8_t *)GOOD + 3, 9)),
                     VERDICT_HTTP_SENT);
    assert_int_equal(verdict(answer(&c, LONG - 1)), VERDICT_PASS);
    assert_int_equal(verdict(send_text(&c, 0, other)), VERDICT_RESET);
    assert_denied(REASON_OVERLAP_CONFLICT);
    c = opened(); /* acknowledged: the server has it */
    assert_int_equal(verdict(send_text(&c, 0, other)), VERDICT_PASS);
}

static void a_copy_of_a_chunks_size_must_be_the_same(void **state)
{
    static const char post[] =
        "POST / HTTP/1.1\r\nHost: allowed.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    uint32_t len = sizeof(post) - 1;
    struct rig_conn c = rig_conn(WEB, 80);

    (void)state;
    send_text(&c, 0, post);
    send_text(&c, len, "5\r\nhello\r\n5\r\n");
    assert_int_equal(verdict(send_text(&c, len, "5\r\nHALLO\r\n5\r\n")), VERDICT_HTTP_SENT);
    assert_int_equal(verdict(send_text(&c, len, "5\r\nhello\r\n6\r\n")), VERDICT_RESET);
    assert_denied(REASON_OVERLAP_CONFLICT);
}

static void a_held_copy_must_be_the_same(void **state)
{
    struct rig_conn c = opened();
    uint32_t first = send_text(&c, LONG, "GET /a"), second;

    (void)state;
    assert_int_equal(verdict(send_text(&c, LONG, "GET /a")), 0);
    assert_false(rig.is_judged[first]);
    second = send_text(&c, LONG, "GET /b");
    assert_true((verdict(first) == 0) != (verdict(second) == 0));
    assert_true(verdict(first) == VERDICT_RESET || verdict(second) == VERDICT_RESET);
    assert_denied(REASON_OVERLAP_CONFLICT);
}

static void a_segment_far_ahead_is_dropped(void **state)
{
    struct rig_conn c = opened();

    (void)state;
    assert_int_equal(verdict(send_text(&c, LONG + STREAM_MAX, "x")), 0);
    assert_int_equal(verdict(send_text(&c, LONG, GOOD)), VERDICT_HTTP_SENT);
}

static void a_connection_that_is_opened_anew_is_read_anew(void **state)
{
    struct rig_conn c = opened();

    (void)state;
    c.mark = CT_OPEN | (c.isn & MARK_VALUE_MASK);
    assert_int_equal(verdict(send_text(&c, 0, EVIL)), 0);
    assert_denied(REASON_NAME_NOT_ALLOWED);
}

static void a_segment_that_waited_while_its_request_was_judged_goes_on(void **state)
{
    struct rig_conn c = rig_conn(WEB, 80);
    uint32_t mark = c.mark;

    (void)state;
    send_text(&c, 0, PUT);
    c.mark = mark; /* it was queued before the verdict */
    assert_int_equal(verdict(send_text(&c, sizeof(PUT) - 1, "content")), VERDICT_HTTP_SENT);
}

static uint32_t bare(struct rig_conn *c, uint32_t offset, uint8_t flags)
{
    uint8_t packet[100];
    size_t len = make_tcp(c->client, c->client_port, c->server, c->server_port,
                          c->isn + 1 + offset, c->server_isn + 1, flags, NULL, 0, packet);

    return rig_raw(&rig, PLACE_OUTBOUND, c->mark, packet, len);
}

static void an_end_passes_and_a_reset_is_forgotten_with_its_connection(void **state)
{
    struct rig_conn c = opened();
    struct engine_counts counts;

    (void)state;
    assert_int_equal(verdict(bare(&c, LONG, TCP_FIN | TCP_ACK)), VERDICT_PASS);
    engine_counts(rig.engine, &counts);
    assert_int_equal(counts.flows, 1);
    for (unsigned i = 0; i < 130; i++)
        rig_wait(&rig, 1000000);
    engine_counts(rig.engine, &counts);
    assert_int_equal(counts.flows, 0);
    assert_int_equal(verdict(bare(&c, LONG, TCP_FIN | TCP_ACK)), VERDICT_PASS);
    c = opened();
    assert_int_equal(verdict(bare(&c, LONG, TCP_RST)), VERDICT_PASS);
    engine_counts(rig.engine, &counts);
    assert_int_equal(counts.flows, 0);
    assert_int_equal(counts.chunks, 0);
}

static void a_connection_that_was_lost_is_ended_from_either_side(void **state)
{
    struct rig_conn c = rig_conn(WEB, 80);

    (void)state;
    c.mark = CT_HTTP_READ | 5;
    assert_int_equal(verdict(send_text(&c, 0, GOOD)), VERDICT_RESET);
    assert_denied(REASON_INTERNAL_ERROR);
    c = rig_conn(WEB, 80);
    c.mark = CT_HTTP_SENT | 5;
    assert_int_equal(verdict(answer(&c, LONG)), 0);
    assert_int_equal(rig.nr_revoked, 1);
    assert_int_equal(rig.nr_resets, 1);
    assert_false(rig.reset.is_client_told);
}

static void a_client_that_stalls_is_helped_but_not_to_a_whole_request(void **state)
{
    struct rig_conn c = rig_conn(WEB, 80);
    uint32_t id = rig_client(&rig, &c, 0, (const uint8_t *)GOOD, 10), at = 10;

    (void)state;
    rig_wait(&rig, 30000);
    assert_int_equal(verdict(id), VERDICT_PASS);
    assert_int_equal(rig_last(&rig)->reason, REASON_RELEASED);
    assert_int_equal(verdict(rig_client(&rig, &c, 0, (const uint8_t *)GOOD, 10)), VERDICT_PASS);
    assert_int_equal(verdict(rig_client(&rig, &c, at, (const uint8_t *)GOOD + at, LONG - at)),
                     VERDICT_HTTP_SENT);
    assert_int_equal(verdict(answer(&c, LONG)), VERDICT_HTTP_READ);
    id = rig_client(&rig, &c, LONG, (const uint8_t *)EVIL, 10); /* and later ones */
    rig_wait(&rig, 30000);
    assert_int_equal(verdict(id), VERDICT_PASS);
    assert_int_equal(
        verdict(rig_client(&rig, &c, LONG + 10, (const uint8_t *)EVIL + 10, sizeof(EVIL) - 11)),
        VERDICT_RESET);
    assert_int_equal(rig.reset.seq, c.isn + 1 + LONG + 10);
}

static void a_request_that_does_not_come_is_given_up(void **state)
{
    struct rig_conn c = rig_conn(WEB, 80);
    uint32_t gap;

    (void)state;
    send_text(&c, 0, "GET");
    rig_wait(&rig, 30000);
    for (unsigned i = 0; i < 110; i++)
        rig_wait(&rig, 100000);
    assert_denied(REASON_HELLO_TIMEOUT);
    c = opened();
    gap = send_text(&c, LONG + 5, "x");
    for (unsigned i = 0; i < 110; i++)
        rig_wait(&rig, 100000);
    assert_int_equal(verdict(gap), VERDICT_RESET);
    assert_denied(REASON_HELLO_TIMEOUT);
}

static void more_framing_than_can_be_kept_waits_for_an_ack(void **state)
{
    static const char post[] =
        "POST / HTTP/1.1\r\nHost: allowed.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    struct rig_conn c = rig_conn(WEB, 80);
    uint32_t at = sizeof(post) - 1, id = 0, waiting;
    static char chunks[6000];
    size_t len = 3;

    (void)state;
    send_text(&c, 0, post);
    memcpy(chunks, "1\r\nx", 5);
    for (len = 4; len < sizeof(chunks) - 6; len += 6)
        memcpy(chunks + len, "\r\n1\r\nx", 7);
    id = send_text(&c, at, chunks);
    at += (uint32_t)len;
    while (rig.is_judged[id]) {
        assert_true(rig.next_id < 100);
        len = strlen(chunks + 4);
        id = rig_client(&rig, &c, at, (const uint8_t *)chunks + 4, len);
        at += (uint32_t)len;
    }
    waiting = id;
    rig_wait(&rig, 30000); /* it is whole: no stalled client's */
    assert_false(rig.is_judged[waiting]);
    assert_int_equal(verdict(answer(&c, at - (uint32_t)len)), VERDICT_PASS);
    assert_int_equal(verdict(waiting), VERDICT_HTTP_SENT);
}

static void more_heads_than_can_be_kept_wait_too(void **state)
{
    static uint8_t many[60000 / LONG * LONG];
    struct rig_conn c = rig_conn(WEB, 80);
    uint32_t second;

    (void)state;
    for (size_t at = 0; at < sizeof(many); at += LONG)
        memcpy(many + at, GOOD, LONG);
    assert_int_equal(verdict(rig_client(&rig, &c, 0, many, sizeof(many))), VERDICT_HTTP_SENT);
    second = rig_client(&rig, &c, sizeof(many), many, sizeof(many));
    assert_false(rig.is_judged[second]);
    assert_int_equal(verdict(answer(&c, sizeof(many))), VERDICT_PASS);
    assert_int_equal(verdict(second), VERDICT_HTTP_SENT);
}

static void an_ack_counts_for_what_has_gone_only(void **state)
{
    struct rig_conn c = rig_conn(WEB, 80);
    uint8_t packet[100];
    size_t len;

    (void)state;
    send_text(&c, 0, GOOD);
    len = make_tcp(c.server, 80, c.client, c.client_port, c.server_isn + 1, c.isn + 1 + LONG,
                   TCP_RST | TCP_ACK, NULL, 0, packet);
    assert_int_equal(verdict(rig_raw(&rig, PLACE_INBOUND, c.mark, packet, len)), VERDICT_PASS);
    assert_int_equal(verdict(answer(&c, LONG + 500)), VERDICT_HTTP_READ);
    assert_int_equal(verdict(send_text(&c, LONG, GOOD)), VERDICT_HTTP_SENT);
    assert_int_equal(verdict(answer(&c, LONG)), VERDICT_PASS);
}

static void a_mark_names_the_host_but_for_an_address_rule(void **state)
{
    struct rig_conn c = rig_conn(WEB, 80), d = rig_conn("203.0.113.77", 80);

    (void)state;
    assert_int_not_equal(rig.verdict[send_text(&c, 0, GOOD)], VERDICT_HTTP_SENT);
    assert_int_equal(rig.verdict[send_text(&d, 0, GOOD)], VERDICT_HTTP_SENT);
}

static void help_is_bounded_and_not_for_what_nothing_allows(void **state)
{
    static uint8_t head[20000];
    struct rig_conn c = rig_conn(WEB, 80);
    uint32_t id;

    (void)state;
    memset(head, 'a', sizeof(head));
    memcpy(head, "GET /", 5);
    id = rig_client(&rig, &c, 0, head, sizeof(head));
    rig_wait(&rig, 30000);
    assert_false(rig.is_judged[id]);
    c = opened();
    rig_policy(&rig, "allowed.test tls/80\n");
    id = rig_client(&rig, &c, LONG, head, 100);
    rig_wait(&rig, 30000);
    assert_false(rig.is_judged[id]);
}

static void a_new_policy_counts_for_the_next_request(void **state)
{
    struct rig_conn c = opened();
    struct engine_live live = { .protocol = 6, .sport = c.client_port, .dport = 80 };

    (void)state;
    assert_true(addr_parse(c.client, strlen(c.client), &live.src));
    assert_true(addr_parse(c.server, strlen(c.server), &live.dst));
    live.mark = c.mark;
    assert_true(engine_live_allowed(rig.engine, &rig.now, &live));
    rig_policy(&rig, "allowed.test tls/80\n");
    assert_false(engine_live_allowed(rig.engine, &rig.now, &live));
    assert_int_equal(verdict(send_text(&c, LONG, GOOD)), VERDICT_RESET);
    assert_denied(REASON_SERVICE_NOT_ALLOWED);
}

static void a_half_read_request_ends_with_its_rule(void **state)
{
    struct rig_conn c = rig_conn(WEB, 80);

    (void)state;
    send_text(&c, 0, "GET");
    rig_policy(&rig, "allowed.test http/8080\n");
    assert_denied(REASON_POLICY_CHANGED);
}

static void tls_and_http_at_one_port_are_told_by_the_first_byte(void **state)
{
    static uint8_t hello[2000];
    struct rig_conn c = rig_conn(WEB, 80);
    size_t len = make_hello("allowed.test", 0, hello, sizeof(hello));

    (void)state;
    assert_int_equal(verdict(rig_client(&rig, &c, 0, hello, len)), VERDICT_RESET);
    assert_int_equal(rig_last(&rig)->event, EVENT_TLS);
    assert_int_equal(rig_last(&rig)->reason, REASON_SERVICE_NOT_ALLOWED);
    c = rig_conn("203.0.113.30", 80);
    assert_int_equal(verdict(send_text(&c, 0, GOOD)), VERDICT_RESET);
    assert_int_equal(rig_last(&rig)->event, EVENT_TLS);
    assert_int_equal(rig_last(&rig)->reason, REASON_NOT_TLS);
    assert_int_equal(rig.nr_pages, 0);
}

static void a_bound_address_is_reported_for_http_ports(void **state)
{
    bool has_80 = false, has_8080 = false;

    (void)state;
    for (size_t i = 0; i < rig.nr_bound; i++) {
        has_80 |= rig.bound[i].port == 80;
        has_8080 |= rig.bound[i].port == 8080;
    }
    assert_true(has_80 && has_8080);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_request_is_judged_by_name_address_and_port),
        CASE(a_refused_first_request_gets_a_page_and_its_server_a_reset),
        CASE(the_page_for_head_has_no_body),
        CASE(the_longest_name_has_room_on_its_page),
        CASE(every_cut_of_a_request_is_held_until_it_is_whole),
        CASE(pieces_in_any_order_are_put_together),
        CASE(what_is_malformed_is_refused),
        CASE(every_later_request_is_judged_too),
        CASE(a_pipelined_request_keeps_its_segment_back),
        CASE(content_passes_in_any_order_and_is_not_read),
        CASE(a_segment_with_the_end_of_content_waits_for_the_next_request),
        CASE(chunks_are_followed),
        CASE(a_copy_of_a_request_must_be_the_same_until_it_is_acknowledged),
        CASE(a_copy_of_a_chunks_size_must_be_the_same),
        CASE(a_held_copy_must_be_the_same),
        CASE(a_segment_far_ahead_is_dropped),
        CASE(a_connection_that_is_opened_anew_is_read_anew),
        CASE(a_segment_that_waited_while_its_request_was_judged_goes_on),
        CASE(an_end_passes_and_a_reset_is_forgotten_with_its_connection),
        CASE(a_connection_that_was_lost_is_ended_from_either_side),
        CASE(a_client_that_stalls_is_helped_but_not_to_a_whole_request),
        CASE(a_request_that_does_not_come_is_given_up),
        CASE(more_framing_than_can_be_kept_waits_for_an_ack),
        CASE(more_heads_than_can_be_kept_wait_too),
        CASE(an_ack_counts_for_what_has_gone_only),
        CASE(a_mark_names_the_host_but_for_an_address_rule),
        CASE(help_is_bounded_and_not_for_what_nothing_allows),
        CASE(a_new_policy_counts_for_the_next_request),
        CASE(a_half_read_request_ends_with_its_rule),
        CASE(tls_and_http_at_one_port_are_told_by_the_first_byte),
        CASE(a_bound_address_is_reported_for_http_ports),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
