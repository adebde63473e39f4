/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/engine.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "ctl/engine_answer.h"
#include "ctl/engine_find.h"
#include "ctl/json_get.h"
#include "ctl/json_make.h"

#define WHAT_MAX 256

struct engine {
    struct http *http;
    unsigned api;
};

const char *engine_name(const struct engine *engine)
{
    return http_host(engine->http)->name;
}

unsigned engine_api(const struct engine *engine)
{
    return engine->api;
}

bool engine_is_local(const struct engine *engine)
{
    const struct engine_host *host = http_host(engine->http);
    struct utsname system;

    return host->transport == ENGINE_UNIX && uname(&system) == 0 &&
           strcmp(system.sysname, "Linux") == 0 &&
           strstr(host->path, "/.docker/desktop/") == NULL;
}

const char *engine_socket(const struct engine *engine)
{
    return engine_is_local(engine) ? http_host(engine->http)->path : NULL;
}

static bool negotiate(struct engine *engine, struct err *err)
{
    struct http_request request = { .method = "GET", .path = "/_ping" };
    struct http_answer answer;
    bool is_good;

    if (!http_send(engine->http, &request, &answer, err))
        return false;
    if (answer.status != 200)
        is_good = engine_answer_fail(answer.status, answer.body, answer.len, err) ||
                  err_wrap(err, "Docker engine at %s", engine_name(engine));
    else if (answer.api_version[0] == '\0')
        is_good = err_set(err, EPROTO,
                          "what listens at %s is no Docker engine: it does not name the API "
                          "version that it speaks",
                          engine_name(engine));
    else
        is_good = engine_api_choose(answer.api_version, &engine->api, err) ||
                  err_wrap(err, "Docker engine at %s", engine_name(engine));
    http_answer_clear(&answer);
    return is_good;
}

struct engine *engine_open(struct err *err)
{
    struct engine *engine = calloc(1, sizeof(*engine));
    struct engine_host host;

    if (engine == NULL) {
        err_set(err, ENOMEM, "out of memory");
        return NULL;
    }
    if (engine_find(&host, err) && (engine->http = http_new(&host, err)) != NULL &&
        negotiate(engine, err))
        return engine;
    engine_close(engine);
    return NULL;
}

struct engine *engine_clone(const struct engine *engine, struct err *err)
{
    struct engine *clone = calloc(1, sizeof(*clone));

    if (clone == NULL) {
        err_set(err, ENOMEM, "out of memory");
        return NULL;
    }
    clone->api = engine->api;
    clone->http = http_new(http_host(engine->http), err);
    if (clone->http)
        return clone;
    free(clone);
    return NULL;
}

void engine_close(struct engine *engine)
{
    if (engine == NULL)
        return;
    http_free(engine->http);
    free(engine);
}

const char *engine_path(char path[ENGINE_PATH_MAX], const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(path, ENGINE_PATH_MAX, format, args);
    va_end(args);
    if (n < 0 || n >= ENGINE_PATH_MAX)
        path[0] = '\0';
    return path;
}

/* "/v1.44" in front of path, given. */
static char *versioned(const struct engine *engine, const char *path, struct err *err)
{
    size_t size = strlen(path) + 16;
    char *text = malloc(size);

    if (text == NULL)
        err_set(err, ENOMEM, "out of memory");
    else
        snprintf(text, size, "/v1.%u%s", engine->api, path);
    return text;
}

/* Send, and turn a status that is no success into an error. */
static bool send_request(struct engine *engine, struct http_request *request,
                         struct http_answer *answer, struct err *err)
{
    char *path = versioned(engine, request->path, err);
    bool is_good;

    if (path == NULL)
        return false;
    request->path = path;
    is_good = http_send(engine->http, request, answer, err);
    free(path);
    if (!is_good)
        return false;
    if (answer->status / 100 == 2 || answer->status == 304)
        return true;
    engine_answer_fail(answer->status, answer->body, answer->len, err);
    http_answer_clear(answer);
    return false;
}

/* "what: " in front of the error; not where it already says enough. Returns false. */
PRINTF_LIKE(2, 0)
static bool wrap(struct err *err, const char *what, va_list args)
{
    char text[WHAT_MAX];

    if (err->code == EINTR)
        return false;
    if (vsnprintf(text, sizeof(text), what, args) < 0)
        text[0] = '\0';
    return err_wrap(err, "%s", text);
}

static bool call(struct engine *engine, const char *method, const char *path, const cJSON *body,
                 cJSON **answer, struct err *err)
{
    struct http_request request = { .method = method, .path = path };
    struct http_answer raw;
    char *text = NULL;
    bool is_good;

    if (body) {
        text = json_text(body, err);
        if (text == NULL)
            return false;
        request.type = "application/json";
        request.body = text;
        request.body_len = strlen(text);
    }
    is_good = send_request(engine, &request, &raw, err);
    cJSON_free(text);
    if (!is_good)
        return false;
    if (answer)
        *answer = NULL;
    if (answer && raw.len) {
        *answer = json_parse("the Docker engine's answer", raw.body, raw.len, err);
        is_good = *answer != NULL;
    }
    http_answer_clear(&raw);
    return is_good;
}

bool engine_call(struct engine *engine, const char *method, const char *path, const cJSON *body,
                 cJSON **answer, struct err *err, const char *what, ...)
{
    va_list args;

    if (call(engine, method, path, body, answer, err))
        return true;
    va_start(args, what);
    wrap(err, what, args);
    va_end(args);
    return false;
}

static bool drop(void *arg, const void *bytes, size_t len, struct err *err)
{
    (void)arg;
    (void)bytes;
    (void)len;
    (void)err;
    return true;
}

bool engine_transfer(struct engine *engine, const struct engine_transfer *transfer,
                     struct err *err, const char *what, ...)
{
    struct http_request request = {
        .method = transfer->method,
        .path = transfer->path,
        .type = transfer->type,
        .body = transfer->body,
        .body_len = transfer->len,
        .sink = transfer->sink ? transfer->sink : drop,
        .sink_arg = transfer->sink_arg,
        .is_long = transfer->is_long,
        .extra_s = transfer->extra_s,
    };
    struct http_answer answer;
    va_list args;

    if (send_request(engine, &request, &answer, err)) {
        http_answer_clear(&answer);
        return true;
    }
    va_start(args, what);
    wrap(err, what, args);
    va_end(args);
    return false;
}

struct http_stream *engine_upgrade(struct engine *engine, const char *path, const cJSON *body,
                                   struct err *err, const char *what, ...)
{
    struct http_stream *stream = NULL;
    char *text = body ? json_text(body, err) : NULL;
    char *whole = body && text == NULL ? NULL : versioned(engine, path, err);
    long status = 0;
    va_list args;

    if (whole)
        stream = http_upgrade(engine->http, whole, text ? text : "", &status, err);
    cJSON_free(text);
    free(whole);
    if (stream)
        return stream;
    if (status)
        engine_answer_fail(status, err->text, strlen(err->text), err);
    va_start(args, what);
    wrap(err, what, args);
    va_end(args);
    return NULL;
}

cJSON *engine_inspect_container(struct engine *engine, const char *name, struct err *err)
{
    char path[ENGINE_PATH_MAX];
    cJSON *answer = NULL;

    engine_path(path, "/containers/%s/json", name);
    if (engine_call(engine, "GET", path, NULL, &answer, err, "look at container %s", name) &&
        answer == NULL)
        err_set(err, EPROTO, "look at container %s: the Docker engine's answer is empty", name);
    return answer;
}

bool engine_archive_put(struct engine *engine, const char *container, const char *folder,
                        const void *tar, size_t len, struct err *err)
{
    char path[ENGINE_PATH_MAX];
    struct engine_transfer transfer = {
        .method = "PUT", .path = path, .type = "application/x-tar", .body = tar, .len = len
    };

    engine_path(path, "/containers/%s/archive?path=%s", container, folder);
    return engine_transfer(engine, &transfer, err, "write to %s of container %s", folder,
                           container);
}

bool engine_archive_get(struct engine *engine, const char *container, const char *path,
                        http_sink *sink, void *sink_arg, struct err *err)
{
    char whole[ENGINE_PATH_MAX];
    struct engine_transfer transfer = {
        .method = "GET", .path = whole, .sink = sink, .sink_arg = sink_arg
    };

    engine_path(whole, "/containers/%s/archive?path=%s", container, path);
    return engine_transfer(engine, &transfer, err, "read %s of container %s", path, container);
}
