/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An engine with a policy, a clock that the test turns, and a notebook of all it does.
 */
#ifndef TESTS_SUPPORT_ENGINE_RIG_H
#define TESTS_SUPPORT_ENGINE_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/policy.h"
#include "sni-filter/engine.h"
#include "sni-filter/quic_cipher.h"

#define RIG_PACKETS 4096
#define RIG_RECORDS 256

struct rig {
    struct engine *engine;
    struct policy *policy;
    struct quic_cipher cipher;
    struct engine_clock now;
    uint32_t next_id;
    bool is_judged[RIG_PACKETS]; /* by packet id */
    uint32_t verdict[RIG_PACKETS];
    uint32_t order[RIG_PACKETS]; /* ids in the order of their verdicts */
    size_t nr_verdicts;
    struct record records[RIG_RECORDS];
    size_t nr_records;
    uint64_t nr_decided, nr_told; /* since the start: they must be equal in the end */
    struct engine_bound bound[64];
    size_t nr_bound;
    struct dns_ask asks[64];
    size_t nr_asks;
    struct ipc_binding kept[64];
    size_t nr_kept;
    struct engine_live revoked[16];
    size_t nr_revoked;
    struct engine_reset reset; /* the last one */
    size_t nr_resets;
    struct engine_page page; /* the last one */
    size_t nr_pages;
    uint8_t reply[4096]; /* the last one */
    size_t reply_len, nr_replies;
    size_t bound_before_reply; /* nr_bound when the last reply was given */
};

/* agent "agent" is 198.18.0.0/24 and 2001:2::/64, agent "other" 198.18.9.0/24; own address
 * 198.18.0.1 */
void rig_start(struct rig *rig, const char *allowlist);
void rig_start_limited(struct rig *rig, const char *allowlist,
                       const struct engine_limits *limits);
/* RIG_LIST with RIG_GOOD bound to allowed.test, RIG_OTHER to a.wild.test, 203.0.113.30 to
 * plain.test; what that took is forgotten */
#define RIG_LIST                                                                               \
    "allowed.test\n*.wild.test\nplain.test tcp/22\n203.0.113.77 tls/443\n!no.wild.test\n"
#define RIG_GOOD  "203.0.113.10"
#define RIG_OTHER "203.0.113.20"
void rig_start_bound(struct rig *rig);
void rig_stop(struct rig *rig);
/* the state in the verdict on packet id, which must have been given */
uint32_t rig_state(const struct rig *rig, uint32_t id);
void rig_policy(struct rig *rig, const char *allowlist);
void rig_wait(struct rig *rig, uint64_t us); /* turns the clock and ticks */
/* name was answered with addr, through a query and its answer */
void rig_bind(struct rig *rig, const char *name, const char *addr);

/* A connection as the kernel's rules see it. */
struct rig_conn {
    const char *client, *server;
    uint16_t client_port, server_port;
    uint32_t isn, server_isn;
    uint32_t mark; /* conntrack mark, kept up to date from verdicts */
};

struct rig_conn rig_conn(const char *server, uint16_t server_port);
/* A segment of the client at offset of its stream: its packet id. flags: TCP_* bits. */
uint32_t rig_client(struct rig *rig, struct rig_conn *conn, uint32_t offset,
                    const uint8_t *bytes, size_t len);
uint32_t rig_server(struct rig *rig, struct rig_conn *conn, uint32_t offset, uint32_t acked,
                    const uint8_t *bytes, size_t len);
uint32_t rig_syn(struct rig *rig, struct rig_conn *conn, const uint8_t *data, size_t len);
uint32_t rig_raw(struct rig *rig, enum packet_place place, uint32_t mark, const uint8_t *packet,
                 size_t len);
uint32_t rig_dns(struct rig *rig, const char *client, const uint8_t *message, size_t len);
const struct record *rig_last(const struct rig *rig);

/* Builders; each returns the length written to out. */
size_t make_hello(const char *name, size_t padding, uint8_t *out, size_t size); /* one record */
size_t make_records(const uint8_t *hello, size_t len, size_t each, uint8_t *out, size_t size);
size_t make_server_hello(bool is_retry, uint8_t *out);
size_t make_tcp(const char *src, uint16_t sport, const char *dst, uint16_t dport, uint32_t seq,
                uint32_t ack, uint8_t flags, const uint8_t *data, size_t len, uint8_t *out);
size_t make_udp(const char *src, uint16_t sport, const char *dst, uint16_t dport,
                const uint8_t *data, size_t len, uint8_t *out);
size_t make_query(const char *name, uint16_t qtype, uint8_t *out);

#endif
