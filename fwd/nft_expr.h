/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FWD_NFT_EXPR_H
#define FWD_NFT_EXPR_H

#include <stddef.h>

#include "common/attr.h"
#include "fwd/ruleset.h"

struct nftnl_expr;
struct nftnl_rule;

/** nft_expr_new - a libnftnl expression, given; NULL when memory ran out */
struct nftnl_expr *nft_expr_new(const struct expr *expr);

/** nft_expr_read - the reverse; EXPR_FOREIGN with its name for what no rule of ours holds */
void nft_expr_read(const struct nftnl_expr *from, struct expr *expr);

/** nft_expr_text - one expression as libnftnl writes it, into buf; returns buf */
const char *nft_expr_text(const struct expr *expr, char *buf, size_t size);

#endif
