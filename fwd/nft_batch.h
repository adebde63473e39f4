/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FWD_NFT_BATCH_H
#define FWD_NFT_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/attr.h"
#include "fwd/ruleset.h"

/* What a message is about: whether another form of it may be tried when it is refused. */
enum nft_part { PART_OTHER, PART_QUEUE, PART_FLOWTABLE };

struct nft_message {
    enum nft_part part;
    char what[112];
};

/* One transaction in the making. is_broken: memory ran out, or it outgrew its limit. */
struct nft_batch {
    char *buf;
    size_t len;
    uint32_t first_seq; /* of messages[0]; the begin message has the one before */
    struct nft_message *messages;
    size_t nr_messages, size;
    bool is_broken;
};

#define NFT_BATCH_MAX (2u << 20)

MUST_CHECK bool nft_batch_init(struct nft_batch *batch);
void nft_batch_clear(struct nft_batch *batch);

/** nft_batch_replace - table gone (if there is one), then made anew with everything in it */
void nft_batch_replace(struct nft_batch *batch, const struct ruleset *rs);

/** nft_batch_reoffload - forget all offloaded flows: flowtable and its rules made anew */
void nft_batch_reoffload(struct nft_batch *batch, const struct ruleset *rs);

/** nft_batch_relink - make anew the rules that come from the links (ruleset_is_variable()) */
void nft_batch_relink(struct nft_batch *batch, const struct ruleset *rs);

struct nft_endpoint {
    struct addr addr;
    uint16_t port;
};

/** nft_batch_upstreams - replace what the two sets of upstream servers hold */
void nft_batch_upstreams(struct nft_batch *batch, const struct nft_endpoint *endpoints,
                         size_t nr);

/** nft_batch_end - close it: what was built since init is one transaction. is_trial: leave the
 * end out, so that the kernel checks everything and keeps nothing */
void nft_batch_end(struct nft_batch *batch, bool is_trial);

#endif
