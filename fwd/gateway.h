/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FWD_GATEWAY_H
#define FWD_GATEWAY_H

#include <stdbool.h>

#include "common/attr.h"
#include "common/conf.h"
#include "common/err.h"
#include "fwd/config.h"
#include "fwd/links.h"
#include "fwd/nft_batch.h"
#include "fwd/ruleset.h"
#include "fwd/tunnel.h"
#include "fwd/upstream.h"

struct mnl_socket;

/* All that the ruleset is made from. */
struct wanted {
    struct conf conf;
    struct links links; /* with a tunnel */
    struct tunnel_end end;
    struct ipc_setup setup;
    struct ruleset_wish wish; /* borrows setup and links */
    struct upstream upstream; /* borrows conf */
};

/**
 * wanted_read - the configuration, and the network namespace as it is now
 *
 * wanted_conf() and wanted_net() are its halves. With a tunnel its device is there, or an
 * interface of that name and no number stands for it.
 */
MUST_CHECK bool wanted_read(const struct config *config, struct wanted *wanted,
                            struct err *err);
MUST_CHECK bool wanted_conf(const struct config *config, struct wanted *wanted,
                            struct err *err);
MUST_CHECK bool wanted_net(struct wanted *wanted, struct err *err);

/** wanted_interfaces - find those that the tunnel and the way out are on; part of wanted_net()
 */
MUST_CHECK bool wanted_interfaces(struct wanted *wanted, struct err *err);

/** wanted_check - compare all of it with the kernel; differences are lines in out. Returns how
 * many, or -1 with *err */
MUST_CHECK int wanted_check(struct mnl_socket *sock, struct wanted *wanted, FILE *out,
                            struct err *err);

/** wanted_endpoints - the upstream servers, without their names; returns how many */
size_t wanted_endpoints(const struct upstream *upstream,
                        struct nft_endpoint endpoints[IPC_UPSTREAMS_MAX]);

/**
 * gateway_run - be the gateway until SIGTERM or SIGINT
 *
 * Order: ruleset, sysctls, filter, its READY, forwarding on. With a tunnel, or external = auto,
 * the closed ruleset comes first, then the interfaces are waited for. SIGHUP reads the policy
 * again, SIGUSR1 opens the verdict log again. At the end the namespace is left closed. Returns
 * false with *err when it could not start.
 */
MUST_CHECK bool gateway_run(const struct config *config, struct err *err);

#endif
