/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/on_stack.h"

#include <errno.h>

#include "ctl/signals.h"

int cmd_on_stack(int (*run)(struct stack *stack, void *arg, struct err *err), void *arg,
                 struct err *err)
{
    static struct settings settings; /* large */
    struct stack stack;
    int rc = EXIT_FAILED;

    if (!settings_read(&settings, err) || !signals_catch(err))
        return EXIT_FAILED;
    if (stack_open(&stack, &settings, err))
        rc = run(&stack, arg, err);
    stack_close(&stack);
    if (rc == EXIT_FAILED && err->code == EINTR && signals_ending())
        rc = 128 + signals_ending();
    return rc;
}
