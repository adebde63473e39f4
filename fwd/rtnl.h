/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * rtnetlink, one request or one dump at a time.
 */
#ifndef FWD_RTNL_H
#define FWD_RTNL_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/attr.h"
#include "common/err.h"

#define RTNL_REQUEST_MAX 1024

struct rtnl {
    struct mnl_socket *sock;
    uint32_t seq;
};

/* A request in the making: its header, a family's header of zeros, attributes. */
struct rtnl_request {
    char bytes[RTNL_REQUEST_MAX] __attribute__((aligned(8)));
    struct nlmsghdr *nlh;
};

MUST_CHECK bool rtnl_open(struct rtnl *rtnl, struct err *err);
void rtnl_close(struct rtnl *rtnl);

/** rtnl_begin - flags beside REQUEST and ACK; returns the family's header, head bytes of zeros
 */
void *rtnl_begin(struct rtnl_request *request, uint16_t type, uint16_t flags, size_t head);

/** rtnl_put_addr - an attribute of 4 or 16 bytes */
void rtnl_put_addr(struct rtnl_request *request, uint16_t type, const struct addr *addr);

/** rtnl_send - 0 or -errno, the kernel's */
MUST_CHECK int rtnl_send(struct rtnl *rtnl, struct rtnl_request *request);

/** rtnl_dump - every object of a type (RTM_GET*) in a family; 0 or -errno */
MUST_CHECK int rtnl_dump(struct rtnl *rtnl, uint16_t type, uint8_t family, size_t head,
                         mnl_cb_t each, void *arg);

#endif
