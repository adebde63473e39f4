/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/stack.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/engine_frames.h"
#include "ctl/json_get.h"
#include "ctl/signals.h"

#define READY_MS       60000
#define READY_PAUSE_MS 50
#define REMOVE_MS      30000
#define LOG_MAX        65536

#define LIST_PATH                                                                              \
    "/containers/"                                                                             \
    "json?all=1&filters=%7B%22label%22%3A%5B%22com.docker.compose.project%3D" STACK_PROJECT    \
    "%22%5D%7D"

uint64_t stack_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool stack_pause(unsigned ms, struct err *err)
{
    struct pollfd fd = { .fd = signals_fd(), .events = POLLIN };

    poll(&fd, 1, (int)ms);
    signals_drain();
    return !signals_is_interrupted() || err_set(err, EINTR, "interrupted");
}

bool stack_open(struct stack *stack, const struct settings *settings, struct err *err)
{
    memset(stack, 0, sizeof(*stack));
    stack->settings = settings;
    owner_self(stack->owner);
    stack->engine = engine_open(err);
    return stack->engine && stack_refresh(stack, err);
}

void stack_close(struct stack *stack)
{
    stack_list_clear(&stack->list);
    engine_close(stack->engine);
    stack->engine = NULL;
}

bool stack_refresh(struct stack *stack, struct err *err)
{
    cJSON *answer = NULL;
    bool is_good;

    stack_list_clear(&stack->list);
    is_good = engine_call(stack->engine, "GET", LIST_PATH, NULL, &answer, err,
                          "list the containers") &&
              stack_list_parse(answer, &stack->list, err);
    cJSON_Delete(answer);
    return is_good;
}

bool stack_create(struct stack *stack, const char *name, cJSON *body, char id[72],
                  struct err *err)
{
    char path[ENGINE_PATH_MAX];
    cJSON *answer = NULL;
    const char *text;
    bool is_good;

    if (body == NULL)
        return false;
    engine_path(path, "/containers/create?name=%s", name);
    signals_hold(true); /* else one could be made that nobody knows of */
    is_good = engine_call(stack->engine, "POST", path, body, &answer, err,
                          "create container %s", name);
    signals_hold(false);
    if (is_good)
        is_good =
            json_string(answer, "Id", &text, err) || err_wrap(err, "create container %s", name);
    if (is_good && strlen(text) >= 72)
        is_good = err_set(err, EPROTO, "create container %s: field \"Id\" is too long", name);
    if (is_good)
        snprintf(id, 72, "%s", text);
    cJSON_Delete(answer);
    cJSON_Delete(body);
    return is_good;
}

bool stack_start(struct stack *stack, const char *id, struct err *err)
{
    char path[ENGINE_PATH_MAX];

    engine_path(path, "/containers/%s/start", id);
    return engine_call(stack->engine, "POST", path, NULL, NULL, err, "start container %.20s",
                       id);
}

bool stack_remove(struct stack *stack, const char *id, struct err *err)
{
    uint64_t end_ms = stack_now_ms() + REMOVE_MS;
    char path[ENGINE_PATH_MAX];

    engine_path(path, "/containers/%s?force=1&v=1", id);
    for (;;) {
        if (engine_call(stack->engine, "DELETE", path, NULL, NULL, err,
                        "remove container %.20s", id) ||
            err->code == ENOENT)
            return true;
        /* a conflict: another is removing it */
        if (err->code != EEXIST || stack_now_ms() > end_ms)
            return false;
        if (!stack_pause(READY_PAUSE_MS, err))
            return false;
    }
}

/* What a container printed, kept up to LOG_MAX. */
struct words {
    struct frames frames;
    char text[LOG_MAX];
    size_t len;
};

static bool take_words(void *arg, const void *bytes, size_t len, struct err *err)
{
    struct words *words = arg;
    const uint8_t *left = bytes;
    struct frames_part part;

    do {
        if (!frames_next(&words->frames, &left, &len, &part, err))
            return false;
        if (part.len > sizeof(words->text) - 1 - words->len)
            words->len = 0; /* the end is what counts */
        if (part.len > sizeof(words->text) - 1)
            continue;
        if (part.len)
            memcpy(words->text + words->len, part.bytes, part.len);
        words->len += part.len;
    } while (part.len);
    return true;
}

void stack_last_words(struct stack *stack, const char *id, char *text, size_t size)
{
    struct words *words = calloc(1, sizeof(*words));
    char path[ENGINE_PATH_MAX];
    struct engine_transfer transfer = {
        .method = "GET", .path = path, .sink = take_words, .sink_arg = words
    };
    struct err ignored;
    char *line;

    text[0] = '\0';
    if (words == NULL)
        return;
    engine_path(path, "/containers/%s/logs?stdout=1&stderr=1&tail=20", id);
    if (engine_transfer(stack->engine, &transfer, &ignored, "read its log")) {
        while (words->len && strchr(" \r\n", words->text[words->len - 1]))
            words->len--;
        words->text[words->len] = '\0';
        line = strrchr(words->text, '\n');
        snprintf(text, size, "%.300s", line ? line + 1 : words->text);
    }
    free(words);
}

/* The last line of what fwd says, without its own name and a line's end. */
static void set_sentence(const struct engine_output *output, const char *command,
                         struct err *err)
{
    char *text = output->errors_len ? output->errors : output->out, *line;
    size_t len = strlen(text);

    while (len && strchr(" \r\n", text[len - 1]))
        text[--len] = '\0';
    line = strrchr(text, '\n');
    line = line ? line + 1 : text;
    if (strncmp(line, "fwd: ", 5) == 0)
        line += 5;
    if (line[0])
        err_set(err, EIO, "%s", line);
    else
        err_set(err, EIO, "fwd %s ended with status %d and no message", command,
                output->status);
}

bool stack_ask(struct stack *stack, const char *id, const char *const *argv, char **answer,
               int *status, struct err *err)
{
    struct engine_output output;

    *status = -1;
    if (!engine_exec(stack->engine, id, argv, NULL, 0, &output, err))
        return false;
    *status = output.status;
    if (output.status == 0 && answer) {
        *answer = output.out;
        output.out = NULL;
    } else if (output.status != 0) {
        set_sentence(&output, argv[1], err);
    }
    engine_output_clear(&output);
    return *status == 0;
}

/* Returns false with *err when the container will not become ready: it ended, or starts over.
 * *restarts: how often it had when we first looked, -1 before that. */
static bool look_alive(struct stack *stack, const char *id, const char *what, int64_t *restarts,
                       struct err *err)
{
    cJSON *answer = engine_inspect_container(stack->engine, id, err);
    int64_t nr_restarts = 0, status = 0;
    bool is_running = false, is_restarting = false, is_good;
    char words[320];

    is_good = answer && json_bool(answer, "State/Running", &is_running, err) &&
              json_bool_or(answer, "State/Restarting", false, &is_restarting, err) &&
              json_integer_or(answer, "State/ExitCode", 0, &status, err) &&
              json_integer_or(answer, "RestartCount", 0, &nr_restarts, err);
    cJSON_Delete(answer);
    if (*restarts < 0)
        *restarts = nr_restarts;
    if (!is_good || (is_running && !is_restarting && nr_restarts == *restarts))
        return is_good;
    stack_last_words(stack, id, words, sizeof(words));
    return err_set(err, EIO, "%s ended with status %d%s%s", what, (int)status,
                   words[0] ? ": " : " and no message", words);
}

bool stack_wait_ready(struct stack *stack, const char *id, const char *what,
                      const char *const *argv, struct err *err)
{
    uint64_t end_ms = stack_now_ms() + READY_MS;
    int64_t restarts = -1;
    struct err why;
    int status;

    while (!stack_ask(stack, id, argv, NULL, &status, &why)) {
        if (why.code == EINTR) {
            *err = why;
            return false;
        }
        if (!look_alive(stack, id, what, &restarts, err))
            return false;
        if (stack_now_ms() > end_ms)
            return err_set(err, ETIMEDOUT, "%s is not ready after %d s: %.300s", what,
                           READY_MS / 1000, why.text);
        if (!stack_pause(READY_PAUSE_MS, err))
            return false;
    }
    return true;
}
