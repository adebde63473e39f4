/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The supervisor's start and end. What can fail without having changed anything comes first.
 * With a tunnel, or external = auto, the namespace is closed before interfaces are waited for
 * and made: forwarding may be on already, by the container's settings.
 */
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/log.h"
#include "fwd/gateway_internal.h"
#include "fwd/net.h"
#include "fwd/nft_load.h"
#include "fwd/nft_sock.h"

#define NAMESPACE    "/proc/self/ns/net"
#define NETWORK_MS   20000 /* for the engine to connect the container to its networks */
#define NETWORK_LOOK 100

#ifndef SECCTL_VERSION
#define SECCTL_VERSION "unknown"
#endif

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

/* Interfaces come when the engine has connected the container. */
static bool wait_for_interfaces(struct gateway *gateway, struct err *err)
{
    const uint64_t deadline = now_ms() + NETWORK_MS;

    while (!wanted_interfaces(&gateway->wanted, err)) {
        struct pollfd wait = { gateway->signal_fd, POLLIN, 0 };

        if (now_ms() >= deadline)
            return err_wrap(err, "waited %d s", NETWORK_MS / 1000);
        if (poll(&wait, 1, NETWORK_LOOK) > 0)
            return err_set(err, EINTR, "stopped by a signal while waiting: %s", err->text);
    }
    return true;
}

static bool make_tunnel(struct gateway *gateway, struct err *err)
{
    struct wanted *wanted = &gateway->wanted;

    if (!tunnel_make(&wanted->end, &wanted->wish.internal, err))
        return false;
    for (size_t i = 0; i < LINKS_MAX; i++) {
        const struct link *link = &wanted->links.list[i];

        if (!link->agent[0])
            continue;
        if (!tunnel_add_peer(&wanted->wish.internal, link, err))
            return false;
        tunnel_greet(&wanted->end, link);
    }
    return true;
}

/* Interfaces that are not there yet. The namespace is closed meanwhile, and stays so when this
 * fails. */
static bool prepare_network(struct gateway *gateway, struct err *err)
{
    const struct conf *conf = &gateway->wanted.conf;

    return nft_close(gateway->nft, err) && wait_for_interfaces(gateway, err) &&
           (!conf->has_tunnel || make_tunnel(gateway, err)) &&
           wanted_net(&gateway->wanted, err);
}

static bool is_network_there(const struct conf *conf)
{
    return !conf->has_tunnel && strcmp(conf->external, "auto") != 0;
}

bool gateway_prepare(struct gateway *gateway, struct err *err)
{
    const struct conf *conf = &gateway->wanted.conf;

    if (!wanted_conf(gateway->config, &gateway->wanted, err) ||
        (is_network_there(conf) && !wanted_net(&gateway->wanted, err)) ||
        !candidate_read(conf->policy, &gateway->policy, err) ||
        !claim_namespace(gateway, err) || !look_for_state(conf->state, err) ||
        !filter_init(&gateway->filter, conf->user, gateway->wanted.wish.user, err) ||
        !log_writer_open(&gateway->log, conf->log, conf->log_max, err) ||
        !bindings_open(&gateway->bindings, conf->state, now_wall_us() / 1000000, err) ||
        !block_signals(gateway, err))
        return false;
    if (!control_open(&gateway->control, conf->state, err)) {
        if (err->code == EADDRINUSE)
            return false;
        log_warn("event=control detail=\"%s; other commands will not work\"", err->text);
    }
    gateway->nft = nft_sock_open(err);
    if (!gateway->nft)
        return false;
    if (!config_keep(gateway->config, conf->state, err))
        log_warn("event=control detail=\"%s; other commands need --config\"", err->text);
    if (!is_network_there(conf) && !prepare_network(gateway, err)) {
        gateway_close_down(gateway);
        return false;
    }
    gateway->filter.internal = gateway->wanted.wish.internal.index;
    return true;
}

bool gateway_close_down(struct gateway *gateway)
{
    struct err err = { 0 };
    bool is_closed = nft_close(gateway->nft, &err);

    if (!is_closed)
        log_error("event=stop detail=\"%s\"", err.text);
    if (!sysctl_forwarding(false, &err))
        log_warn("event=stop detail=\"%s; the ruleset lets nothing through\"", err.text);
    if (gateway->wanted.conf.has_tunnel && !tunnel_remove(&err))
        log_warn("event=stop detail=\"%s\"", err.text);
    return is_closed;
}

bool gateway_open_up(struct gateway *gateway, struct err *err)
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
        gateway_close_down(gateway);
        return false;
    }
    if (wanted->conf.has_tunnel && !tunnel_up(&wanted->wish.internal, err)) {
        gateway_close_down(gateway);
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

void gateway_finish(struct gateway *gateway)
{
    if (gateway->control.listen_fd >= 0) /* else another gateway's */
        config_forget(gateway->wanted.conf.state);
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
