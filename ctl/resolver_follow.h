/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A plain /etc/resolv.conf of the host, followed while an agent runs: a container cannot see it
 * change (a VPN), so its text is handed to the gateway again when it has.
 */
#ifndef CTL_RESOLVER_FOLLOW_H
#define CTL_RESOLVER_FOLLOW_H

#include "ctl/engine.h"
#include "ctl/resolver.h"

struct resolver_follow {
    struct engine *engine;
    bool is_followed;             /* it is a plain file */
    char text[RESOLVER_TEXT_MAX]; /* what the gateway has */
};

/** resolver_follow_begin - engine: kept; the gateway runs. One that has another text than this
 * host's now, being older, is given this. */
void resolver_follow_begin(struct resolver_follow *follow, struct engine *engine);

/** resolver_follow_look - hand it over if it has changed. Whatever fails is tried again the
 * next time, but for what the gateway refuses. arg: struct resolver_follow. */
void resolver_follow_look(void *arg);

#endif
