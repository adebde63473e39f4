/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A client's datagrams and a server's, in an order that the input chooses, against the engine.
 * What leaves is read by connections of the target's own, as a server would. Promised: whatever
 * has left, each connection's hello is whole, allowed, and the same in every copy; a short
 * header leaves alone only when a server has answered; every datagram gets one verdict.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "common/marks.h"
#include "sni-filter/dns_message.h"
#include "sni-filter/quic_conn.h"
#include "tests/support/engine_rig.h"
#include "tests/support/fuzz_ends.h"
#include "tests/support/quic_flow.h"

#define SENT_MAX  1024
#define FLOWS     2
#define IDS       3
#define CONNS     (FLOWS * IDS * 2) /* those with a Retry's ID too */
#define DATAGRAM  2600
#define RETRIED   "9091929394959697"
#define SERVER_ID "50515253"

enum what {
    WHOLE,
    FIRST_HALF,
    LAST_HALF,
    DENIED,
    DENIED_HALF,
    SECOND,
    SECOND_DENIED,
    AGAIN,
    NR_WHAT
};
enum said { SAYS_HELLO, SAYS_ASK, SAYS_RETRY, NR_SAID };

static const char *const ids[IDS] = { "a0a1a2a3a4a5a6a7", "b0b1b2b3b4b5b6b7",
                                      "c0c1c2c3c4c5c6c7" };
static const char *const scids[IDS] = { "a8", "b8", "c8" };

struct seen { /* a connection as the server finds it */
    struct quic_conn conn;
    bool is_used;
};

static struct {
    uint32_t nr_sent;
    struct sent {
        uint8_t bytes[DATAGRAM];
        size_t len;
        unsigned flow;
        bool is_judged, is_up;
    } sent[SENT_MAX];
    uint32_t mark[FLOWS], old_mark[FLOWS];
    struct seen seen[FLOWS][CONNS];
    bool was_allowed; /* by some policy since the start: allowed.test */
    struct chunk_pool pool;
} world;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bytes up[IDS][NR_WHAT], down[IDS][NR_SAID];
static uint8_t scratch[QUIC_DATAGRAM_MAX], message[QUIC_CRYPTO_MAX];

/* --- what has left -------------------------------------------------------------------------
 */

static struct seen *seen_of(unsigned flow, const struct quic_packet *first,
                            struct cursor datagram)
{
    struct seen *unused = NULL;

    for (size_t i = 0; i < CONNS; i++) {
        struct seen *s = &world.seen[flow][i];

        if (s->is_used && quic_cid_equal(&s->conn.initial, &first->dcid))
            return s;
        if (!s->is_used && unused == NULL)
            unused = s;
    }
    if (unused == NULL || first->type != QUIC_INITIAL ||
        quic_conn_begin(&unused->conn, datagram) != QUIC_OK)
        return NULL;
    unused->is_used = true;
    return unused;
}

static void leave(const struct sent *p)
{
    struct cursor datagram = { .base = p->bytes, .len = p->len }, rest = datagram;
    struct quic_packet first;
    struct seen *s;

    demand(quic_packet_next(&rest, &first) == PARSE_OK);
    if (first.type == QUIC_SHORT) {
        demand((world.mark[p->flow] & MARK_STATE_MASK) == CT_QUIC);
        return;
    }
    s = seen_of(p->flow, &first, datagram);
    if (s != NULL) /* a server drops what it cannot read, but two hellos must not be seen */
        demand(quic_conn_client(&s->conn, &world.pool, &ends.cipher, datagram, scratch) !=
               QUIC_CONFLICT);
}

/* After each step: what has come so far of a hello is all of it, and its name is allowed. */
static void check_hellos(void)
{
    struct tls_hello hello;

    for (size_t i = 0; i < (size_t)FLOWS * CONNS; i++) {
        struct seen *s = &world.seen[i / CONNS][i % CONNS];

        if (!s->is_used || s->conn.crypto[QUIC_CLIENT].top == 0)
            continue;
        demand(quic_conn_hello(&s->conn, &world.pool, message, &hello) == PARSE_OK);
        demand(strcmp(hello.name, "b.test") == 0 ||
               (strcmp(hello.name, "allowed.test") == 0 && world.was_allowed));
    }
}

/* --- the engine's operations ---------------------------------------------------------------
 */

static void on_verdict(void *arg, uint32_t id, uint32_t verdict)
{
    struct sent *p = &world.sent[id];
    uint32_t value = verdict & MARK_VALUE_MASK, state = verdict & MARK_STATE_MASK;
    uint32_t *mark = &world.mark[p->flow];

    (void)arg;
    demand(id < world.nr_sent && !p->is_judged);
    p->is_judged = true;
    if (verdict == 0 || state == VERDICT_ICMP)
        return;
    demand(state == VERDICT_PASS || state == VERDICT_PIN || state == VERDICT_QUIC);
    demand(p->is_up || state != VERDICT_PIN);
    if (p->is_up)
        leave(p);
    if (state == VERDICT_PASS)
        return;
    world.old_mark[p->flow] = *mark;
    *mark = (state == VERDICT_PIN ? CT_PINNED : CT_QUIC) | value;
}

static void on_live(void *arg, const struct engine_live *live)
{
    (void)arg;
    (void)live;
    demand(false); /* UDP is never revoked by a mark */
}

static void on_reset_server(void *arg, const struct engine_reset *reset)
{
    (void)arg;
    (void)reset;
    demand(false);
}

static void on_http_page(void *arg, const struct engine_page *page)
{
    (void)arg;
    (void)page;
    demand(false);
}

/* --- steps ---------------------------------------------------------------------------------
 */

static void give(unsigned flow, bool is_up, bool is_late, const uint8_t *bytes, size_t len)
{
    static uint8_t packet[DATAGRAM + 100];
    struct packet_meta meta = { .id = world.nr_sent,
                                .mark = is_late ? world.old_mark[flow] : world.mark[flow],
                                .place = is_up ? PLACE_OUTBOUND : PLACE_INBOUND };
    struct sent *p = &world.sent[world.nr_sent];
    uint16_t port = (uint16_t)(5000 + flow);
    uint8_t *exact;
    size_t n;

    if (world.nr_sent == SENT_MAX || len > DATAGRAM)
        return;
    world.nr_sent++;
    *p = (struct sent) { .len = len, .flow = flow, .is_up = is_up };
    memcpy(p->bytes, bytes, len);
    n = is_up ? make_udp("198.18.0.2", port, "203.0.113.10", 443, bytes, len, packet)
              : make_udp("203.0.113.10", 443, "198.18.0.2", port, bytes, len, packet);
    exact = malloc(n);
    demand(exact != NULL);
    memcpy(exact, packet, n);
    engine_packet(ends.engine, &ends.now, &meta, exact, n);
    free(exact);
}

static void query(const char *name)
{
    struct packet_meta meta = { .id = world.nr_sent, .place = PLACE_DNS };
    uint8_t text[100], packet[200];
    size_t len = make_udp("198.18.0.2", 40000, "203.0.113.53", 53, text,
                          make_query(name, DNS_A, text), packet);

    world.sent[world.nr_sent++] = (struct sent) { .is_up = false };
    engine_packet(ends.engine, &ends.now, &meta, packet, len);
}

/* Bytes of the input as a datagram of their own, or behind one that was sealed. */
static void play_bytes(struct cursor *script, unsigned flow, uint32_t how)
{
    static uint8_t bytes[DATAGRAM];
    const struct bytes *base = &up[how % IDS][how / IDS % NR_WHAT];
    struct cursor part;
    size_t len = (how & 0x40) != 0 ? base->len : 0;

    if (!cursor_vec(script, 1, &part))
        return;
    memcpy(bytes, base->at, len);
    if (part.len > 0)
        memcpy(bytes + len, part.base, part.len);
    if ((how & 0x80) != 0 && len + part.len < DATAGRAM)
        bytes[len / 2] ^= 1;
    give(flow, true, false, bytes, len + part.len);
}

static void play(struct cursor *script)
{
    uint32_t step, how;

    while (cursor_uint(script, 1, &step) && cursor_uint(script, 1, &how)) {
        unsigned flow = step >> 7 & 1, id = how % IDS;
        const struct bytes *d;

        switch (step & 7) {
        case 0:
        case 1:
        case 2:
            d = &up[id][how / IDS % NR_WHAT];
            give(flow, true, (step & 8) != 0, d->at, d->len);
            break;
        case 3:
            d = &down[id][how / IDS % NR_SAID];
            if ((world.mark[flow] & MARK_STATE_MASK) != CT_OPEN)
                give(flow, false, false, d->at, d->len);
            break;
        case 4:
            play_bytes(script, flow, how);
            break;
        case 5:
            fuzz_ends_pass_time((uint64_t)how * how * 1000);
            break;
        case 6:
            engine_set_policy(ends.engine, &ends.now, ends.policies[how & 1]);
            world.was_allowed = world.was_allowed || (how & 1) == 0;
            break;
        case 7:
            world.mark[flow] = world.old_mark[flow] = CT_OPEN; /* forgotten by the kernel */
            engine_live_allowed(ends.engine, &ends.now,
                                &(struct engine_live) { .protocol = IPPROTO_UDP });
            break;
        }
        check_hellos();
    }
}

/* --- the start -----------------------------------------------------------------------------
 */

static void make_up(unsigned id, enum what what, const struct quic_seal *seal,
                    const struct bytes *text, size_t from, size_t to)
{
    quic_flow_hello(&up[id][what], seal, text, from, to);
}

static void seal_all(unsigned id)
{
    static struct bytes good, bad, two;
    struct quic_seal client = { .dcid = ids[id], .scid = scids[id], .pad_to = 1200 };
    struct quic_seal server = {
        .side = QUIC_SERVER, .keys_from = ids[id], .dcid = scids[id], .scid = SERVER_ID
    };
    const struct quic_seal retry = { .dcid = scids[id], .scid = RETRIED, .token = "aa" };

    good.len = bad.len = two.len = 0;
    quic_seal_hello(&good, id == 1 ? "b.test" : "allowed.test");
    quic_seal_hello(&bad, "denied.test");
    make_up(id, WHOLE, &client, &good, 0, 0);
    make_up(id, FIRST_HALF, &client, &good, 0, 60);
    client.number = 1;
    make_up(id, LAST_HALF, &client, &good, 60, 0);
    make_up(id, DENIED, &client, &bad, 0, 0);
    make_up(id, DENIED_HALF, &client, &bad, 60, 0);
    quic_flow_answer(&down[id][SAYS_HELLO], &server, false);
    quic_flow_answer(&down[id][SAYS_ASK], &server, true);
    quic_seal_retry(&down[id][SAYS_RETRY], &retry, ids[id]);
    two = good;
    quic_seal_hello(&two, id == 1 ? "b.test" : "allowed.test");
    client.keys_from = ids[id];
    client.dcid = SERVER_ID;
    client.number = 2;
    make_up(id, SECOND, &client, &two, good.len, 0);
    two.len = good.len;
    quic_seal_hello(&two, "denied.test");
    make_up(id, SECOND_DENIED, &client, &two, good.len, 0);
    client.keys_from = NULL;
    client.dcid = RETRIED;
    client.token = "aa";
    make_up(id, AGAIN, &client, id == 2 ? &bad : &good, 0, 0);
}

static void set_up(void)
{
    static const char *const texts[] = { "allowed.test\nb.test\n", "b.test\n!denied.test\n" };

    fuzz_ends_init(texts);
    demand(chunk_pool_init(&world.pool, 1024));
    for (unsigned id = 0; id < IDS; id++)
        seal_all(id);
}

static void start(void)
{
    const struct engine_limits limits = { .flows = 8,
                                          .chunks = 64,
                                          .held_packets = 24,
                                          .bindings = 8,
                                          .quic_conns = 5,
                                          .quic_chunks = 40,
                                          .quic_held = 12 };
    const struct engine_ops ops = { .verdict = on_verdict,
                                    .revoke = on_live,
                                    .reset_server = on_reset_server,
                                    .http_page = on_http_page };

    world.nr_sent = 0;
    world.was_allowed = true;
    memset(world.mark, 0, sizeof(world.mark));
    memset(world.old_mark, 0, sizeof(world.old_mark));
    fuzz_ends_start(&limits, ops);
    query("allowed.test");
    query("b.test");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor script = { .base = data, .len = size };

    if (ends.policies[0] == NULL)
        set_up();
    start();
    play(&script);
    for (int i = 0; i < 50; i++)
        fuzz_ends_pass_time(SECONDS);
    for (uint32_t i = 0; i < world.nr_sent; i++)
        demand(world.sent[i].is_judged);
    fuzz_ends_stop();
    for (size_t i = 0; i < (size_t)FLOWS * CONNS; i++) {
        struct seen *s = &world.seen[i / CONNS][i % CONNS];

        if (s->is_used)
            quic_conn_clear(&s->conn, &world.pool);
        s->is_used = false;
    }
    demand(world.pool.nr_used == 0);
    return 0;
}
