/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: one thread, one poll(): signals, the filter's two pipes, the control socket.
 * The ruleset is loaded first and closes everything by itself; what follows only opens it.
 * Whatever fails after it was loaded leaves the closed ruleset behind, as the end of the
 * program does.
 */
#include "fwd/gateway.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "fwd/gateway_internal.h"
#include "fwd/net.h"
#include "fwd/nft_load.h"

#define LOOK_EVERY_MS 2000
#define DISMISS_MS    1000

uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t now_wall_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void gateway_record(struct gateway *gateway, enum record_event event,
                    enum record_verdict verdict, const char *policy, const char *format, ...)
{
    struct record record = { .event = event, .verdict = verdict, .wall_us = now_wall_us() };
    va_list args;

    if (policy)
        snprintf(record.policy, sizeof(record.policy), "%s", policy);
    va_start(args, format);
    vsnprintf(record.detail, sizeof(record.detail), format, args);
    va_end(args);
    log_writer_put(&gateway->log, &record);
}

/* --- the loop ---------------------------------------------------------------------------- */

static void reap(struct gateway *gateway)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == gateway->filter.pid)
            gateway_filter_died(gateway, status);
}

static void reopen_log(struct gateway *gateway)
{
    struct err err = { 0 };

    if (log_writer_reopen(&gateway->log, &err))
        log_info("event=log detail=\"opened again\"");
    else
        log_error("event=log detail=\"%s; the old one stays\"", err.text);
}

static void on_signal(struct gateway *gateway)
{
    struct signalfd_siginfo info;

    while (read(gateway->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        switch (info.ssi_signo) {
        case SIGTERM:
        case SIGINT:
            gateway->is_over = true;
            break;
        case SIGHUP:
            gateway->is_reload_due = true;
            break;
        case SIGUSR1:
            reopen_log(gateway);
            break;
        case SIGCHLD:
            reap(gateway);
            break;
        default:
            break;
        }
    }
}

/* The kernel must let the questions out before the filter asks them. */
static void look_at_upstreams(struct gateway *gateway)
{
    struct nft_endpoint endpoints[IPC_UPSTREAMS_MAX];
    struct upstream *upstream = &gateway->wanted.upstream;
    struct ruleset_wish *wish = &gateway->wanted.wish;
    struct err err = { 0 };
    size_t nr;

    gateway->next_look_ms = now_ms() + LOOK_EVERY_MS;
    if (!upstream_refresh(upstream))
        return;
    nr = wanted_endpoints(upstream, endpoints);
    log_info("event=upstream servers=%zu detail=\"changed\"", nr);
    if (!nft_set_upstreams(gateway->nft, endpoints, nr, &err))
        log_error("event=upstream detail=\"%s\"", err.text);
    if (wish->asks_docker != upstream_has_docker(upstream)) {
        wish->asks_docker = !wish->asks_docker;
        if (!nft_relink(gateway->nft, wish, &gateway->rs, &err))
            log_error("event=upstream detail=\"%s\"", err.text);
    }
    if (gateway->filter.pid > 0)
        gateway_send_setup(gateway);
}

/* One that comes back under the same name has another index: the ruleset is not for it. */
static void look_at_interfaces(struct gateway *gateway)
{
    const struct ruleset_wish *wish = &gateway->wanted.wish;
    const struct ruleset_if *const both[] = { &wish->internal, &wish->external };

    for (size_t i = 0; i < ARRAY_LEN(both); i++)
        if (!net_is_there(both[i])) {
            gateway->lost = both[i];
            gateway->is_over = true;
        }
}

/* What is due by the clock, or was put off. Returns milliseconds until it must be called again.
 */
static int tick(struct gateway *gateway)
{
    uint64_t now = now_ms(), next;

    if (gateway->filter.restart_ms != 0 && now >= gateway->filter.restart_ms)
        gateway_start_filter(gateway);
    if (gateway->mute_ms != 0 && now >= gateway->mute_ms)
        gateway_kill_filter(gateway, "it closed its pipe and goes on");
    if (now >= gateway->next_look_ms) {
        look_at_interfaces(gateway);
        look_at_upstreams(gateway);
    }
    control_tick(&gateway->control, now);
    if (!gateway->is_policy_sent && gateway->is_reload_due)
        gateway_reload(gateway);
    if (gateway->control.is_whole)
        gateway_request(gateway);

    next = gateway->next_look_ms;
    if (gateway->filter.restart_ms != 0 && gateway->filter.restart_ms < next)
        next = gateway->filter.restart_ms;
    now = now_ms();
    return next > now ? (int)(next - now) : 0;
}

static void turn(struct gateway *gateway)
{
    enum { SIGNALS, FROM_FILTER, TO_FILTER, LISTENER, CLIENT, NR_FDS };
    const struct control *control = &gateway->control;
    const struct filter_proc *filter = &gateway->filter;
    const int timeout = tick(gateway);
    struct pollfd fds[NR_FDS] = {
        /* a negative descriptor is passed over */
        [SIGNALS] = { gateway->signal_fd, POLLIN, 0 },
        [FROM_FILTER] = { filter->from.fd, POLLIN, 0 },
        [TO_FILTER] = { filter->out_len > filter->out_at ? filter->to_fd : -1, POLLOUT, 0 },
        [LISTENER] = { control->client_fd < 0 ? control->listen_fd : -1, POLLIN, 0 },
        [CLIENT] = { control->is_whole ? -1 : control->client_fd, POLLIN, 0 },
    };

    if (poll(fds, NR_FDS, timeout) <= 0)
        return;
    if (fds[FROM_FILTER].revents)
        gateway_read_filter(gateway);
    if (fds[TO_FILTER].revents)
        filter_flush(&gateway->filter);
    if (fds[CLIENT].revents)
        control_read(&gateway->control);
    if (fds[LISTENER].revents)
        control_accept(&gateway->control, now_ms());
    if (fds[SIGNALS].revents) /* last: a death empties what was polled */
        on_signal(gateway);
}

/* Its input ends; it says what it has left to say, and ends, or is killed. */
static void dismiss_filter(struct gateway *gateway)
{
    const uint64_t deadline = now_ms() + DISMISS_MS;

    filter_close_input(&gateway->filter);
    while (gateway->filter.from.fd >= 0 && now_ms() < deadline) {
        struct pollfd wait = { gateway->filter.from.fd, POLLIN, 0 };

        if (poll(&wait, 1, DISMISS_MS / 10) > 0)
            gateway_read_filter(gateway);
    }
    log_writer_lose(&gateway->log, filter_take_missing(&gateway->filter));
    filter_stop(&gateway->filter);
}

bool gateway_run(const struct config *config, struct err *err)
{
    struct gateway *gateway = calloc(1, sizeof(*gateway));
    bool is_run;

    if (!gateway)
        return err_set(err, ENOMEM, "start: %s", strerror(ENOMEM));
    gateway->signal_fd = gateway->claim_fd = gateway->log.fd = gateway->bindings.fd = -1;
    gateway->control.listen_fd = gateway->control.client_fd = -1;
    gateway->config = config;
    gateway->started_us = now_wall_us();
    is_run = gateway_prepare(gateway, err) && gateway_open_up(gateway, err);
    if (is_run) {
        gateway_start_filter(gateway);
        gateway->next_look_ms = now_ms() + LOOK_EVERY_MS;
        while (!gateway->is_over)
            turn(gateway);
        gateway_close_down(gateway);
        dismiss_filter(gateway);
        gateway_record_start(gateway);
        gateway_record(gateway, EVENT_STOP, RECORD_NO_VERDICT, gateway->policy.id,
                       "%s%sstopped; the network namespace is left closed",
                       gateway->lost ? gateway->lost->name : "",
                       gateway->lost ? " is gone; " : "");
        log_info("event=stop");
    }
    if (gateway->lost)
        is_run = err_set(err, ENODEV,
                         "interface %s (index %u) is gone: expected it for as long as the "
                         "gateway runs",
                         gateway->lost->name, gateway->lost->index);
    gateway_finish(gateway);
    free(gateway);
    return is_run;
}
