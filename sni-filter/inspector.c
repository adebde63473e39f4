/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works. The process around the judge (engine.h): it has rings to the packet side and to
 * the dns process, a pipe each way to fwd, no capability and no socket. SETUP makes the engine,
 * with a policy that allows nothing; kept bindings follow; the first POLICY opens the packet
 * ring, so that packets of a restart wait for it instead of being refused.
 *
 * A policy takes effect on live connections: the engine has it, the kernel's set of bound
 * addresses is emptied and filled anew, then accepted and pinned connections are listed by
 * the packet side; each that is no longer allowed is revoked, and after the last one fwd hears
 * POLICY_DONE. While the set is empty SYNs are judged here. The same list, every few seconds,
 * tells the engine which addresses are in use, and how many connections each agent has. One
 * list at a time.
 *
 * To the packet side it waits for room, since that side never waits for it. To the dns process
 * it does not: a question that does not fit is answered SERVFAIL.
 */
#include "sni-filter/inspector.h"

#include <errno.h>
#include <netinet/in.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "sni-filter/inspector_internal.h"
#include "sni-filter/quic_cipher.h"
#include "sni-filter/notice.h"

#define PACKETS_PER_ROUND 64
#define ANSWERS_PER_ROUND 64
#define ROOM_WAIT_NSEC    50000
#define REPORT_EARLY      (REPORT_LEN / 8) /* so much waits before the pipe is tried again */
#define FINISH_MS         300

void inspector_stop(struct inspector *ins, int status, const char *what, int rc)
{
    if (status != 0)
        notice("event=filter-failed process=inspector what=\"%s\" error=\"%s\"", what,
               strerror(-rc));
    ins->is_over = true;
    ins->status = status;
}

static uint64_t clock_us(clockid_t clock)
{
    struct timespec at;

    clock_gettime(clock, &at);
    return (uint64_t)at.tv_sec * 1000000 + (uint64_t)at.tv_nsec / 1000;
}

struct engine_clock inspector_clock(void)
{
    return (struct engine_clock) { clock_us(CLOCK_MONOTONIC), clock_us(CLOCK_REALTIME) };
}

void inspector_order(struct inspector *ins, uint32_t type, const void *a, size_t a_len,
                     const void *b, size_t b_len)
{
    struct pollfd lifeline = { .fd = ins->io.lifeline_fd, .events = POLLIN };
    const struct timespec wait = { .tv_nsec = ROOM_WAIT_NSEC };

    while (!channel_put(&ins->io.to_packets, type, a, a_len, b, b_len)) {
        channel_flush(&ins->io.to_packets);
        if (ppoll(&lifeline, 1, &wait, NULL) > 0)
            _exit(1);
    }
}

static void on_verdict(void *arg, uint32_t id, uint32_t verdict)
{
    const struct wire_verdict message = { id, verdict };

    inspector_order(arg, WIRE_VERDICT, &message, sizeof(message), NULL, 0);
}

static void on_bound(void *arg, const struct engine_bound *bound)
{
    struct engine_bound copy = *bound;

    if (copy.timeout_s > WIRE_BOUND_TIMEOUT_MAX_S)
        copy.timeout_s = WIRE_BOUND_TIMEOUT_MAX_S;
    inspector_order(arg, WIRE_BOUND, &copy, sizeof(copy), NULL, 0);
}

static void on_ask(void *arg, const struct dns_ask *ask)
{
    struct inspector *ins = arg;

    if (channel_put(&ins->io.to_dns, WIRE_ASK, ask, sizeof(*ask), NULL, 0))
        return;
    if (ins->nr_refused < REFUSED_MAX) /* beyond that the engine's own deadline answers */
        ins->refused[ins->nr_refused++] = ask->ticket;
}

static void on_reply(void *arg, const struct dns_client *client, const uint8_t *message,
                     size_t len)
{
    struct inspector *ins = arg;

    if (!client->is_tcp)
        inspector_order(ins, WIRE_DNS_REPLY, client, sizeof(*client), message, len);
    else /* without room the connection ends by its time limit */
        (void)!channel_put(&ins->io.to_dns, WIRE_TCP_REPLY, client, sizeof(*client), message,
                           len);
}

static void on_keep(void *arg, const struct ipc_binding *binding)
{
    struct inspector *ins = arg;

    /* Without room it is forgotten at the next restart, and given out again by the next answer.
     */
    (void)!report_put(&ins->report, IPC_BINDING, binding, sizeof(*binding));
}

static void on_record(void *arg, const struct record *record)
{
    struct inspector *ins = arg;
    const struct engine_clock now = inspector_clock();

    if (ins->report.len - ins->report.off > REPORT_EARLY)
        (void)!report_flush(&ins->report); /* an error is seen at the round's end */
    if (!report_is_waiting(&ins->report))
        quota_calm(&ins->quota);
    if (quota_take(&ins->quota, record, now.mono_us))
        report_record(&ins->report, record);
}

static void on_revoke(void *arg, const struct engine_live *live)
{
    inspector_order(arg, WIRE_REVOKE, live, sizeof(*live), NULL, 0);
}

static void on_reset_server(void *arg, const struct engine_reset *reset)
{
    inspector_order(arg, WIRE_RESET_SERVER, reset, sizeof(*reset), NULL, 0);
}

static void on_http_page(void *arg, const struct engine_page *page)
{
    inspector_order(arg, WIRE_HTTP_PAGE, page, sizeof(*page), NULL, 0);
}

static struct quic_cipher cipher; /* made before the sandbox: its library reads files */

struct policy *inspector_closed_policy(struct err *err)
{
    const struct policy_source nothing = { .file = "none", .text = "", .len = 0 };

    return policy_new(&nothing, 1, NULL, err);
}

int inspector_make_engine(struct inspector *ins)
{
    const struct engine_ops ops = { .verdict = on_verdict,
                                    .bound = on_bound,
                                    .dns_ask = on_ask,
                                    .dns_reply = on_reply,
                                    .keep = on_keep,
                                    .record = on_record,
                                    .revoke = on_revoke,
                                    .reset_server = on_reset_server,
                                    .http_page = on_http_page,
                                    .nr_decided = ins->io.ledger,
                                    .arg = ins };
    uint8_t seed[16];
    struct err err;

    if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
        return -errno;
    if (!quota_init(&ins->quota))
        return -ENOMEM;
    ins->policy = inspector_closed_policy(&err);
    if (ins->policy != NULL)
        ins->engine = engine_new(&ins->setup, ins->policy, NULL, &ops, seed, false, &cipher);
    return ins->engine != NULL ? 0 : -ENOMEM;
}

static void on_live(struct inspector *ins, const uint8_t *body)
{
    struct engine_clock now = inspector_clock();
    struct engine_live live;

    memcpy(&live, body, sizeof(live));
    if (engine_live_allowed(ins->engine, &now, &live))
        return;
    inspector_order(ins, WIRE_REVOKE, &live, sizeof(live), NULL, 0);
    if (live.is_ended != 0)
        return;
    ins->nr_revoked++;
    if (live.protocol == IPPROTO_TCP)
        inspector_order(ins, WIRE_POKE, &live, sizeof(live), NULL, 0);
}

static void on_packet(struct inspector *ins, const uint8_t *body, size_t len)
{
    struct engine_clock now = inspector_clock();
    struct packet_meta meta;

    memcpy(&meta, body, sizeof(meta));
    engine_packet(ins->engine, &now, &meta, body + sizeof(meta), len - sizeof(meta));
}

/* The packet side is trusted; its lengths are checked all the same. */
static void take_packets(struct inspector *ins)
{
    struct ring *ring = ins->io.from_packets;
    const uint8_t *body;
    uint32_t type;
    size_t len;
    int rc = 0;

    for (unsigned n = 0; n < PACKETS_PER_ROUND && !ins->is_over; n++) {
        rc = ring_peek(ring, &type, &body, &len);
        if (rc <= 0)
            break;
        if (type == WIRE_PACKET && len >= sizeof(struct packet_meta))
            on_packet(ins, body, len);
        else if (type == WIRE_LIVE && len == sizeof(struct engine_live))
            on_live(ins, body);
        else if (type == WIRE_LIVE_END && ins->is_listing)
            inspector_list_done(ins);
        else
            rc = -EPROTO;
        if (rc < 0)
            break;
        ring_pop(ring);
    }
    if (rc < 0)
        inspector_stop(ins, 1, "read from the packet side", rc);
}

static bool on_dns(struct inspector *ins, uint32_t type, const uint8_t *body, size_t len)
{
    struct engine_clock now = inspector_clock();
    uint8_t message[DNS_MESSAGE_MAX];
    struct dns_client client;
    struct dns_found found;
    size_t message_len;

    if (type == WIRE_FOUND && wire_read_found(body, len, &found)) {
        engine_dns_found(ins->engine, &now, &found);
        return true;
    }
    if (type == WIRE_TCP_QUERY &&
        wire_read_message(body, len, &client, message, &message_len) && client.is_tcp) {
        engine_dns_tcp(ins->engine, &now, &client, message, message_len);
        return true;
    }
    return false;
}

static void take_answers(struct inspector *ins)
{
    struct ring *ring = ins->io.from_dns;
    const uint8_t *body;
    uint32_t type;
    size_t len;
    int rc = 0;

    for (unsigned n = 0; n < ANSWERS_PER_ROUND; n++) {
        rc = ring_peek(ring, &type, &body, &len);
        if (rc <= 0)
            break;
        rc = on_dns(ins, type, body, len) ? 1 : -EPROTO;
        if (rc < 0)
            break;
        ring_pop(ring);
    }
    if (rc < 0)
        inspector_stop(ins, 1, "read from the dns process", rc);
}

static void answer_refused(struct inspector *ins)
{
    struct engine_clock now = inspector_clock();
    size_t nr = ins->nr_refused;

    ins->nr_refused = 0;
    for (size_t i = 0; i < nr; i++) {
        struct dns_found found = { .ticket = ins->refused[i], .rcode = DNS_RCODE_SERVFAIL };

        engine_dns_found(ins->engine, &now, &found);
    }
}

/* What was counted instead of written, as far as it is due by then. */
static void tell_counted(struct inspector *ins, uint64_t mono_us, uint64_t wall_us)
{
    struct record record;

    while (quota_due(&ins->quota, mono_us, wall_us, &record))
        report_record(&ins->report, &record);
}

/* The last words: what is counted is told, as long as fwd listens. */
static void finish(struct inspector *ins)
{
    const struct engine_clock now = inspector_clock();
    struct pollfd wait = { .fd = ins->io.report_fd, .events = POLLOUT };

    if (ins->engine == NULL)
        return;
    engine_finish(ins->engine);
    tell_counted(ins, UINT64_MAX, now.wall_us);
    while (report_flush(&ins->report) == 0 && report_is_waiting(&ins->report))
        if (poll(&wait, 1, FINISH_MS) <= 0)
            return;
}

/* Deadlines; returns the time until the next in microseconds. */
static uint64_t run_deadlines(struct inspector *ins)
{
    struct engine_clock now = inspector_clock();

    if (!ins->is_ready)
        return 1000000;
    if (!ins->is_listing && now.mono_us >= ins->next_list_us)
        inspector_list(ins, &now);
    tell_counted(ins, now.mono_us, now.wall_us);
    return engine_tick(ins->engine, &now);
}

/* Wait for a message, a frame, or the next deadline. */
static void wait_for_work(struct inspector *ins, uint64_t timeout_us)
{
    enum { WAKE, CONTROL, LIFELINE, REPORT };
    struct pollfd fds[] = {
        [WAKE] = { .fd = ins->io.wake_fd, .events = POLLIN },
        [CONTROL] = { .fd = ins->io.control_fd, .events = POLLIN },
        [LIFELINE] = { .fd = ins->io.lifeline_fd, .events = POLLIN },
        [REPORT] = { .fd = report_is_waiting(&ins->report) ? ins->io.report_fd : -1,
                     .events = POLLOUT },
    };
    struct timespec timeout = { .tv_sec = (time_t)(timeout_us / 1000000),
                                .tv_nsec = (long)(timeout_us % 1000000) * 1000 };
    int nr;

    if (ins->is_ready && (!ring_sleep(ins->io.from_packets) || !ring_sleep(ins->io.from_dns)))
        timeout = (struct timespec) { 0 };
    nr = ppoll(fds, ARRAY_LEN(fds), &timeout, NULL);
    ring_awake(ins->io.from_packets);
    ring_awake(ins->io.from_dns);
    if (nr <= 0)
        return;
    if (fds[WAKE].revents != 0)
        channel_wake_clear(ins->io.wake_fd);
    if (fds[LIFELINE].revents != 0)
        inspector_stop(ins, 1, "serve the packet side, which is gone", -EPIPE);
    else if (fds[CONTROL].revents != 0)
        inspector_take_control(ins);
}

static void run_round(struct inspector *ins)
{
    uint64_t timeout_us;
    int rc;

    if (ins->is_ready) {
        take_packets(ins);
        channel_flush(&ins->io.to_packets);
        take_answers(ins);
        answer_refused(ins);
    }
    timeout_us = run_deadlines(ins);
    channel_flush(&ins->io.to_packets);
    channel_flush(&ins->io.to_dns);
    rc = report_flush(&ins->report);
    if (rc < 0)
        inspector_stop(ins, 1, "write to fwd", rc);
    if (!ins->is_over)
        wait_for_work(ins, timeout_us);
}

bool inspector_prepare(const struct inspector_io *io, struct err *err)
{
    const int fds[] = { io->control_fd, io->report_fd };
    struct policy *policy;

    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        int flags = fcntl(fds[i], F_GETFL);

        if (flags < 0 || fcntl(fds[i], F_SETFL, flags | O_NONBLOCK) != 0)
            return err_set(err, errno, "make descriptor %d non-blocking: %s", fds[i],
                           strerror(errno));
    }
    /* The libraries behind a policy read their own configuration at first use: now, not in
     * the sandbox. */
    policy = inspector_closed_policy(err);
    if (policy == NULL)
        return err_wrap(err, "make a policy that allows nothing");
    policy_free(policy);
    if (!quic_cipher_init(&cipher))
        return err_set(err, ENOMEM,
                       "prepare OpenSSL for QUIC: no AES-128, GCM or HKDF, or no "
                       "memory");
    return true;
}

int inspector_run(const struct inspector_io *io)
{
    static struct inspector ins; /* large: not on the stack */

    ins.io = *io;
    ins.control.fd = io->control_fd;
    ins.report.fd = io->report_fd;
    while (!ins.is_over)
        run_round(&ins);
    if (ins.status == 0)
        finish(&ins);
    return ins.status;
}
