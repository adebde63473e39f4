/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The engine against a second, simple one (tests/support/model_http.h), on HTTP connections
 * that carry many requests, cut anywhere, in any order, repeated, changed, with ACKs and time
 * in between. MODEL_SEED and MODEL_RUNS repeat a run, or make more of them.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "common/marks.h"
#include "sni-filter/ip_packet.h"
#include "tests/support/bytes.h"
#include "tests/support/cm.h"
#include "tests/support/engine_rig.h"
#include "tests/support/model_http.h"

#define RUNS  250
#define STEPS 150

static const struct model_rule rules[] = {
    { false, MODEL_NAME, "allowed.test", "http/80" },
    { false, MODEL_NAME_AND_BELOW, "wild.test", "http/80" },
    { false, MODEL_NAME, "tls.test", "" },
    { false, MODEL_ADDR, "203.0.113.77", "http/80" },
    { true, MODEL_NAME, "no.wild.test", "" },
};
static const struct model_given given[] = {
    { "203.0.113.10", "allowed.test", 0 },
    { "203.0.113.10", "wild.test", 0 },
    { "203.0.113.10", "tls.test", 0 },
    { "203.0.113.20", "a.wild.test", 0 },
};
static struct model_world world = { rules, ARRAY_LEN(rules), given, ARRAY_LEN(given), 0 };

static const char *const names[] = {
    "allowed.test", "allowed.test", "allowed.test", "wild.test",    "a.wild.test",
    "no.wild.test", "tls.test",     "blocked.test", "203.0.113.77",
};

static struct rig rig;
static struct model_http m;
static struct model_http_outcomes out;
static struct rig_conn conn;
static struct bytes stream;
static uint32_t next; /* byte to be sent */

/* --- requests ----------------------------------------------------------------------------- */

static struct model_piece *piece(void)
{
    if (m.nr_pieces == MODEL_HTTP_PIECES)
        fail_msg("too many pieces");
    m.pieces[m.nr_pieces] = (struct model_piece) { 0 };
    return &m.pieces[m.nr_pieces++];
}

static void text(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void text(const char *format, ...)
{
    char line[600];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    bytes_add(&stream, line, strlen(line));
}

/* Anything: content is not looked at, though it may look like a request. */
static void content(uint32_t len)
{
    static const char decoy[] = "\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: blocked.test\r\n\r\n";

    for (uint32_t i = 0; i < len; i++)
        bytes_uint(&stream, 1, (uint8_t)decoy[i % (sizeof(decoy) - 1)]);
}

/* A chunked body. True when it was ended as it must be. */
static bool chunks(void)
{
    size_t nr = model_pick(4), start;
    struct model_piece *p;

    for (size_t i = 0; i <= nr; i++) {
        uint32_t len = i < nr ? model_size(2000) : 0;

        p = piece();
        start = stream.len;
        if (i > 0)
            text("\r\n");
        if (model_chance(3)) {
            text("%x;x=y\r\n", len); /* an extension: known by its ";" */
            p->bad_after = (uint32_t)(stream.len - start - 5);
            return false;
        }
        text(model_chance(50) ? "%x\r\n" : "%02X\r\n", len);
        p->len = (uint32_t)(stream.len - start);
        p->content = len;
        content(len);
    }
    p = piece();
    start = stream.len;
    if (model_chance(20))
        text("Trailer-Field: 1\r\n");
    if (model_chance(5)) {
        text("Content-Length: 5\r\n");
        p->bad_after = (uint32_t)(stream.len - start);
        return false;
    }
    text("\r\n");
    p->len = (uint32_t)(stream.len - start);
    return true;
}

/* Fields that make a head none: known when their line is whole. */
static const char *const bad_fields[] = {
    "Host: other.test\r\n",
    "Content-Length: 1\r\nContent-Length: 1\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Upgrade: h2c\r\n",
    " folded: x\r\n",
    "Content-Length: +1\r\n",
    "Content_Length: 1\r\n",
    "Name : value\r\n",
    "no colon\r\n",
    "Expect: nothing\r\n",
    "X: a\nb",
};

/* True when another request may follow. */
static bool request(const char *name)
{
    static const char *const lines[] = { "GET / HTTP/1.1\r\n", "POST /a?b HTTP/1.1\r\n",
                                         "HEAD / HTTP/1.1\r\n" };
    static const char *const bad_lines[] = { "GET / HTTP/2.0\r\n", "CONNECT a:80 HTTP/1.1\r\n",
                                             "GET  / HTTP/1.1\r\n", "\r\n",
                                             "GET / http/1.1\r\n" };
    size_t start = stream.len;
    struct model_piece *p = piece();
    uint32_t body = model_pick(3), len = 0;

    p->is_head = true;
    model_copy(p->name, name);
    if (model_chance(4)) {
        text("%s", bad_lines[model_pick(ARRAY_LEN(bad_lines))]);
        p->bad_after = (uint32_t)(stream.len - start);
        return false;
    }
    if (model_chance(25))
        text("GET http://%s/ HTTP/1.1\r\n", name);
    else
        text("%s", lines[model_pick(ARRAY_LEN(lines))]);
    if (model_chance(50))
        text("User-Agent: %*s\r\n", 1 + (int)model_pick(400), "x");
    p->is_other_port = model_chance(2);
    text("%s: %s%s\r\n", model_chance(80) ? "Host" : "hOST", name,
         p->is_other_port   ? ":81"
         : model_chance(10) ? ":80"
                            : "");
    if (model_chance(6)) {
        const char *bad = bad_fields[model_pick(ARRAY_LEN(bad_fields))];
        const char *lf = strstr(bad, "a\n");

        text("%s", bad);
        p->bad_after = (uint32_t)(stream.len - start) - (lf != NULL ? 1 : 0);
        return false;
    }
    if (body == 1) {
        len = model_chance(10) ? 0 : model_size(4000);
        text("Content-Length: %u\r\n", len);
    }
    if (body == 2)
        text("Transfer-Encoding: chunked\r\n");
    if (model_chance(30))
        text("Accept: */*\r\n");
    text("\r\n");
    p->len = (uint32_t)(stream.len - start);
    p->content = len;
    content(len);
    return body != 2 || chunks();
}

static void requests(void)
{
    const char *name = names[model_pick(ARRAY_LEN(names))];
    size_t nr = 1 + model_pick(6);

    stream.len = 0;
    for (size_t i = 0; i < nr && stream.len < 40000; i++)
        if (!request(model_chance(90) ? name : names[model_pick(ARRAY_LEN(names))]))
            break;
    text("GET / HTTP/1.1\r\nHost: blocked.test\r\n"); /* a head that is never whole */
    if (m.pieces[m.nr_pieces - 1].bad_after == 0)
        piece()->len = MODEL_HTTP_MAX;
}

/* --- engine and model side by side -------------------------------------------------------- */

static const char *const verdict_names[] = { "drop", "pass", "sent", "read", "reset" };

static enum model_http_verdict verdict_of(uint32_t verdict)
{
    switch (verdict & MARK_STATE_MASK) {
    case 0:
        return HTTP_DROP;
    case VERDICT_PASS:
        return HTTP_PASS;
    case VERDICT_HTTP_SENT:
        return HTTP_SENT;
    case VERDICT_HTTP_READ:
        return HTTP_READ;
    case VERDICT_RESET:
        return HTTP_RESET;
    default:
        model_differs("verdict %08x", verdict);
        return HTTP_DROP;
    }
}

static void compare_verdict(uint32_t id, enum model_http_verdict verdict)
{
    for (size_t i = 0; i < out.nr; i++) {
        if (out.of[i].id != id)
            continue;
        /* Of those that are refused together one becomes the reset. */
        if (out.of[i].verdict != verdict &&
            !(out.is_refused && (out.of[i].verdict == HTTP_RESET || verdict == HTTP_RESET)))
            model_differs("model: packet %u: %s", id, verdict_names[out.of[i].verdict]);
        return;
    }
    model_differs("model: nothing for packet %u", id);
}

static void compare_verdicts(size_t from)
{
    size_t nr_resets = 0;

    for (size_t i = from; i < rig.nr_verdicts; i++) {
        uint32_t id = rig.order[i], value = rig.verdict[id] & MARK_VALUE_MASK;
        enum model_http_verdict verdict = verdict_of(rig.verdict[id]);

        model_note("    engine: %u %s\n", id, verdict_names[verdict]);
        compare_verdict(id, verdict);
        nr_resets += verdict == HTTP_RESET;
        if (verdict == HTTP_SENT || verdict == HTTP_READ)
            conn.mark = (verdict == HTTP_SENT ? CT_HTTP_SENT : CT_HTTP_READ) | value;
    }
    if (rig.nr_verdicts - from != out.nr)
        model_differs("%zu verdicts, model: %zu", rig.nr_verdicts - from, out.nr);
    for (size_t i = 0; i < out.nr; i++)
        nr_resets -= out.of[i].verdict == HTTP_RESET;
    if (nr_resets != 0)
        model_differs("model: another number of resets");
}

/* Equal refusals within a second become one record, but there is one at most here. */
static void compare_records(void)
{
    size_t nr = 0;

    for (size_t i = 0; i < rig.nr_records; i++) {
        const struct record *r = &rig.records[i];

        if ((r->event != EVENT_HTTP && r->event != EVENT_TLS) || r->count != 0)
            continue;
        if (nr == out.nr_records || r->reason != out.records[nr].reason ||
            strcmp(r->name, out.records[nr].name) != 0 ||
            (r->verdict == RECORD_ALLOW) != out.records[nr].is_allowed)
            model_differs(
                "record: %s \"%s\", model: %s \"%s\"", record_reason_name(r->reason), r->name,
                nr < out.nr_records ? record_reason_name(out.records[nr].reason) : "none",
                nr < out.nr_records ? out.records[nr].name : "");
        nr++;
    }
    if (nr != out.nr_records)
        model_differs("%zu records, model: %zu", nr, out.nr_records);
}

static void compare(size_t from)
{
    compare_verdicts(from);
    compare_records();
    if (rig.nr_resets != out.is_refused || rig.nr_pages != out.is_page ||
        rig.nr_revoked != out.is_revoked)
        model_differs("%zu resets, %zu pages, %zu revoked", rig.nr_resets, rig.nr_pages,
                      rig.nr_revoked);
    if (out.is_refused && rig.reset.seq != conn.isn + 1 + out.reset_at)
        model_differs("reset at %u, model: %u", rig.reset.seq - conn.isn - 1, out.reset_at);
    rig.nr_records = rig.nr_resets = rig.nr_pages = rig.nr_revoked = 0;
    out.nr = out.nr_records = 0;
    out.is_refused = out.is_page = out.is_revoked = false;
}

/* --- steps -------------------------------------------------------------------------------- */

static void give(bool is_up, uint32_t seq, uint32_t ack, uint8_t flags, const uint8_t *bytes,
                 size_t len)
{
    static uint8_t packet[4000];
    size_t n = is_up ? make_tcp(conn.client, conn.client_port, conn.server, 80, seq, ack, flags,
                                bytes, len, packet)
                     : make_tcp(conn.server, 80, conn.client, conn.client_port, seq, ack, flags,
                                bytes, len, packet);

    rig_raw(&rig, is_up ? PLACE_OUTBOUND : PLACE_INBOUND, conn.mark, packet, n);
}

static void send_some(void)
{
    uint32_t at = next, how = model_pick(100), len, other;
    size_t from = rig.nr_verdicts;
    uint8_t bytes[1460];

    if (how >= 65 || at >= stream.len)
        at = model_pick(how < 85 && next > 0 ? next : (uint32_t)stream.len);
    len = stream.len - at < 1460 ? (uint32_t)stream.len - at : 1460;
    len = how < 40 ? len : model_size(len);
    if (at == next)
        next += len;
    memcpy(bytes, stream.at + at, len);
    other = model_pick(len);
    if (how >= 97 && (at + other < m.at || m.has[at + other])) { /* it was sent otherwise */
        bytes[other] ^= (uint8_t)(1 + model_pick(127));
        model_note(" changed at %u:", at + other);
    }
    model_note(" %u: [%u, %u)\n", rig.next_id, at, at + len);
    model_http_segment(&m, &world, rig.next_id, at, bytes, len, &out);
    give(true, conn.isn + 1 + at, conn.server_isn + 1, TCP_ACK, bytes, len);
    compare(from);
}

static void acknowledge(void)
{
    uint32_t acked = model_chance(60) ? m.gone : model_pick(m.gone + 1);
    size_t from = rig.nr_verdicts;

    model_note(" %u: ack %u\n", rig.next_id, acked);
    model_http_ack(&m, rig.next_id, acked, &out);
    give(false, conn.server_isn + 1, conn.isn + 1 + acked, TCP_ACK, (const uint8_t *)"x", 1);
    compare(from);
}

static void wait_some(void)
{
    uint32_t us = model_wait(&world);
    size_t from = rig.nr_verdicts;

    model_http_tick(&m, &world, &out);
    rig_wait(&rig, us);
    compare(from);
}

static void begin(void)
{
    static const uint32_t isns[] = { 0, 0xffffffff, 0x0fffffff, 0x7fffff00, 0xfffffff0 };
    static const char *const servers[] = { "203.0.113.10", "203.0.113.10", "203.0.113.20",
                                           "203.0.113.77" };

    memset(&m, 0, sizeof(m));
    model_start(&world, &rig);
    conn = rig_conn(servers[model_pick(ARRAY_LEN(servers))], 80);
    conn.client_port = 40000;
    conn.isn = isns[model_pick(ARRAY_LEN(isns))] - model_pick(3000);
    conn.mark = CT_OPEN | (conn.isn & MARK_VALUE_MASK);
    m.client = (struct model_client) { conn.server, true, "http/80" };
    requests();
    next = 0;
    model_note(" to %s, isn %08x:\n%.*s\n", conn.server, conn.isn,
               stream.len < 3000 ? (int)stream.len : 3000, (const char *)stream.at);
}

static void run(void)
{
    begin();
    for (size_t i = 0; i < STEPS && m.phase != HTTP_REFUSED; i++) {
        uint32_t what = model_pick(100);

        if (what < 10)
            wait_some();
        else if (what < 30 && (conn.mark & MARK_STATE_MASK) == CT_HTTP_SENT)
            acknowledge();
        else
            send_some();
    }
    rig_stop(&rig);
}

static void engine_and_model_do_the_same_to_every_packet(void **state)
{
    (void)state;
    model_repeat(RUNS, run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine_and_model_do_the_same_to_every_packet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
