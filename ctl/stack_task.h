/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One thing about the stack beside another: each has a connection of its own to the engine.
 */
#ifndef CTL_STACK_TASK_H
#define CTL_STACK_TASK_H

#include <pthread.h>

#include "ctl/stack.h"

struct stack_task {
    struct stack stack; /* its own view; its list is empty at first */
    bool (*run)(struct stack *stack, void *arg, struct err *err);
    void *arg;
    struct err err;
    bool is_good, is_started;
    pthread_t thread;
};

/**
 * stack_task_begin - run(stack, arg) in a thread
 *
 * arg: kept until stack_task_end(), not to be changed by either side. Where no thread can be
 * had it runs in stack_task_end().
 */
void stack_task_begin(struct stack_task *task, const struct stack *stack,
                      bool (*run)(struct stack *stack, void *arg, struct err *err), void *arg);

/** stack_task_end - wait for it; what it returned, with its *err */
MUST_CHECK bool stack_task_end(struct stack_task *task, struct err *err);

#endif
