/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The whole judge: the input becomes segments of three connections, server answers and pauses.
 * What must hold: each packet gets exactly one verdict (the rig aborts at a second one); no
 * byte leaves in two versions; a whole ClientHello leaves only when its connection is pinned,
 * and only for the name that its address was given out for; before that only a part of one
 * leaves, to an address that was given out, and no more than the limit.
 */
#include <stdlib.h>
#include <string.h>

#include "common/marks.h"
#include "sni-filter/tls_record.h"
#include "tests/support/engine_rig.h"

#define SPAN       4096 /* bytes of a stream that are played with */
#define EARLY_MAX  16384
#define NR_CONNS   3
#define NR_HELLOS  4
#define PACKET_MAX 600

struct sent {
    size_t conn;
    uint32_t offset;
    size_t len;
    uint8_t bytes[PACKET_MAX];
};

static struct rig rig;
static struct rig_conn conns[NR_CONNS];
static uint32_t marks[NR_CONNS]; /* conntrack's: the rig knows one connection only */
static const char *const names[NR_CONNS] = { "allowed.test", "a.wild.test", NULL };
static struct {
    uint8_t bytes[SPAN];
    bool is_gone[SPAN];
    bool is_pinned;
} left[NR_CONNS];
static struct sent sent[RIG_PACKETS];
static uint8_t hellos[NR_HELLOS][SPAN], scratch[TLS_HELLO_MAX];
static size_t hello_len[NR_HELLOS], nr_checked;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_so)
{
    if (!is_so)
        abort();
}

static size_t left_edge(size_t conn)
{
    size_t edge = 0;

    while (edge < SPAN && left[conn].is_gone[edge])
        edge++;
    return edge;
}

/* Do the bytes that have left begin with a whole ClientHello, and for which name? */
static bool is_hello_out(size_t conn, struct tls_client_flight *flight)
{
    size_t edge = left_edge(conn);
    uint8_t *exact = malloc(edge > 0 ? edge : 1);
    bool is_out;

    check(exact != NULL);
    memcpy(exact, left[conn].bytes, edge);
    is_out = tls_client_parse((struct cursor) { .base = exact, .len = edge }, false, scratch,
                              flight, NULL) == PARSE_OK;
    free(exact);
    return is_out;
}

static void leave(const struct sent *packet)
{
    for (size_t i = 0; i < packet->len; i++) {
        size_t at = packet->offset + i;

        check(!left[packet->conn].is_gone[at] ||
              left[packet->conn].bytes[at] == packet->bytes[i]);
        left[packet->conn].is_gone[at] = true;
        left[packet->conn].bytes[at] = packet->bytes[i];
    }
}

/* The kernel's part of a revocation. */
static void follow_revocations(void)
{
    for (; rig.nr_revoked > 0; rig.nr_revoked--)
        for (size_t i = 0; i < NR_CONNS; i++)
            if (conns[i].client_port == rig.revoked[rig.nr_revoked - 1].sport)
                marks[i] = CT_REVOKED;
}

static void check_verdicts(void)
{
    size_t from = nr_checked;
    struct tls_client_flight flight;

    for (; nr_checked < rig.nr_verdicts; nr_checked++) {
        uint32_t id = rig.order[nr_checked], state = rig.verdict[id] & MARK_STATE_MASK;
        const struct sent *packet = &sent[id];

        if (state == VERDICT_RESET)
            marks[packet->conn] = CT_REVOKED;
        if (packet->len == 0 ||
            (state != VERDICT_PASS && state != VERDICT_PIN && state != VERDICT_ACCEPT))
            continue;
        leave(packet);
        if (state == VERDICT_PIN) {
            left[packet->conn].is_pinned = true;
            marks[packet->conn] = CT_PINNED | (rig.verdict[id] & MARK_VALUE_MASK);
        }
    }
    for (size_t i = 0; from < nr_checked && i < NR_CONNS; i++) {
        if (is_hello_out(i, &flight)) {
            check(left[i].is_pinned && names[i] != NULL &&
                  strcmp(flight.hello.name, names[i]) == 0);
        } else if (left[i].is_pinned) {
            check(names[i] != NULL); /* what ends the hello waits for what is behind it */
        } else if (left_edge(i) > 0) {
            check(names[i] != NULL && left_edge(i) <= EARLY_MAX);
        }
    }
}

static void start(void)
{
    static const struct engine_limits limits = {
        .flows = 64, .chunks = 256, .held_packets = 64, .bindings = 64
    };
    static const char *const of_hello[NR_HELLOS] = { "allowed.test", "a.wild.test",
                                                     "blocked.test", NULL };
    static const char *const servers[NR_CONNS] = { "203.0.113.10", "203.0.113.20",
                                                   "198.51.100.9" };

    rig_start_limited(&rig, "allowed.test\n*.wild.test\n", &limits);
    rig_bind(&rig, "allowed.test", servers[0]);
    rig_bind(&rig, "a.wild.test", servers[1]);
    for (size_t i = 0; i < NR_CONNS; i++) {
        conns[i] = rig_conn(servers[i], 443);
        marks[i] = conns[i].mark;
    }
    for (size_t i = 0; i < NR_HELLOS; i++)
        hello_len[i] = make_hello(of_hello[i], i == 0 ? 700 : 0, hellos[i], SPAN);
    memset(left, 0, sizeof(left));
    memset(sent, 0, sizeof(sent));
    nr_checked = rig.nr_verdicts;
}

/* what: which bytes; at, len in units of the input's bytes; noise flips one bit, or none. */
static void client(size_t conn, uint8_t what, uint32_t at, size_t len, uint8_t noise)
{
    struct sent *packet = &sent[rig.next_id];
    const uint8_t *hello = hellos[what % NR_HELLOS];

    at %= SPAN - PACKET_MAX;
    len = len % (PACKET_MAX - 1) + 1;
    *packet = (struct sent) { .conn = conn, .offset = at, .len = len };
    for (size_t i = 0; i < len; i++)
        packet->bytes[i] = at + i < hello_len[what % NR_HELLOS] ? hello[at + i] : 23;
    if (noise & 0x80)
        packet->bytes[noise % len] ^= 1;
    rig_client(&rig, &conns[conn], at, packet->bytes, len);
}

static void server(size_t conn, bool is_retry, uint32_t at, size_t len)
{
    uint8_t answer[100];
    size_t n = make_server_hello(is_retry, answer);

    at %= (uint32_t)n;
    len = len % (n - at) + 1;
    if (len > n - at)
        len = n - at;
    rig_server(&rig, &conns[conn], at, (uint32_t)left_edge(conn), answer + at, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    start();
    for (size_t at = 0; at + 6 <= size && rig.next_id < RIG_PACKETS - 8; at += 6) {
        const uint8_t *p = data + at;
        size_t conn = p[0] % NR_CONNS;

        conns[conn].mark = marks[conn];
        switch (p[0] / NR_CONNS % 8) {
        default:
            client(conn, p[1], (uint32_t)p[2] << 4 | (p[3] & 15), (size_t)p[4] << 2 | p[3] >> 6,
                   p[5]);
            break;
        case 5:
            server(conn, p[1] & 1, p[2], p[3]);
            break;
        case 6:
            rig_wait(&rig, (uint64_t)p[1] << 10);
            break;
        case 7:
            rig_wait(&rig, (uint64_t)p[1] << 18);
            break;
        }
        follow_revocations();
        check_verdicts();
    }
    for (int i = 0; i < 8; i++)
        rig_wait(&rig, 10000000);
    check_verdicts();
    for (uint32_t id = 1; id < rig.next_id; id++)
        check(rig.is_judged[id]);
    rig_stop(&rig);
    return 0;
}
