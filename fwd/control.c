/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fwd/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"
#include "fwd/config.h"
#include "fwd/policy_store.h"

#define CLIENT_PATIENCE_MS 5000
#define ANSWER_PATIENCE_S  30
#define HEAD_MAX           32 /* "policy 16777216\n" */

static const char *const verbs[NR_CONTROL_VERBS] = {
    [CONTROL_POLICY] = "policy",
    [CONTROL_ATTACH] = "attach",
    [CONTROL_DETACH] = "detach",
    [CONTROL_STATUS] = "status",
};

bool control_path(const char *state, char path[CONTROL_PATH_MAX], struct err *err)
{
    return run_path(state, state[0] ? "control" : "sock", path, CONTROL_PATH_MAX, err) ||
           err_wrap(err, "make the control socket");
}

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    return address;
}

static bool is_answered(const char *path)
{
    const struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is;

    if (fd < 0)
        return false;
    is = connect(fd, (const void *)&address, sizeof(address)) == 0 || errno == EAGAIN;
    close(fd);
    return is;
}

bool control_open(struct control *control, const char *state, struct err *err)
{
    struct sockaddr_un address;
    mode_t mask;
    int rc;

    *control = (struct control) { .listen_fd = -1, .client_fd = -1 };
    if (!control_path(state, control->path, err))
        return false;
    if (is_answered(control->path))
        return err_set(err, EADDRINUSE, "listen on %s: another gateway answers there",
                       control->path);
    address = address_of(control->path);
    unlink(control->path);
    control->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mask = umask(0177);
    rc = control->listen_fd < 0 ||
                 bind(control->listen_fd, (const void *)&address, sizeof(address)) != 0 ||
                 listen(control->listen_fd, 8) != 0
             ? errno
             : 0;
    umask(mask);
    if (rc == 0)
        return true;
    err_set(err, rc, "listen on %s: %s", control->path, strerror(rc));
    if (control->listen_fd >= 0)
        close(control->listen_fd);
    control->listen_fd = -1;
    return false;
}

static void client_drop(struct control *control)
{
    if (control->client_fd >= 0)
        close(control->client_fd);
    free(control->text);
    control->client_fd = -1;
    control->text = NULL;
    control->len = control->size = 0;
    control->is_whole = false;
}

void control_close(struct control *control)
{
    client_drop(control);
    if (control->listen_fd >= 0) {
        close(control->listen_fd);
        unlink(control->path);
    }
    control->listen_fd = -1;
}

void control_accept(struct control *control, uint64_t now_ms)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0)
        return;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || peer.uid != 0) {
        log_warn("event=control detail=\"refused: uid %u is not root\"", (unsigned)peer.uid);
        close(fd);
        return;
    }
    control->client_fd = fd;
    control->deadline_ms = now_ms + CLIENT_PATIENCE_MS;
}

static bool make_room(struct control *control)
{
    size_t size = control->size ? control->size * 2 : 65536;
    char *text;

    if (control->len < control->size)
        return true;
    if (control->len > POLICY_INPUT_MAX)
        return false;
    text = realloc(control->text, size);
    if (!text)
        return false;
    control->text = text;
    control->size = size;
    return true;
}

/* "VERB LEN", which is all of head. */
static bool parse_head(const char *head, enum control_verb *verb, unsigned long long *len)
{
    char word[HEAD_MAX];
    int n = 0;

    if (sscanf(head, "%15[a-z] %20llu%n", word, len, &n) != 2 || head[n] != 0)
        return false;
    for (int i = 0; i < NR_CONTROL_VERBS; i++) {
        if (strcmp(word, verbs[i]) != 0)
            continue;
        *verb = (enum control_verb)i;
        return true;
    }
    return false;
}

/* The end has come: is it the end that the first line promised? */
static void take_request(struct control *control)
{
    char head[HEAD_MAX] = "";
    unsigned long long len;
    size_t head_len;
    char *end;

    if (control->len == 0) { /* it only looked whether we answer */
        client_drop(control);
        return;
    }
    memcpy(head, control->text, control->len < HEAD_MAX ? control->len : HEAD_MAX - 1);
    end = strchr(head, '\n');
    if (end)
        *end = 0;
    if (!end || !parse_head(head, &control->verb, &len)) {
        control_answer(
            control, false,
            "no request, expected what is asked for and its length in the first line");
        return;
    }
    head_len = (size_t)(end - head) + 1;
    control->len -= head_len;
    if (control->len != len) {
        control_answer(control, false, "the request is cut short, expected all of it");
        return;
    }
    memmove(control->text, control->text + head_len, control->len);
    control->is_whole = true;
}

void control_read(struct control *control)
{
    ssize_t n;

    if (!make_room(control)) {
        control_answer(control, false, "the request is too large, expected at most 16 MiB");
        return;
    }
    n = read(control->client_fd, control->text + control->len, control->size - control->len);
    if (n > 0)
        control->len += (size_t)n;
    else if (n == 0)
        take_request(control);
    else if (errno != EAGAIN && errno != EINTR)
        client_drop(control);
}

void control_tick(struct control *control, uint64_t now_ms)
{
    if (control->client_fd >= 0 && !control->is_whole && now_ms >= control->deadline_ms)
        control_answer(control, false, "the request did not arrive within 5 s");
}

void control_answer(struct control *control, bool is_ok, const char *text)
{
    const size_t size = strlen(text) + 16;
    char *line;
    int n;

    if (control->client_fd < 0)
        return;
    line = malloc(size);
    n = line ? snprintf(line, size, "%s %s\n", is_ok ? "ok" : "error", text) : 0;
    if (n <= 0 || send(control->client_fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_warn("event=control detail=\"answer: %s\"", strerror(errno));
    free(line);
    client_drop(control);
}

/* --- the client -------------------------------------------------------------------------- */

static bool send_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        text += n;
        len -= (size_t)n;
    }
    return true;
}

/* All that comes, without the line's end; NULL when memory runs out. */
static char *receive_all(int fd)
{
    char *buf = malloc(CONTROL_ANSWER_MAX);
    size_t len = 0;

    while (buf && len < CONTROL_ANSWER_MAX - 1) {
        ssize_t n = recv(fd, buf + len, CONTROL_ANSWER_MAX - 1 - len, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    if (buf)
        buf[len > 0 && buf[len - 1] == '\n' ? len - 1 : len] = 0;
    return buf;
}

/* "ok TEXT" or "error TEXT": the text alone stays */
static int take_answer(char *line)
{
    const bool is_ok = strncmp(line, "ok ", 3) == 0;
    const size_t word = is_ok ? 3 : 6;

    if (!is_ok && strncmp(line, "error ", 6) != 0)
        return -1;
    memmove(line, line + word, strlen(line + word) + 1);
    return is_ok;
}

int control_ask(const char *path, enum control_verb verb, const char *text, size_t len,
                char **answer, struct err *err)
{
    const struct sockaddr_un address = address_of(path);
    const struct timeval patience = { .tv_sec = ANSWER_PATIENCE_S };
    char head[HEAD_MAX], *line;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;
    int head_len = snprintf(head, sizeof(head), "%s %zu\n", verbs[verb], len);

    if (fd < 0 || connect(fd, (const void *)&address, sizeof(address)) != 0) {
        err_set(err, errno, "reach the running gateway at %s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    /* A gateway that refuses early answers too: what it says counts, not that sending failed.
     */
    if (send_all(fd, head, (size_t)head_len) && send_all(fd, text, len))
        shutdown(fd, SHUT_WR);
    line = receive_all(fd);
    close(fd);
    rc = line ? take_answer(line) : -1;
    if (rc >= 0) {
        *answer = line;
        return rc;
    }
    free(line);
    err_set(err, EPROTO, "ask the gateway at %s: it did not answer", path);
    return -1;
}
