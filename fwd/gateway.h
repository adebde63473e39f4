/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FWD_GATEWAY_H
#define FWD_GATEWAY_H

#include <stdbool.h>

#include "common/attr.h"
#include "common/conf.h"
#include "common/err.h"
#include "fwd/nft_batch.h"
#include "fwd/ruleset.h"
#include "fwd/upstream.h"

/* All that the ruleset is made from. */
struct wanted {
    struct conf conf;
    struct ipc_setup setup;
    struct ruleset_wish wish; /* borrows setup */
    struct upstream upstream; /* borrows conf */
};

/** wanted_read - the configuration file, and the network namespace as it is now */
MUST_CHECK bool wanted_read(const char *path, struct wanted *wanted, struct err *err);

/** wanted_endpoints - the upstream servers, without their names; returns how many */
size_t wanted_endpoints(const struct upstream *upstream,
                        struct nft_endpoint endpoints[IPC_UPSTREAMS_MAX]);

/**
 * gateway_run - be the gateway until SIGTERM or SIGINT
 *
 * Order: ruleset, sysctls, filter, its READY, forwarding on. SIGHUP reads the policy again,
 * SIGUSR1 opens the verdict log again. At the end the namespace is left closed. Returns false
 * with *err when it could not start.
 */
MUST_CHECK bool gateway_run(const char *config_path, struct err *err);

#endif
