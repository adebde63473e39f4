/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_DNS_TCP_H
#define SNI_FILTER_DNS_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "sni-filter/engine.h"

#define DNS_TCP_CONNS_MAX      64
#define DNS_TCP_CONNS_PER_ADDR 16
#define DNS_TCP_WAITING_MAX    8 /* queries of one connection that are not answered yet */
#define DNS_TCP_IDLE_US        UINT64_C(10000000)

struct dns_tcp;

/** Returns false when the query cannot be taken: the connection is then closed. */
typedef bool dns_tcp_query_fn(void *arg, const struct dns_client *client,
                              const uint8_t *message, size_t len);

/** dns_tcp_new - epoll_fd: where connections are watched, data.u64 = tag | number; kept. NULL
 * when memory runs out */
struct dns_tcp *dns_tcp_new(int epoll_fd, uint64_t tag, dns_tcp_query_fn *query, void *arg);
void dns_tcp_free(struct dns_tcp *tcp);

/** dns_tcp_accept - take the connections that wait at a listener */
void dns_tcp_accept(struct dns_tcp *tcp, int listen_fd, uint64_t now_us);

/** dns_tcp_event - connection number is ready; is_broken: for nothing any more */
void dns_tcp_event(struct dns_tcp *tcp, uint32_t number, bool is_broken, uint64_t now_us);

/** dns_tcp_reply - an answer; dropped when its connection is gone */
void dns_tcp_reply(struct dns_tcp *tcp, const struct dns_client *client, const uint8_t *message,
                   size_t len, uint64_t now_us);

/** dns_tcp_tick - close what has been idle for too long; true while there are connections */
bool dns_tcp_tick(struct dns_tcp *tcp, uint64_t now_us);

#endif
