/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: two pipes, and a ledger (ledger.h). Ours are non-blocking: what the filter does
 * not read at once waits in a buffer of up to OUT_MAX bytes, so that a filter that stands still
 * never stops fwd; past that it is killed. The child is killed by the kernel when fwd dies.
 */
#include "fwd/filter_proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"

#define OUT_MAX        (96u << 20)
#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 5000
#define HEALTHY_MS     10000
#define STOP_PATIENCE  100 /* times 10 ms */
#define PROGRAM_NAME   "sni-filter"

bool filter_init(struct filter_proc *filter, const char *user, uid_t uid, struct err *err)
{
    const char *given = getenv("SECCTL_SNI_FILTER");
    char self[sizeof(filter->program) - sizeof(PROGRAM_NAME)];
    char *slash;
    ssize_t n;

    *filter = (struct filter_proc) {
        .uid = uid,
        .to_fd = -1,
        .from.fd = -1,
        .backoff_ms = BACKOFF_MIN_MS,
    };
    snprintf(filter->user, sizeof(filter->user), "%s", user);
    if (given) {
        snprintf(filter->program, sizeof(filter->program), "%s", given);
    } else {
        n = readlink("/proc/self/exe", self, sizeof(self) - 1);
        if (n < 0)
            return err_set(err, errno, "read /proc/self/exe: %s", strerror(errno));
        self[n] = 0;
        slash = strrchr(self, '/');
        snprintf(filter->program, sizeof(filter->program), "%.*s/%s",
                 slash ? (int)(slash - self) : 0, self, PROGRAM_NAME);
    }
    if (access(filter->program, X_OK) != 0)
        return err_set(err, errno, "find %s: %s (set SECCTL_SNI_FILTER to where it is)",
                       filter->program, strerror(errno));
    return true;
}

/* In the child: only async-signal-safe calls. */
static void child_run(const struct filter_proc *filter, int in_fd, int out_fd, pid_t parent,
                      char *const argv[])
{
    sigset_t none;

    sigemptyset(&none);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent ||
        sigprocmask(SIG_SETMASK, &none, NULL) != 0 || signal(SIGPIPE, SIG_DFL) == SIG_ERR ||
        fcntl(in_fd, F_SETFD, 0) != 0 || fcntl(out_fd, F_SETFD, 0) != 0 ||
        fcntl(filter->ledger.fd, F_SETFD, 0) != 0)
        _exit(127);
    execv(filter->program, argv);
    _exit(127);
}

static pid_t spawn(const struct filter_proc *filter, int in_fd, int out_fd)
{
    char name[] = PROGRAM_NAME, live[] = "live", option_in[] = "--in", option_out[] = "--out";
    char option_user[] = "--user", option_internal[] = "--internal";
    char option_ledger[] = "--ledger";
    char in[12], out[12], ledger[12], internal[12], user[sizeof(filter->user)];
    char *argv[] = { name,          live,   option_in,   in,   option_out,      out,
                     option_ledger, ledger, option_user, user, option_internal, internal,
                     NULL };
    const pid_t parent = getpid();
    pid_t pid;

    memcpy(user, filter->user, sizeof(user));
    snprintf(in, sizeof(in), "%d", in_fd);
    snprintf(out, sizeof(out), "%d", out_fd);
    snprintf(ledger, sizeof(ledger), "%d", filter->ledger.fd);
    snprintf(internal, sizeof(internal), "%u", filter->internal);
    pid = fork();
    if (pid == 0)
        child_run(filter, in_fd, out_fd, parent, argv);
    return pid;
}

bool filter_start(struct filter_proc *filter, uint64_t now_ms, struct err *err)
{
    int to[2] = { -1, -1 }, from[2] = { -1, -1 }, rc = ledger_open(&filter->ledger);

    if (rc < 0)
        return err_set(err, -rc, "start %s: make its ledger: %s", filter->program,
                       strerror(-rc));
    filter->nr_told = 0;
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0 ||
        fcntl(to[1], F_SETFL, O_NONBLOCK) != 0 || fcntl(from[0], F_SETFL, O_NONBLOCK) != 0)
        goto fail;
    /* fewer turns for a large policy, room for a burst of records; as it is otherwise */
    fcntl(to[1], F_SETPIPE_SZ, 1 << 20);
    fcntl(from[0], F_SETPIPE_SZ, 1 << 20);
    filter->pid = spawn(filter, to[0], from[1]);
    if (filter->pid < 0)
        goto fail;
    close(to[0]);
    close(from[1]);
    filter->to_fd = to[1];
    filter->from.fd = from[0];
    filter->started_ms = now_ms;
    filter->restart_ms = 0;
    return true;
fail:
    rc = errno;
    for (size_t i = 0; i < 2; i++) {
        if (to[i] >= 0)
            close(to[i]);
        if (from[i] >= 0)
            close(from[i]);
    }
    filter->pid = 0;
    ledger_close(&filter->ledger);
    return err_set(err, rc, "start %s: %s", filter->program, strerror(rc));
}

static bool out_append(struct filter_proc *filter, const void *bytes, size_t len)
{
    if (filter->out_at > 0) {
        memmove(filter->out, filter->out + filter->out_at, filter->out_len - filter->out_at);
        filter->out_len -= filter->out_at;
        filter->out_at = 0;
    }
    if (len > OUT_MAX - filter->out_len)
        return false;
    if (filter->out_len + len > filter->out_size) {
        size_t size = filter->out_size ? filter->out_size : 65536;
        uint8_t *out;

        while (size < filter->out_len + len)
            size *= 2;
        out = realloc(filter->out, size);
        if (!out)
            return false;
        filter->out = out;
        filter->out_size = size;
    }
    if (len > 0)
        memcpy(filter->out + filter->out_len, bytes, len);
    filter->out_len += len;
    return true;
}

bool filter_send(struct filter_proc *filter, enum ipc_type type, const void *body, size_t len)
{
    const struct ipc_header header = { .type = type, .len = (uint32_t)len };
    const bool is_sent = len <= IPC_BODY_MAX && filter->to_fd >= 0 &&
                         out_append(filter, &header, sizeof(header)) &&
                         out_append(filter, body, len);

    filter_flush(filter);
    return is_sent;
}

void filter_flush(struct filter_proc *filter)
{
    while (filter->to_fd >= 0 && filter->out_at < filter->out_len) {
        ssize_t n = write(filter->to_fd, filter->out + filter->out_at,
                          filter->out_len - filter->out_at);

        if (n > 0)
            filter->out_at += (size_t)n;
        else if (errno != EINTR)
            return; /* full, or the filter is gone: its death is seen elsewhere */
    }
    free(filter->out);
    filter->out = NULL;
    filter->out_len = filter->out_at = filter->out_size = 0;
}

void filter_close_input(struct filter_proc *filter)
{
    if (filter->to_fd >= 0)
        close(filter->to_fd);
    filter->to_fd = -1;
    free(filter->out);
    filter->out = NULL;
    filter->out_len = filter->out_at = filter->out_size = 0;
}

uint64_t filter_take_missing(struct filter_proc *filter)
{
    const uint64_t missing = ledger_missing(&filter->ledger, filter->nr_told);

    filter->nr_told += missing;
    return missing;
}

static void close_pipes(struct filter_proc *filter)
{
    ledger_close(&filter->ledger);
    filter_close_input(filter);
    if (filter->from.fd >= 0)
        close(filter->from.fd);
    ipc_reader_clear(&filter->from);
}

void filter_gone(struct filter_proc *filter, uint64_t now_ms)
{
    close_pipes(filter);
    filter->pid = 0;
    if (now_ms - filter->started_ms >= HEALTHY_MS)
        filter->backoff_ms = BACKOFF_MIN_MS;
    filter->restart_ms = now_ms + filter->backoff_ms;
    filter->backoff_ms =
        filter->backoff_ms * 2 < BACKOFF_MAX_MS ? filter->backoff_ms * 2 : BACKOFF_MAX_MS;
}

void filter_kill(const struct filter_proc *filter)
{
    if (filter->pid <= 0 || kill(filter->pid, SIGKILL) == 0 || errno != EPERM)
        return;
    if (setresuid(filter->uid, (uid_t)-1, (uid_t)-1) != 0) {
        log_error("event=filter pid=%d detail=\"kill: %s\"", (int)filter->pid, strerror(errno));
        return;
    }
    kill(filter->pid, SIGKILL);
    if (setresuid(0, (uid_t)-1, (uid_t)-1) != 0)
        abort(); /* not to go on as somebody else; the ruleset stays closed */
}

void filter_stop(struct filter_proc *filter)
{
    const struct timespec pause = { .tv_nsec = 10000000 };

    close_pipes(filter);
    for (int i = 0; filter->pid > 0; i++) {
        if (waitpid(filter->pid, NULL, WNOHANG) != 0)
            break;
        if (i == STOP_PATIENCE)
            filter_kill(filter);
        nanosleep(&pause, NULL);
    }
    filter->pid = 0;
}
