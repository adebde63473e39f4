/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The links that a gateway knows: those of its configuration, and those that were attached.
 */
#ifndef FWD_LINKS_H
#define FWD_LINKS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "common/conf.h"
#include "common/err.h"
#include "common/ipc.h"
#include "common/link.h"

#define LINK_SOURCES 2 /* of one link in ipc_setup: IPv4, IPv6 */

/* A link keeps its place as long as it is there: the number that the rules know its agent by
 * comes from it. An empty name: the place is free. */
struct links {
    struct link list[LINKS_MAX];
    bool is_static[LINKS_MAX]; /* the configuration's: not to be detached */
    size_t next; /* where a free place is looked for first: not the last one freed */
};

enum links_rc { LINKS_BAD, LINKS_SAME, LINKS_CHANGED };

/** links_find - the place of an agent's link, or LINKS_MAX */
size_t links_find(const struct links *links, const char *agent);

/**
 * links_add - LINKS_SAME when exactly this one is there; LINKS_BAD with *err when its name or
 * an address is another link's, or an inner one is not in conf's tunnel. Pure.
 */
MUST_CHECK enum links_rc links_add(struct links *links, const struct conf *conf,
                                   const struct link *link, bool is_static, struct err *err);

/** links_remove - LINKS_SAME when there is none of that name */
MUST_CHECK enum links_rc links_remove(struct links *links, const char *agent, struct err *err);

/** links_parse - add the links of a text, "PLACE NAME OUTER INNER4 [INNER6]" a line; returns
 * how many lines were none or clashed. The places make another process's rules the same. Pure.
 */
size_t links_parse(struct links *links, const struct conf *conf, const char *text, size_t len);

/** links_parse_one - "NAME OUTER INNER4 [INNER6]" */
MUST_CHECK bool links_parse_one(const char *text, size_t len, struct link *link,
                                struct err *err);

/** links_load - conf's links, then what the state directory keeps; false with *err */
MUST_CHECK bool links_load(struct links *links, const struct conf *conf, struct err *err);

/** links_keep - write those that were attached to state/links; nothing without a state */
MUST_CHECK bool links_keep(const struct links *links, const char *state, struct err *err);

/** links_setup - make setup's sources from them */
void links_setup(const struct links *links, struct ipc_setup *setup);

#endif
