/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Stages 1 and 2 of isolate.c: everything is opened while the process may, then it becomes
 * three.
 */
#include "sni-filter/live.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/marks.h"
#include "sni-filter/dns_proc.h"
#include "sni-filter/inspector.h"
#include "sni-filter/isolate.h"
#include "sni-filter/listen.h"
#include "sni-filter/packet_side.h"

#define PACKET_RING (8u << 20) /* packets to the inspector: what a burst needs */
#define ORDER_RING  (1u << 20)
#define DNS_RING    (1u << 20)

struct options {
    int control_fd, report_fd, ledger_fd;
    unsigned internal;
    struct isolate_user user;
};

struct live {
    struct options options;
    struct packet_side_io packets;
    struct inspector_io inspector;
    struct dns_proc_io dns;
    int lifeline[2]; /* read end: the children's; write end: the packet side's */
    pid_t packet_side;
};

static bool parse_number(const char *what, const char *text, unsigned min, unsigned *out,
                         struct err *err)
{
    char *end;
    unsigned long number;

    errno = 0;
    number = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || number < min ||
        number > INT32_MAX)
        return err_set(err, EINVAL, "%s \"%s\": expected a number from %u", what, text, min);
    *out = (unsigned)number;
    return true;
}

static bool parse_pipe(const char *what, const char *text, int *out, struct err *err)
{
    unsigned fd = 0;

    if (!parse_number(what, text, 0, &fd, err))
        return false;
    if (fcntl((int)fd, F_GETFD) < 0)
        return err_set(err, errno, "%s %u: expected the number of an open descriptor", what,
                       fd);
    *out = (int)fd;
    return true;
}

static bool parse_options(int argc, char **argv, struct options *options, struct err *err)
{
    static const struct option names[] = {
        { "in", required_argument, NULL, 'i' },       { "out", required_argument, NULL, 'o' },
        { "ledger", required_argument, NULL, 'l' },   { "user", required_argument, NULL, 'u' },
        { "internal", required_argument, NULL, 'n' }, { 0 }
    };
    bool is_ok = true;
    int c;

    *options = (struct options) { .control_fd = -1, .report_fd = -1, .ledger_fd = -1 };
    while (is_ok && (c = getopt_long(argc, argv, ":", names, NULL)) != -1) {
        if (c == 'i')
            is_ok = parse_pipe("--in", optarg, &options->control_fd, err);
        else if (c == 'o')
            is_ok = parse_pipe("--out", optarg, &options->report_fd, err);
        else if (c == 'l')
            is_ok = parse_pipe("--ledger", optarg, &options->ledger_fd, err);
        else if (c == 'u')
            is_ok = isolate_user_parse(optarg, &options->user, err);
        else if (c == 'n')
            is_ok = parse_number("--internal", optarg, 1, &options->internal, err);
        else
            return err_set(err, EINVAL,
                           "live: %s \"%.80s\", expected --in FD --out FD [--ledger FD] "
                           "--user NAME|UID --internal IFINDEX",
                           c == ':' ? "nothing after" : "unknown option", argv[optind - 1]);
    }
    if (!is_ok)
        return false;
    if (optind != argc || options->control_fd < 0 || options->report_fd < 0 ||
        options->user.uid == 0 || options->internal == 0)
        return err_set(err, EINVAL,
                       "live: started by fwd, expected --in FD --out FD [--ledger FD] "
                       "--user NAME|UID --internal IFINDEX, and nothing else");
    return true;
}

static bool open_wake(int *fd, struct err *err)
{
    *fd = channel_wake_new();
    return *fd >= 0 || err_set(err, -*fd, "make an eventfd: %s", strerror(-*fd));
}

static bool open_ring(size_t size, struct ring **ring, struct err *err)
{
    *ring = ring_new(size);
    return *ring != NULL ||
           err_set(err, errno, "make a ring of %zu bytes: %s", size, strerror(errno));
}

/* Rings and eventfds, each end where it belongs. */
static bool open_rings(struct live *live, struct err *err)
{
    struct ring *packets, *orders, *asks, *answers;

    if (!open_wake(&live->packets.wake_fd, err) || !open_wake(&live->inspector.wake_fd, err) ||
        !open_wake(&live->dns.wake_fd, err) || !open_ring(PACKET_RING, &packets, err) ||
        !open_ring(ORDER_RING, &orders, err) || !open_ring(DNS_RING, &asks, err) ||
        !open_ring(DNS_RING, &answers, err))
        return false;
    live->packets.to_inspector =
        (struct channel) { .ring = packets, .wake_fd = live->inspector.wake_fd };
    live->dns.to_inspector =
        (struct channel) { .ring = answers, .wake_fd = live->inspector.wake_fd };
    live->inspector.to_packets =
        (struct channel) { .ring = orders, .wake_fd = live->packets.wake_fd };
    live->inspector.to_dns = (struct channel) { .ring = asks, .wake_fd = live->dns.wake_fd };
    live->packets.from_inspector = orders;
    live->inspector.from_packets = packets;
    live->inspector.from_dns = answers;
    live->dns.from_inspector = asks;
    return true;
}

/* Signals are read by the packet side; the children end with it. */
static bool open_signals(struct live *live, struct err *err)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || sigprocmask(SIG_SETMASK, &set, NULL) != 0)
        return err_set(err, errno, "block signals: %s", strerror(errno));
    live->packets.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (live->packets.signal_fd < 0 || pipe2(live->lifeline, O_CLOEXEC) != 0)
        return err_set(err, errno, "make a signalfd and a pipe: %s", strerror(errno));
    return true;
}

/* The descriptor is closed by isolate_enter(), the page stays. */
static bool open_ledger(struct live *live, struct err *err)
{
    const int fd = live->options.ledger_fd;
    void *page;

    if (fd < 0)
        return true;
    page = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return err_set(err, errno, "map the ledger, descriptor %d: %s", fd, strerror(errno));
    live->inspector.ledger = page;
    return true;
}

static bool open_all(struct live *live, struct err *err)
{
    struct packet_side_io *packets = &live->packets;

    live->inspector.control_fd = live->options.control_fd;
    live->inspector.report_fd = live->options.report_fd;
    if (!open_signals(live, err) || !open_rings(live, err) || !open_ledger(live, err))
        return false;
    packets->queue = queue_new(NFQUEUE_NUMBER, live->options.internal, err);
    if (packets->queue == NULL)
        return false;
    packets->bound = bound_set_new(err);
    packets->ct = packets->bound != NULL ? conntrack_new(err) : NULL;
    if (packets->ct == NULL || !udp_reply_open(&packets->reply, live->options.internal, err) ||
        !listen_tcp(DNS_TCP_PORT, live->dns.listen_fds, err))
        return false;
    live->inspector.lifeline_fd = live->dns.lifeline_fd = live->lifeline[0];
    return true;
}

static bool enter(struct live *live, enum sandbox_role role, const char *title, const int *keep,
                  size_t nr_keep, struct err *err)
{
    static const unsigned nr_files[] = {
        [SANDBOX_PACKETS] = 32, [SANDBOX_INSPECTOR] = 16, [SANDBOX_DNS] = DNS_PROC_FILES
    };
    const struct isolate_plan plan = { .role = role,
                                       .user = live->options.user,
                                       .parent =
                                           role == SANDBOX_PACKETS ? 0 : live->packet_side,
                                       .nr_files = nr_files[role],
                                       .keep = keep,
                                       .nr_keep = nr_keep };

    prctl(PR_SET_NAME, title, 0, 0, 0);
    return isolate_enter(&plan, err) || err_wrap(err, "%s", title);
}

static bool be_inspector(struct live *live, int *status, struct err *err)
{
    const struct inspector_io *io = &live->inspector;
    const int keep[] = { io->control_fd, io->report_fd,      io->lifeline_fd,
                         io->wake_fd,    io->to_dns.wake_fd, io->to_packets.wake_fd };

    if (!inspector_prepare(io, err) ||
        !enter(live, SANDBOX_INSPECTOR, "sni-inspector", keep, ARRAY_LEN(keep), err))
        return false;
    *status = inspector_run(io);
    return true;
}

static bool be_dns(struct live *live, int *status, struct err *err)
{
    const struct dns_proc_io *io = &live->dns;
    const int keep[] = { io->lifeline_fd, io->wake_fd, io->to_inspector.wake_fd,
                         io->listen_fds[0], io->listen_fds[1] };

    if (!enter(live, SANDBOX_DNS, "sni-dns", keep, ARRAY_LEN(keep), err))
        return false;
    *status = dns_proc_run(io);
    return true;
}

static bool be_packet_side(struct live *live, int *status, struct err *err)
{
    const struct packet_side_io *io = &live->packets;
    const int keep[] = { queue_fd(io->queue),  bound_set_fd(io->bound),
                         conntrack_fd(io->ct), conntrack_change_fd(io->ct),
                         io->reply.fd4,        io->reply.fd6,
                         io->wake_fd,          io->to_inspector.wake_fd,
                         io->signal_fd,        live->lifeline[1] };

    if (!enter(live, SANDBOX_PACKETS, "sni-packets", keep, ARRAY_LEN(keep), err))
        return false;
    *status = packet_side_run(io);
    return true;
}

typedef bool be_fn(struct live *live, int *status, struct err *err);

static int run_as(struct live *live, be_fn *be)
{
    struct err err = { 0 };
    int status = 1;

    if (!be(live, &status, &err))
        fprintf(stderr, "sni-filter: %s\n", err.text);
    return status;
}

static bool start_child(struct live *live, be_fn *be, struct err *err)
{
    pid_t pid = fork();

    if (pid < 0)
        return err_set(err, errno, "start a process: %s", strerror(errno));
    if (pid == 0)
        _exit(run_as(live, be));
    return true;
}

int live_main(int argc, char **argv)
{
    static struct live live;
    struct err err = { 0 };

    if (!parse_options(argc, argv, &live.options, &err)) {
        fprintf(stderr, "sni-filter: %s\n", err.text);
        return 2;
    }
    live.packet_side = getpid();
    if (!open_all(&live, &err) || !start_child(&live, be_inspector, &err) ||
        !start_child(&live, be_dns, &err)) {
        fprintf(stderr, "sni-filter: %s\n", err.text);
        return 1; /* descriptors close, the lifeline ends what was started */
    }
    return run_as(&live, be_packet_side);
}
