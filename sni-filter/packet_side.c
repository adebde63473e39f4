/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works. One epoll set; each round reads a batch of packets into the ring, then carries
 * out a batch of the inspector's orders, then lets verdicts, set elements, answers and
 * revocations go. This process holds CAP_NET_ADMIN and so reads nothing of what is inside a
 * packet, and takes orders only through wire_read_order(): an order that is none ends the
 * program, and with it the inspector.
 *
 * It never waits for the inspector: when the ring is full, packets are dropped and counted. The
 * inspector may wait for this process.
 *
 * A connection that a reload revoked may be idle, or its server may wait for room at the
 * client: neither end would learn of it. So its client is made to say something (pokes), a
 * little later than the revocation, when the flowtable, too, has forgotten it; and once more.
 *
 * Order: an address is in the kernel's set, acknowledged, before the answer that tells an agent
 * of it leaves. Answers gather (REPLIES_MAX) and go after the set's transaction. Verdicts leave
 * before a dump starts, so a dump shows what they accepted.
 */
#include "sni-filter/packet_side.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sni-filter/notice.h"
#include "sni-filter/tcp_reset.h"
#include "sni-filter/wire.h"

#define ORDERS_PER_ROUND 1024
#define REPLIES_MAX      32
#define RESETS_MAX       64
#define POKES_MAX        4096
#define POKES_PER_ROUND  256
#define POKE_AFTER_MS    200
/* A Linux client that has just answered a probe answers no other for 500 ms. */
#define POKE_AGAIN_MS  550
#define RETRY_MS       1 /* when the ring was full for an entry of a dump */
#define NOTICE_SECONDS 10

struct reply {
    struct dns_client client;
    size_t len;
    uint8_t message[DNS_MESSAGE_MAX];
};

struct pokes {
    struct engine_live list[POKES_MAX];
    size_t nr;
    uint64_t due_ms; /* of the last that came */
};

struct packet_side {
    struct packet_side_io io;
    struct wire_order order;
    struct reply replies[REPLIES_MAX];
    size_t nr_replies;
    struct engine_reset resets[RESETS_MAX];
    size_t nr_resets;
    struct pokes first, again;
    uint32_t nr_live;
    bool is_end_due;
    uint64_t nr_ring_full, nr_bound_failed, nr_revoke_failed;
    int last_error;
    uint64_t noticed; /* troubles that were printed */
    time_t notice_after;
    int status; /* exit status once is_over */
    bool is_over;
    int rc; /* the first error inside a callback */
};

static void fail(struct packet_side *side, const char *what, int rc)
{
    notice("event=filter-failed process=packets what=\"%s\" error=\"%s\"", what, strerror(-rc));
    side->is_over = true;
    side->status = 1;
}

/* Lines about trouble are rare and carry totals. */
static void notice_trouble(struct packet_side *side)
{
    const struct queue_counts *counts = queue_counts(side->io.queue);
    uint64_t now_troubles = side->nr_ring_full + side->nr_bound_failed +
                            side->nr_revoke_failed + counts->overruns + counts->unwanted +
                            side->io.reply.nr_lost;
    struct timespec now;

    if (now_troubles == side->noticed)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec < side->notice_after)
        return;
    side->notice_after = now.tv_sec + NOTICE_SECONDS;
    side->noticed = now_troubles;
    notice("event=queue-trouble ring_full=%" PRIu64 " overruns=%" PRIu64 " unwanted=%" PRIu64
           " bound_failed=%" PRIu64 " revoke_failed=%" PRIu64 " answers_lost=%" PRIu64
           " last_error=\"%s\"",
           side->nr_ring_full, counts->overruns, counts->unwanted, side->nr_bound_failed,
           side->nr_revoke_failed, side->io.reply.nr_lost, strerror(-side->last_error));
}

static void on_packet(void *arg, const struct packet_meta *meta, const uint8_t *packet,
                      size_t len)
{
    struct packet_side *side = arg;
    int rc;

    if (channel_put(&side->io.to_inspector, WIRE_PACKET, meta, sizeof(*meta), packet, len))
        return;
    side->nr_ring_full++;
    rc = queue_verdict(side->io.queue, meta->id, 0);
    if (rc < 0 && side->rc == 0)
        side->rc = rc;
}

static bool on_live(void *arg, const struct engine_live *live)
{
    struct packet_side *side = arg;

    if (!channel_put(&side->io.to_inspector, WIRE_LIVE, live, sizeof(*live), NULL, 0))
        return false;
    side->nr_live++;
    return true;
}

static void note_bound(struct packet_side *side, int rc)
{
    if (rc >= 0)
        return;
    /* Without its element a SYN is queued and judged in user space: slower, not open. */
    side->nr_bound_failed++;
    side->last_error = rc;
}

static void note_revoked(struct packet_side *side, int rc)
{
    if (rc >= 0)
        return;
    /* The next segment of either end is answered by a reset: later, not open. */
    side->nr_revoke_failed++;
    side->last_error = rc;
}

static void send_replies(struct packet_side *side)
{
    note_bound(side, bound_set_commit(side->io.bound));
    for (size_t i = 0; i < side->nr_replies; i++)
        udp_reply_send(&side->io.reply, &side->replies[i].client, side->replies[i].message,
                       side->replies[i].len);
    side->nr_replies = 0;
}

static void gather_reply(struct packet_side *side)
{
    struct reply *reply;

    if (side->nr_replies == REPLIES_MAX)
        send_replies(side);
    reply = &side->replies[side->nr_replies++];
    reply->client = side->order.client;
    reply->len = side->order.message_len;
    memcpy(reply->message, side->order.message, reply->len);
}

/* A client that gets no alert is reset. */
static void send_reset(struct packet_side *side, struct engine_reset *reset)
{
    if (reset->alert != 0) {
        int rc = tcp_alert_send(reset);

        note_revoked(side, rc);
        reset->is_client_told = rc == 0;
    }
    note_revoked(side, tcp_reset_send(reset));
}

/* What was revoked by them is known to the kernel before the resets, which rules let out only
 * then. */
static int send_resets(struct packet_side *side)
{
    int rc = queue_flush(side->io.queue);

    if (rc < 0)
        return rc;
    note_revoked(side, conntrack_flush(side->io.ct));
    for (size_t i = 0; i < side->nr_resets; i++)
        send_reset(side, &side->resets[i]);
    side->nr_resets = 0;
    return 0;
}

static int gather_reset(struct packet_side *side)
{
    int rc = side->nr_resets == RESETS_MAX ? send_resets(side) : 0;

    side->resets[side->nr_resets++] = side->order.reset;
    return rc;
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void add_poke(struct packet_side *side, struct pokes *pokes,
                     const struct engine_live *live, unsigned after_ms)
{
    if (pokes->nr == POKES_MAX) { /* too early is better than never */
        note_revoked(side, tcp_poke_send(live));
        return;
    }
    pokes->due_ms = now_ms() + after_ms;
    pokes->list[pokes->nr++] = *live;
}

static void send_pokes(struct packet_side *side, struct pokes *pokes, struct pokes *next)
{
    for (unsigned n = 0; n < POKES_PER_ROUND && pokes->nr > 0; n++) {
        const struct engine_live *live = &pokes->list[--pokes->nr];

        note_revoked(side, tcp_poke_send(live));
        if (next)
            add_poke(side, next, live, POKE_AGAIN_MS);
    }
}

static void send_due_pokes(struct packet_side *side)
{
    const uint64_t now = now_ms();

    if (side->first.nr > 0 && now >= side->first.due_ms)
        send_pokes(side, &side->first, &side->again);
    if (side->again.nr > 0 && now >= side->again.due_ms)
        send_pokes(side, &side->again, NULL);
}

static int until_due(const struct pokes *pokes, uint64_t now)
{
    if (pokes->nr == 0)
        return INT_MAX;
    return pokes->due_ms > now ? (int)(pokes->due_ms - now) : 0;
}

/* How long to wait for events, ms; -1: as long as it takes. */
static int patience(const struct packet_side *side, bool is_dump_waiting)
{
    const uint64_t now = now_ms();
    const int first = until_due(&side->first, now), again = until_due(&side->again, now);

    if (is_dump_waiting)
        return RETRY_MS;
    if (side->first.nr + side->again.nr == 0)
        return -1;
    return first < again ? first : again;
}

/* Empty sets are a promise (a reload): unless there are none at all, failing ends the program.
 */
static int empty_sets(struct packet_side *side)
{
    int rc;

    send_replies(side);
    rc = bound_set_empty(side->io.bound);
    if (rc == -ENOENT) {
        note_bound(side, rc);
        return 0;
    }
    return rc;
}

static int start_dump(struct packet_side *side)
{
    int rc = queue_flush(side->io.queue);

    side->nr_live = 0;
    return rc < 0 ? rc : conntrack_dump(side->io.ct);
}

static int carry_out(struct packet_side *side)
{
    const struct wire_order *order = &side->order;

    switch (order->type) {
    case WIRE_VERDICT:
        return queue_verdict(side->io.queue, order->verdict.id, order->verdict.verdict);
    case WIRE_BOUND:
        note_bound(side, bound_set_add(side->io.bound, &order->bound));
        return 0;
    case WIRE_BOUND_FLUSH:
        return empty_sets(side);
    case WIRE_DNS_REPLY:
        gather_reply(side);
        return 0;
    case WIRE_DUMP:
        return start_dump(side);
    case WIRE_REVOKE:
        return conntrack_revoke(side->io.ct, &order->live);
    case WIRE_RESET_SERVER:
        return gather_reset(side);
    case WIRE_HTTP_PAGE: /* a client that gets none is reset when it sends again */
        note_revoked(side, tcp_page_send(&order->page));
        return 0;
    case WIRE_POKE:
        add_poke(side, &side->first, &side->order.live, POKE_AFTER_MS);
        return 0;
    }
    return -EPROTO;
}

/* Let go what the orders of one round have gathered. */
static int flush_all(struct packet_side *side)
{
    int rc = send_resets(side); /* and verdicts and revocations */

    if (rc == 0)
        send_replies(side);
    return rc;
}

static void take_orders(struct packet_side *side)
{
    struct ring *ring = side->io.from_inspector;
    const char *what = "carry out the inspector's order";
    const uint8_t *body;
    uint32_t type;
    size_t len;
    int rc = 0;

    for (unsigned n = 0; n < ORDERS_PER_ROUND && rc == 0; n++) {
        int got = ring_peek(ring, &type, &body, &len);

        if (got == 0)
            break;
        if (got < 0 || !wire_read_order(type, body, len, &side->order)) {
            what = "read the inspector's order";
            rc = -EPROTO;
            break;
        }
        ring_pop(ring);
        rc = carry_out(side);
    }
    if (rc == 0)
        rc = flush_all(side);
    if (rc < 0)
        fail(side, what, rc);
}

static void take_packets(struct packet_side *side)
{
    int nr = queue_receive(side->io.queue, on_packet, side);
    int rc = nr < 0 ? nr : side->rc;

    channel_flush(&side->io.to_inspector);
    if (rc < 0)
        fail(side, "read the netfilter queue", rc);
}

/* Returns true when it has to be called again without an event. */
static bool go_on_with_dump(struct packet_side *side)
{
    int rc = CONNTRACK_DONE;

    if (!side->is_end_due)
        rc = conntrack_step(side->io.ct, on_live, side);
    if (rc < 0) {
        fail(side, "list connections", rc);
        return false;
    }
    if (rc == CONNTRACK_DONE)
        side->is_end_due = !channel_put(&side->io.to_inspector, WIRE_LIVE_END, &side->nr_live,
                                        sizeof(side->nr_live), NULL, 0);
    channel_flush(&side->io.to_inspector);
    return rc == CONNTRACK_FULL || side->is_end_due;
}

/* A child never ends before its time: its end is ours, and the supervisor starts anew. */
static void take_signal(struct packet_side *side)
{
    struct signalfd_siginfo info;
    int status;
    pid_t pid;

    if (read(side->io.signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (info.ssi_signo != SIGCHLD) {
        side->is_over = true;
        return;
    }
    pid = waitpid(-1, &status, WNOHANG);
    if (pid <= 0)
        return;
    side->is_over = true;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    side->status = 1;
    notice("event=filter-failed process=packets what=\"child %d ended by %s %d\"", (int)pid,
           WIFSIGNALED(status) ? "signal" : "status",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static bool watch(int epoll_fd, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* One wait and what it brought. Returns whether a dump waits for room in the ring. */
static bool run_round(struct packet_side *side, int epoll_fd, bool is_dump_waiting)
{
    struct packet_side_io *io = &side->io;
    struct epoll_event events[8];
    bool is_dump_ready = is_dump_waiting;
    int timeout = patience(side, is_dump_waiting);
    int nr;

    if (!ring_sleep(io->from_inspector))
        timeout = 0;
    nr = epoll_wait(epoll_fd, events, ARRAY_LEN(events), timeout);
    ring_awake(io->from_inspector);
    if (nr < 0 && errno != EINTR)
        fail(side, "wait for events", -errno);
    for (int i = 0; i < nr; i++) {
        int fd = events[i].data.fd;

        if (fd == io->signal_fd)
            take_signal(side);
        else if (fd == io->wake_fd)
            channel_wake_clear(io->wake_fd);
        else if (fd == conntrack_fd(io->ct))
            is_dump_ready = true;
        else
            take_packets(side);
    }
    if (!side->is_over)
        take_orders(side);
    if (!side->is_over)
        send_due_pokes(side);
    if (!side->is_over && is_dump_ready)
        is_dump_waiting = go_on_with_dump(side);
    notice_trouble(side);
    return is_dump_waiting;
}

int packet_side_run(const struct packet_side_io *io)
{
    static struct packet_side side; /* large: not on the stack */
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    bool is_dump_waiting = false;

    side.io = *io;
    if (epoll_fd < 0 || !watch(epoll_fd, queue_fd(io->queue)) ||
        !watch(epoll_fd, io->signal_fd) || !watch(epoll_fd, io->wake_fd) ||
        !watch(epoll_fd, conntrack_fd(io->ct)))
        fail(&side, "watch descriptors", -errno);
    while (!side.is_over)
        is_dump_waiting = run_round(&side, epoll_fd, is_dump_waiting);
    if (epoll_fd >= 0)
        close(epoll_fd);
    return side.status;
}
