/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Signals as something to wait for: a descriptor becomes readable when one came. Before
 * signals_catch(), and in commands that do not call it, signals do what they always do.
 */
#ifndef CTL_SIGNALS_H
#define CTL_SIGNALS_H

#include <stdbool.h>

#include "common/attr.h"
#include "common/err.h"

/** signals_catch - from now on SIGINT, SIGTERM, SIGHUP, SIGQUIT end nothing by themselves, and
 * SIGWINCH is told; SIGPIPE is ignored */
MUST_CHECK bool signals_catch(struct err *err);

/** signals_fd - readable while something is to be told; -1 before signals_catch() */
int signals_fd(void);

/** signals_drain - after signals_fd() became readable */
void signals_drain(void);

/** signals_ending - the first signal that asks secctl to end, 0 when none came. It stays. */
int signals_ending(void);

/** signals_count - how many of them came: one that cleans up goes on after the first */
unsigned signals_count(void);

/** signals_resized - did the terminal's size change since the last call? */
bool signals_resized(void);

/** signals_hold - true: requests go on although a signal came, for cleaning up after it, or so
 * that their answer is not missed; until it was called with false as often */
void signals_hold(bool is_held);

/** signals_is_interrupted - should a wait end now? */
bool signals_is_interrupted(void);

#endif
