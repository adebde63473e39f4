/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * build, update and start: the commands that make images.
 */
#include <stdio.h>
#include <string.h>

#include "ctl/cmd_run.h"
#include "ctl/image.h"
#include "ctl/on_stack.h"

struct build_request {
    enum image_wish wish;
    struct option_list args;
};

static bool build_all(struct stack *stack, enum image_wish wish, const char *const *args,
                      size_t *nr, struct err *err)
{
    *nr = 0;
    for (int kind = 0; kind < NR_IMAGE_KINDS; kind++) {
        bool is_built;

        if (!image_build(stack->engine, stack->settings, (enum image_kind)kind, wish, args,
                         &is_built, err))
            return false;
        *nr += is_built;
    }
    return true;
}

static int build_on(struct stack *stack, void *arg, struct err *err)
{
    const struct build_request *request = arg;
    const char *args[OPTION_LIST_MAX + 1] = { NULL };
    size_t nr;

    memcpy(args, request->args.all, request->args.nr * sizeof(*args));
    if (!build_all(stack, request->wish, args, &nr, err))
        return EXIT_FAILED;
    if (nr == 0)
        puts("the images are up to date");
    else
        printf("built %zu image%s; running agents keep theirs, the gateway is replaced by the "
               "next run\n",
               nr, nr == 1 ? "" : "s");
    return EXIT_DONE;
}

int ctl_build(int argc, char **argv, struct err *err)
{
    struct build_request request = { .wish = IMAGE_IF_OUTDATED };
    const struct option options[] = { { .name = "--build-arg", .list = &request.args } };

    if (!options_alone(argc, argv, options, ARRAY_LEN(options), err))
        return EXIT_USAGE;
    if (request.args.nr)
        request.wish = IMAGE_ANYWAY;
    return cmd_on_stack(build_on, &request, err);
}

int ctl_update(int argc, char **argv, struct err *err)
{
    struct build_request request = { .wish = IMAGE_NO_CACHE };
    const struct option options[] = { { .name = "--build-arg", .list = &request.args } };

    if (!options_alone(argc, argv, options, ARRAY_LEN(options), err))
        return EXIT_USAGE;
    return cmd_on_stack(build_on, &request, err);
}

static int start_on(struct stack *stack, void *arg, struct err *err)
{
    const struct run_request *request = arg;
    bool is_built;

    if (!image_build(stack->engine, stack->settings, IMAGE_GATEWAY, IMAGE_IF_OUTDATED, NULL,
                     &is_built, err))
        return EXIT_FAILED;
    /* another image is its owner's to build */
    if (request->image == NULL && !image_build(stack->engine, stack->settings, IMAGE_AGENT,
                                               IMAGE_IF_OUTDATED, NULL, &is_built, err))
        return EXIT_FAILED;
    return run_agent(stack, request, err);
}

int ctl_start(int argc, char **argv, struct err *err)
{
    struct run_request request = { .image = NULL };

    if (!run_request_read(argc, argv, &request, err))
        return EXIT_USAGE;
    return cmd_on_stack(start_on, &request, err);
}
