/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CTL_ON_STACK_H
#define CTL_ON_STACK_H

#include "ctl/cmd.h"
#include "ctl/stack.h"

/**
 * cmd_on_stack - what every command that works on the stack does around its own part
 *
 * Settings are read, signals caught, the engine found and its containers listed; then run() is
 * called with arg. Returns its exit status; EXIT_FAILED with *err when it did not come to that;
 * 128 + N after signal N.
 */
int cmd_on_stack(int (*run)(struct stack *stack, void *arg, struct err *err), void *arg,
                 struct err *err);

#endif
