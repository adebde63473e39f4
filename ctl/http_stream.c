/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A connection taken over for attach and exec: libcurl connects (unix socket, TCP, TLS) and
 * moves bytes, the request's head is written and the answer's head read here.
 */
#include "ctl/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/ssl.h>

#include "ctl/http_head.h"
#include "ctl/http_internal.h"

struct http_stream {
    struct http *http;
    CURL *easy;
    curl_socket_t fd;
    char head[HTTP_HEAD_MAX]; /* what came with the head is handed out first */
    size_t head_len, head_used;
    bool is_shut;
};

int http_stream_fd(const struct http_stream *stream)
{
    return stream->fd;
}

void http_stream_free(struct http_stream *stream)
{
    if (stream == NULL)
        return;
    curl_easy_cleanup(stream->easy);
    free(stream);
}

/* Bytes from the connection itself. */
static ssize_t receive(struct http_stream *stream, void *buf, size_t size, struct err *err)
{
    size_t n = 0;
    CURLcode code = curl_easy_recv(stream->easy, buf, size, &n);

    if (code == CURLE_OK)
        return (ssize_t)n;
    if (code == CURLE_AGAIN)
        return -1;
    http_fail(stream->http, stream->easy, code, 0, err);
    return -2;
}

ssize_t http_stream_read(struct http_stream *stream, void *buf, size_t size, struct err *err)
{
    size_t n = stream->head_len - stream->head_used;

    if (n == 0)
        return receive(stream, buf, size, err);
    if (n > size)
        n = size;
    memcpy(buf, stream->head + stream->head_used, n);
    stream->head_used += n;
    return (ssize_t)n;
}

ssize_t http_stream_write(struct http_stream *stream, const void *bytes, size_t len,
                          struct err *err)
{
    size_t n = 0;
    CURLcode code = curl_easy_send(stream->easy, bytes, len, &n);

    if (code == CURLE_OK)
        return (ssize_t)n;
    if (code == CURLE_AGAIN)
        return -1;
    http_fail(stream->http, stream->easy, code, 0, err);
    return -2;
}

/* TLS has an end of its own to tell; libcurl has no call for it. The library that libcurl uses
 * is ours only when it is OpenSSL in the same version. */
static void shut_tls(CURL *easy)
{
    struct curl_tlssessioninfo *info = NULL;
    char ours[64];

    snprintf(ours, sizeof(ours), "OpenSSL/%s", OpenSSL_version(OPENSSL_VERSION_STRING));
    if (curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &info) == CURLE_OK && info &&
        info->backend == CURLSSLBACKEND_OPENSSL && info->internals &&
        strcmp(curl_version_info(CURLVERSION_NOW)->ssl_version, ours) == 0)
        SSL_shutdown(info->internals);
}

void http_stream_shut(struct http_stream *stream)
{
    if (stream->is_shut)
        return;
    stream->is_shut = true;
    if (stream->http->host.transport == ENGINE_TLS)
        shut_tls(stream->easy);
    else
        shutdown(stream->fd, SHUT_WR);
}

static bool write_all(struct http_stream *stream, const char *bytes, size_t len,
                      struct err *err)
{
    while (len) {
        ssize_t n = http_stream_write(stream, bytes, len, err);

        if (n == -2)
            return false;
        if (n == -1) {
            int ready = http_wait(stream->fd, true, (int)http_stall_s() * 1000, err);

            if (ready == 0)
                http_fail(stream->http, stream->easy, CURLE_OPERATION_TIMEDOUT, http_stall_s(),
                          err);
            if (ready <= 0)
                return false;
            continue;
        }
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static bool send_request(struct http_stream *stream, const char *path, const char *json,
                         struct err *err)
{
    size_t size = strlen(path) + strlen(json) + 256;
    char *text = malloc(size);
    bool is_good;
    int len;

    if (text == NULL)
        return err_set(err, ENOMEM, "out of memory");
    len = snprintf(text, size,
                   "POST %s HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
                   "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                   path, strlen(json), json);
    is_good = len > 0 && write_all(stream, text, (size_t)len, err);
    free(text);
    return is_good;
}

/* More bytes behind what head holds: true with at least one, or *is_end. */
static bool read_more(struct http_stream *stream, bool *is_end, struct err *err)
{
    for (;;) {
        ssize_t n = receive(stream, stream->head + stream->head_len,
                            sizeof(stream->head) - stream->head_len, err);
        int ready;

        if (n == -2)
            return false;
        if (n >= 0) {
            *is_end = n == 0;
            stream->head_len += (size_t)n;
            return true;
        }
        ready = http_wait(stream->fd, false, (int)http_stall_s() * 1000, err);
        if (ready == 0)
            return http_fail(stream->http, stream->easy, CURLE_OPERATION_TIMEDOUT,
                             http_stall_s(), err);
        if (ready < 0)
            return false;
    }
}

static bool read_head(struct http_stream *stream, struct http_head *head, struct err *err)
{
    enum http_head_rc rc = HTTP_HEAD_MORE;
    bool is_end = false;

    while (rc == HTTP_HEAD_MORE) {
        if (!read_more(stream, &is_end, err))
            return false;
        if (is_end)
            return http_fail(stream->http, stream->easy,
                             stream->head_len ? CURLE_PARTIAL_FILE : CURLE_GOT_NOTHING, 0, err);
        rc = http_head_parse(stream->head, stream->head_len, head);
    }
    stream->head_used = head->len;
    return rc == HTTP_HEAD_OK ||
           http_fail(stream->http, stream->easy, CURLE_WEIRD_SERVER_REPLY, 0, err);
}

/* The engine refused: its error, one line of JSON, comes in the same or the next packet. */
static void read_refusal(struct http_stream *stream, struct err *err)
{
    bool is_end = false;

    if (stream->head_len == stream->head_used && !read_more(stream, &is_end, err))
        return;
    err_set(err, EPROTO, "%.*s", (int)(stream->head_len - stream->head_used),
            stream->head + stream->head_used);
}

static struct http_stream *stream_connect(struct http *http, struct err *err)
{
    struct http_stream *stream = calloc(1, sizeof(*stream));
    CURLcode code = CURLE_OUT_OF_MEMORY;

    if (stream)
        stream->easy = curl_easy_init();
    if (stream && stream->easy) {
        stream->http = http;
        if (http_set_up(http, stream->easy, "/") &&
            curl_easy_setopt(stream->easy, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK)
            code = curl_easy_perform(stream->easy);
        if (code == CURLE_OK)
            code = curl_easy_getinfo(stream->easy, CURLINFO_ACTIVESOCKET, &stream->fd);
        if (code == CURLE_OK)
            return stream;
        http_fail(http, stream->easy, code, http_stall_s(), err);
    } else {
        err_set(err, ENOMEM, "out of memory");
    }
    http_stream_free(stream);
    return NULL;
}

struct http_stream *http_upgrade(struct http *http, const char *path, const char *json,
                                 long *status, struct err *err)
{
    struct http_stream *stream = stream_connect(http, err);
    struct http_head head = { .status = 0 };

    *status = 0;
    if (stream && send_request(stream, path, json, err) && read_head(stream, &head, err)) {
        if (head.is_upgraded)
            return stream;
        *status = head.status;
        read_refusal(stream, err);
    }
    http_stream_free(stream);
    return NULL;
}
