/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/stack_task.h"

#include <string.h>

static void *run(void *arg)
{
    struct stack_task *task = arg;

    task->is_good = task->run(&task->stack, task->arg, &task->err);
    return NULL;
}

void stack_task_begin(struct stack_task *task, const struct stack *stack,
                      bool (*what)(struct stack *stack, void *arg, struct err *err), void *arg)
{
    memset(task, 0, sizeof(*task));
    task->stack = *stack;
    task->stack.list = (struct stack_list) { .all = NULL };
    task->run = what;
    task->arg = arg;
    task->stack.engine = engine_clone(stack->engine, &task->err);
    task->is_started =
        task->stack.engine && pthread_create(&task->thread, NULL, run, task) == 0;
}

bool stack_task_end(struct stack_task *task, struct err *err)
{
    if (task->is_started)
        pthread_join(task->thread, NULL);
    else if (task->stack.engine)
        run(task);
    stack_close(&task->stack);
    if (!task->is_good)
        *err = task->err;
    return task->is_good;
}
