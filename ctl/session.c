/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/session.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/engine_frames.h"
#include "ctl/signals.h"
#include "ctl/stack.h"
#include "ctl/terminal.h"

#define CHUNK 32768

struct pump {
    const struct session *session;
    struct frames frames;
    char input[CHUNK]; /* read from standard input, not yet written */
    size_t input_len, input_used;
    bool is_input_over, is_terminal_gone;
    unsigned nr_signals;   /* of those that ask to end, seen so far */
    uint64_t grace_end_ms; /* 0: nobody asked to end */
    uint64_t look_ms;      /* when to look next, where something is to be looked at */
};

static void resize(const struct pump *pump)
{
    char path[ENGINE_PATH_MAX];
    unsigned rows, columns;
    struct err ignored;

    if (!pump->session->has_terminal || !terminal_size(&rows, &columns))
        return;
    engine_path(path, "%s/resize?h=%u&w=%u", pump->session->object, rows, columns);
    /* a command that has just ended has no size any more */
    if (!engine_call(pump->session->engine, "POST", path, NULL, NULL, &ignored, "resize"))
        return;
}

static const char *signal_name(int number)
{
    switch (number) {
    case SIGINT:
        return "INT";
    case SIGQUIT:
        return "QUIT";
    case SIGHUP:
        return "HUP";
    }
    return "TERM";
}

/* Pass on that secctl was asked to end. Returns false when there is nothing to wait for. */
static bool pass_signal(struct pump *pump, int number)
{
    char path[ENGINE_PATH_MAX];
    struct err ignored;
    bool is_passed;

    if (pump->session->container == NULL)
        return false;
    engine_path(path, "/containers/%s/kill?signal=%s", pump->session->container,
                signal_name(number));
    is_passed =
        engine_call(pump->session->engine, "POST", path, NULL, NULL, &ignored, "send a signal");
    pump->grace_end_ms = stack_now_ms() + SESSION_GRACE_MS;
    return is_passed;
}

/* Returns false when secctl should end now. */
static bool handle_signals(struct pump *pump)
{
    unsigned nr = signals_count();
    bool goes_on = true;

    signals_drain();
    if (signals_resized())
        resize(pump);
    if (nr > pump->nr_signals) {
        /* a terminal that goes away sends one too: that is not asked twice */
        goes_on = pump->nr_signals == 0 && nr == 1 &&
                  (pump->grace_end_ms != 0 || pass_signal(pump, signals_ending()));
        pump->nr_signals = nr;
    }
    return goes_on && (pump->grace_end_ms == 0 || stack_now_ms() < pump->grace_end_ms);
}

/* What its terminal's end does to a command on this machine. The connection stays open in both
 * directions: to the engine the end of the input would be that of the output. */
static void lose_terminal(struct pump *pump)
{
    pump->is_input_over = pump->is_terminal_gone = true;
    pump->input_used = pump->input_len;
    if (pump->grace_end_ms == 0 && !pass_signal(pump, SIGHUP))
        pump->grace_end_ms = stack_now_ms();
}

/* Is there something to do that output without end must not keep from being done? */
static bool is_due(const struct pump *pump)
{
    return signals_count() > pump->nr_signals ||
           (pump->grace_end_ms != 0 && stack_now_ms() >= pump->grace_end_ms);
}

static int time_until(uint64_t end_ms)
{
    uint64_t now = stack_now_ms();

    return now < end_ms ? (int)(end_ms - now) : 0;
}

/* For poll(); -1: no limit. */
static int time_left(const struct pump *pump)
{
    if (pump->grace_end_ms != 0)
        return time_until(pump->grace_end_ms);
    return pump->session->look ? time_until(pump->look_ms) : -1;
}

static void look(struct pump *pump)
{
    if (pump->session->look == NULL || pump->grace_end_ms != 0 ||
        stack_now_ms() < pump->look_ms)
        return;
    pump->session->look(pump->session->look_arg);
    pump->look_ms = stack_now_ms() + SESSION_LOOK_MS;
}

/* All of it, to a descriptor that may be full. SESSION_ENDED when it is written. */
static enum session_end write_all(struct pump *pump, int fd, const uint8_t *bytes, size_t len)
{
    while (len) {
        struct pollfd fds[2] = { { .fd = fd, .events = POLLOUT },
                                 { .fd = signals_fd(), .events = POLLIN } };
        ssize_t n;

        poll(fds, ARRAY_LEN(fds), time_left(pump));
        look(pump);
        if ((fds[1].revents || is_due(pump)) && !handle_signals(pump))
            return SESSION_KILLED;
        if (fds[0].revents == 0)
            continue;
        /* a pipe takes so much without blocking */
        n = write(fd, bytes, len < PIPE_BUF ? len : PIPE_BUF);
        if (n >= 0) {
            bytes += n;
            len -= (size_t)n;
        } else if (errno != EAGAIN && errno != EINTR) {
            return SESSION_CLOSED;
        }
    }
    return SESSION_ENDED;
}

static enum session_end put_frames(struct pump *pump, const uint8_t *bytes, size_t len,
                                   struct err *err)
{
    enum session_end end = SESSION_ENDED;
    struct frames_part part;

    do {
        if (!frames_next(&pump->frames, &bytes, &len, &part, err))
            return SESSION_FAILED;
        if (part.len)
            end = write_all(pump, part.stream == FRAME_OUTPUT ? STDOUT_FILENO : STDERR_FILENO,
                            part.bytes, part.len);
    } while (part.len && end == SESSION_ENDED);
    return end;
}

/* To the terminal. One that is gone ends nothing by itself: the command is told. */
static enum session_end put_plain(struct pump *pump, const uint8_t *bytes, size_t len)
{
    enum session_end end = SESSION_ENDED;

    if (!pump->is_terminal_gone)
        end = write_all(pump, STDOUT_FILENO, bytes, len);
    if (end != SESSION_CLOSED)
        return end;
    lose_terminal(pump);
    return SESSION_ENDED;
}

/* Write what came. Returns true to go on, false with *end. */
static bool pass_output(struct pump *pump, enum session_end *end, struct err *err)
{
    uint8_t bytes[CHUNK];

    while (!is_due(pump)) {
        ssize_t n = http_stream_read(pump->session->stream, bytes, sizeof(bytes), err);

        if (n == -1)
            return true;
        if (n <= 0)
            *end = n == 0 ? SESSION_ENDED : SESSION_FAILED;
        else if (pump->session->has_terminal)
            *end = put_plain(pump, bytes, (size_t)n);
        else
            *end = put_frames(pump, bytes, (size_t)n, err);
        if (n <= 0 || *end != SESSION_ENDED)
            return false;
    }
    return true;
}

static void read_input(struct pump *pump)
{
    ssize_t n = read(STDIN_FILENO, pump->input, sizeof(pump->input));

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    pump->input_used = 0;
    pump->input_len = n > 0 ? (size_t)n : 0;
    if (n > 0)
        return;
    pump->is_input_over = true;
    if (pump->session->has_terminal) /* it has no end, but may be gone */
        lose_terminal(pump);
    else
        http_stream_shut(pump->session->stream);
}

/* The command may have closed its input, or be gone: its output says how it ends. */
static void write_input(struct pump *pump)
{
    struct err ignored;
    ssize_t n = http_stream_write(pump->session->stream, pump->input + pump->input_used,
                                  pump->input_len - pump->input_used, &ignored);

    if (n > 0)
        pump->input_used += (size_t)n;
    if (n == -2) {
        pump->is_input_over = true;
        pump->input_used = pump->input_len;
    }
}

static enum session_end run(struct pump *pump, struct err *err)
{
    int stream_fd = http_stream_fd(pump->session->stream);
    enum session_end end;

    while (pass_output(pump, &end, err)) {
        bool has_input = pump->input_used < pump->input_len;
        struct pollfd fds[3] = {
            { .fd = stream_fd, .events = (short)(POLLIN | (has_input ? POLLOUT : 0)) },
            { .fd = signals_fd(), .events = POLLIN },
            { .fd = has_input || pump->is_input_over ? -1 : STDIN_FILENO, .events = POLLIN },
        };

        if (poll(fds, ARRAY_LEN(fds), time_left(pump)) < 0 && errno != EINTR) {
            err_set(err, errno, "wait for the agent: %s", strerror(errno));
            return SESSION_FAILED;
        }
        if (!handle_signals(pump))
            return SESSION_KILLED;
        look(pump);
        if (fds[2].revents)
            read_input(pump);
        if (pump->input_used < pump->input_len)
            write_input(pump);
    }
    return end;
}

enum session_end session_run(const struct session *session, struct err *err)
{
    struct pump pump = { .session = session, .look_ms = stack_now_ms() + SESSION_LOOK_MS };
    enum session_end end;

    if (session->has_terminal && !terminal_raw(err))
        return SESSION_FAILED;
    signals_hold(true); /* requests about a signal are not ended by it */
    resize(&pump);
    end = run(&pump, err);
    signals_hold(false);
    terminal_restore(end != SESSION_ENDED);
    return end;
}
