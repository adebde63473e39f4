/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An agent's end of the tunnel, in the network namespace that the agent shares.
 */
#ifndef FWD_LINK_END_H
#define FWD_LINK_END_H

#include <stdbool.h>
#include <stdio.h>

#include "common/addr.h"
#include "common/attr.h"
#include "common/conf.h"
#include "common/err.h"

struct link_wish {
    struct addr gateway;                 /* its outer address */
    struct conf_tunnel_address inner[2]; /* own: IPv4, then perhaps IPv6 */
    struct addr router[2]; /* the gateway's inner addresses, of the same families */
    size_t nr_inner;
    char resolv_conf[256]; /* "": left alone */
    char user[64];
};

/** link_wish_parse - fill in from the options' texts; NULL: not given. Pure but for *err. */
MUST_CHECK bool link_wish_parse(const char *gateway, const char *const inner[2],
                                const char *const router[2], struct link_wish *wish,
                                struct err *err);

/**
 * link_run - lock, device, routes, resolv.conf; then drop everything and wait for SIGTERM
 *
 * The lock is loaded first: whatever fails leaves the namespace closed. False with *err then.
 */
MUST_CHECK bool link_run(const struct link_wish *wish, struct err *err);

/** link_check - compare the kernel with what link_run() kept; differences are lines in out.
 * Returns how many, or -1 with *err */
MUST_CHECK int link_check(FILE *out, struct err *err);

#endif
