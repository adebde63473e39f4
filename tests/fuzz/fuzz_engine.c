/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The input is a script: what clients and servers send, in which pieces and order, and how time
 * goes by. This file plays the kernel's part, and a server that puts together whatever leaves.
 * Checked: each packet gets one verdict; no byte leaves in two versions; a whole first hello
 * leaves only for a name and address that go together; between hellos, and after a
 * HelloRetryRequest, no other hello does; a connection is accepted only when its server has
 * answered the last hello.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "common/marks.h"
#include "sni-filter/ip_packet.h"
#include "sni-filter/stream.h"
#include "sni-filter/tls_record.h"
#include "tests/support/engine_rig.h"
#include "tests/support/fuzz_ends.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CONNS      4
#define PACKETS    512
#define STREAM_LEN 6000
#define RETRY_LEN  99

enum server { SAYS_HELLO, ASKS_AGAIN, SAYS_ANYTHING, NR_SERVERS };

struct conn {
    const char *addr;
    enum server server;
    uint16_t port;
    uint32_t isn, server_isn, mark, old_mark, generation;
    uint8_t out[STREAM_MAX]; /* what has left, before the connection was accepted */
    bool has_left[STREAM_MAX];
    uint32_t edge, first_end, asked_up_to;
    char name[HOSTNAME_MAX + 1];
    bool is_second_whole;
    bool was_policy[2]; /* in force since it was opened */
};

struct sent {
    struct conn *conn;
    uint32_t generation, offset, len;
    uint8_t *bytes; /* of a client's payload */
    bool is_judged;
};

static struct {
    struct conn conns[CONNS];
    struct sent sent[PACKETS];
    uint32_t nr_sent;
    size_t policy;
} world;

static uint8_t streams[6][STREAM_LEN], answers[NR_SERVERS][400], scratch[TLS_HELLO_MAX];
static size_t stream_len[6];

/* --- the server's view -------------------------------------------------------------------- */

static bool is_accepted(const struct conn *c)
{
    return (c->mark & MARK_STATE_MASK) == CT_ACCEPTED;
}

/* May a hello with this name go to the connection's server? */
static bool is_name_fine(const struct conn *c, const struct tls_hello *hello)
{
    if (strcmp(c->addr, "198.51.100.9") == 0) /* an address rule */
        return !hello->has_esni && strcmp(hello->name, "denied.test") != 0;
    if (strcmp(c->addr, "203.0.113.10") != 0)
        return false;
    return strcmp(hello->name, "b.test") == 0 ||
           (strcmp(hello->name, "allowed.test") == 0 && c->was_policy[0]);
}

static void look_behind_hello(struct conn *c)
{
    struct cursor rest = { .base = c->out + c->first_end, .len = c->edge - c->first_end };
    bool is_asked = c->server == ASKS_AGAIN && c->asked_up_to >= 43;
    struct tls_client_flight flight;
    uint32_t type, len;

    if (is_asked && tls_client_parse(rest, true, scratch, &flight, NULL) == PARSE_OK) {
        demand(is_name_fine(c, &flight.hello) && strcmp(flight.hello.name, c->name) == 0);
        c->is_second_whole = true;
    }
    while (!is_asked && cursor_uint(&rest, 1, &type) && cursor_skip(&rest, 2) &&
           cursor_uint(&rest, 2, &len) && cursor_skip(&rest, len))
        demand(type != TLS_HANDSHAKE);
}

static void look(struct conn *c)
{
    struct cursor all = { .base = c->out };
    struct tls_client_flight flight;
    enum parse_rc rc;

    while (c->edge < STREAM_MAX && c->has_left[c->edge])
        c->edge++;
    all.len = c->edge;
    /* Nothing is released early to an address that nobody was given. */
    demand(c->edge == 0 || strcmp(c->addr, "192.0.2.1") != 0);
    rc = tls_client_parse(all, false, scratch, &flight, NULL);
    demand(rc != PARSE_BAD);
    if (c->first_end == 0 && rc == PARSE_OK) {
        demand(is_name_fine(c, &flight.hello));
        c->first_end = (uint32_t)flight.hello_end;
        strcpy(c->name, flight.hello.name);
    }
    if (c->first_end != 0)
        look_behind_hello(c);
}

static void leave(const struct sent *p)
{
    struct conn *c = p->conn;

    if (is_accepted(c) || p->generation != c->generation)
        return;
    for (uint32_t i = 0; i < p->len; i++) {
        uint32_t at = (p->offset + i) & MARK_VALUE_MASK;

        if (at > MARK_VALUE_MASK / 2)
            continue; /* before the stream */
        demand(at < STREAM_MAX);
        demand(!c->has_left[at] || c->out[at] == p->bytes[i]);
        c->out[at] = p->bytes[i];
        c->has_left[at] = true;
    }
    look(c);
}

static void set_mark(struct conn *c, uint32_t mark)
{
    c->old_mark = c->mark;
    if ((mark & MARK_STATE_MASK) == CT_ACCEPTED && !is_accepted(c)) {
        demand(c->first_end != 0);
        demand(c->server != ASKS_AGAIN || c->is_second_whole);
    }
    c->mark = mark;
}

/* --- the engine's operations -------------------------------------------------------------- */

static void on_verdict(void *arg, uint32_t id, uint32_t verdict)
{
    struct sent *p = &world.sent[id];
    uint32_t value = verdict & MARK_VALUE_MASK;

    (void)arg;
    demand(id < world.nr_sent && !p->is_judged);
    p->is_judged = true;
    if (verdict == 0)
        return;
    demand(p->conn != NULL);
    switch (verdict & MARK_STATE_MASK) {
    case VERDICT_PASS:
    case VERDICT_PIN:
    case VERDICT_ACCEPT:
        if (p->bytes != NULL)
            leave(p);
        break;
    case VERDICT_RESET:
        break;
    default:
        abort(); /* all of it is TCP */
    }
    if (p->generation != p->conn->generation)
        return;
    if ((verdict & MARK_STATE_MASK) == VERDICT_PIN)
        set_mark(p->conn, CT_PINNED | value);
    else if ((verdict & MARK_STATE_MASK) == VERDICT_ACCEPT)
        set_mark(p->conn, CT_ACCEPTED | value);
    else if ((verdict & MARK_STATE_MASK) == VERDICT_RESET)
        set_mark(p->conn, CT_REVOKED);
}

static void on_revoke(void *arg, const struct engine_live *live)
{
    (void)arg;
    for (size_t i = 0; i < CONNS; i++)
        if (world.conns[i].port == live->sport)
            set_mark(&world.conns[i], CT_REVOKED);
}

static void on_reset_server(void *arg, const struct engine_reset *reset)
{
    (void)arg;
    demand(reset->live.protocol == IPPROTO_TCP);
    demand(reset->alert == 0 || reset->is_client_told);
}

/* --- what is sent --------------------------------------------------------------------------
 */

static void give(struct conn *c, enum packet_place place, uint32_t mark, const uint8_t *packet,
                 size_t len)
{
    struct packet_meta meta = { .id = world.nr_sent, .mark = mark, .place = place };
    uint8_t *exact = malloc(len);
    struct sent *p = &world.sent[world.nr_sent++];

    demand(exact != NULL);
    memcpy(exact, packet, len);
    p->conn = c;
    p->generation = c != NULL ? c->generation : 0;
    engine_packet(ends.engine, &ends.now, &meta, exact, len);
    free(exact);
}

static void open_conn(struct conn *c, uint8_t how)
{
    static const char *const addrs[] = { "203.0.113.10", "203.0.113.10", "198.51.100.9",
                                         "192.0.2.1" };
    uint32_t generation = c->generation + 1;

    memset(c, 0, sizeof(*c));
    c->generation = generation;
    c->addr = addrs[how & 3];
    c->server = (how >> 2 & 3) % NR_SERVERS;
    c->port = (uint16_t)(30000 + (c - world.conns));
    c->isn = (how & 0x10 ? 0xfffffff0u : 0x0ffffff0u) + generation;
    c->server_isn = 0xfffffff5u + generation;
    c->mark = c->old_mark = CT_OPEN | (c->isn & MARK_VALUE_MASK);
    c->was_policy[world.policy] = true;
}

static void client_sends(struct conn *c, uint32_t offset, const uint8_t *bytes, uint32_t len,
                         uint8_t flags, bool is_late)
{
    static uint8_t packet[STREAM_LEN + 100];
    struct sent *p = &world.sent[world.nr_sent];
    uint32_t mark =
        is_late && (c->mark & MARK_STATE_MASK) != CT_REVOKED ? c->old_mark : c->mark;
    size_t n;

    if (is_accepted(c) && !is_late)
        return;
    n = make_tcp("198.18.0.2", c->port, c->addr, 443, c->isn + 1 + offset, c->server_isn + 1,
                 flags, bytes, len, packet);
    if (len > 0 && (p->bytes = malloc(len)) != NULL)
        memcpy(p->bytes, bytes, len);
    p->offset = offset & MARK_VALUE_MASK;
    p->len = len;
    give(c, PLACE_OUTBOUND, mark, packet, n);
}

/* Rules of chain "answer" (fwd/ruleset_inbound.c). */
static bool is_seen_in_kernel(const uint8_t *bytes, size_t len)
{
    return len >= 96 && bytes[0] == 0x16 && bytes[1] == 3 && bytes[5] == 2 &&
           memcmp(bytes + 11, answers[ASKS_AGAIN] + 11, 32) != 0;
}

static void server_sends(struct conn *c, uint32_t from, uint32_t len)
{
    static uint8_t packet[1000];
    uint32_t value = c->mark & MARK_VALUE_MASK, end = sizeof(answers[0]);
    const uint8_t *bytes = answers[c->server] + from;
    size_t n;

    if (c->server != SAYS_ANYTHING && c->first_end == 0)
        return;
    if (c->server == ASKS_AGAIN && !c->is_second_whole)
        end = RETRY_LEN;
    if (from >= end)
        return;
    if (len > end - from)
        len = end - from;
    if (len == 0 || (c->mark & MARK_STATE_MASK) == CT_OPEN || is_accepted(c))
        return;
    if (from <= c->asked_up_to && from + len > c->asked_up_to)
        c->asked_up_to = from + len;
    if ((c->mark & MARK_STATE_MASK) == CT_PINNED) {
        if (is_seen_in_kernel(bytes, len)) {
            set_mark(c, CT_ACCEPTED | value);
            return;
        }
        set_mark(c, CT_ANSWERED | value);
    }
    n = make_tcp(c->addr, 443, "198.18.0.2", c->port, c->server_isn + 1 + from,
                 c->isn + 1 + c->edge, TCP_ACK, bytes, len, packet);
    give(c, PLACE_INBOUND, c->mark, packet, n);
}

static void query(uint8_t which)
{
    static const char *const names[] = { "allowed.test", "b.test", "denied.test",
                                         "other.test" };
    uint8_t message[512], packet[600];
    size_t len = make_query(names[which & 3], which & 4 ? 28 : 1, message);

    len = make_udp("198.18.0.2", 40000, "203.0.113.53", 53, message, len, packet);
    give(NULL, PLACE_DNS, 0, packet, len);
}

/* --- the script ----------------------------------------------------------------------------
 */

static uint32_t take(struct cursor *script, size_t width)
{
    uint32_t value = 0;

    if (!cursor_uint(script, width, &value))
        script->off = script->len;
    return value;
}

static void play_segment(struct conn *c, struct cursor *script, uint8_t op)
{
    static const uint8_t flags[] = { TCP_ACK, TCP_ACK | TCP_PSH, TCP_ACK | TCP_FIN, TCP_RST };
    uint32_t which = take(script, 1), from = take(script, 2), len = take(script, 2);
    uint32_t base = take(script, 2);
    struct cursor own;

    if (which & 0x80) { /* bytes of the script's own */
        len %= 64;
        if (cursor_split(script, len < cursor_left(script) ? len : cursor_left(script), &own))
            client_sends(c, from, own.base, (uint32_t)own.len, flags[op >> 6], which & 0x40);
        return;
    }
    base = which & 0x20 ? c->edge : which & 0x10 ? base - 0x8000 : 0;
    which = (which & 15) % 6;
    from %= (uint32_t)stream_len[which];
    if (len > stream_len[which] - from)
        len = (uint32_t)stream_len[which] - from;
    client_sends(c, base + from, streams[which] + from, len, flags[op >> 6], op & 0x20);
}

static void set_policy(size_t number)
{
    world.policy = number;
    engine_set_policy(ends.engine, &ends.now, ends.policies[number]);
    for (size_t i = 0; i < CONNS; i++)
        world.conns[i].was_policy[number] = true;
}

static void play(struct cursor *script)
{
    while (cursor_left(script) > 0 && world.nr_sent < PACKETS - 1) {
        uint8_t op = (uint8_t)take(script, 1);
        struct conn *c = &world.conns[op >> 3 & 3];
        uint32_t from;

        switch (op & 7) {
        case 0:
            open_conn(c, (uint8_t)take(script, 1));
            break;
        case 1:
        case 2:
        case 3:
            play_segment(c, script, op);
            break;
        case 4:
        case 5:
            from = take(script, 1);
            server_sends(c, from, take(script, 1));
            break;
        case 6:
            fuzz_ends_pass_time((uint64_t)take(script, 1) * (op & 0x80 ? 1000 : 130000));
            break;
        default:
            if (op & 0x40) {
                query((uint8_t)take(script, 1));
                break;
            }
            set_policy(op >> 3 & 1);
        }
    }
}

static void set_up_streams(void)
{
    static const char *const names[] = { "allowed.test", "denied.test", "b.test" };
    static uint8_t one[STREAM_LEN];

    for (size_t i = 0; i < 3; i++)
        stream_len[i] = make_hello(names[i], i == 2 ? 1700 : 0, streams[i], STREAM_LEN);
    for (size_t i = 0; i < 2; i++) { /* the same in small records */
        size_t len = make_hello(names[i], 40, one, sizeof(one));

        stream_len[3 + i] = make_records(one + 5, len - 5, 31, streams[3 + i], STREAM_LEN);
    }
    memcpy(streams[5], "\x14\x03\x03\0\1\1\x17\x03\x03\0\5abcde", 16);
    stream_len[5] = 16;
    memset(answers, 's', sizeof(answers));
    make_server_hello(false, answers[SAYS_HELLO]);
    make_server_hello(true, answers[ASKS_AGAIN]);
    /* the session id, and behind the request its ChangeCipherSpec and the ServerHello */
    memcpy(answers[ASKS_AGAIN] + 43, "\x20\x16\x03\x03\0\x7a\2", 7);
    make_server_hello(false, answers[ASKS_AGAIN] + RETRY_LEN);
}

static void set_up(void)
{
    static const char *const texts[] = {
        "allowed.test\nb.test\n198.51.100.0/24\n!denied.test\n",
        "b.test\n198.51.100.0/24\n!denied.test\n"
    };

    fuzz_ends_init(texts);
    set_up_streams();
}

static void on_http_page(void *arg, const struct engine_page *page)
{
    (void)arg;
    demand(page->len > 0 && page->len <= sizeof(page->text));
}

static void start(void)
{
    const struct engine_limits limits = {
        .flows = 3, .chunks = 40, .held_packets = 24, .bindings = 8
    };
    const struct engine_ops ops = { .verdict = on_verdict,
                                    .revoke = on_revoke,
                                    .reset_server = on_reset_server,
                                    .http_page = on_http_page };

    memset(&world.sent, 0, sizeof(world.sent));
    world.nr_sent = 0;
    world.policy = 0;
    fuzz_ends_start(&limits, ops);
    for (size_t i = 0; i < CONNS; i++)
        open_conn(&world.conns[i], (uint8_t)(i << 2));
    query(0);
    query(1);
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
    for (uint32_t i = 0; i < PACKETS; i++)
        free(world.sent[i].bytes);
    return 0;
}
