/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/cmd_run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf.h"
#include "common/file.h"
#include "ctl/agent_env.h"
#include "ctl/agent_home.h"
#include "ctl/escape.h"
#include "ctl/json_get.h"
#include "ctl/on_stack.h"
#include "ctl/resolver_follow.h"
#include "ctl/session.h"
#include "ctl/signals.h"
#include "ctl/terminal.h"
#include "ctl/volumes.h"
#include "ctl/workspace.h"

#define SECCOMP_MAX    (1u << 20)
#define USER           "1000:1000"
#define ASKED_PAUSE_MS 50

bool run_request_read(int argc, char **argv, struct run_request *request, struct err *err)
{
    const struct option options[] = { { .name = "--image", .value = &request->image },
                                      { .name = "--name", .value = &request->name },
                                      { .name = "-e", .list = &request->env } };
    int first = options_read(argc, argv, options, ARRAY_LEN(options), err);

    if (first == 0)
        return false;
    if (request->name && !conf_agent_name_is_valid(request->name, strlen(request->name)))
        return err_set(err, 0,
                       "\"%.80s\" is no agent's name, expected 1 to 63 of a-z, 0-9, \"_\" and "
                       "\"-\"",
                       request->name);
    if (first < argc)
        request->command = (const char *const *)argv + first;
    return true;
}

/* The Claude image without a key works after a login; say so once. */
static void hint(const struct stack *stack, const struct run_request *request)
{
    const struct settings *settings = stack->settings;

    if (request->image == NULL && request->command == NULL &&
        settings->anthropic_api_key[0] == '\0' && settings->claude_code_oauth_token[0] == '\0')
        fprintf(
            stderr,
            "secctl: neither ANTHROPIC_API_KEY nor CLAUDE_CODE_OAUTH_TOKEN is set (%s): Claude "
            "asks you to log in, once\n",
            settings->env_file);
}

/* Not refused: editors and build tools have sockets in projects. */
static void warn_socket(const struct mounts *mounts)
{
    char socket[FOLDER_PATH_MAX], shown[256];

    for (size_t i = 0; i < mounts->nr; i++) {
        if (mounts->list[i].is_volume || strcmp(mounts->list[i].target, MOUNT_WORKSPACE) != 0 ||
            !workspace_has_socket(mounts->list[i].source, socket))
            continue;
        escape_line(socket, shown, sizeof(shown));
        fprintf(stderr,
                "secctl: warning: a program of this machine has a socket in WORKSPACE_DIR, the "
                "agent can talk to it: %s\n",
                shown);
    }
}

static char *read_seccomp(const struct stack *stack, struct err *err)
{
    char path[FOLDER_PATH_MAX];
    size_t len;

    if (!path_join(path, stack->settings->home, "seccomp.json", err))
        return NULL;
    return file_read(path, SECCOMP_MAX, &len, err);
}

/* The agent's own image has its user, and the folders of the volumes with their owner. */
static bool is_own(const struct stack *stack, const struct stack_agent_spec *spec)
{
    return strcmp(spec->image, stack->settings->agent_image) == 0;
}

static bool create(struct stack *stack, struct stack_run *run,
                   const struct stack_agent_spec *spec, struct mounts *mounts, struct err *err)
{
    char name[STACK_NAME_MAX];

    stack_agent_container(run->n, name);
    if (!is_own(stack, spec) && !volumes_look(stack->engine, mounts, err))
        return false;
    if (stack_create(stack, name, stack_agent(spec, err), run->agent_id, err))
        return is_own(stack, spec) ||
               (volumes_give(stack->engine, run->agent_id, mounts, err) &&
                agent_home_give(stack->engine, run->agent_id, err));
    if (err->code != ENOENT || !strstr(err->text, "No such image"))
        return false;
    if (is_own(stack, spec))
        return err_set(
            err, ENOENT,
            "image %.200s does not exist: \"secctl start\" or \"secctl build\" makes it",
            spec->image);
    return err_set(err, ENOENT,
                   "image %.120s does not exist: \"docker pull %.120s\" fetches it, \"docker "
                   "build -t %.120s FOLDER\" makes it",
                   spec->image, spec->image, spec->image);
}

/* What the agent is, from the request and the settings. */
struct parts {
    struct agent_env env;
    struct mounts mounts;
    char *seccomp;
    struct resolver_follow follow;
};

static bool prepare(struct stack *stack, const struct run_request *request, bool has_terminal,
                    struct parts *parts, struct err *err)
{
    memset(parts, 0, sizeof(*parts));
    parts->seccomp = read_seccomp(stack, err);
    return parts->seccomp &&
           agent_env_make(stack->settings, &request->env, has_terminal, &parts->env, err) &&
           mounts_agent(stack->settings, engine_socket(stack->engine), &parts->mounts, err);
}

static void clear(struct parts *parts)
{
    agent_env_clear(&parts->env);
    free(parts->seccomp);
}

static bool wait_end(struct stack *stack, const char *id, int *status, struct err *err)
{
    char path[ENGINE_PATH_MAX];
    cJSON *answer = NULL;
    int64_t code = 0;
    bool is_good;

    engine_path(path, "/containers/%s/wait?condition=not-running", id);
    is_good = engine_call(stack->engine, "POST", path, NULL, &answer, err,
                          "wait for the agent's end");
    if (is_good)
        is_good = json_integer(answer, "StatusCode", &code, err) ||
                  err_wrap(err, "wait for the agent's end");
    else if (err->code == ENOENT)
        err_set(err, ENOENT, "the agent's container was removed (by \"secctl stop\"?)");
    cJSON_Delete(answer);
    *status = (int)code;
    return is_good;
}

/* secctl was asked to end and the agent's output is over: a moment for the rest of it. */
static bool wait_asked(struct stack *stack, const char *id, int *status, struct err *err)
{
    uint64_t end_ms = stack_now_ms() + SESSION_GRACE_MS;
    unsigned nr = signals_count();
    bool is_running = true, is_good;
    int64_t code = 0;

    signals_hold(true);
    do {
        cJSON *answer = engine_inspect_container(stack->engine, id, err);

        is_good = answer && json_bool(answer, "State/Running", &is_running, err) &&
                  json_integer(answer, "State/ExitCode", &code, err);
        cJSON_Delete(answer);
        if (is_good && is_running)
            is_good = (signals_count() == nr && stack_now_ms() < end_ms &&
                       stack_pause(ASKED_PAUSE_MS, err)) ||
                      err_set(err, EINTR, "interrupted");
    } while (is_good && is_running);
    signals_hold(false);
    *status = (int)code;
    return is_good;
}

/* Its exit status, -1 with *err. */
static int end_status(struct stack *stack, const char *id, bool has_terminal, struct err *err)
{
    int status = -1;

    if (!(signals_ending() ? wait_asked : wait_end)(stack, id, &status, err))
        return -1;
    if (has_terminal && status > 128) /* killed, it cleaned nothing up */
        terminal_reset();
    return status;
}

/* Attached before it is started, so that nothing it says is lost. Returns its exit status, -1
 * with *err. */
static int join(struct stack *stack, const struct stack_run *run, bool has_terminal,
                struct resolver_follow *follow, struct err *err)
{
    char path[ENGINE_PATH_MAX], object[128];
    struct session session = { .engine = stack->engine,
                               .object = object,
                               .container = run->agent_id,
                               .has_terminal = has_terminal,
                               .look = resolver_follow_look,
                               .look_arg = follow };
    enum session_end end = SESSION_FAILED;

    snprintf(object, sizeof(object), "/containers/%s", run->agent_id);
    engine_path(path, "/containers/%s/attach?stream=1&stdin=1&stdout=1&stderr=1",
                run->agent_id);
    session.stream = engine_upgrade(stack->engine, path, NULL, err, "attach to the agent");
    if (session.stream == NULL)
        return -1;
    if (stack_start(stack, run->agent_id, err))
        end = session_run(&session, err);
    http_stream_free(session.stream);
    switch (end) {
    case SESSION_ENDED:
        return end_status(stack, run->agent_id, has_terminal, err);
    case SESSION_KILLED:
        return 128 + (signals_ending() ? signals_ending() : SIGHUP);
    case SESSION_CLOSED:
        return 128 + SIGPIPE;
    case SESSION_FAILED:
        break;
    }
    return -1;
}

/* The engine's words for a command that is not there, or is no program: the status that a shell
 * has for it, with a sentence of ours in *err. -1: it was something else. */
static int cannot_execute(const struct stack_agent_spec *spec, struct err *err)
{
    const char *command = spec->command && spec->command[0] ? spec->command[0] : "its own";
    const char *why = strstr(err->text, "exec: \"");

    if (why && (strstr(why, "not found") || strstr(why, "no such file"))) {
        err_set(err, ENOENT, "command \"%.200s\" is not in image %.200s", command, spec->image);
        return 127;
    }
    if (why && strstr(why, "permission denied")) {
        err_set(err, EACCES, "command \"%.200s\" of image %.200s is not executable", command,
                spec->image);
        return 126;
    }
    return -1;
}

static int run_parts(struct stack *stack, const struct run_request *request,
                     struct parts *parts, bool has_terminal, struct err *err)
{
    struct stack_run run;
    struct stack_agent_spec spec = { .settings = stack->settings,
                                     .owner = stack->owner,
                                     .command = request->command,
                                     .env = parts->env.all,
                                     .mounts = &parts->mounts,
                                     .seccomp = parts->seccomp,
                                     .has_terminal = has_terminal,
                                     .user = USER };

    struct err why;
    int status = -1;

    spec.image = request->image ? request->image : stack->settings->agent_image;
    if (!stack_run_link(stack, request->name, &run, err))
        return -1;
    spec.n = run.n;
    spec.agent = run.agent;
    if (!terminal_size(&spec.rows, &spec.columns))
        spec.rows = 0;
    resolver_follow_begin(&parts->follow, stack->engine);
    if (create(stack, &run, &spec, &parts->mounts, err))
        status = join(stack, &run, has_terminal, &parts->follow, err);
    if (status < 0)
        status = cannot_execute(&spec, err);
    else
        err->text[0] = '\0'; /* what was got over on the way is no reason for its status */
    if (!stack_run_end(stack, &run, &why))
        fprintf(stderr, "secctl: warning: clean up after the agent: %s\n", why.text);
    return status;
}

int run_agent(struct stack *stack, const struct run_request *request, struct err *err)
{
    bool has_terminal = terminal_is_there();
    struct parts parts;
    int status = -1;

    hint(stack, request);
    if (prepare(stack, request, has_terminal, &parts, err) && stack_up(stack, err)) {
        warn_socket(&parts.mounts);
        status = run_parts(stack, request, &parts, has_terminal, err);
    }
    clear(&parts);
    return status < 0 ? EXIT_FAILED : status;
}

static int run_on(struct stack *stack, void *arg, struct err *err)
{
    return run_agent(stack, arg, err);
}

int ctl_run(int argc, char **argv, struct err *err)
{
    struct run_request request = { .image = NULL };

    if (!run_request_read(argc, argv, &request, err))
        return EXIT_USAGE;
    return cmd_on_stack(run_on, &request, err);
}
