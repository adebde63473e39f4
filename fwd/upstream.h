/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Whom the gateway asks: the configured servers, or those of a resolv.conf that is followed.
 */
#ifndef FWD_UPSTREAM_H
#define FWD_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "common/addr.h"
#include "common/attr.h"
#include "common/conf.h"
#include "common/ipc.h"

#define RESOLV_SERVERS_MAX 8

/**
 * resolv_parse - the "nameserver" lines of a resolv.conf (resolv.conf(5)), in order
 *
 * Addresses that are none, or have a zone, are skipped; later ones than RESOLV_SERVERS_MAX too.
 * Returns how many were written to out. Pure.
 */
size_t resolv_parse(const char *text, size_t len, struct addr out[RESOLV_SERVERS_MAX]);

struct upstream {
    const struct conf *conf; /* kept */
    struct stat seen;        /* of the resolv.conf when it was read */
    struct ipc_upstream list[IPC_UPSTREAMS_MAX];
    size_t nr;
};

/** upstream_has_docker - is the container engine's resolver, 127.0.0.11, among them? */
bool upstream_has_docker(const struct upstream *upstream);

/**
 * upstream_refresh - read the resolv.conf if it changed
 *
 * Returns true when the list is another one than before. A file that cannot be read, or names
 * no server, changes nothing.
 */
bool upstream_refresh(struct upstream *upstream);

#endif
