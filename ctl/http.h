/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * HTTP to one engine, over a unix socket, TCP or TLS.
 */
#ifndef CTL_HTTP_H
#define CTL_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/attr.h"
#include "common/err.h"
#include "ctl/engine_host.h"

#define HTTP_BODY_MAX (16u << 20) /* bytes of an answer that is kept */

struct http;

/** http_new - nothing is connected yet. host: copied. Given, http_free() accepts NULL. */
struct http *http_new(const struct engine_host *host, struct err *err);
void http_free(struct http *http);

const struct engine_host *http_host(const struct http *http);

/** http_stall_s - seconds without a byte after which an engine that should answer is given up
 */
unsigned http_stall_s(void);

/** http_wait - wait until fd is readable (or writable), a signal came or the time is over; 1, 0
 * for the time, -1 with *err (EINTR for a signal) */
int http_wait(int fd, bool is_write, int timeout_ms, struct err *err);

/* Takes a piece of an answer's body. Returns false with *err to end the request. */
typedef bool http_sink(void *arg, const void *bytes, size_t len, struct err *err);

struct http_request {
    const char *method;
    const char *path; /* with the version, quoted */
    const char *type; /* of the body; NULL without one */
    const void *body; /* borrowed */
    size_t body_len;
    http_sink *sink; /* takes the body of a 2xx answer; NULL: it is kept */
    void *sink_arg;
    bool is_long;     /* the engine may be silent for as long as it likes */
    unsigned extra_s; /* besides http_stall_s(), time that the engine needs for what is asked */
};

struct http_answer {
    long status;
    char *body; /* NUL-terminated, given; "" when the sink took it */
    size_t len;
    char api_version[16]; /* what the engine says of itself, "" when nothing */
};

/**
 * http_send - one request and its answer, whatever its status
 *
 * Returns false with *err, naming the engine, when there was no whole HTTP answer: nobody
 * there, no permission, silence, garbage, too much, or a signal (EINTR). answer->body is then
 * NULL.
 */
MUST_CHECK bool http_send(struct http *http, const struct http_request *request,
                          struct http_answer *answer, struct err *err);
void http_answer_clear(struct http_answer *answer);

/* A connection that became a stream of bytes in both directions. */
struct http_stream;

/**
 * http_upgrade - POST a JSON text and take over the connection
 *
 * Returns the stream, given; NULL with *err. When the engine answered otherwise, *status is its
 * answer's and *err holds that answer's body; else *status is 0.
 */
struct http_stream *http_upgrade(struct http *http, const char *path, const char *json,
                                 long *status, struct err *err);
void http_stream_free(struct http_stream *stream);

/** http_stream_fd - to wait for; may be readable without bytes for http_stream_read() */
int http_stream_fd(const struct http_stream *stream);

/** http_stream_read, http_stream_write - bytes moved; 0: at the end; -1: none now; -2: broken,
 * *err says how. They do not block. */
ssize_t http_stream_read(struct http_stream *stream, void *buf, size_t size, struct err *err);
ssize_t http_stream_write(struct http_stream *stream, const void *bytes, size_t len,
                          struct err *err);

/** http_stream_shut - no more bytes will be written: the other side sees the end */
void http_stream_shut(struct http_stream *stream);

/** http_quote - text as part of a path or query; false when out does not hold it */
MUST_CHECK bool http_quote(const char *text, char *out, size_t size);

#endif
