/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/engine_rig.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/marks.h"
#include "sni-filter/dns_message.h"
#include "sni-filter/ip_packet.h"

static void check(bool is_so, const char *what)
{
    if (is_so)
        return;
    fprintf(stderr, "engine_rig: %s\n", what);
    abort();
}

static void on_verdict(void *arg, uint32_t id, uint32_t verdict)
{
    struct rig *rig = arg;

    check(id < rig->next_id, "verdict for a packet that never was");
    check(!rig->is_judged[id], "second verdict for a packet");
    rig->is_judged[id] = true;
    rig->verdict[id] = verdict;
    rig->order[rig->nr_verdicts++] = id;
}

static void on_bound(void *arg, const struct engine_bound *bound)
{
    struct rig *rig = arg;

    if (rig->nr_bound < ARRAY_LEN(rig->bound))
        rig->bound[rig->nr_bound++] = *bound;
}

static void on_ask(void *arg, const struct dns_ask *ask)
{
    struct rig *rig = arg;

    if (rig->nr_asks < ARRAY_LEN(rig->asks))
        rig->asks[rig->nr_asks++] = *ask;
}

static void on_reply(void *arg, const struct dns_client *client, const uint8_t *message,
                     size_t len)
{
    struct rig *rig = arg;

    (void)client;
    check(len <= sizeof(rig->reply), "reply too long");
    memcpy(rig->reply, message, len);
    rig->reply_len = len;
    rig->nr_replies++;
    rig->bound_before_reply = rig->nr_bound;
}

static void on_keep(void *arg, const struct ipc_binding *binding)
{
    struct rig *rig = arg;

    if (rig->nr_kept < ARRAY_LEN(rig->kept))
        rig->kept[rig->nr_kept++] = *binding;
}

static void on_record(void *arg, const struct record *record)
{
    struct rig *rig = arg;

    rig->nr_told += record_weight(record);
    if (rig->nr_records < RIG_RECORDS)
        rig->records[rig->nr_records++] = *record;
}

static void on_revoke(void *arg, const struct engine_live *live)
{
    struct rig *rig = arg;

    if (rig->nr_revoked < ARRAY_LEN(rig->revoked))
        rig->revoked[rig->nr_revoked++] = *live;
}

static void on_reset_server(void *arg, const struct engine_reset *reset)
{
    struct rig *rig = arg;

    rig->reset = *reset;
    rig->nr_resets++;
}

static void on_http_page(void *arg, const struct engine_page *page)
{
    struct rig *rig = arg;

    rig->page = *page;
    rig->nr_pages++;
}

static struct addr addr_of(const char *text)
{
    struct addr addr;

    check(addr_parse(text, strlen(text), &addr), "no address");
    return addr;
}

static struct policy *compile(const char *allowlist)
{
    struct policy_source source = { "allowlist", NULL, allowlist, strlen(allowlist) };
    struct err err;
    struct policy *policy = policy_new(&source, 1, NULL, &err);

    check(policy != NULL, policy != NULL ? "" : err.text);
    return policy;
}

static void add_source(struct ipc_setup *setup, const char *prefix, const char *agent)
{
    struct ipc_source *source = &setup->sources[setup->nr_sources++];

    check(prefix_parse(prefix, strlen(prefix), &source->prefix), "no prefix");
    snprintf(source->agent, sizeof(source->agent), "%s", agent);
}

void rig_start_limited(struct rig *rig, const char *allowlist,
                       const struct engine_limits *limits)
{
    static const uint8_t seed[16] = "0123456789abcde";
    struct ipc_setup *setup = calloc(1, sizeof(*setup));
    struct engine_ops ops = { on_verdict,   on_bound,  on_ask,          on_reply,
                              on_keep,      on_record, on_revoke,       on_reset_server,
                              on_http_page, rig,       &rig->nr_decided };

    memset(rig, 0, sizeof(*rig));
    check(setup != NULL, "no memory");
    add_source(setup, "198.18.0.0/24", "agent");
    add_source(setup, "2001:2::/64", "agent");
    add_source(setup, "198.18.9.0/24", "other");
    setup->own[setup->nr_own++] = addr_of("203.0.113.1");
    setup->dns_keep_s = 86400;
    setup->dns_min_ttl_s = 60;
    setup->is_ech_allowed = true;
    setup->has_outside_v6 = true;
    rig->now = (struct engine_clock) { 1000000000, 1700000000000000 };
    rig->next_id = 1;
    rig->policy = compile(allowlist);
    check(quic_cipher_init(&rig->cipher), "quic_cipher_init");
    rig->engine = engine_new(setup, rig->policy, limits, &ops, seed, false, &rig->cipher);
    check(rig->engine != NULL, "engine_new");
    free(setup);
}

void rig_start(struct rig *rig, const char *allowlist)
{
    rig_start_limited(rig, allowlist, NULL);
}

void rig_stop(struct rig *rig)
{
    engine_finish(rig->engine);
    check(rig->nr_told == rig->nr_decided, "a decision is in no record, or in two");
    engine_free(rig->engine);
    quic_cipher_clear(&rig->cipher);
    policy_free(rig->policy);
}

void rig_policy(struct rig *rig, const char *allowlist)
{
    struct policy *policy = compile(allowlist);

    engine_set_policy(rig->engine, &rig->now, policy);
    policy_free(rig->policy);
    rig->policy = policy;
}

void rig_wait(struct rig *rig, uint64_t us)
{
    rig->now.mono_us += us;
    rig->now.wall_us += us;
    engine_tick(rig->engine, &rig->now);
}

const struct record *rig_last(const struct rig *rig)
{
    check(rig->nr_records > 0, "no record");
    return &rig->records[rig->nr_records - 1];
}

uint32_t rig_raw(struct rig *rig, enum packet_place place, uint32_t mark, const uint8_t *packet,
                 size_t len)
{
    struct packet_meta meta = { .id = rig->next_id++, .mark = mark, .place = place };
    uint8_t *exact = malloc(len > 0 ? len : 1);

    check(rig->next_id < RIG_PACKETS && exact != NULL, "too many packets");
    memcpy(exact, packet, len);
    engine_packet(rig->engine, &rig->now, &meta, exact, len);
    free(exact);
    return meta.id;
}

void rig_bind(struct rig *rig, const char *name, const char *addr)
{
    uint8_t message[512];
    struct dns_found found = { .nr_addrs = 1, .ttl_s = 30 };
    size_t len;

    found.addrs[0] = addr_of(addr);
    len = make_query(name, found.addrs[0].family == ADDR_V4 ? DNS_A : DNS_AAAA, message);
    rig->nr_asks = 0;
    rig_dns(rig, "198.18.0.2", message, len);
    check(rig->nr_asks == 1, "the query was not asked");
    found.ticket = rig->asks[0].ticket;
    engine_dns_found(rig->engine, &rig->now, &found);
}

uint32_t rig_dns(struct rig *rig, const char *client, const uint8_t *message, size_t len)
{
    uint8_t packet[2048];

    len = make_udp(client, 40000, "203.0.113.53", 53, message, len, packet);
    return rig_raw(rig, PLACE_DNS, 0, packet, len);
}

struct rig_conn rig_conn(const char *server, uint16_t server_port)
{
    static uint16_t port = 30000;
    struct rig_conn conn = {
        .client = strchr(server, ':') != NULL ? "2001:2::2" : "198.18.0.2",
        .server = server,
        .client_port = port,
        .server_port = server_port,
        .isn = 0xfffffff0u + port, /* wraps */
        .server_isn = 0xfffffff5u,
    };

    port++;
    conn.mark = CT_OPEN | (conn.isn & MARK_VALUE_MASK);
    return conn;
}

static void follow(struct rig *rig, struct rig_conn *conn)
{
    for (size_t i = 0; i < rig->nr_verdicts; i++) {
        uint32_t verdict = rig->verdict[rig->order[i]];
        uint32_t value = verdict & MARK_VALUE_MASK;

        switch (verdict & MARK_STATE_MASK) {
        case VERDICT_PIN:
            conn->mark = CT_PINNED | value;
            break;
        case VERDICT_ACCEPT:
            conn->mark = CT_ACCEPTED | value;
            break;
        case VERDICT_HTTP_READ:
            conn->mark = CT_HTTP_READ | value;
            break;
        case VERDICT_HTTP_SENT:
            conn->mark = CT_HTTP_SENT | value;
            break;
        case VERDICT_RESET:
            conn->mark = CT_REVOKED;
            break;
        default:
            break;
        }
    }
}

uint32_t rig_client(struct rig *rig, struct rig_conn *conn, uint32_t offset,
                    const uint8_t *bytes, size_t len)
{
    static uint8_t packet[70000];
    size_t n = make_tcp(conn->client, conn->client_port, conn->server, conn->server_port,
                        conn->isn + 1 + offset, conn->server_isn + 1, TCP_ACK | TCP_PSH, bytes,
                        len, packet);
    size_t before = rig->nr_verdicts;
    uint32_t id = rig_raw(rig, PLACE_OUTBOUND, conn->mark, packet, n);

    if (rig->nr_verdicts > before)
        follow(rig, conn);
    return id;
}

uint32_t rig_server(struct rig *rig, struct rig_conn *conn, uint32_t offset, uint32_t acked,
                    const uint8_t *bytes, size_t len)
{
    static uint8_t packet[70000];
    size_t n = make_tcp(conn->server, conn->server_port, conn->client, conn->client_port,
                        conn->server_isn + 1 + offset, conn->isn + 1 + acked, TCP_ACK, bytes,
                        len, packet);
    uint32_t id = rig_raw(rig, PLACE_INBOUND, conn->mark, packet, n);

    follow(rig, conn);
    return id;
}

uint32_t rig_syn(struct rig *rig, struct rig_conn *conn, const uint8_t *data, size_t len)
{
    uint8_t packet[2048];
    size_t n = make_tcp(conn->client, conn->client_port, conn->server, conn->server_port,
                        conn->isn, 0, TCP_SYN, data, len, packet);

    return rig_raw(rig, PLACE_OUTBOUND, conn->mark, packet, n);
}

/* --- builders ------------------------------------------------------------------------------
 */

static size_t put(uint8_t *out, uint64_t value, size_t width)
{
    for (size_t i = 0; i < width; i++)
        out[i] = (uint8_t)(value >> (8 * (width - 1 - i)));
    return width;
}

static size_t make_ip(const char *src, const char *dst, uint8_t protocol, size_t len,
                      uint8_t *out)
{
    struct addr s = addr_of(src), d = addr_of(dst);

    check(s.family == d.family, "two families");
    if (s.family == ADDR_V4) {
        memset(out, 0, 20);
        out[0] = 0x45;
        put(out + 2, 20 + len, 2);
        out[8] = 64;
        out[9] = protocol;
        memcpy(out + 12, s.bytes, 4);
        memcpy(out + 16, d.bytes, 4);
        return 20;
    }
    memset(out, 0, 40);
    out[0] = 0x60;
    put(out + 4, len, 2);
    out[6] = protocol;
    out[7] = 64;
    memcpy(out + 8, s.bytes, 16);
    memcpy(out + 24, d.bytes, 16);
    return 40;
}

size_t make_tcp(const char *src, uint16_t sport, const char *dst, uint16_t dport, uint32_t seq,
                uint32_t ack, uint8_t flags, const uint8_t *data, size_t len, uint8_t *out)
{
    uint8_t *p = out + make_ip(src, dst, IPPROTO_TCP, 20 + len, out);

    memset(p, 0, 20);
    put(p, sport, 2);
    put(p + 2, dport, 2);
    put(p + 4, seq, 4);
    put(p + 8, ack, 4);
    p[12] = 5 << 4;
    p[13] = flags;
    put(p + 14, 65535, 2);
    if (len > 0)
        memcpy(p + 20, data, len);
    return (size_t)(p - out) + 20 + len;
}

size_t make_udp(const char *src, uint16_t sport, const char *dst, uint16_t dport,
                const uint8_t *data, size_t len, uint8_t *out)
{
    uint8_t *p = out + make_ip(src, dst, IPPROTO_UDP, 8 + len, out);

    put(p, sport, 2);
    put(p + 2, dport, 2);
    put(p + 4, 8 + len, 2);
    put(p + 6, 0, 2);
    memcpy(p + 8, data, len);
    return (size_t)(p - out) + 8 + len;
}

/* The handshake message alone: server_name and padding are its extensions. */
static size_t make_client_hello(const char *name, size_t padding, uint8_t *out, size_t size)
{
    size_t name_len = name != NULL ? strlen(name) : 0;
    size_t extensions = (name != NULL ? 9 + name_len : 0) + (padding > 0 ? 4 + padding : 0);
    size_t n = 0, body = 2 + 32 + 1 + 2 + 2 + 2 + 2 + extensions;

    check(4 + body <= size, "hello too long");
    n += put(out + n, 1, 1);
    n += put(out + n, body, 3);
    n += put(out + n, 0x0303, 2);
    memset(out + n, 0xab, 32);
    n += 32;
    n += put(out + n, 0, 1);
    n += put(out + n, 2, 2);
    n += put(out + n, 0x1301, 2);
    n += put(out + n, 0x0100, 2);
    n += put(out + n, extensions, 2);
    if (padding > 0) {
        n += put(out + n, 21, 2);
        n += put(out + n, padding, 2);
        memset(out + n, 0, padding);
        n += padding;
    }
    if (name != NULL) {
        n += put(out + n, 0, 2);
        n += put(out + n, name_len + 5, 2);
        n += put(out + n, name_len + 3, 2);
        n += put(out + n, 0, 1);
        n += put(out + n, name_len, 2);
        memcpy(out + n, name, name_len);
        n += name_len;
    }
    return n;
}

size_t make_records(const uint8_t *hello, size_t len, size_t each, uint8_t *out, size_t size)
{
    size_t n = 0;

    for (size_t at = 0; at < len; at += each) {
        size_t part = len - at < each ? len - at : each;

        check(n + 5 + part <= size, "records too long");
        n += put(out + n, 0x160301, 3);
        n += put(out + n, part, 2);
        memcpy(out + n, hello + at, part);
        n += part;
    }
    return n;
}

size_t make_hello(const char *name, size_t padding, uint8_t *out, size_t size)
{
    static uint8_t message[70000];
    size_t len = make_client_hello(name, padding, message, sizeof(message));

    return make_records(message, len, 16384, out, size);
}

size_t make_server_hello(bool is_retry, uint8_t *out)
{
    static const uint8_t retry[32] = { 0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11,
                                       0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
                                       0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e,
                                       0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c };
    size_t n = 0;

    n += put(out + n, 0x160303, 3);
    n += put(out + n, 4 + 40, 2);
    n += put(out + n, 2, 1);
    n += put(out + n, 40, 3);
    n += put(out + n, 0x0303, 2);
    if (is_retry)
        memcpy(out + n, retry, 32);
    else
        memset(out + n, 0x5a, 32);
    n += 32;
    n += put(out + n, 0, 1);
    n += put(out + n, 0x1301, 2);
    n += put(out + n, 0, 1);
    n += put(out + n, 0, 2);
    return n;
}

size_t make_query(const char *name, uint16_t qtype, uint8_t *out)
{
    size_t n = 0;

    n += put(out + n, 0x4242, 2);
    n += put(out + n, 0x0100, 2);
    n += put(out + n, 1, 2);
    n += put(out + n, 0, 6);
    while (*name != '\0') {
        size_t len = strcspn(name, ".");

        n += put(out + n, len, 1);
        memcpy(out + n, name, len);
        n += len;
        name += len + (name[len] == '.');
    }
    n += put(out + n, 0, 1);
    n += put(out + n, qtype, 2);
    n += put(out + n, 1, 2);
    return n;
}

void rig_start_bound(struct rig *rig)
{
    rig_start(rig, RIG_LIST);
    rig_bind(rig, "allowed.test", RIG_GOOD);
    rig_bind(rig, "a.wild.test", RIG_OTHER);
    rig_bind(rig, "plain.test", "203.0.113.30");
    rig->nr_records = 0;
    rig->nr_verdicts = 0;
}

uint32_t rig_state(const struct rig *rig, uint32_t id)
{
    check(rig->is_judged[id], "no verdict yet");
    return rig->verdict[id] & MARK_STATE_MASK;
}
