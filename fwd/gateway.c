/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: one thread, one poll(): signals, the filter's two pipes, the control socket.
 * The ruleset is loaded first and closes everything by itself; what follows only opens it.
 * Whatever fails after it was loaded leaves the closed ruleset behind, as the end of the
 * program does.
 */
#include "fwd/gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "fwd/gateway_internal.h"
#include "fwd/net.h"
#include "fwd/nft_load.h"
#include "fwd/nft_sock.h"

#define CONFIG_MAX    (1u << 20)
#define NAMESPACE     "/proc/self/ns/net"
#define LOOK_EVERY_MS 2000
#define DISMISS_MS    1000

#ifndef SECCTL_VERSION
#define SECCTL_VERSION "unknown"
#endif

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

bool wanted_read(const char *path, struct wanted *wanted, struct err *err)
{
    struct conf *conf = &wanted->conf;
    size_t len;
    char *text = file_read(path, CONFIG_MAX, &len, err);
    bool is_read;

    memset(wanted, 0, sizeof(*wanted));
    if (!text)
        return false;
    is_read = conf_parse(path, text, len, conf, err);
    free(text);
    if (!is_read)
        return false;
    wanted->upstream.conf = conf;
    wanted->wish.setup = &wanted->setup;
    wanted->wish.is_queue_native = wanted->wish.has_flowtable = true;
    if (!net_interface(conf->internal, &wanted->wish.internal, err) ||
        !net_interface(conf->external, &wanted->wish.external, err) ||
        !net_user(conf->user, &wanted->wish.user, err))
        return err_wrap(err, "%s", path);
    if (wanted->wish.internal.index == wanted->wish.external.index)
        return err_set(err, EINVAL, "%s: internal and external are the same interface %s", path,
                       wanted->wish.internal.name);
    if (!net_setup(conf, &wanted->wish.internal, &wanted->wish.external, &wanted->setup, err))
        return false;
    upstream_refresh(&wanted->upstream);
    return true;
}

size_t wanted_endpoints(const struct upstream *upstream,
                        struct nft_endpoint endpoints[IPC_UPSTREAMS_MAX])
{
    for (size_t i = 0; i < upstream->nr; i++)
        endpoints[i] = (struct nft_endpoint) { upstream->list[i].addr, upstream->list[i].port };
    return upstream->nr;
}

/* --- start and end ----------------------------------------------------------------------- */

static bool block_signals(struct gateway *gateway, struct err *err)
{
    static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD };
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        sigaddset(&set, numbers[i]);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* what a killed filter leaves is ours to collect */
    gateway->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return gateway->signal_fd >= 0 ||
           err_set(err, errno, "wait for signals: %s", strerror(errno));
}

/* One gateway a namespace: a second one would replace the ruleset of the first, and close it at
 * its end. The lock is on the namespace itself and goes with the process. */
static bool claim_namespace(struct gateway *gateway, struct err *err)
{
    if (geteuid() != 0)
        return err_set(err, EPERM,
                       "start: uid %u, expected root with CAP_NET_ADMIN, CAP_SETUID, "
                       "CAP_SETGID and CAP_SETPCAP",
                       (unsigned)geteuid());
    gateway->claim_fd = open(NAMESPACE, O_RDONLY | O_CLOEXEC);
    if (gateway->claim_fd < 0)
        return err_set(err, errno, "open " NAMESPACE ": %s", strerror(errno));
    if (flock(gateway->claim_fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (errno == EWOULDBLOCK)
        return err_set(err, EADDRINUSE,
                       "start: another gateway runs in this network namespace, expected none");
    return err_set(err, errno, "lock " NAMESPACE ": %s", strerror(errno));
}

static bool look_for_state(const char *path, struct err *err)
{
    int fd;

    if (!path[0])
        return true;
    fd = open(path, O_DIRECTORY | O_PATH | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, errno, "open state directory %s: %s, expected a directory", path,
                       strerror(errno));
    close(fd);
    return true;
}

/* Everything that can fail without having changed anything. */
static bool prepare(struct gateway *gateway, const char *config_path, struct err *err)
{
    const struct conf *conf = &gateway->wanted.conf;

    if (!wanted_read(config_path, &gateway->wanted, err) ||
        !candidate_read(conf->policy, &gateway->policy, err) ||
        !claim_namespace(gateway, err) || !look_for_state(conf->state, err) ||
        !filter_init(&gateway->filter, conf->user, gateway->wanted.wish.user,
                     gateway->wanted.wish.internal.index, err) ||
        !log_writer_open(&gateway->log, conf->log, err) ||
        !bindings_open(&gateway->bindings, conf->state, now_wall_us() / 1000000, err) ||
        !block_signals(gateway, err))
        return false;
    if (!control_open(&gateway->control, conf->state, err)) {
        if (err->code == EADDRINUSE)
            return false;
        log_warn("event=control detail=\"%s; fwd load will not work\"", err->text);
    }
    gateway->nft = nft_sock_open(err);
    return gateway->nft != NULL;
}

static bool close_down(struct gateway *gateway)
{
    struct err err = { 0 };
    bool is_closed = nft_close(gateway->nft, &err);

    if (!is_closed)
        log_error("event=stop detail=\"%s\"", err.text);
    if (!sysctl_forwarding(false, &err))
        log_warn("event=stop detail=\"%s; the ruleset lets nothing through\"", err.text);
    return is_closed;
}

static bool open_up(struct gateway *gateway, struct err *err)
{
    struct wanted *wanted = &gateway->wanted;
    struct nft_endpoint endpoints[IPC_UPSTREAMS_MAX];
    const size_t nr = wanted_endpoints(&wanted->upstream, endpoints);

    if (!nft_load(gateway->nft, &wanted->wish, endpoints, nr, false, &gateway->rs, err))
        return err_wrap(err, "load the ruleset");
    log_info("event=ruleset queue=%s flowtable=%s rules=%zu internal=%s external=%s",
             wanted->wish.is_queue_native ? "native" : "target",
             wanted->wish.has_flowtable ? "yes" : "no", gateway->rs.nr_rules,
             wanted->wish.internal.name, wanted->wish.external.name);
    if (!sysctl_prepare(&wanted->wish.internal, &wanted->wish.external, err)) {
        close_down(gateway);
        return false;
    }
    if (wanted->upstream.nr == 0)
        log_warn("event=upstream detail=\"no DNS server is known: every name fails\"");
    return true;
}

void gateway_record_start(struct gateway *gateway)
{
    const struct ruleset_wish *wish = &gateway->wanted.wish;

    if (gateway->is_started)
        return;
    gateway->is_started = true;
    gateway_record(gateway, EVENT_START, RECORD_NO_VERDICT, gateway->policy.id,
                   "version %s, queue %s, flowtable %s, %zu bindings kept", SECCTL_VERSION,
                   wish->is_queue_native ? "native" : "target",
                   wish->has_flowtable ? "yes" : "no", gateway->bindings.nr);
}

static void finish(struct gateway *gateway)
{
    control_close(&gateway->control);
    bindings_close(&gateway->bindings);
    log_writer_close(&gateway->log);
    candidate_clear(&gateway->policy);
    candidate_clear(&gateway->pending);
    ruleset_clear(&gateway->rs);
    if (gateway->nft)
        mnl_socket_close(gateway->nft);
    if (gateway->signal_fd >= 0)
        close(gateway->signal_fd);
    if (gateway->claim_fd >= 0)
        close(gateway->claim_fd);
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
    struct err err = { 0 };
    size_t nr;

    gateway->next_look_ms = now_ms() + LOOK_EVERY_MS;
    if (!upstream_refresh(upstream))
        return;
    nr = wanted_endpoints(upstream, endpoints);
    log_info("event=upstream servers=%zu detail=\"changed\"", nr);
    if (!nft_set_upstreams(gateway->nft, endpoints, nr, &err))
        log_error("event=upstream detail=\"%s\"", err.text);
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
    if (!gateway->is_policy_sent && gateway->control.is_whole)
        gateway_load(gateway);

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
    filter_stop(&gateway->filter);
}

bool gateway_run(const char *config_path, struct err *err)
{
    struct gateway *gateway = calloc(1, sizeof(*gateway));
    bool is_run;

    if (!gateway)
        return err_set(err, ENOMEM, "start: %s", strerror(ENOMEM));
    gateway->signal_fd = gateway->claim_fd = gateway->log.fd = gateway->bindings.fd = -1;
    gateway->control.listen_fd = gateway->control.client_fd = -1;
    is_run = prepare(gateway, config_path, err) && open_up(gateway, err);
    if (is_run) {
        gateway_start_filter(gateway);
        gateway->next_look_ms = now_ms() + LOOK_EVERY_MS;
        while (!gateway->is_over)
            turn(gateway);
        close_down(gateway);
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
    finish(gateway);
    free(gateway);
    return is_run;
}
