/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FWD_NET_H
#define FWD_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/conf.h"
#include "common/err.h"
#include "common/ipc.h"
#include "fwd/ruleset.h"

/** net_interface - the interface of that name, or the one that has that address */
MUST_CHECK bool net_interface(const char *which, struct ruleset_if *interface, struct err *err);

/** net_towards - the interface whose network addr is in, and the own address there */
MUST_CHECK bool net_towards(const struct addr *addr, struct ruleset_if *interface,
                            struct addr *own, struct err *err);

/** net_external - external = auto: the one other interface than internal with an address */
MUST_CHECK bool net_external(const struct ruleset_if *internal, struct ruleset_if *external,
                             struct err *err);

/**
 * net_setup - what the filter must know of this network namespace; upstreams are left out
 *
 * sources: conf's agents, or when it names none the subnets of the internal interface, all of
 * them agent "agent"; with a tunnel none: they are its links'. own: every address of this
 * namespace.
 */
MUST_CHECK bool net_setup(const struct conf *conf, const struct ruleset_if *internal,
                          const struct ruleset_if *external, struct ipc_setup *setup,
                          struct err *err);

/** net_user - the UID that a name or number stands for */
MUST_CHECK bool net_user(const char *name, uint32_t *uid, struct err *err);

/**
 * sysctl_prepare - what the rules rest on: set it where that is allowed, else it must be so
 *
 * Settings that the rules make harmless either way are only warned of.
 */
MUST_CHECK bool sysctl_prepare(const struct ruleset_if *internal,
                               const struct ruleset_if *external, struct err *err);

/** sysctl_flows_max - how many connections the kernel's table has room for; 0: any number */
uint32_t sysctl_flows_max(void);

/** sysctl_forwarding - switch forwarding of both families on or off; true when it is so */
MUST_CHECK bool sysctl_forwarding(bool is_on, struct err *err);

/** net_is_there - does the interface still exist in this network namespace, by its index? Its
 * rules match nothing else. */
bool net_is_there(const struct ruleset_if *interface);

#endif
