/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_LISTEN_H
#define SNI_FILTER_LISTEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/addr.h"
#include "common/attr.h"
#include "common/err.h"

/**
 * listen_socket - a non-blocking socket of family AF_INET or AF_INET6 (IPv6 only)
 *
 * *fd: -1, and true, where the kernel has no IPv6.
 */
MUST_CHECK bool listen_socket(int family, int type, int *fd, struct err *err);

/** listen_bind - to that port of every address; waits up to a second for a dying predecessor to
 * let go */
MUST_CHECK bool listen_bind(int fd, int family, uint16_t port, struct err *err);

/** listen_tcp - sockets that take connections on port; fds[1] is -1 where the kernel has no
 * IPv6 */
MUST_CHECK bool listen_tcp(uint16_t port, int fds[2], struct err *err);

/** listen_sockaddr - the form that the kernel wants; returns its length */
socklen_t listen_sockaddr(const struct addr *addr, uint16_t port, struct sockaddr_storage *out);

/** listen_addr - the reverse; false for another family */
MUST_CHECK bool listen_addr(const struct sockaddr_storage *from, struct addr *addr,
                            uint16_t *port);

#endif
