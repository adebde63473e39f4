/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The VXLAN device of either end. Nothing in it is learnt: its MAC, its peers' MACs and where
 * they are reached are all written down, so that no ARP or neighbour discovery has to cross.
 */
#ifndef FWD_TUNNEL_H
#define FWD_TUNNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/attr.h"
#include "common/conf.h"
#include "common/err.h"
#include "common/link.h"
#include "fwd/ruleset.h"

struct tunnel_end {
    struct ruleset_if underlay;
    struct addr outer; /* own, on the underlay */
    struct conf_tunnel_address inner[2];
    size_t nr_inner;
    bool is_alone; /* an agent's end: no route to the inner network but through the router */
};

/** tunnel_make - the device with its addresses, down; one that is there is made anew
 *
 * made: out, the device. False with *err; then there may be half a device, which
 * tunnel_remove() takes away.
 */
MUST_CHECK bool tunnel_make(const struct tunnel_end *end, struct ruleset_if *made,
                            struct err *err);
MUST_CHECK bool tunnel_up(const struct ruleset_if *device, struct err *err);

/** tunnel_remove - true when it is gone, or was not there */
MUST_CHECK bool tunnel_remove(struct err *err);

/** tunnel_add_peer, tunnel_remove_peer - whose frames go where; each may be repeated */
MUST_CHECK bool tunnel_add_peer(const struct ruleset_if *device, const struct link *peer,
                                struct err *err);
MUST_CHECK bool tunnel_remove_peer(const struct ruleset_if *device, const struct link *peer,
                                   struct err *err);

/**
 * tunnel_greet - have the kernel ask the underlay for a peer's outer address
 *
 * The question tells the peer the MAC that this end has now: it may remember another one, of a
 * gateway that is gone, for most of a minute.
 */
void tunnel_greet(const struct tunnel_end *end, const struct link *peer);

/** tunnel_route - everything through router, which is a peer's inner address */
MUST_CHECK bool tunnel_route(const struct ruleset_if *device, const struct addr *router,
                             const struct addr *source, struct err *err);

/**
 * tunnel_check - compare the kernel's device with the wish
 *
 * peers: nr_peers of them; those with an empty name are passed over. routers: default routes
 * that must be there. Each difference is a line in out; returns how many, or -1 with *err.
 */
MUST_CHECK int tunnel_check(const struct tunnel_end *end, const struct link *peers,
                            size_t nr_peers, const struct addr *routers, size_t nr_routers,
                            FILE *out, struct err *err);

/** tunnel_underlay - end->outer: the address of the underlay, which is IPv4 */
MUST_CHECK bool tunnel_underlay(struct tunnel_end *end, struct err *err);

#endif
