/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Messages between the three processes of sni-filter, over rings. Structs are sent as they are
 * in memory. The packet side does not trust the inspector, the inspector does not trust the dns
 * process: each reads a message through the wire_read_*() function that copies it out of the
 * shared memory and then checks the copy. Pure.
 */
#ifndef SNI_FILTER_WIRE_H
#define SNI_FILTER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/ipc.h"
#include "sni-filter/dns_message.h"
#include "sni-filter/engine.h"

/* packet side -> inspector */
enum {
    WIRE_PACKET = 1, /* struct packet_meta, packet bytes */
    WIRE_LIVE,     /* struct engine_live: one entry of the conntrack dump that was asked for */
    WIRE_LIVE_END, /* uint32_t nr_entries: the dump is over */
};

/* inspector -> packet side */
enum {
    WIRE_VERDICT = 1, /* struct wire_verdict */
    WIRE_BOUND,       /* struct engine_bound */
    WIRE_BOUND_FLUSH, /* no body: empty the kernel's sets (before a rebind) */
    WIRE_DNS_REPLY,   /* struct dns_client, message: UDP */
    WIRE_DUMP,   /* no body: dump accepted and pinned connections; not again before LIVE_END */
    WIRE_REVOKE, /* struct engine_live: TCP: set its conntrack mark to CT_REVOKED; UDP: delete
                    it */
    WIRE_RESET_SERVER, /* struct engine_reset: send its server a reset, as the client; its
                          client an alert, as the server */
    WIRE_HTTP_PAGE,    /* struct engine_page: tell its client, as the server, why it is over */
    WIRE_POKE, /* struct engine_live: TCP, revoked: nobody here knows where its ends stand */
};

/* inspector -> dns */
enum {
    WIRE_ASK = 1,   /* struct dns_ask */
    WIRE_TCP_REPLY, /* struct dns_client, message */
    WIRE_UPSTREAMS, /* struct ipc_upstream, 0 to IPC_UPSTREAMS_MAX of them: in place of all
                       earlier ones */
};

/* dns -> inspector */
enum {
    WIRE_FOUND = 1, /* struct dns_found, cut after its nr_addrs addresses */
    WIRE_TCP_QUERY, /* struct dns_client, message without its length */
};

struct wire_verdict {
    uint32_t id;
    uint32_t verdict;
};

#define WIRE_BOUND_TIMEOUT_MAX_S (31u * 24 * 3600)

/** wire_verdict_is_known - 0 (drop) or a packet mark whose state is one of VERDICT_* */
bool wire_verdict_is_known(uint32_t verdict);

/* A message of the inspector's, copied and checked. */
struct wire_order {
    uint32_t type;
    struct wire_verdict verdict; /* WIRE_VERDICT */
    struct engine_bound bound;   /* WIRE_BOUND */
    struct engine_live live;     /* WIRE_REVOKE, WIRE_POKE */
    struct engine_reset reset;   /* WIRE_RESET_SERVER */
    struct engine_page page;     /* WIRE_HTTP_PAGE */
    struct dns_client client;    /* WIRE_DNS_REPLY */
    uint8_t message[DNS_MESSAGE_MAX];
    size_t message_len;
};

/**
 * wire_read_order - what the inspector wants of the packet side
 *
 * body: len bytes of shared memory. Returns false for an unknown type, a wrong length, an
 * address without a family, a verdict that is none, a reply that is not from UDP port 53;
 * *order is then undefined. Only the fields that belong to the type are set.
 */
MUST_CHECK bool wire_read_order(uint32_t type, const uint8_t *body, size_t len,
                                struct wire_order *order);

/** wire_read_ask, wire_read_upstreams - what the inspector wants of the dns process */
MUST_CHECK bool wire_read_ask(const uint8_t *body, size_t len, struct dns_ask *ask);
MUST_CHECK bool wire_read_upstreams(const uint8_t *body, size_t len, struct ipc_upstream *list,
                                    size_t *nr);

/** wire_found_len - bytes of found that are sent */
size_t wire_found_len(const struct dns_found *found);

/** wire_read_found - what the dns process found out; addresses of a known family only */
MUST_CHECK bool wire_read_found(const uint8_t *body, size_t len, struct dns_found *found);

/**
 * wire_read_message - a DNS message and whose it is (WIRE_TCP_QUERY, WIRE_TCP_REPLY,
 * WIRE_DNS_REPLY)
 *
 * message: out, DNS_MESSAGE_MAX bytes; 1 to DNS_MESSAGE_MAX of them are filled.
 */
MUST_CHECK bool wire_read_message(const uint8_t *body, size_t len, struct dns_client *client,
                                  uint8_t message[DNS_MESSAGE_MAX], size_t *message_len);

#endif
