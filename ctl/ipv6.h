/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Has proxy-external IPv6, and with it every agent? EXTERNAL_IPV6 = auto asks the network: what
 * it has, it keeps as long as anybody is on it. Only a new one rests on what this machine and
 * the engine can do, so that a laptop that changes networks keeps its gateway.
 */
#ifndef CTL_IPV6_H
#define CTL_IPV6_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "common/err.h"
#include "ctl/engine.h"
#include "ctl/settings.h"

#define IPV6_WHY_MAX 240

struct ipv6 {
    bool is_wanted;
    char why[IPV6_WHY_MAX]; /* a phrase, whichever it is */
};

/* A default route: its device, and whether the kernel has it from a router's advertisement. */
struct ipv6_route {
    char device[32];
    bool is_advertised;
};

/** ipv6_route_find - the first usable default route in a text like Linux's
 * /proc/net/ipv6_route; false when there is none. Pure. */
MUST_CHECK bool ipv6_route_find(const char *text, size_t len, struct ipv6_route *route);

/**
 * ipv6_daemon_masquerades - does an engine of that API, with this daemon.json, translate IPv6
 * addresses on the way out? Pure.
 *
 * conf: the file's text, NULL: none. One that cannot be read counts as none.
 */
MUST_CHECK bool ipv6_daemon_masquerades(unsigned api, const char *conf, size_t len);

/** ipv6_obstacle - a phrase for what keeps agents' IPv6 from working on this machine and
 * engine, "" when nothing that can be seen does */
void ipv6_obstacle(struct engine *engine, char why[IPV6_WHY_MAX]);

/** ipv6_choose - false with *err when the engine does not answer as it should */
MUST_CHECK bool ipv6_choose(struct engine *engine, const struct settings *settings,
                            struct ipv6 *choice, struct err *err);

#endif
