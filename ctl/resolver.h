/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Whom the gateway asks: the resolvers that this host uses, followed when they change (a VPN).
 */
#ifndef CTL_RESOLVER_H
#define CTL_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "ctl/folders.h"

#define RESOLVER_MOUNT    "/run/secctl/resolver"
#define RESOLVER_HANDED   "/var/lib/secctl/resolv.conf" /* where fwd keeps "%% resolv.conf" */
#define RESOLVER_TEXT_MAX 1024

enum resolver_kind {
    RESOLVER_FOLDER, /* a folder that a resolver's manager keeps: mounted, and so followed */
    RESOLVER_HANDED_OVER, /* a plain file: its text is handed over with the policy */
    RESOLVER_DOCKER,      /* Docker's own, 127.0.0.11 */
};

struct resolver {
    enum resolver_kind kind;
    char folder[FOLDER_PATH_MAX]; /* FOLDER: to be mounted read-only at RESOLVER_MOUNT */
    char upstream[512];           /* FOLDER, HANDED_OVER: the value of dns.upstream */
    char text[RESOLVER_TEXT_MAX]; /* "nameserver ADDRESS" lines of what was found; for
                                     HANDED_OVER what to hand over */
    const char *why;              /* DOCKER: why no other; else NULL */
};

/**
 * resolver_text - the nameservers of a resolv.conf that a container can ask
 *
 * Loopback and unspecified addresses, and those with a zone, are left out. out: "nameserver
 * ADDRESS" lines. Returns how many; what does not fit is left out too. Pure.
 */
size_t resolver_text(const char *text, size_t len, char out[RESOLVER_TEXT_MAX]);

/**
 * resolver_choose - the host's resolver, as the gateway is to use it
 *
 * root: "" for this host; a test's folder that stands for "/". is_local: does the engine run on
 * this machine itself? Otherwise its own resolver is the right one.
 */
void resolver_choose(const char *root, bool is_local, struct resolver *resolver);

#endif
