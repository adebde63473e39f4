/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A link: an agent's end of the tunnel, as both ends know it. Pure.
 */
#ifndef COMMON_LINK_H
#define COMMON_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/attr.h"

#define LINKS_MAX     64
#define LINK_TEXT_MAX (64 + 3 * ADDR_TEXT_MAX)
#define LINK_SHAPE    "OUTER INNER4 [INNER6] such as 10.213.76.3 10.213.77.3"

#define TUNNEL_DEVICE  "sec0"
#define TUNNEL_VNI     7547
#define TUNNEL_PORT    4789 /* source port too: see the lock in fwd/ruleset_link.c */
#define TUNNEL_OVER    50   /* bytes that VXLAN over IPv4 adds to a packet */
#define TUNNEL_MTU_MAX 1500

struct link {
    char agent[64];
    struct addr outer;          /* IPv4, on the network that carries the tunnel */
    struct addr inner4, inner6; /* inner6 may be ADDR_NONE */
};

/**
 * link_parse - read "OUTER INNER4 [INNER6]"; agent is left alone
 *
 * Addresses of one host each, no multicast, no loopback. Returns false, *link untouched, for
 * anything else.
 */
MUST_CHECK bool link_parse(const char *text, size_t len, struct link *link);

/** link_format - "AGENT OUTER INNER4[ INNER6]" into buf; returns buf */
const char *link_format(const struct link *link, char buf[LINK_TEXT_MAX]);

bool link_equal(const struct link *a, const struct link *b);

/** link_clash - the address that two links share, NULL when they share none */
const struct addr *link_clash(const struct link *a, const struct link *b);

/** link_mac - of the tunnel's end that has this inner IPv4 address: 02:53, then its bytes */
void link_mac(const struct addr *inner4, uint8_t mac[6]);

#endif
