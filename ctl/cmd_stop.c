/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "ctl/on_stack.h"
#include "ctl/options.h"

static int run_on(struct stack *stack, void *arg, struct err *err)
{
    size_t nr;

    (void)arg;
    if (!stack_down(stack, &nr, err))
        return EXIT_FAILED;
    if (nr == 0)
        puts("nothing is running");
    else
        printf("removed %zu container%s; volumes and the log stay\n", nr, nr == 1 ? "" : "s");
    return EXIT_DONE;
}

int ctl_stop(int argc, char **argv, struct err *err)
{
    return options_alone(argc, argv, NULL, 0, err) ? cmd_on_stack(run_on, NULL, err)
                                                   : EXIT_USAGE;
}
