/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What fwd and sni-filter's inspector say to each other, over two pipes: a frame is a header
 * and a body. From fwd: SETUP once, then BINDING (as many as were kept), then POLICY; POLICY
 * again at each reload, SETUP again when the upstream servers change, and when the agents do:
 * then BINDING and POLICY follow it. From sni-filter: READY,
 * RECORD, BINDING, POLICY_DONE: one for each POLICY, the first too; fwd sends no other before
 * it. Both are ours, of one build, on one machine: structs are sent as they are in memory. fwd
 * treats what it reads as hostile all the same: lengths are checked, texts are cut at their
 * arrays' ends.
 */
#ifndef COMMON_IPC_H
#define COMMON_IPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/attr.h"
#include "common/hostname.h"

enum ipc_type {
    IPC_SETUP = 1,   /* fwd -> filter: struct ipc_setup */
    IPC_POLICY,      /* fwd -> filter: ipc_policy_pack() */
    IPC_BINDING,     /* both ways: struct ipc_binding */
    IPC_READY,       /* filter -> fwd: no body; the queue is bound and a policy in force */
    IPC_RECORD,      /* filter -> fwd: struct record */
    IPC_POLICY_DONE, /* filter -> fwd: struct ipc_policy_done */
};

#define IPC_BODY_MAX (32u << 20) /* a policy of 100,000 rules is about 4 MiB */

struct ipc_header {
    uint32_t type;
    uint32_t len; /* of the body, at most IPC_BODY_MAX */
};

#define IPC_AGENTS_MAX    64
#define IPC_PREFIXES_MAX  256
#define IPC_UPSTREAMS_MAX 64

struct ipc_upstream {
    struct addr addr;
    uint16_t port;
    char name[HOSTNAME_MAX +
              1]; /* "": for all names; else for this name and below (dns.upstream.NAME) */
};

struct ipc_source { /* which addresses are whose */
    struct prefix prefix;
    char agent[64]; /* "": this place is free, so that the others keep theirs */
};

struct ipc_setup {
    uint32_t nr_sources, nr_own, nr_private_allowed, nr_private_denied, nr_upstreams;
    struct ipc_source sources[IPC_PREFIXES_MAX];
    struct addr own[IPC_PREFIXES_MAX]; /* the gateway's addresses: never an answer */
    struct prefix private_allowed[IPC_PREFIXES_MAX];
    struct prefix private_denied[IPC_PREFIXES_MAX]; /* never an answer for a public name */
    struct ipc_upstream upstreams[IPC_UPSTREAMS_MAX];
    uint32_t dns_keep_s, dns_min_ttl_s;
    uint32_t flows_max; /* connections that the kernel has room for; 0: any number */
    uint8_t is_ech_allowed;
    uint8_t is_learning;
    uint8_t has_outside_v6; /* false: AAAA gets an empty answer */
};

struct ipc_binding { /* name was answered with addr */
    struct addr addr;
    char name[HOSTNAME_MAX + 1];
    char agent[64];
    uint64_t expires_wall_s; /* since 1970: survives a restart */
};

struct ipc_policy_done {
    uint8_t is_ok;
    uint32_t nr_revoked; /* live connections that were reset */
    char text[256];      /* why not */
};

/** ipc_write - write one whole frame to a blocking pipe; 0 or -errno */
MUST_CHECK int ipc_write(int fd, enum ipc_type type, const void *body, size_t len);

/**
 * struct ipc_reader - gathers frames from a non-blocking pipe
 *
 * ipc_read() returns 1 with *type, *body (borrowed until the next call), *len; 0 when no whole
 * frame is there yet; -EPIPE at the end; -EPROTO for a frame that is too long; else -errno.
 */
struct ipc_reader {
    int fd;
    uint8_t *buf;
    size_t len, size, taken;
};
MUST_CHECK int ipc_read(struct ipc_reader *reader, enum ipc_type *type, const void **body,
                        size_t *len);
void ipc_reader_clear(struct ipc_reader *reader);

struct policy_source;
#define IPC_CEILING "%ceiling" /* no agent's name: the source is the ceiling; the last one */
/** ipc_policy_pack - sources as one body, malloc'd, given; NULL when memory runs out */
uint8_t *ipc_policy_pack(const struct policy_source *sources, size_t nr, size_t *len);
/** ipc_policy_unpack - the reverse; *sources is malloc'd (free() it), texts point into body;
 * false when body is not one */
MUST_CHECK bool ipc_policy_unpack(const uint8_t *body, size_t len,
                                  struct policy_source **sources, size_t *nr);

#endif
