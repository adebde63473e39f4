/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/agent_env.h"
#include "ctl/on_stack.h"
#include "ctl/options.h"
#include "ctl/session.h"
#include "ctl/shell_end.h"
#include "ctl/signals.h"
#include "ctl/terminal.h"

struct shell_request {
    const char *name;           /* of the agent; NULL: the only one */
    const char *const *command; /* NULL: a shell */
};

/* The names of the running agents, for people. */
static void list_agents(const struct stack_list *list, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < list->nr && used < size; i++)
        if (list->all[i].service == STACK_SERVICE_AGENT && list->all[i].is_running)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " " : "",
                                     list->all[i].agent);
}

static const struct stack_container *choose(const struct stack_list *list, const char *name,
                                            struct err *err)
{
    const struct stack_container *found = NULL;
    char names[256];
    size_t nr = 0;

    for (size_t i = 0; i < list->nr; i++) {
        const struct stack_container *one = &list->all[i];

        if (one->service == STACK_SERVICE_AGENT && one->is_running &&
            (name == NULL || strcmp(one->agent, name) == 0)) {
            found = one;
            nr++;
        }
    }
    list_agents(list, names, sizeof(names));
    if (nr == 1)
        return found;
    if (nr > 1)
        err_set(err, EINVAL, "several agents run, expected --name and one of: %s", names);
    else if (names[0])
        err_set(err, ENOENT, "no agent \"%.63s\" runs, expected one of: %s", name, names);
    else
        err_set(err, ENOENT, "no agent runs: \"secctl start\" or \"secctl run\" starts one");
    return NULL;
}

/* What runs in the container for this secctl. */
struct inside {
    const char *container;
    char id[72]; /* /exec/ID */
    char mark[SHELL_MARK_MAX];
};

/* The signal that secctl was asked to end by is handed on; a terminal or a reader that has gone
 * stands for SIGHUP. */
static void end_inside(struct stack *stack, const struct inside *inside)
{
    const char *signal = signals_ending() == SIGINT    ? "INT"
                         : signals_ending() == SIGTERM ? "TERM"
                                                       : "HUP";

    shell_end(stack, inside->container, inside->id, inside->mark, signal);
}

static int finish(struct stack *stack, const struct inside *inside, enum session_end end,
                  struct err *err)
{
    int status = EXIT_FAILED;

    switch (end) {
    case SESSION_ENDED:
        if (!engine_command_status(stack->engine, inside->id, &status, err))
            return EXIT_FAILED;
        err->text[0] = '\0'; /* its status needs no reason */
        return status;
    case SESSION_KILLED:
        end_inside(stack, inside);
        return 128 + (signals_ending() ? signals_ending() : SIGHUP);
    case SESSION_CLOSED:
        end_inside(stack, inside);
        return 128 + SIGPIPE;
    case SESSION_FAILED:
        break;
    }
    return EXIT_FAILED;
}

/* Run the command with its mark, on this terminal or these pipes. */
static int run_inside(struct stack *stack, struct engine_command command, struct err *err)
{
    struct session session = { .engine = stack->engine, .has_terminal = command.has_terminal };
    struct inside inside = { .container = command.container };
    const char *env[AGENT_ENV_MAX + 2];
    struct option_list extra = { .nr = 0 };
    struct agent_env own;
    char object[128];
    int status = EXIT_FAILED;

    if (agent_env_make(stack->settings, &extra, command.has_terminal, &own, err) &&
        shell_mark_make(inside.mark, err)) {
        memcpy(env, own.all, own.nr * sizeof(*env));
        env[own.nr] = inside.mark;
        env[own.nr + 1] = NULL;
        command.env = env;
        session.stream = engine_command_start(stack->engine, &command, inside.id, err);
        if (session.stream) {
            snprintf(object, sizeof(object), "/exec/%s", inside.id);
            session.object = object;
            status = finish(stack, &inside, session_run(&session, err), err);
        }
        http_stream_free(session.stream);
    }
    agent_env_clear(&own);
    return status;
}

static int shell_on(struct stack *stack, void *arg, struct err *err)
{
    static const char *const shell[] = {
        "sh", "-c", "if command -v bash >/dev/null; then exec bash; fi; exec sh", NULL
    };
    const struct shell_request *request = arg;
    const struct stack_container *agent = choose(&stack->list, request->name, err);
    struct engine_command command = { .argv = request->command ? request->command : shell,
                                      .has_input = true,
                                      .has_terminal = terminal_is_there() };

    if (agent == NULL)
        return EXIT_FAILED;
    command.container = agent->id;
    return run_inside(stack, command, err);
}

int ctl_shell(int argc, char **argv, struct err *err)
{
    struct shell_request request = { .name = NULL };
    const struct option options[] = { { .name = "--name", .value = &request.name } };
    int first = options_read(argc, argv, options, ARRAY_LEN(options), err);

    if (first == 0)
        return EXIT_USAGE;
    if (first < argc)
        request.command = (const char *const *)argv + first;
    return cmd_on_stack(shell_on, &request, err);
}
