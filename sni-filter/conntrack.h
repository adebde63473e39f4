/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_CONNTRACK_H
#define SNI_FILTER_CONNTRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/err.h"
#include "sni-filter/engine.h"

struct conntrack;

struct conntrack *conntrack_new(struct err *err);
void conntrack_free(struct conntrack *ct);

/** conntrack_fd - readable while a dump has more to read */
int conntrack_fd(const struct conntrack *ct);
/** conntrack_change_fd - the other socket; nothing waits on it */
int conntrack_change_fd(const struct conntrack *ct);

/** conntrack_dump - start to list TCP and UDP connections marked accepted or pinned; -EBUSY:
 * one is running */
MUST_CHECK int conntrack_dump(struct conntrack *ct);

/** Returns false when there is no room for the entry now: it will be handed over again. */
typedef bool conntrack_live_fn(void *arg, const struct engine_live *live);

enum conntrack_step {
    CONNTRACK_IDLE, /* no dump is running */
    CONNTRACK_WAIT, /* go on when conntrack_fd() is readable */
    CONNTRACK_FULL, /* fn refused an entry: call again soon */
    CONNTRACK_DONE, /* the dump is over */
};

/** conntrack_step - hand over what has arrived, one buffer at most; enum conntrack_step or
 * -errno */
MUST_CHECK int conntrack_step(struct conntrack *ct, conntrack_live_fn *fn, void *arg);

/**
 * conntrack_revoke - set a connection's mark to CT_REVOKED
 *
 * Revocations gather and leave with conntrack_flush(). One that has ended meanwhile is no
 * error.
 */
MUST_CHECK int conntrack_revoke(struct conntrack *ct, const struct engine_live *live);
MUST_CHECK int conntrack_flush(struct conntrack *ct);

#endif
