/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CTL_CMD_RUN_H
#define CTL_CMD_RUN_H

#include "ctl/options.h"
#include "ctl/stack.h"

/* What "run" and "start" are asked for. */
struct run_request {
    const char *image;          /* NULL: AGENT_IMAGE */
    const char *name;           /* of the agent; NULL: by its slot */
    struct option_list env;     /* KEY=VALUE, or KEY: secctl's own */
    const char *const *command; /* NULL-terminated; NULL: the image's */
};

/** run_request_read - the command line; false with *err */
MUST_CHECK bool run_request_read(int argc, char **argv, struct run_request *request,
                                 struct err *err);

/** run_agent - stack up, agent run on this terminal, everything of it removed again. Returns
 * the agent's exit status, or EXIT_FAILED with *err. */
int run_agent(struct stack *stack, const struct run_request *request, struct err *err);

#endif
