/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works. The process that talks DNS to the outside (dns_ask) and takes agents' DNS over
 * TCP (dns_tcp), so that the inspector needs no socket. One epoll set; what happened is named
 * by the event's tag. It never waits for the inspector: an answer that does not fit the ring is
 * dropped, and the engine's own deadline answers the agent. What the inspector says is checked
 * as if it were hostile.
 */
#include "sni-filter/dns_proc.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "sni-filter/dns_ask.h"
#include "sni-filter/dns_tcp.h"
#include "sni-filter/notice.h"
#include "sni-filter/wire.h"

#define EVENTS_PER_ROUND 64
#define TICK_US          UINT64_C(50000)

/* Upper half of an event's data; the lower one is a number. */
enum { TAG_WAKE = 1, TAG_LIFELINE, TAG_LISTEN, TAG_CONN, TAG_ASK };
#define TAG(tag) ((uint64_t)(tag) << 32)

struct dns_proc {
    struct dns_proc_io io;
    struct dns_asker *asker;
    struct dns_tcp *tcp;
    struct ipc_upstream upstreams[IPC_UPSTREAMS_MAX];
    uint64_t next_tick_us;
    bool is_over;
};

static void stop(struct dns_proc *proc, const char *what, int rc)
{
    notice("event=filter-failed process=dns what=\"%s\" error=\"%s\"", what, strerror(-rc));
    proc->is_over = true;
}

static uint64_t now_us(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000 + (uint64_t)at.tv_nsec / 1000;
}

static void on_found(void *arg, const struct dns_found *found)
{
    struct dns_proc *proc = arg;

    (void)!channel_put(&proc->io.to_inspector, WIRE_FOUND, found, wire_found_len(found), NULL,
                       0);
}

static bool on_query(void *arg, const struct dns_client *client, const uint8_t *message,
                     size_t len)
{
    struct dns_proc *proc = arg;

    return channel_put(&proc->io.to_inspector, WIRE_TCP_QUERY, client, sizeof(*client), message,
                       len);
}

/* One message of the inspector's; false: it is none. */
static bool carry_out(struct dns_proc *proc, uint32_t type, const uint8_t *body, size_t len)
{
    uint8_t message[DNS_MESSAGE_MAX];
    struct dns_client client;
    struct dns_ask ask;
    size_t size;

    if (type == WIRE_ASK && wire_read_ask(body, len, &ask)) {
        dns_asker_ask(proc->asker, &ask, now_us());
        return true;
    }
    if (type == WIRE_TCP_REPLY && wire_read_message(body, len, &client, message, &size)) {
        dns_tcp_reply(proc->tcp, &client, message, size, now_us());
        return true;
    }
    if (type == WIRE_UPSTREAMS && wire_read_upstreams(body, len, proc->upstreams, &size)) {
        dns_upstreams_set(dns_asker_upstreams(proc->asker), proc->upstreams, size);
        return true;
    }
    return false;
}

static void take_orders(struct dns_proc *proc)
{
    const uint8_t *body;
    uint32_t type;
    size_t len;
    int rc;

    while ((rc = ring_peek(proc->io.from_inspector, &type, &body, &len)) == 1) {
        if (!carry_out(proc, type, body, len)) {
            rc = -EPROTO;
            break;
        }
        ring_pop(proc->io.from_inspector);
    }
    if (rc < 0)
        stop(proc, "read from the inspector", rc);
}

static void handle(struct dns_proc *proc, uint32_t events, uint64_t data)
{
    uint32_t number = (uint32_t)data;

    switch (data >> 32) {
    case TAG_WAKE:
        channel_wake_clear(proc->io.wake_fd);
        return;
    case TAG_LIFELINE:
        stop(proc, "serve the packet side, which is gone", -EPIPE);
        return;
    case TAG_LISTEN:
        dns_tcp_accept(proc->tcp, (int)number, now_us());
        return;
    case TAG_CONN:
        dns_tcp_event(proc->tcp, number, (events & (EPOLLERR | EPOLLHUP)) != 0, now_us());
        return;
    case TAG_ASK:
        dns_asker_event(proc->asker, number, now_us());
        return;
    }
}

/* Deadlines have a grain of TICK_US. Returns the time to wait in milliseconds. */
static int run_deadlines(struct dns_proc *proc, bool *has_deadlines)
{
    uint64_t now = now_us();

    if (now >= proc->next_tick_us) {
        bool has_asks = dns_asker_tick(proc->asker, now);

        *has_deadlines = dns_tcp_tick(proc->tcp, now) || has_asks;
        proc->next_tick_us = now + TICK_US;
    }
    return *has_deadlines ? (int)((proc->next_tick_us - now) / 1000) + 1 : -1;
}

static bool watch(int epoll_fd, int fd, uint64_t data)
{
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = data };

    return fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool set_up(struct dns_proc *proc, int epoll_fd)
{
    const struct dns_proc_io *io = &proc->io;

    proc->asker = dns_asker_new(epoll_fd, TAG(TAG_ASK), on_found, proc);
    proc->tcp = dns_tcp_new(epoll_fd, TAG(TAG_CONN), on_query, proc);
    if (proc->asker == NULL || proc->tcp == NULL) {
        errno = ENOMEM;
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(io->listen_fds); i++)
        if (!watch(epoll_fd, io->listen_fds[i], TAG(TAG_LISTEN) | (uint32_t)io->listen_fds[i]))
            return false;
    return watch(epoll_fd, io->wake_fd, TAG(TAG_WAKE)) &&
           watch(epoll_fd, io->lifeline_fd, TAG(TAG_LIFELINE));
}

static void run_round(struct dns_proc *proc, int epoll_fd, bool *has_deadlines)
{
    struct epoll_event events[EVENTS_PER_ROUND];
    int timeout = run_deadlines(proc, has_deadlines), nr;

    channel_flush(&proc->io.to_inspector);
    if (!ring_sleep(proc->io.from_inspector))
        timeout = 0;
    nr = epoll_wait(epoll_fd, events, EVENTS_PER_ROUND, timeout);
    ring_awake(proc->io.from_inspector);
    if (nr < 0 && errno != EINTR)
        stop(proc, "wait for events", -errno);
    for (int i = 0; i < nr; i++)
        handle(proc, events[i].events, events[i].data.u64);
    if (nr > 0)
        *has_deadlines = true; /* something may have begun */
    take_orders(proc);
    channel_flush(&proc->io.to_inspector);
}

int dns_proc_run(const struct dns_proc_io *io)
{
    static struct dns_proc proc; /* large: not on the stack */
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    bool has_deadlines = false;

    proc.io = *io;
    if (epoll_fd < 0 || !set_up(&proc, epoll_fd))
        stop(&proc, "set up", -errno);
    while (!proc.is_over)
        run_round(&proc, epoll_fd, &has_deadlines);
    dns_tcp_free(proc.tcp);
    dns_asker_free(proc.asker);
    return 1;
}
