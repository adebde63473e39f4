/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/http.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctl/http_internal.h"
#include "ctl/signals.h"

#define STALL_S_DEFAULT 60
#define STALLS_AT_MOST  10 /* of them one answer may take, however slowly it drips */
#define POLL_MS         1000

/* One request on its way: what the callbacks need. */
struct exchange {
    const struct http_request *request;
    struct http_answer *answer;
    CURL *easy;
    struct err *err;
    size_t size;  /* of answer->body */
    bool is_told; /* *err is set: by the sink, or for an answer that is too long */
};

unsigned http_stall_s(void)
{
    const char *text = getenv("SECCTL_ENGINE_TIMEOUT");
    char *end;
    unsigned long seconds = text ? strtoul(text, &end, 10) : 0;

    return text && *end == '\0' && seconds > 0 && seconds <= 3600 ? (unsigned)seconds
                                                                  : STALL_S_DEFAULT;
}

struct http *http_new(const struct engine_host *host, struct err *err)
{
    struct http *http = calloc(1, sizeof(*http));

    if (http == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(http);
        err_set(err, ENOMEM, "set up libcurl: out of memory");
        return NULL;
    }
    http->host = *host;
    http->multi = curl_multi_init();
    http->easy = curl_easy_init();
    if (http->multi && http->easy)
        return http;
    http_free(http);
    err_set(err, ENOMEM, "set up libcurl: out of memory");
    return NULL;
}

void http_free(struct http *http)
{
    if (http == NULL)
        return;
    curl_easy_cleanup(http->easy);
    curl_multi_cleanup(http->multi);
    free(http);
    curl_global_cleanup();
}

const struct engine_host *http_host(const struct http *http)
{
    return &http->host;
}

static bool set_tls_file(const struct http *http, CURL *easy, CURLoption option,
                         const char *name)
{
    char path[sizeof(http->host.tls_folder) + 16];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", http->host.tls_folder, name);
    file = fopen(path, "re");
    if (file == NULL) /* an engine need not ask for a certificate, nor a CA be a private one */
        return true;
    fclose(file);
    return curl_easy_setopt(easy, option, path) == CURLE_OK;
}

static bool set_tls(const struct http *http, CURL *easy)
{
    long verify = http->host.is_unverified ? 0 : 1;

    return curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2 * verify) == CURLE_OK &&
           set_tls_file(http, easy, CURLOPT_CAINFO, "ca.pem") &&
           set_tls_file(http, easy, CURLOPT_SSLCERT, "cert.pem") &&
           set_tls_file(http, easy, CURLOPT_SSLKEY, "key.pem");
}

bool http_set_up(struct http *http, CURL *easy, const char *path)
{
    size_t size = strlen(http->host.url) + strlen(path) + 1;
    char *url = malloc(size);
    bool is_good = url != NULL;

    if (is_good)
        snprintf(url, size, "%s%s", http->host.url, path);
    is_good =
        is_good && curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, http->error) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)HTTP_CONNECT_MS) == CURLE_OK;
    if (is_good && http->host.transport == ENGINE_UNIX)
        is_good = curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, http->host.path) == CURLE_OK;
    if (is_good && http->host.transport == ENGINE_TLS)
        is_good = set_tls(http, easy);
    free(url);
    http->error[0] = '\0';
    return is_good;
}

static bool fail_connect(const struct http *http, CURL *easy, struct err *err)
{
    const char *name = http->host.name;
    long code = 0;

    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &code);
    if (http->host.transport != ENGINE_UNIX)
        return err_set(err, ENOTCONN, "no Docker engine answers at %s: %s", name,
                       code ? strerror((int)code) : http->error);
    switch (code) {
    case EACCES:
    case EPERM:
        return err_set(err, EACCES,
                       "no permission to talk to the Docker engine at %s: join the group that "
                       "owns the socket (sudo usermod -aG docker $USER, then log in again), or "
                       "use sudo",
                       name);
    case ENOENT:
        return err_set(err, ENOTCONN,
                       "no Docker engine at %s: there is no such socket; install and start "
                       "Docker, or set DOCKER_HOST",
                       name);
    case ECONNREFUSED:
        return err_set(err, ENOTCONN,
                       "no Docker engine at %s: nobody listens there; start Docker (sudo "
                       "systemctl start docker)",
                       name);
    }
    return err_set(err, ENOTCONN, "no Docker engine at %s: %s", name,
                   code ? strerror((int)code) : "the connection failed");
}

bool http_fail(const struct http *http, CURL *easy, CURLcode code, unsigned stall_s,
               struct err *err)
{
    const char *name = http->host.name;
    double connected_s = 0;

    switch (code) {
    case CURLE_COULDNT_CONNECT:
        return fail_connect(http, easy, err);
    case CURLE_COULDNT_RESOLVE_HOST:
        return err_set(err, ENOTCONN, "no Docker engine at %s: %s", name, http->error);
    case CURLE_OPERATION_TIMEDOUT:
        curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME, &connected_s);
        if (connected_s <= 0)
            return err_set(err, ETIMEDOUT, "the Docker engine at %s took no connection in %d s",
                           name, HTTP_CONNECT_MS / 1000);
        return err_set(err, ETIMEDOUT,
                       "the Docker engine at %s said nothing for %u s; is it stuck? "
                       "(sudo systemctl restart docker)",
                       name, stall_s);
    case CURLE_UNSUPPORTED_PROTOCOL: /* "HTTP/0.9": no status line */
    case CURLE_WEIRD_SERVER_REPLY:
        return err_set(err, EPROTO,
                       "what listens at %s is no Docker engine: it does not speak HTTP", name);
    case CURLE_GOT_NOTHING:
        return err_set(err, EPROTO,
                       "the Docker engine at %s closed the connection without an answer", name);
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return err_set(err, EPROTO, "the answer of the Docker engine at %s broke off", name);
    case CURLE_OUT_OF_MEMORY:
        return err_set(err, ENOMEM, "out of memory");
    default:
        return err_set(err, EPROTO, "talk to the Docker engine at %s: %s", name,
                       http->error[0] ? http->error : curl_easy_strerror(code));
    }
}

static bool keep(struct exchange *exchange, const char *bytes, size_t len)
{
    struct http_answer *answer = exchange->answer;
    char *body;

    if (len > HTTP_BODY_MAX - answer->len)
        return err_set(exchange->err, EMSGSIZE,
                       "the Docker engine's answer has more than %u MiB", HTTP_BODY_MAX >> 20);
    if (answer->body == NULL || answer->len + len >= exchange->size) {
        size_t size = 2 * (answer->len + len) + 1;

        body = realloc(answer->body, size);
        if (body == NULL)
            return err_set(exchange->err, ENOMEM, "out of memory");
        answer->body = body;
        exchange->size = size;
    }
    memcpy(answer->body + answer->len, bytes, len);
    answer->len += len;
    answer->body[answer->len] = '\0';
    return true;
}

static size_t on_body(char *bytes, size_t size, size_t nr, void *arg)
{
    struct exchange *exchange = arg;
    const struct http_request *request = exchange->request;
    long status = 0;
    bool is_good;

    curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    if (request->sink && status / 100 == 2)
        is_good = request->sink(request->sink_arg, bytes, size * nr, exchange->err);
    else
        is_good = keep(exchange, bytes, size * nr);
    exchange->is_told = !is_good;
    return is_good ? size * nr : 0;
}

static size_t on_head(char *bytes, size_t size, size_t nr, void *arg)
{
    static const char name[] = "api-version:";
    struct exchange *exchange = arg;
    size_t len = size * nr, n = sizeof(name) - 1;

    if (len > n && strncasecmp(bytes, name, n) == 0) {
        while (n < len && bytes[n] == ' ')
            n++;
        while (len > n && strchr("\r\n ", bytes[len - 1]))
            len--;
        if (len - n < sizeof(exchange->answer->api_version)) {
            memcpy(exchange->answer->api_version, bytes + n, len - n);
            exchange->answer->api_version[len - n] = '\0';
        }
    }
    return size * nr;
}

/* Returns the list of headers, which must outlive the request; NULL when out of memory. */
static struct curl_slist *prepare(struct http *http, const struct http_request *request,
                                  struct exchange *exchange, long stall_s)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:"), *more = NULL;
    CURL *easy = http->easy;
    char type[128];
    bool is_good;

    snprintf(type, sizeof(type), "Content-Type:%s%s", request->type ? " " : "",
             request->type ? request->type : "");
    if (headers)
        more = curl_slist_append(headers, type);
    curl_easy_reset(easy); /* connections stay */
    is_good = more && http_set_up(http, easy, request->path) &&
              curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange) == CURLE_OK;
    if (is_good && (request->body || strcmp(request->method, "GET") != 0))
        is_good = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                                   (curl_off_t)request->body_len) == CURLE_OK &&
                  curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
                                   request->body ? request->body : "") == CURLE_OK;
    if (is_good && !request->is_long)
        is_good = curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
                  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, stall_s) == CURLE_OK &&
                  curl_easy_setopt(easy, CURLOPT_TIMEOUT, stall_s * STALLS_AT_MOST) == CURLE_OK;
    if (is_good)
        return headers;
    curl_slist_free_all(headers);
    return NULL;
}

/* Run the request to its end. Returns its CURLcode; CURLE_ABORTED_BY_CALLBACK for a signal. */
static CURLcode perform(struct http *http)
{
    struct curl_waitfd signal_wait = { .fd = signals_fd(), .events = CURL_WAIT_POLLIN };
    unsigned nr_waits = signal_wait.fd >= 0 ? 1 : 0;
    CURLcode code = CURLE_ABORTED_BY_CALLBACK;
    int nr_running = 1, nr_left;

    if (curl_multi_add_handle(http->multi, http->easy) != CURLM_OK)
        return CURLE_OUT_OF_MEMORY;
    while (!signals_is_interrupted()) {
        CURLMsg *message;

        if (curl_multi_perform(http->multi, &nr_running) != CURLM_OK) {
            code = CURLE_OUT_OF_MEMORY;
            break;
        }
        message = curl_multi_info_read(http->multi, &nr_left);
        if (message && message->msg == CURLMSG_DONE) {
            code = message->data.result;
            break;
        }
        curl_multi_poll(http->multi, nr_waits ? &signal_wait : NULL, nr_waits, POLL_MS, NULL);
        signals_drain();
    }
    curl_multi_remove_handle(http->multi, http->easy);
    return code;
}

bool http_send(struct http *http, const struct http_request *request,
               struct http_answer *answer, struct err *err)
{
    struct exchange exchange = {
        .request = request, .answer = answer, .easy = http->easy, .err = err
    };
    unsigned stall_s = http_stall_s() + request->extra_s;
    struct curl_slist *headers;
    CURLcode code;

    memset(answer, 0, sizeof(*answer));
    headers = prepare(http, request, &exchange, (long)stall_s);
    code = headers ? perform(http) : CURLE_OUT_OF_MEMORY;
    curl_slist_free_all(headers);
    if (code == CURLE_OK && answer->body == NULL && !keep(&exchange, "", 0)) {
        code = CURLE_OUT_OF_MEMORY;
        exchange.is_told = true;
    }
    if (code == CURLE_OK) {
        curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &answer->status);
        return true;
    }
    http_answer_clear(answer);
    if (exchange.is_told)
        return false;
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return err_set(err, EINTR, "interrupted");
    return http_fail(http, http->easy, code, stall_s, err);
}

void http_answer_clear(struct http_answer *answer)
{
    free(answer->body);
    memset(answer, 0, sizeof(*answer));
}

int http_wait(int fd, bool is_write, int timeout_ms, struct err *err)
{
    struct pollfd fds[2] = { { .fd = fd, .events = is_write ? POLLOUT : POLLIN },
                             { .fd = signals_fd(), .events = POLLIN } };
    int n = poll(fds, 2, timeout_ms);

    signals_drain();
    if (signals_is_interrupted()) {
        err_set(err, EINTR, "interrupted");
        return -1;
    }
    if (n < 0 && errno != EINTR) {
        err_set(err, errno, "wait for the Docker engine: %s", strerror(errno));
        return -1;
    }
    return n == 0 ? 0 : 1;
}

bool http_quote(const char *text, char *out, size_t size)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-._~/:@";
    size_t used = 0;

    for (; *text; text++) {
        if (size - used < 4)
            return false;
        if (strchr(plain, *text))
            out[used++] = *text;
        else
            used += (size_t)snprintf(out + used, size - used, "%%%02X", (unsigned char)*text);
    }
    if (used == size)
        return false;
    out[used] = '\0';
    return true;
}
