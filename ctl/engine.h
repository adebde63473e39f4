/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The Docker Engine API. Every function returns false with a sentence in *err that names what
 * was attempted and the engine's own message; err->code is ENOENT for what does not exist
 * (404), EEXIST for a conflict (409), EINTR after a signal.
 */
#ifndef CTL_ENGINE_H
#define CTL_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "common/attr.h"
#include "common/err.h"
#include "ctl/http.h"

#define ENGINE_API_MIN  41 /* 1.41: Docker 20.10 */
#define ENGINE_API_MAX  51 /* 1.51: Docker 28.5 */
#define ENGINE_PATH_MAX 1024

struct engine;

/** engine_open - find the user's engine (engine_find.h), ask which API it speaks. Given. */
struct engine *engine_open(struct err *err);
void engine_close(struct engine *engine);

/** engine_clone - the same engine on a connection of its own, for another thread. Given. */
struct engine *engine_clone(const struct engine *engine, struct err *err);

/** engine_name - "unix:///var/run/docker.sock", for messages */
const char *engine_name(const struct engine *engine);

/** engine_api - the minor number of the API in use: 41 for 1.41 */
unsigned engine_api(const struct engine *engine);

/** engine_is_local - does it run on this machine, so that paths mean the same to it? A virtual
 * machine's (Docker Desktop) does not. */
bool engine_is_local(const struct engine *engine);

/** engine_socket - the path of its unix socket; NULL when it is not on this machine */
const char *engine_socket(const struct engine *engine);

/** engine_path - format a path; cut to nothing when it does not fit, which the engine refuses
 */
const char *engine_path(char path[ENGINE_PATH_MAX], const char *format, ...) PRINTF_LIKE(2, 3);

/**
 * engine_call - one request with JSON in both directions
 *
 * path: without the version, quoted (http_quote()). body: NULL for none. answer: NULL when it
 * is of no interest, else the document, given (NULL for an empty one). what: "create container
 * x", in front of errors.
 */
MUST_CHECK bool engine_call(struct engine *engine, const char *method, const char *path,
                            const cJSON *body, cJSON **answer, struct err *err,
                            const char *what, ...) PRINTF_LIKE(7, 8);

/* What engine_call() does not cover: bytes sent, answers taken as they come. */
struct engine_transfer {
    const char *method, *path;
    const char *type; /* of body */
    const void *body;
    size_t len;
    http_sink *sink; /* NULL: the answer is dropped */
    void *sink_arg;
    bool is_long; /* the engine may be silent for long: builds, waiting, following */
    unsigned extra_s;
};

MUST_CHECK bool engine_transfer(struct engine *engine, const struct engine_transfer *transfer,
                                struct err *err, const char *what, ...) PRINTF_LIKE(4, 5);

/** engine_upgrade - POST and take the connection over (http.h). Given. */
struct http_stream *engine_upgrade(struct engine *engine, const char *path, const cJSON *body,
                                   struct err *err, const char *what, ...) PRINTF_LIKE(5, 6);

/** engine_inspect_container - GET /containers/NAME/json, given; NULL with *err */
cJSON *engine_inspect_container(struct engine *engine, const char *name, struct err *err);

/** engine_archive_put - unpack a tar archive in a folder of a container, running or not. The
 * folder must exist. A volume that is mounted there is written to. */
MUST_CHECK bool engine_archive_put(struct engine *engine, const char *container,
                                   const char *folder, const void *tar, size_t len,
                                   struct err *err);

/** engine_archive_get - path of a container as a tar archive; sink as in http.h */
MUST_CHECK bool engine_archive_get(struct engine *engine, const char *container,
                                   const char *path, http_sink *sink, void *sink_arg,
                                   struct err *err);

/* A command to be run in a running container. */
struct engine_command {
    const char *container;
    const char *const *argv; /* NULL-terminated */
    const char *const *env;  /* more than the container's, NULL-terminated; NULL: none */
    bool has_input, has_terminal;
};

/** engine_command_start - run it on a connection that is taken over; given. id: out, for
 * /exec/ID */
struct http_stream *engine_command_start(struct engine *engine,
                                         const struct engine_command *command, char id[72],
                                         struct err *err);

/** engine_command_status - the exit status of one whose output has come to its end */
MUST_CHECK bool engine_command_status(struct engine *engine, const char *id, int *status,
                                      struct err *err);

/* What a command in a container said. Zeroed before use; engine_output_clear() frees the texts.
 */
struct engine_output {
    char *out, *errors; /* NUL-terminated, never NULL after a success */
    size_t out_len, errors_len;
    int status; /* its exit status */
};

#define ENGINE_OUTPUT_MAX (64u << 20) /* bytes of each; more is an error */

/**
 * engine_exec - run a command in a running container and wait for its end
 *
 * argv: NULL-terminated. input: its standard input, NULL for none. A command that fails is no
 * error here: look at output->status. One that is silent for http_stall_s() is an error.
 */
MUST_CHECK bool engine_exec(struct engine *engine, const char *container,
                            const char *const *argv, const char *input, size_t input_len,
                            struct engine_output *output, struct err *err);
void engine_output_clear(struct engine_output *output);

/**
 * engine_exec_follow - the same without input, its standard output going to sink as it comes
 *
 * For what runs until it is ended: it may be silent for as long as it likes. A sink that
 * returns false ends it. errors: what it wrote to standard error, given, may be NULL when *err
 * is set.
 */
MUST_CHECK bool engine_exec_follow(struct engine *engine, const char *container,
                                   const char *const *argv, http_sink *sink, void *sink_arg,
                                   struct engine_output *output, struct err *err);

#endif
