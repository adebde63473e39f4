/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FWD_NFT_SOCK_H
#define FWD_NFT_SOCK_H

#include "common/attr.h"
#include "common/err.h"
#include "fwd/nft_batch.h"

struct mnl_socket;
struct nlmsghdr;

struct nft_failure {
    const struct nft_message *message; /* NULL: the transaction as a whole */
    int error;                         /* errno value */
};

#define NFT_FAILURES_MAX 16

/** nft_sock_open - a netlink socket for nf_tables; NULL with *err */
struct mnl_socket *nft_sock_open(struct err *err);

/**
 * nft_sock_send - send a transaction and read the acknowledgement of each of its messages
 *
 * Returns how many were refused, and the first NFT_FAILURES_MAX of them (messages are the
 * batch's); 0: all of it is in force. When the exchange itself failed, one failure without
 * message.
 */
size_t nft_sock_send(struct mnl_socket *sock, const struct nft_batch *batch,
                     struct nft_failure failures[NFT_FAILURES_MAX]);

/** nft_sock_dump - ask for all objects of a type (NFT_MSG_GET*) in a family; 0 or -errno */
MUST_CHECK int nft_sock_dump(struct mnl_socket *sock, uint16_t type, uint16_t family,
                             int (*each)(const struct nlmsghdr *nlh, void *arg), void *arg);

#endif
