/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/replay_internal.h"

#include <string.h>

#include "common/siphash.h"

/* --- what the engine calls --------------------------------------------------------------- */

static void apply_verdict(struct replay_connection *connection, uint32_t verdict)
{
    uint32_t value = verdict & MARK_VALUE_MASK;

    switch (verdict & MARK_STATE_MASK) {
    case VERDICT_PASS:
        connection->is_confirmed = true;
        break;
    case VERDICT_ACCEPT:
        connection->is_confirmed = true;
        connection->mark = CT_ACCEPTED | value;
        break;
    case VERDICT_PIN:
        connection->is_confirmed = true;
        connection->mark = CT_PINNED | value;
        break;
    case VERDICT_HTTP_READ: /* and VERDICT_QUIC */
        connection->mark = CT_HTTP_READ | value;
        break;
    case VERDICT_HTTP_SENT:
        connection->mark = CT_HTTP_SENT | value;
        break;
    case VERDICT_RESET:
    case VERDICT_ICMP:
        connection->mark = CT_REVOKED;
        break;
    }
}

static void on_verdict(void *arg, uint32_t id, uint32_t verdict)
{
    struct replay_kernel *kernel = arg;
    struct waiting_id *waiting = &kernel->ids[id % NR_IDS];
    struct replay_connection *connection;

    if (!waiting->is_used || waiting->id != id)
        return;
    waiting->is_used = false;
    connection = replay_table_at(&kernel->table, waiting->slot, waiting->generation);
    if (connection != NULL)
        apply_verdict(connection, verdict);
}

static struct bound_entry *bound_slot(struct replay_kernel *kernel, uint32_t source_tag,
                                      const struct addr *addr, uint16_t port)
{
    uint8_t key[4 + 17 + 2] = { (uint8_t)(source_tag >> 24), (uint8_t)(source_tag >> 16),
                                (uint8_t)(source_tag >> 8), (uint8_t)source_tag, addr->family };

    memcpy(key + 5, addr->bytes, 16);
    key[21] = (uint8_t)(port >> 8);
    key[22] = (uint8_t)port;
    return &kernel->bound[siphash(kernel->seed, key, sizeof(key)) % NR_BOUND];
}

static void on_bound(void *arg, const struct engine_bound *bound)
{
    struct replay_kernel *kernel = arg;
    struct bound_entry *entry =
        bound_slot(kernel, bound->source_tag, &bound->addr, bound->port);

    *entry = (struct bound_entry) {
        .is_used = true,
        .bound = *bound,
        .until_us = kernel->now.mono_us + bound->timeout_s * (uint64_t)SECOND_US,
    };
}

static void on_dns_ask(void *arg, const struct dns_ask *ask)
{
    struct replay_kernel *kernel = arg;

    replay_dns_ask(&kernel->dns, &kernel->now, ask);
}

static void on_dns_reply(void *arg, const struct dns_client *client, const uint8_t *message,
                         size_t len)
{
    (void)arg; /* nobody is there to take it */
    (void)client;
    (void)message;
    (void)len;
}

static void on_keep(void *arg, const struct ipc_binding *binding)
{
    (void)arg;
    (void)binding;
}

static void on_reset_server(void *arg, const struct engine_reset *reset)
{
    (void)arg; /* a capture's server has heard what it has heard */
    (void)reset;
}

static void on_http_page(void *arg, const struct engine_page *page)
{
    (void)arg;
    (void)page;
}

static void on_revoke(void *arg, const struct engine_live *live)
{
    struct replay_kernel *kernel = arg;
    struct replay_endpoint client = { .addr = live->src, .port = live->sport };
    struct replay_endpoint server = { .addr = live->dst, .port = live->dport };
    struct replay_connection *connection =
        replay_table_find(&kernel->table, live->protocol, &client, &server);

    if (connection != NULL)
        connection->mark = CT_REVOKED;
}

static void on_record(void *arg, const struct record *record)
{
    struct replay_kernel *kernel = arg;

    kernel->record(kernel->record_arg, record);
}

struct engine_ops replay_kernel_ops(struct replay_kernel *kernel)
{
    return (struct engine_ops) {
        .verdict = on_verdict,
        .bound = on_bound,
        .dns_ask = on_dns_ask,
        .dns_reply = on_dns_reply,
        .keep = on_keep,
        .record = on_record,
        .revoke = on_revoke,
        .reset_server = on_reset_server,
        .http_page = on_http_page,
        .arg = kernel,
    };
}

/* --- giving packets to the engine --------------------------------------------------------- */

/* A free id; when the engine never answers, the oldest waiting one is forgotten. */
static uint32_t take_id(struct replay_kernel *kernel,
                        const struct replay_connection *connection)
{
    struct waiting_id *waiting;

    for (unsigned tries = 0; tries < NR_IDS; tries++) {
        if (!kernel->ids[++kernel->next_id % NR_IDS].is_used)
            break;
    }
    waiting = &kernel->ids[kernel->next_id % NR_IDS];
    *waiting =
        (struct waiting_id) { .is_used = true, .id = kernel->next_id, .slot = REPLAY_NONE };
    if (connection != NULL) {
        waiting->slot = replay_table_slot(&kernel->table, connection);
        waiting->generation = connection->generation;
    }
    return kernel->next_id;
}

struct packet_meta replay_meta(struct replay_kernel *kernel, enum packet_place place,
                               const struct replay_connection *connection)
{
    kernel->counts.judged++;
    return (struct packet_meta) { .id = take_id(kernel, connection),
                                  .mark = connection != NULL ? connection->mark : 0,
                                  .place = place };
}

void replay_give(struct replay_kernel *kernel, enum packet_place place,
                 struct replay_connection *connection, struct cursor packet)
{
    struct packet_meta meta = replay_meta(kernel, place, connection);

    engine_packet(kernel->engine, &kernel->now, &meta, packet.base, packet.len);
}

bool replay_is_agent(const struct replay_kernel *kernel, const struct addr *addr)
{
    return engine_source_tag(kernel->setup, addr) != 0;
}

bool replay_is_bound(struct replay_kernel *kernel, const struct replay_connection *connection)
{
    uint32_t tag = engine_source_tag(kernel->setup, &connection->client.addr);
    const struct replay_endpoint *server = &connection->server;
    const struct bound_entry *entry = bound_slot(kernel, tag, &server->addr, server->port);

    return entry->is_used && entry->until_us > kernel->now.mono_us &&
           entry->bound.source_tag == tag && entry->bound.port == server->port &&
           addr_equal(&entry->bound.addr, &server->addr);
}

struct dns_client replay_dns_client(const struct replay_kernel *kernel,
                                    const struct replay_connection *connection)
{
    struct dns_client client = { .src = connection->client.addr,
                                 .dst = connection->server.addr,
                                 .sport = connection->client.port,
                                 .dport = connection->server.port,
                                 .is_tcp = connection->protocol == PROTOCOL_TCP };

    if (client.is_tcp)
        client.tcp_ticket = (uint64_t)connection->generation << 32 |
                            replay_table_slot(&kernel->table, connection);
    return client;
}

struct replay_connection *replay_put(struct replay_kernel *kernel, uint8_t protocol,
                                     const struct replay_endpoint *client,
                                     const struct replay_endpoint *server)
{
    kernel->counts.connections++;
    return replay_table_put(&kernel->table, protocol, client, server);
}
