/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A home for the agent's user in an image of others. Where /etc/passwd has no user 1000, the
 * engine would make "/" the home, where it can write nothing, and programs such as ssh refuse
 * to work.
 */
#ifndef CTL_AGENT_HOME_H
#define CTL_AGENT_HOME_H

#include <stddef.h>

#include "common/attr.h"
#include "ctl/engine.h"

/** passwd_has_uid - does a line of an /etc/passwd name this user? Pure. */
bool passwd_has_uid(const char *text, size_t len, unsigned uid);

/**
 * agent_home_give - a user and a home for UID 1000, unless the image has one
 *
 * container: does not run yet; the line is added to its own /etc/passwd. One that is no plain
 * file is left alone.
 */
MUST_CHECK bool agent_home_give(struct engine *engine, const char *container, struct err *err);

#endif
