/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The end of a command in a container that its secctl leaves: its terminal hung up, or secctl
 * was asked to end. The engine ends no such command and takes no signal for one.
 *
 * How it works: the command is started with a variable that no other has. A second command in
 * the container finds the process that has it and whose parent is outside of the container
 * (PPid 0), and sends it a signal, as a terminal's end would to the first process of a session;
 * its jobs are its own matter. One that goes on is killed.
 */
#ifndef CTL_SHELL_END_H
#define CTL_SHELL_END_H

#include "common/attr.h"
#include "ctl/stack.h"

#define SHELL_MARK_MAX 48

/** shell_mark_make - "SECCTL_SHELL=..." for the environment of the command */
MUST_CHECK bool shell_mark_make(char mark[SHELL_MARK_MAX], struct err *err);

/**
 * shell_end - end the command that has this mark
 *
 * container, id: where it runs, /exec/ID. signal: "HUP". Returns when it has ended, at the
 * latest a moment after it was killed: after SESSION_GRACE_MS, or when secctl is asked to end
 * once more. An engine that is gone is no error: nobody could be told.
 */
void shell_end(struct stack *stack, const char *container, const char *id, const char *mark,
               const char *signal);

#endif
