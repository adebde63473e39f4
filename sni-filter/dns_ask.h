/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_DNS_ASK_H
#define SNI_FILTER_DNS_ASK_H

#include <stdint.h>

#include "common/attr.h"
#include "sni-filter/dns_upstream.h"
#include "sni-filter/engine.h"

#define DNS_ASKS_MAX    2048 /* questions that wait or are under way */
#define DNS_SOCKETS_MAX 512  /* under way at once */

struct dns_asker;

typedef void dns_found_fn(void *arg, const struct dns_found *found);

/**
 * dns_asker_new - found is called once for each question, from within any call but this one
 *
 * epoll_fd: where sockets are watched, data.u64 = tag | number; kept. NULL when memory runs
 * out.
 */
struct dns_asker *dns_asker_new(int epoll_fd, uint64_t tag, dns_found_fn *found, void *arg);
void dns_asker_free(struct dns_asker *asker);

struct dns_upstreams *dns_asker_upstreams(struct dns_asker *asker);

/** dns_asker_ask - ask; SERVFAIL at once when too many questions wait */
void dns_asker_ask(struct dns_asker *asker, const struct dns_ask *ask, uint64_t now_us);

/** dns_asker_event - the socket with that number is ready */
void dns_asker_event(struct dns_asker *asker, uint32_t number, uint64_t now_us);

/** dns_asker_tick - deadlines, and questions whose turn has come; true while any are left */
bool dns_asker_tick(struct dns_asker *asker, uint64_t now_us);

#endif
