/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FWD_NFT_LOAD_H
#define FWD_NFT_LOAD_H

#include <stdbool.h>

#include "common/attr.h"
#include "common/err.h"
#include "fwd/nft_batch.h"
#include "fwd/ruleset.h"

struct mnl_socket;

/**
 * nft_load - put the gateway's ruleset in force, in the best form that this kernel takes
 *
 * wish: is_queue_native and has_flowtable say what to try first; on success they say what was
 * taken. Native queue falls back to the xt target, a flowtable to none; nothing else is given
 * up. is_trial: the kernel checks all of it and keeps nothing. rs: the ruleset in force, given.
 */
MUST_CHECK bool nft_load(struct mnl_socket *sock, struct ruleset_wish *wish,
                         const struct nft_endpoint *upstreams, size_t nr_upstreams,
                         bool is_trial, struct ruleset *rs, struct err *err);

/** nft_close - put the closed ruleset in force */
MUST_CHECK bool nft_close(struct mnl_socket *sock, struct err *err);

/** nft_lock - put an agent's lock in force */
MUST_CHECK bool nft_lock(struct mnl_socket *sock, const struct ruleset_lock *lock,
                         struct err *err);

/** nft_relink - wish has other links than *rs: put their rules in force in one transaction
 *
 * rs: replaced by the ruleset that is now in force; as it was when that fails.
 */
MUST_CHECK bool nft_relink(struct mnl_socket *sock, const struct ruleset_wish *wish,
                           struct ruleset *rs, struct err *err);

/** nft_probe - does the kernel take tables with the closed ruleset? It keeps nothing of it. */
bool nft_probe(struct mnl_socket *sock);

/** nft_set_upstreams, nft_reoffload - see nft_batch_upstreams(), nft_batch_reoffload() */
MUST_CHECK bool nft_set_upstreams(struct mnl_socket *sock, const struct nft_endpoint *upstreams,
                                  size_t nr, struct err *err);
MUST_CHECK bool nft_reoffload(struct mnl_socket *sock, const struct ruleset *rs,
                              struct err *err);

#endif
