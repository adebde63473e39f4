/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The engine against a second, simple one (tests/support/model_tls.h), on TLS connections whose
 * packets come in any order, cut, repeated, changed, with time and other policies in between.
 * After every packet both must have done the same to the same packets, for the same reason.
 * MODEL_SEED and MODEL_RUNS repeat a run, or make more of them.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "common/marks.h"
#include "sni-filter/ip_packet.h"
#include "tests/support/cm.h"
#include "tests/support/engine_rig.h"
#include "tests/support/hello.h"
#include "tests/support/model_tls.h"

#define RUNS       250
#define CONNS      3
#define STEPS      120
#define STREAM_LEN 90000

static const struct model_rule all_rules[] = {
    { false, MODEL_NAME, "allowed.test", "" },
    { false, MODEL_BELOW, "wild.test", "" },
    { false, MODEL_NAME_AND_BELOW, "both.test", "tls/443 tls/8443" },
    { false, MODEL_NAME, "plain.test", "tcp/22" },
    { false, MODEL_ADDR, "203.0.113.77", "tls/443" },
    { true, MODEL_NAME, "no.wild.test", "" },
    { true, MODEL_NAME, "a.wild.test", "tls/443" }, /* from here on: not at first */
    { true, MODEL_NAME_AND_BELOW, "both.test", "tls/8443" },
    { true, MODEL_ADDR, "203.0.113.10", "" },
    { false, MODEL_ADDR, "198.51.100.9", "tls/8443" },
    { false, MODEL_NAME, "blocked.test", "" },
};
#define RULES_AT_FIRST 6

/* A name that no hello shows is bound for a minute (RIG's least time), others for a day. */
#define MINUTE_US UINT64_C(60000000)
static struct model_given given[] = {
    { "203.0.113.30", "plain.test", 0 },  { "203.0.113.10", "allowed.test", 0 },
    { "203.0.113.10", "both.test", 0 },   { "203.0.113.20", "a.wild.test", 0 },
    { "203.0.113.20", "x.both.test", 0 }, { "2001:db8::10", "allowed.test", 0 },
};

static const char *const names[] = {
    "allowed.test",   "allowed.test", "Allowed.TEST",
    "allowed.test.",  "a.wild.test",  "both.test",
    "x.both.test",    "no.wild.test", "wild.test",
    "plain.test",     "blocked.test", "203.0.113.77",
    "x.allowed.test", "203.0.113.10", "bad..name",
    "not a name",     "..",           "",
};
static const char *const servers[] = {
    "203.0.113.10", "203.0.113.10", "203.0.113.20", "203.0.113.30",
    "203.0.113.77", "198.51.100.9", "2001:db8::10",
};

struct conn {
    struct rig_conn c;
    struct model_tls m;
    uint8_t stream[STREAM_LEN];
    uint32_t pause;           /* a client that keeps to the rules waits here for an answer */
    uint32_t len, next, gone; /* gone: end of the highest byte that has left */
    const struct model_script *script;
    uint32_t answered;
    uint32_t known_mark, known_isn; /* of the connection that the engine knows */
    bool is_over;
    struct model_outcomes out; /* of the step */
};

static struct rig rig;
static struct conn conns[CONNS];
static struct model_rule rules[ARRAY_LEN(all_rules)];
static struct model_world world = { rules, 0, given, ARRAY_LEN(given), 0 };
static struct conn *owner[RIG_PACKETS];
static uint32_t isn_of[RIG_PACKETS]; /* of the connection that a packet is of */
static struct model_script scripts[MODEL_SCRIPTS];

/* --- what is sent ------------------------------------------------------------------------- */

static void one_hello(struct bytes *b, const char *name)
{
    static struct bytes message;
    struct hello_marks marks;
    uint32_t kind = model_pick(10);

    message.len = 0;
    hello_open(&message, &marks);
    hello_extension(&message, 10, "0004 001d0017");
    if (kind == 0)
        hello_extension(&message, 0xffce, "1301001d");
    if (kind == 1)
        hello_extension(&message, 0xfe0d, "00 00010001 00 0002 abcd 0003 010203");
    if (kind < 4)
        hello_extension(&message, 16, "000c 026832 08687474702f312e31");
    if (kind != 5)
        hello_server_name(&message, name);
    if (model_chance(20)) {
        size_t mark;

        bytes_uint(&message, 2, 21);
        mark = bytes_open(&message, 2);
        bytes_fill(&message, 0, model_chance(5) ? 62000 + model_pick(3000) : model_size(20000));
        bytes_close(&message, mark, 2);
    }
    if (kind == 6)
        hello_extension(&message, 41, "0003 0001aa 0002 bbbb");
    hello_close(&message, &marks);
    hello_records(b, &message,
                  message.len > 5000 || model_chance(50) ? 16384 : model_size(1000));
}

static void junk(struct bytes *b, size_t len)
{
    while (len-- > 0)
        bytes_uint(b, 1, model_pick(256));
}

static void tail(struct bytes *b, const char *name)
{
    uint32_t kind = model_pick(8);

    if (kind == 0 || kind == 1)
        bytes_hex(b, "140303000101");
    if (kind == 1 || kind == 2) {
        uint32_t n = model_size(600);

        bytes_hex(b, "170303");
        bytes_uint(b, 2, n);
        junk(b, n);
    }
    if (kind == 3)
        bytes_hex(b, "15030300020128");
    if (kind == 4)
        junk(b, model_size(40));
    if (b->len > 70000)
        return;
    if (model_chance(60))
        one_hello(b, model_chance(70) ? name : names[model_pick(ARRAY_LEN(names))]);
    if (model_chance(20))
        tail(b, name);
}

/* What a server's HelloRetryRequest is answered with. */
static void again(struct bytes *b, const char *name)
{
    static const char *const others[] = { "both.test", "allowed.test", "blocked.test", "" };

    if (model_chance(50))
        bytes_hex(b, "140303000101");
    one_hello(b, model_chance(50) ? name : others[model_pick(ARRAY_LEN(others))]);
}

/* Any name, or one that the server's address was given out for. */
static const char *pick_name(const struct conn *conn, uint32_t percent_given)
{
    size_t first = model_pick(ARRAY_LEN(given));

    for (size_t i = 0; i < ARRAY_LEN(given) && model_chance(percent_given); i++) {
        const struct model_given *g = &given[(first + i) % ARRAY_LEN(given)];

        if (strcmp(g->addr, conn->c.server) == 0)
            return g->name;
    }
    return names[model_pick(ARRAY_LEN(names))];
}

static void make_stream(struct conn *conn, bool is_again)
{
    static struct bytes b;
    const char *name = pick_name(conn, is_again ? 100 : 85);

    b.len = 0;
    if (model_chance(5))
        bytes_add(&b, model_chance(50) ? "SSH-2.0-OpenSSH" : "GET / HTTP/1.1\r\n", 15);
    else if (model_chance(3))
        junk(&b, 20);
    else
        one_hello(&b, name);
    conn->pause = (uint32_t)b.len;
    if (is_again)
        again(&b, name);
    tail(&b, name);
    for (uint32_t n = model_chance(20) ? 1 + model_pick(2) : 0; n > 0; n--)
        b.at[model_pick(model_chance(70) && b.len > 60 ? 60 : (uint32_t)b.len)] =
            (uint8_t)model_pick(256);
    conn->len = (uint32_t)(b.len < STREAM_LEN ? b.len : STREAM_LEN);
    memcpy(conn->stream, b.at, conn->len);
}

/* --- engine and model side by side -------------------------------------------------------- */

static const char *const verdict_names[] = { "drop", "pass", "pin", "accept", "reset" };

static enum model_verdict verdict_of(uint32_t verdict)
{
    switch (verdict & MARK_STATE_MASK) {
    case 0:
        return MODEL_DROP;
    case VERDICT_PASS:
        return MODEL_PASS;
    case VERDICT_PIN:
        return MODEL_PIN;
    case VERDICT_ACCEPT:
        return MODEL_ACCEPT;
    case VERDICT_RESET:
        return MODEL_RESET;
    default:
        model_differs("verdict %08x", verdict);
        return MODEL_DROP;
    }
}

/* What the kernel makes of a verdict. */
static void obey(struct conn *conn, uint32_t verdict)
{
    uint32_t value = verdict & MARK_VALUE_MASK;

    switch (verdict_of(verdict)) {
    case MODEL_PIN:
        conn->c.mark = CT_PINNED | value;
        break;
    case MODEL_ACCEPT:
        conn->c.mark = CT_ACCEPTED | value;
        conn->is_over = true;
        break;
    case MODEL_RESET:
        conn->c.mark = CT_REVOKED;
        break;
    case MODEL_DROP:
    case MODEL_PASS:
        return;
    }
    if ((verdict_of(verdict) != MODEL_RESET) && (value == 0) != conn->m.is_by_addr)
        model_differs("tag %07x, by address: %d", value, conn->m.is_by_addr);
}

static void compare_verdicts(struct conn *conn, size_t from)
{
    size_t nr = 0;

    for (size_t i = from; i < rig.nr_verdicts; i++) {
        uint32_t id = rig.order[i];
        const struct model_outcome *o = &conn->out.of[nr];

        if (owner[id] != conn)
            continue;
        model_note("    engine: %u %s\n", id, verdict_names[verdict_of(rig.verdict[id])]);
        if (nr == conn->out.nr)
            model_differs("model: nothing for packet %u", id);
        if (o->id != id || o->verdict != verdict_of(rig.verdict[id]))
            model_differs("model: packet %u: %s", o->id, verdict_names[o->verdict]);
        if (isn_of[id] == conn->c.isn) /* else the kernel has forgotten its connection */
            obey(conn, rig.verdict[id]);
        nr++;
    }
    if (nr != conn->out.nr)
        model_differs("model: packet %u: %s", conn->out.of[nr].id,
                      verdict_names[conn->out.of[nr].verdict]);
}

/* Equal refusals within a second become one record. */
static void compare_records(const struct conn *conn)
{
    const struct model_outcomes *out = &conn->out;
    struct engine_counts counts;
    size_t nr = 0;

    engine_counts(rig.engine, &counts);
    for (size_t i = 0; i < rig.nr_records; i++) {
        const struct record *r = &rig.records[i];
        const struct model_record *m = &out->records[nr];

        if (r->event != EVENT_TLS || r->sport != conn->c.client_port || r->count != 0)
            continue;
        if (nr == out->nr_records || r->reason != m->reason || strcmp(r->name, m->name) != 0 ||
            (r->verdict == RECORD_ALLOW) != m->is_allowed)
            model_differs("record: %s %s \"%s\", model: %s %s \"%s\"",
                          r->verdict == RECORD_ALLOW ? "allow" : "deny",
                          record_reason_name(r->reason), r->name,
                          m->is_allowed ? "allow" : "deny", record_reason_name(m->reason),
                          m->name);
        nr++;
    }
    if (nr < out->nr_records && (out->records[nr].is_allowed || counts.records_folded == 0))
        model_differs("no record, model: %s", record_reason_name(out->records[nr].reason));
}

static void compare(size_t from)
{
    size_t nr_told = 0, nr_revoked = 0;
    const struct conn *told = NULL;

    for (size_t i = 0; i < CONNS; i++) {
        compare_verdicts(&conns[i], from);
        compare_records(&conns[i]);
        nr_revoked += conns[i].out.is_revoked;
        if (conns[i].out.is_revoked && conns[i].known_isn == conns[i].c.isn)
            conns[i].c.mark = CT_REVOKED;
        if (!conns[i].out.is_told)
            continue;
        told = &conns[i];
        nr_told++;
    }
    if (nr_told != rig.nr_resets || nr_revoked != rig.nr_revoked)
        model_differs("%zu resets and %zu revoked, model: %zu and %zu", rig.nr_resets,
                      rig.nr_revoked, nr_told, nr_revoked);
    if (nr_told == 1 && (rig.reset.seq != told->known_isn + 1 + told->out.reset_seq ||
                         rig.reset.is_client_told == told->out.is_revoked))
        model_differs("reset at %u, model: %u", rig.reset.seq - told->known_isn - 1,
                      told->out.reset_seq);
    for (size_t i = 0; i < CONNS; i++)
        memset(&conns[i].out, 0, sizeof(conns[i].out));
    rig.nr_records = rig.nr_resets = rig.nr_revoked = 0;
}

static void give(struct conn *conn, bool is_up, uint32_t mark, uint32_t seq, uint32_t ack,
                 uint8_t flags, const uint8_t *bytes, size_t len)
{
    static uint8_t packet[70000];
    const struct rig_conn *c = &conn->c;
    size_t n = is_up ? make_tcp(c->client, c->client_port, c->server, c->server_port, seq, ack,
                                flags, bytes, len, packet)
                     : make_tcp(c->server, c->server_port, c->client, c->client_port, seq, ack,
                                flags, bytes, len, packet);

    owner[rig.next_id] = conn;
    isn_of[rig.next_id] = c->isn;
    model_note("  %u: %s %zu, mark %08x, flags %02x, %zu bytes\n", rig.next_id,
               is_up ? "client" : "server", (size_t)(conn - conns), mark, flags, len);
    rig_raw(&rig, is_up ? PLACE_OUTBOUND : PLACE_INBOUND, mark, packet, n);
}

static void revoked(struct conn *conn, uint32_t id, uint32_t offset)
{
    if (conn->m.phase != MODEL_REFUSED)
        conn->known_mark = CT_OPEN; /* it knows no more than that it is over */
    conn->known_isn = conn->c.isn;
    model_tls_revoked(&conn->m, &world, id, offset, &conn->out);
}

static void take(struct conn *conn, uint32_t mark, uint32_t id, int64_t offset,
                 const uint8_t *bytes, size_t len)
{
    if (conn->m.phase == MODEL_NONE) {
        conn->known_mark = mark;
        conn->known_isn = conn->c.isn;
    }
    model_tls_segment(&conn->m, &world, id, offset, bytes, len, &conn->out);
}

static void segment(struct conn *conn, int64_t offset, const uint8_t *bytes, size_t len)
{
    static const uint8_t flags[] = { TCP_ACK, TCP_ACK | TCP_PSH, TCP_ACK | TCP_FIN };
    size_t from = rig.nr_verdicts;
    uint32_t mark = conn->c.mark, id = rig.next_id, seq = conn->c.isn + 1 + (uint32_t)offset;
    const uint32_t open = CT_OPEN | (conn->c.isn & MARK_VALUE_MASK);

    if (conn->m.phase != MODEL_NONE && model_chance(10))
        mark = open; /* it was queued before the last verdict */
    if (conn->m.phase != MODEL_NONE && conn->known_mark != open && mark == open) {
        model_note("  its ports were another connection's\n");
        model_tls_forget(&conn->m, &conn->out);
    }
    model_note(" [%lld, %lld)\n", (long long)offset, (long long)(offset + (int64_t)len));
    if (mark == CT_REVOKED)
        revoked(conn, id, (uint32_t)offset);
    else if (conn->m.phase == MODEL_NONE && mark != open)
        conn->out = (struct model_outcomes) { .of[0] = { id, MODEL_RESET },
                                              .nr = 1,
                                              .records[0].reason = REASON_INTERNAL_ERROR,
                                              .nr_records = 1 };
    else
        take(conn, open, id, offset, bytes, len);
    give(conn, true, mark, seq, conn->c.server_isn + 1, flags[model_pick(12) < 11 ? 0 : 2],
         bytes, len);
    compare(from);
    if (offset + (int64_t)len > conn->gone && offset + (int64_t)len <= conn->m.released)
        conn->gone = (uint32_t)(offset + (int64_t)len);
}

/* --- steps -------------------------------------------------------------------------------- */

static void send_some(struct conn *conn)
{
    uint8_t bytes[2000];
    bool is_asked = conn->m.phase == MODEL_AGAIN || conn->m.phase == MODEL_SECOND;
    uint32_t most = is_asked || model_chance(20) ? conn->len : conn->pause;
    uint32_t at = conn->next, len, how = model_pick(100);

    if (most > conn->len)
        most = conn->len;
    if (how >= 60 || at >= most)
        at = model_pick(how < 80 && conn->next > 0 && conn->next < most ? conn->next : most);
    len = most - at < 1460 ? most - at : 1460;
    len = how < 40 ? len : model_size(len);
    if (at == conn->next)
        conn->next += len;
    memcpy(bytes, conn->stream + at, len);
    if (how == 98) /* other bytes */
        bytes[model_pick(len)] ^= (uint8_t)(1 + model_pick(255));
    if (how == 99 && model_chance(30)) {
        segment(conn, MODEL_STREAM - model_pick(1500), bytes, len);
        return;
    }
    if (how == 97) { /* begins before its stream */
        uint32_t before = 1 + model_pick(400);

        memset(bytes, 0x16, before);
        len = model_pick(conn->len < 1000 ? conn->len : 1000);
        memcpy(bytes + before, conn->stream, len);
        segment(conn, -(int64_t)before, bytes, before + len);
        return;
    }
    segment(conn, at, bytes, len);
}

static void answer(struct conn *conn)
{
    const struct model_script *s = conn->script;
    uint32_t at = model_chance(80) ? conn->answered : model_pick((uint32_t)s->len), len, acked,
             other;
    size_t from = rig.nr_verdicts;
    uint8_t bytes[700];

    if (at >= s->len)
        at = model_pick((uint32_t)s->len);
    len = model_size((uint32_t)s->len - at);
    if (model_chance(3))
        len = 0;
    acked = model_chance(80) ? conn->m.released : model_pick(conn->m.released + 1);
    memcpy(bytes, s->bytes + at, len);
    other = at + (len > 0 ? model_pick(len) : 0);
    if (len > 0 && other < MODEL_ANSWER && conn->m.has_answer[other] && model_chance(20))
        bytes[other - at] ^= 0x20;
    model_note(" %s, [%u, %u), ack %u\n", s->what, at, at + len, acked);
    if ((conn->c.mark & MARK_STATE_MASK) != CT_PINNED)
        conn->out = (struct model_outcomes) { .of[0] = { rig.next_id, MODEL_DROP }, .nr = 1 };
    else
        model_tls_answer(&conn->m, s, rig.next_id, at, acked, bytes, len, &conn->out);
    if (at == conn->answered && acked >= conn->m.needs)
        conn->answered = at + len;
    give(conn, false, conn->c.mark, conn->c.server_isn + 1 + at, conn->c.isn + 1 + acked,
         TCP_ACK, bytes, len);
    compare(from);
}

/* Of a server: no ACK, one from before the connection, bytes from before it. It is no answer.
 */
static void odd_answer(struct conn *conn)
{
    uint32_t what = model_pick(3), before = 1 + model_pick(1000);
    size_t from = rig.nr_verdicts;

    model_note(" odd answer\n");
    conn->out.of[conn->out.nr++] = (struct model_outcome) { rig.next_id, MODEL_DROP };
    give(conn, false, conn->c.mark, conn->c.server_isn + 1 - (what == 0 ? before : 0),
         conn->c.isn + 1 + (what == 1 ? 0 - before : conn->m.needs),
         what == 2 ? TCP_PSH : TCP_ACK, conn->script->bytes, 4);
    compare(from);
}

/* What is refused for its head alone changes nothing else. */
static void odd(struct conn *conn)
{
    static const uint8_t bare[] = { TCP_ACK, TCP_FIN | TCP_ACK, TCP_RST, TCP_RST | TCP_ACK };
    static const uint8_t flags[] = {
        TCP_ACK | TCP_URG, 0,
        TCP_FIN,           TCP_RST,
        TCP_RST | TCP_ACK, TCP_FIN | TCP_RST | TCP_ACK,
        TCP_SYN | TCP_ACK, TCP_SYN | TCP_FIN,
    };
    bool is_bare = model_chance(30);
    uint8_t flag =
        is_bare ? bare[model_pick(ARRAY_LEN(bare))] : flags[model_pick(ARRAY_LEN(flags))];
    size_t from = rig.nr_verdicts;
    bool is_reset = conn->c.mark == CT_REVOKED && (flag & TCP_SYN) == 0;

    model_note(" odd\n");
    if (is_reset)
        revoked(conn, rig.next_id, 0);
    else
        conn->out.of[conn->out.nr++] = (struct model_outcome) { rig.next_id, MODEL_DROP };
    give(conn, true, conn->c.mark, conn->c.isn + 1, conn->c.server_isn + 1, flag, conn->stream,
         is_bare ? 0 : 10);
    compare(from);
}

static void syn(struct conn *conn)
{
    bool has_data = model_chance(20), is_other = model_chance(20);
    uint32_t mark = conn->c.mark, seq = conn->c.isn + (is_other ? 1000 : 0);
    enum model_verdict verdict = MODEL_RESET;
    size_t from = rig.nr_verdicts;

    if (has_data)
        verdict = MODEL_DROP;
    else if (mark == (CT_OPEN | (seq & MARK_VALUE_MASK)) &&
             model_may_send(&world, &conn->m.client))
        verdict = MODEL_PASS;
    model_note(" SYN\n");
    conn->out.of[conn->out.nr++] = (struct model_outcome) { rig.next_id, verdict };
    give(conn, true, mark, seq, 0, TCP_SYN, conn->stream, has_data ? 5 : 0);
    compare(from);
}

static void wait_some(void)
{
    uint32_t us = model_wait(&world);
    size_t from = rig.nr_verdicts;

    for (size_t i = 0; i < CONNS; i++)
        model_tls_tick(&conns[i].m, &world, &conns[i].out);
    rig_wait(&rig, us);
    compare(from);
}

static void other_policy(void)
{
    char text[2000];
    size_t from = rig.nr_verdicts;

    world.nr_rules = 0;
    for (size_t i = 0; i < ARRAY_LEN(all_rules); i++)
        if (model_chance(i < RULES_AT_FIRST ? 80 : 25))
            rules[world.nr_rules++] = all_rules[i];
    model_policy(&world, text, sizeof(text));
    model_note(" policy:\n%s", text);
    for (size_t i = 0; i < CONNS; i++)
        model_tls_policy(&conns[i].m, &world, &conns[i].out);
    rig_policy(&rig, text);
    compare(from);
}

static void open_conn(struct conn *conn)
{
    static const uint32_t isns[] = { 0, 0xffffffff, 0x0fffffff, 0x7fffff00, 0xfffffff0 };
    const char *server = servers[model_pick(ARRAY_LEN(servers))];
    bool is_again = model_chance(30);
    bool is_other = model_chance(5) && strchr(server, ':') == NULL;

    if (conn->c.server == NULL) {
        conn->c = rig_conn(server, model_chance(85) ? 443 : 8443);
        conn->c.client_port = (uint16_t)(40000 + (conn - conns));
        if (is_other)
            conn->c.client = "198.18.9.2";
        conn->m.client =
            (struct model_client) { server, !is_other,
                                    conn->c.server_port == 443 ? "tls/443" : "tls/8443" };
    }
    conn->c.isn = model_chance(50) ? isns[model_pick(ARRAY_LEN(isns))] : model_pick(UINT32_MAX);
    conn->c.isn -= model_pick(3000);
    conn->c.server_isn = model_pick(UINT32_MAX);
    conn->c.mark = CT_OPEN | (conn->c.isn & MARK_VALUE_MASK);
    conn->next = conn->gone = conn->answered = 0;
    conn->script = &scripts[model_chance(50) ? model_pick(2) : model_pick(ARRAY_LEN(scripts))];
    conn->is_over = false;
    if (is_again)
        conn->script = &scripts[1 + 2 * model_pick(2)];
    make_stream(conn, is_again);
    model_note(" connection %zu to %s port %u, isn %08x, %u bytes, its server: %s\n",
               (size_t)(conn - conns), conn->c.server, conn->c.server_port, conn->c.isn,
               conn->len, conn->script->what);
    for (uint32_t i = 0; i < conn->len && i < 400; i++)
        model_note("%s%02x", i % 32 == 0 ? "\n  " : "", conn->stream[i]);
    model_note("\n");
}

static void step(struct conn *conn)
{
    uint32_t what = model_pick(100);

    if (what == 0)
        other_policy();
    else if (what == 1)
        open_conn(conn); /* ports that were in use */
    else if (what < 10)
        wait_some();
    else if (what < 13)
        odd(conn);
    else if (what < 15)
        syn(conn);
    else if (what < 17)
        odd_answer(conn);
    else if (conn->m.phase > MODEL_OPEN && what < (conn->m.phase == MODEL_AGAIN ? 20 : 60))
        answer(conn);
    else
        send_some(conn);
}

static void run(void)
{
    size_t nr_conns = 1 + model_pick(CONNS);

    memset(conns, 0, sizeof(conns));
    memset(owner, 0, sizeof(owner));
    memcpy(rules, all_rules, sizeof(rules));
    world.nr_rules = RULES_AT_FIRST;
    given[0].until_us = 0;
    model_start(&world, &rig);
    given[0].until_us = rig.now.mono_us + MINUTE_US;
    for (size_t i = 0; i < nr_conns; i++)
        open_conn(&conns[i]);
    for (size_t i = 0; i < STEPS; i++) {
        struct conn *conn = &conns[model_pick((uint32_t)nr_conns)];

        if (conn->is_over || (conn->c.mark == CT_REVOKED && model_chance(25)))
            open_conn(conn);
        step(conn);
    }
    rig_stop(&rig);
}

static void engine_and_model_do_the_same_to_every_packet(void **state)
{
    (void)state;
    model_scripts(scripts);
    model_repeat(RUNS, run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine_and_model_do_the_same_to_every_packet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
