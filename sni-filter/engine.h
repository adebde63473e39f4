/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The judge: packets, DNS queries and answers in; verdicts, bindings and records out. Pure:
 * time is an argument, all effects go through struct engine_ops, so a live gateway, a replay of
 * a capture, a unit test and a fuzzer run the same code.
 */
#ifndef SNI_FILTER_ENGINE_H
#define SNI_FILTER_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/hostname.h"
#include "common/ipc.h"
#include "common/record.h"

struct policy;

/* Where a packet was queued. */
enum packet_place {
    PLACE_OUTBOUND, /* forward chain, from an agent */
    PLACE_INBOUND,  /* forward chain, towards an agent */
    PLACE_DNS,      /* prerouting: UDP to port 53 from an agent; never let through */
    PLACE_INPUT,    /* an agent to the gateway itself; never let through */
};

struct packet_meta {
    uint32_t id;   /* the queue's packet id: what a verdict names */
    uint32_t mark; /* conntrack mark as the rules copied it (common/marks.h) */
    enum packet_place place;
    bool is_truncated; /* the kernel had more bytes than it copied */
    bool is_gso;       /* several segments that will leave apart */
};

struct engine_clock {
    uint64_t mono_us; /* never goes back */
    uint64_t wall_us; /* since 1970; for records and kept bindings */
};

/* Who waits for a DNS answer. */
struct dns_client {
    struct addr src, dst; /* dst: the server that the agent asked; answers come from it */
    uint16_t sport, dport;
    bool is_tcp;
    uint64_t tcp_ticket; /* of the connection, as the dns process numbered it */
};

struct dns_ask {
    uint32_t ticket; /* comes back with the answer */
    char name[HOSTNAME_MAX + 1];
    uint16_t qtype;
};

/* What the dns process found out. */
struct dns_found {
    uint32_t ticket;
    unsigned rcode; /* SERVFAIL also when no upstream answered */
    uint32_t ttl_s;
    uint32_t nr_addrs;
    struct addr addrs[32];
};

/* One element of the kernel's set of bound addresses: SYNs from agent's addresses to it may
 * pass unseen. */
struct engine_bound {
    uint32_t source_tag; /* which agent: see engine_source_tag() */
    struct addr addr;
    uint16_t port;
    uint32_t timeout_s;
};

/* A connection that the kernel knows as accepted or pinned (or, to be reset, any). */
struct engine_live {
    struct addr src, dst; /* original direction */
    uint16_t sport, dport;
    uint8_t protocol;
    uint32_t mark;    /* conntrack mark */
    uint8_t is_ended; /* both ends have closed it; the kernel remembers it for a while */
};

/* A connection that is over: its server is told by a reset, in its client's name. */
struct engine_reset {
    struct engine_live live;
    uint32_t seq, ack;      /* what server and client expect next */
    uint32_t client_seq;    /* what the client sends next: acknowledged by an alert */
    uint8_t is_client_told; /* 0: its client, too, is sent a reset */
    uint8_t alert; /* not 0: its client is sent this TLS alert, in its server's name; a reset
                      only when that cannot be sent */
};

#define ENGINE_PAGE_MAX 1400

/* What a client whose first request was refused is told, as if its server said it. */
struct engine_page {
    struct engine_live live;
    uint32_t seq, ack; /* what client and server expect next */
    uint32_t len;
    char text[ENGINE_PAGE_MAX]; /* len bytes of it */
};

struct engine_ops {
    /* A held or just given packet: verdict is 0 (drop) or a packet mark VERDICT_* | value. */
    void (*verdict)(void *arg, uint32_t id, uint32_t verdict);
    /* Bound addresses for the kernel's set; always before the dns_reply that tells the agent of
     * them. */
    void (*bound)(void *arg, const struct engine_bound *bound);
    void (*dns_ask)(void *arg, const struct dns_ask *ask);
    void (*dns_reply)(void *arg, const struct dns_client *client, const uint8_t *message,
                      size_t len);
    /* A binding to be kept over a restart. */
    void (*keep)(void *arg, const struct ipc_binding *binding);
    void (*record)(void *arg, const struct record *record);
    /* Reset a connection of which no packet is at hand: its conntrack mark becomes CT_REVOKED.
     */
    void (*revoke)(void *arg, const struct engine_live *live);
    /* Tell the server of a revoked connection, as its client, that it is over. After the
     * verdict or the revocation that made it one. */
    void (*reset_server)(void *arg, const struct engine_reset *reset);
    /* The same for its client: a page, and the connection's end. */
    void (*http_page)(void *arg, const struct engine_page *page);
    void *arg;
    /* Goes up by one for each decision that is recorded, before anything else is done about
     * it: what never arrives can be counted by others. NULL: nobody asks. */
    uint64_t *nr_decided;
};

struct engine_limits {     /* 0: the default */
    uint32_t flows;        /* TCP connections being read at once: 131072 */
    uint32_t chunks;       /* pieces of 1 KiB for held bytes: 24576 (28 MiB) */
    uint32_t held_packets; /* packets held in the kernel's queue at once: 24576 */
    uint32_t bindings;     /* (agent, address, name): 65536 */
    uint32_t quic_conns;   /* QUIC connections being read at once: 16384 (10 MiB) */
    uint32_t quic_chunks;  /* pieces of 1 KiB for their hellos: 8192 (10 MiB) */
    uint32_t quic_held;    /* their datagrams held at once: 8192 */
};

struct engine;
struct quic_cipher;

/**
 * engine_new - allocate everything at once; later calls do not allocate
 *
 * setup: sources, own addresses, private exemptions, keep times (copied). policy: kept until
 * replaced by engine_set_policy() or freed. seed: 16 random bytes for hash tables.
 * is_binding_off: replay without DNS: every address counts as given out for every name.
 * cipher: kept; made beforehand, for that needs files, which a sandbox may not open.
 */
struct engine *engine_new(const struct ipc_setup *setup, const struct policy *policy,
                          const struct engine_limits *limits, const struct engine_ops *ops,
                          const uint8_t seed[16], bool is_binding_off,
                          struct quic_cipher *cipher);
void engine_free(struct engine *engine);

/** engine_packet - judge one queued packet; it gets its verdict now or, when held, in a later
 * call */
void engine_packet(struct engine *engine, const struct engine_clock *now,
                   const struct packet_meta *meta, const uint8_t *packet, size_t len);

/** engine_dns_tcp - one DNS message (without its length) that an agent sent over TCP */
void engine_dns_tcp(struct engine *engine, const struct engine_clock *now,
                    const struct dns_client *client, const uint8_t *message, size_t len);

void engine_dns_found(struct engine *engine, const struct engine_clock *now,
                      const struct dns_found *found);

/** engine_tick - deadlines; returns the time until the next one in microseconds (at most 1 s)
 */
uint64_t engine_tick(struct engine *engine, const struct engine_clock *now);

/** engine_finish - hand out the records that still gather equal ones: the last call but
 * engine_free() */
void engine_finish(struct engine *engine);

/** engine_restore - a binding that an earlier run kept */
void engine_restore(struct engine *engine, const struct engine_clock *now,
                    const struct ipc_binding *binding);

/**
 * engine_set_setup - other agents, addresses or times from now on; engine_set_policy() has to
 * follow
 *
 * An agent that keeps its place in sources keeps its bindings and connections; those of one
 * that is gone are forgotten.
 */
void engine_set_setup(struct engine *engine, const struct ipc_setup *setup);

/** engine_set_policy - judge by another policy from now on; connections whose hello is being
 * read are reset when no hello could be allowed any more */
void engine_set_policy(struct engine *engine, const struct engine_clock *now,
                       const struct policy *policy);

/**
 * engine_live_allowed - does the policy in force still allow a live connection?
 *
 * Also notes that its address is in use, so that the binding outlives the connection. False: to
 * be reset; a record policy-changed has been written. One that was not allowed yet, or that is
 * revoked, is counted and no more.
 */
bool engine_live_allowed(struct engine *engine, const struct engine_clock *now,
                         const struct engine_live *live);

/**
 * engine_list_done - all that the kernel knows has been through engine_live_allowed()
 *
 * True: an agent has more connections than its share now, or no longer; the kernel's set is to
 * be emptied, and engine_rebind() to follow.
 */
MUST_CHECK bool engine_list_done(struct engine *engine, const struct engine_clock *now);

/**
 * engine_rebind - report all bindings in force to ops->bound again (after a reload or restart)
 */
void engine_rebind(struct engine *engine, const struct engine_clock *now);

/** engine_source_tag - the number that the kernel's rules know an address's agent by: index of
 * the agent's first entry in setup->sources + 1; 0 for a foreign address */
uint32_t engine_source_tag(const struct ipc_setup *setup, const struct addr *addr);

struct engine_counts {
    uint64_t packets, held, released_early, records_folded, flows_full, chunks_full;
    uint32_t flows, chunks, bindings, quic_conns;
};
void engine_counts(const struct engine *engine, struct engine_counts *out);

#endif
