/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FWD_NFT_CHECK_H
#define FWD_NFT_CHECK_H

#include <stdio.h>

#include "common/attr.h"
#include "common/err.h"
#include "fwd/ruleset.h"

struct mnl_socket;

/**
 * nft_check - compare the kernel's table with the wish
 *
 * Chains with their hooks, priorities and policies, every rule expression by expression and in
 * order, sets with their keys, the flowtable. Which of the two forms of queue, and whether
 * there is a flowtable, is taken from the kernel. Each difference is one line in out; other
 * tables that see forwarded packets are noted, not counted. Returns the number of differences,
 * or -1 with *err.
 */
MUST_CHECK int nft_check(struct mnl_socket *sock, struct ruleset_wish *wish, FILE *out,
                         struct err *err);

/** nft_check_lock - the same with the lock of an agent's network namespace */
MUST_CHECK int nft_check_lock(struct mnl_socket *sock, const struct ruleset_lock *lock,
                              FILE *out, struct err *err);

#endif
