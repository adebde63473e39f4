/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A command in a running container: made, started on a connection that is taken over, fed, read
 * to its end, asked for its exit status.
 */
#include "ctl/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/engine_frames.h"
#include "ctl/json_get.h"
#include "ctl/json_make.h"

#define CHUNK          65536
#define ENDED_TRIES    100 /* the status comes a moment after the end of the output */
#define ENDED_PAUSE_NS 10000000L

/* One command on its way. */
struct run {
    struct engine *engine;
    struct http_stream *stream;
    const char *input;
    size_t input_len;
    http_sink *sink; /* NULL: standard output is kept */
    void *sink_arg;
    bool is_endless;
    struct frames frames;
    struct engine_output *output;
};

void engine_output_clear(struct engine_output *output)
{
    free(output->out);
    free(output->errors);
    memset(output, 0, sizeof(*output));
}

static bool append(char **text, size_t *used, const void *bytes, size_t len, struct err *err)
{
    char *more;

    if (len > ENGINE_OUTPUT_MAX - *used)
        return err_set(err, EMSGSIZE, "it printed more than %u MiB", ENGINE_OUTPUT_MAX >> 20);
    more = realloc(*text, *used + len + 1);
    if (more == NULL)
        return err_set(err, ENOMEM, "out of memory");
    memcpy(more + *used, bytes, len);
    *used += len;
    more[*used] = '\0';
    *text = more;
    return true;
}

static bool take(struct run *run, const uint8_t *bytes, size_t len, struct err *err)
{
    struct engine_output *output = run->output;
    struct frames_part part;

    do {
        bool is_good;

        if (!frames_next(&run->frames, &bytes, &len, &part, err))
            return false;
        if (part.len == 0)
            return true;
        if (part.stream == FRAME_OUTPUT && run->sink)
            is_good = run->sink(run->sink_arg, part.bytes, part.len, err);
        else if (part.stream == FRAME_OUTPUT)
            is_good = append(&output->out, &output->out_len, part.bytes, part.len, err);
        else
            is_good = append(&output->errors, &output->errors_len, part.bytes, part.len, err);
        if (!is_good)
            return false;
    } while (len);
    return true;
}

/* Write what the connection takes now. */
static bool feed(struct run *run, struct err *err)
{
    while (run->input_len) {
        ssize_t n = http_stream_write(run->stream, run->input, run->input_len, err);

        if (n == -2)
            return false;
        if (n <= 0)
            return true;
        run->input += n;
        run->input_len -= (size_t)n;
    }
    http_stream_shut(run->stream);
    return true;
}

/* Read what is there: 1 when the end came, 0 when more may come, -1 with *err. */
static int drain(struct run *run, struct err *err)
{
    uint8_t bytes[CHUNK];

    for (;;) {
        ssize_t n = http_stream_read(run->stream, bytes, sizeof(bytes), err);

        if (n == -2)
            return -1;
        if (n == 0 && frames_is_whole(&run->frames))
            return 1;
        if (n == 0) {
            err_set(err, EPROTO, "its output broke off");
            return -1;
        }
        if (n == -1)
            return 0;
        if (!take(run, bytes, (size_t)n, err))
            return -1;
    }
}

static bool pump(struct run *run, struct err *err)
{
    int stall_ms = run->is_endless ? -1 : (int)http_stall_s() * 1000;

    for (;;) {
        int rc, ready;

        if (!feed(run, err))
            return false;
        rc = drain(run, err);
        if (rc != 0)
            return rc == 1;
        /* with input left either direction may go on: short looks at both */
        ready = http_wait(http_stream_fd(run->stream), run->input_len > 0,
                          run->input_len ? 50 : stall_ms, err);
        if (ready < 0)
            return false;
        if (ready == 0 && run->input_len == 0)
            return err_set(err, ETIMEDOUT, "it said nothing for %d s", stall_ms / 1000);
    }
}

static cJSON *make_body(const struct engine_command *command, struct err *err)
{
    struct json_make make = { .is_failed = false };
    cJSON *body = json_make_object(&make, NULL, NULL), *list;

    json_put_bool(&make, body, "AttachStdin", command->has_input);
    json_put_bool(&make, body, "AttachStdout", true);
    json_put_bool(&make, body, "AttachStderr", true);
    json_put_bool(&make, body, "Tty", command->has_terminal);
    list = json_make_array(&make, body, "Cmd");
    for (const char *const *word = command->argv; *word; word++)
        json_append(&make, list, *word);
    if (command->env) {
        list = json_make_array(&make, body, "Env");
        for (const char *const *text = command->env; *text; text++)
            json_append(&make, list, *text);
    }
    return json_finish(&make, body, err);
}

static bool create(struct engine *engine, const struct engine_command *command, char id[72],
                   struct err *err)
{
    char path[ENGINE_PATH_MAX];
    cJSON *body = make_body(command, err), *answer = NULL;
    const char *text;
    bool is_good;

    if (body == NULL)
        return false;
    engine_path(path, "/containers/%s/exec", command->container);
    is_good = engine_call(engine, "POST", path, body, &answer, err, "run %s in %s",
                          command->argv[0], command->container) &&
              (json_string(answer, "Id", &text, err) ||
               err_wrap(err, "run %s in %s", command->argv[0], command->container));
    if (is_good && strlen(text) >= 72)
        is_good = err_set(err, EPROTO, "run %s in %s: field \"Id\" is too long",
                          command->argv[0], command->container);
    if (is_good)
        memcpy(id, text, strlen(text) + 1);
    cJSON_Delete(answer);
    cJSON_Delete(body);
    return is_good;
}

static struct http_stream *start(struct engine *engine, const struct engine_command *command,
                                 const char *id, struct err *err)
{
    struct json_make make = { .is_failed = false };
    cJSON *body = json_make_object(&make, NULL, NULL);
    char path[ENGINE_PATH_MAX];
    struct http_stream *stream;

    json_put_bool(&make, body, "Detach", false);
    json_put_bool(&make, body, "Tty", command->has_terminal);
    body = json_finish(&make, body, err);
    if (body == NULL)
        return NULL;
    engine_path(path, "/exec/%s/start", id);
    stream = engine_upgrade(engine, path, body, err, "run %s in %s", command->argv[0],
                            command->container);
    cJSON_Delete(body);
    return stream;
}

struct http_stream *engine_command_start(struct engine *engine,
                                         const struct engine_command *command, char id[72],
                                         struct err *err)
{
    return create(engine, command, id, err) ? start(engine, command, id, err) : NULL;
}

bool engine_command_status(struct engine *engine, const char *id, int *status, struct err *err)
{
    static const struct timespec pause = { .tv_nsec = ENDED_PAUSE_NS };
    char path[ENGINE_PATH_MAX];
    bool is_running = true;
    int64_t code = -1;

    engine_path(path, "/exec/%s/json", id);
    for (int i = 0; is_running && i < ENDED_TRIES; i++) {
        cJSON *answer = NULL;
        bool is_good = engine_call(engine, "GET", path, NULL, &answer, err,
                                   "ask for the status of a command");

        if (is_good)
            is_good = (json_bool(answer, "Running", &is_running, err) &&
                       json_integer_or(answer, "ExitCode", -1, &code, err)) ||
                      err_wrap(err, "ask for the status of a command");
        cJSON_Delete(answer);
        if (!is_good)
            return false;
        if (is_running)
            nanosleep(&pause, NULL);
    }
    *status = (int)code;
    return !is_running || err_set(err, EPROTO, "a command closed its output but does not end");
}

static bool run_command(struct run *run, const struct engine_command *command, struct err *err)
{
    struct engine_output *output = run->output;
    char id[72];
    bool is_good;

    memset(output, 0, sizeof(*output));
    run->stream = engine_command_start(run->engine, command, id, err);
    if (run->stream == NULL)
        return false;
    is_good = pump(run, err) && append(&output->out, &output->out_len, "", 0, err) &&
              append(&output->errors, &output->errors_len, "", 0, err);
    if (!is_good && err->code != EINTR)
        err_wrap(err, "run %s in %s", command->argv[0], command->container);
    is_good = is_good && engine_command_status(run->engine, id, &output->status, err);
    http_stream_free(run->stream);
    if (!is_good)
        engine_output_clear(output);
    return is_good;
}

bool engine_exec(struct engine *engine, const char *container, const char *const *argv,
                 const char *input, size_t input_len, struct engine_output *output,
                 struct err *err)
{
    struct engine_command command = { .container = container,
                                      .argv = argv,
                                      .has_input = input != NULL };
    struct run run = {
        .engine = engine, .input = input, .input_len = input_len, .output = output
    };

    return run_command(&run, &command, err);
}

bool engine_exec_follow(struct engine *engine, const char *container, const char *const *argv,
                        http_sink *sink, void *sink_arg, struct engine_output *output,
                        struct err *err)
{
    struct engine_command command = { .container = container, .argv = argv };
    struct run run = { .engine = engine,
                       .sink = sink,
                       .sink_arg = sink_arg,
                       .is_endless = true,
                       .output = output };

    return run_command(&run, &command, err);
}
