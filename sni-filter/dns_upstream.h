/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_DNS_UPSTREAM_H
#define SNI_FILTER_DNS_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ipc.h"

#define DNS_DEAD_US UINT64_C(30000000) /* how long a server that did not answer comes last */

struct dns_server {
    struct addr addr;
    uint16_t port;
};

struct dns_upstreams {
    struct ipc_upstream list[IPC_UPSTREAMS_MAX];
    uint64_t dead_until_us[IPC_UPSTREAMS_MAX];
    size_t nr;
};

/** dns_upstreams_set - in place of all earlier ones; nr: at most IPC_UPSTREAMS_MAX, ones
 * without address are left out */
void dns_upstreams_set(struct dns_upstreams *upstreams, const struct ipc_upstream *list,
                       size_t nr);

/**
 * dns_upstreams_pick - whom to ask about name, in this order
 *
 * name: canonical. Those configured for name or for the longest suffix of it (at a label's
 * border), and only those: a name of an inner zone is never asked outside. Servers that are
 * thought alive come first. Returns how many were written to out, at most max.
 */
size_t dns_upstreams_pick(const struct dns_upstreams *upstreams, const char *name,
                          uint64_t now_us, struct dns_server *out, size_t max);

/** dns_upstreams_note - a server answered, or did not */
void dns_upstreams_note(struct dns_upstreams *upstreams, const struct dns_server *server,
                        bool is_alive, uint64_t now_us);

#endif
