/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How sni-filter gives up what it does not need. It starts as root with NET_ADMIN, SETUID,
 * SETGID and SETPCAP at least, and becomes three processes. A stage that fails ends the
 * program.
 *
 *  1. Open (live.c): netlink sockets for the queue, the set of bound addresses and conntrack,
 *     transparent UDP sockets for answers, the listeners for DNS over TCP, rings, eventfds.
 *     Needs NET_ADMIN and port 53.
 *  2. Fork the inspector and the dns process.
 *  3. Close every descriptor that is not the process's own business. The inspector keeps rings'
 *     eventfds, the two pipes to fwd and the lifeline: no socket. The dns process keeps the TCP
 * listeners.
 *  4. Limits: descriptors, no core, no new process.
 *  5. The bounding set becomes empty. Needs SETPCAP.
 *  6. Groups, gid and uid become the filter's. Needs SETGID and SETUID. Permitted
 *     capabilities survive this step alone.
 *  7. Capabilities: none; the packet side NET_ADMIN, which the kernel asks for at each verdict.
 *  8. no_new_privs, not dumpable, dies with its parent. The kernel forgets the last at a change
 * of uid, so it is set after it, and the parent is looked at once more. It reaches only a
 * process of the same user: until the parent has changed as well, the lifeline pipe ends the
 * child.
 *  9. What the kernel now says of user and capabilities is compared with what was asked for,
 * then every system call that sandbox.c does not list is closed.
 */
#include "sni-filter/isolate.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define KEEP_MAX 16

bool isolate_user_parse(const char *text, struct isolate_user *user, struct err *err)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    const struct passwd *entry;

    if (*text >= '0' && *text <= '9' && *end == '\0') {
        if (number == 0 || number >= 0xffffffffu)
            return err_set(err, EINVAL, "user \"%s\": expected a user other than root", text);
        *user = (struct isolate_user) { (uid_t)number, (gid_t)number };
        return true;
    }
    entry = getpwnam(text);
    if (entry == NULL || entry->pw_uid == 0 || entry->pw_gid == 0)
        return err_set(
            err, EINVAL,
            "user \"%s\": expected the number, or the name, of a user other than root", text);
    *user = (struct isolate_user) { entry->pw_uid, entry->pw_gid };
    return true;
}

static int by_number(const void *a, const void *b)
{
    int left = *(const int *)a, right = *(const int *)b;

    return (left > right) - (left < right);
}

static bool close_others(const struct isolate_plan *plan, struct err *err)
{
    int keep[KEEP_MAX + 1];
    size_t nr = 0;
    unsigned first = 0;

    if (plan->nr_keep > KEEP_MAX)
        return err_set(err, EINVAL, "keep %zu descriptors: expected at most %d", plan->nr_keep,
                       KEEP_MAX);
    keep[nr++] = STDERR_FILENO;
    for (size_t i = 0; i < plan->nr_keep; i++)
        if (plan->keep[i] >= 0)
            keep[nr++] = plan->keep[i];
    qsort(keep, nr, sizeof(keep[0]), by_number);
    for (size_t i = 0; i < nr; i++) {
        unsigned fd = (unsigned)keep[i];

        if (fd > first && close_range(first, fd - 1, 0) != 0)
            return err_set(err, errno, "close descriptors %u to %u: %s", first, fd - 1,
                           strerror(errno));
        first = fd + 1;
    }
    if (close_range(first, ~0u, 0) != 0)
        return err_set(err, errno, "close descriptors from %u: %s", first, strerror(errno));
    return true;
}

static bool set_limits(const struct isolate_plan *plan, struct err *err)
{
    const struct rlimit none = { 0, 0 }, files = { plan->nr_files, plan->nr_files };

    if (setrlimit(RLIMIT_NOFILE, &files) != 0)
        return err_set(err, errno, "limit descriptors to %u: %s", plan->nr_files,
                       strerror(errno));
    if (setrlimit(RLIMIT_CORE, &none) != 0 || setrlimit(RLIMIT_NPROC, &none) != 0)
        return err_set(err, errno, "forbid core files and new processes: %s", strerror(errno));
    return true;
}

static bool empty_bounding_set(struct err *err)
{
    capng_clear(CAPNG_SELECT_BOUNDS);
    if (capng_apply(CAPNG_SELECT_BOUNDS) != 0)
        return err_set(err, errno,
                       "empty the capability bounding set: %s; expected CAP_SETPCAP",
                       strerror(errno));
    return true;
}

static bool change_user(const struct isolate_user *user, struct err *err)
{
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
        return err_set(err, errno, "keep capabilities over a change of user: %s",
                       strerror(errno));
    if (setgroups(0, NULL) != 0 || setresgid(user->gid, user->gid, user->gid) != 0)
        return err_set(err, errno, "become group %u: %s; expected CAP_SETGID", user->gid,
                       strerror(errno));
    if (setresuid(user->uid, user->uid, user->uid) != 0)
        return err_set(err, errno, "become user %u: %s; expected CAP_SETUID", user->uid,
                       strerror(errno));
    return true;
}

static bool set_capabilities(enum sandbox_role role, struct err *err)
{
    const int which = CAPNG_EFFECTIVE | CAPNG_PERMITTED;

    capng_clear(CAPNG_SELECT_ALL);
    if (role == SANDBOX_PACKETS &&
        capng_update(CAPNG_ADD, (capng_type_t)which, CAP_NET_ADMIN) != 0)
        return err_set(err, EINVAL, "choose CAP_NET_ADMIN: the library refused");
    if (capng_apply(CAPNG_SELECT_CAPS) != 0 || capng_apply(CAPNG_SELECT_AMBIENT) != 0)
        return err_set(err, errno, "set capabilities: %s", strerror(errno));
    return true;
}

static bool seal(const struct isolate_plan *plan, struct err *err)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return err_set(err, errno, "set no_new_privs and not dumpable: %s", strerror(errno));
    if (plan->parent == 0)
        return true;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
        return err_set(err, errno, "ask to die with the parent: %s", strerror(errno));
    if (getppid() != plan->parent)
        return err_set(err, ESRCH, "start a process of the filter: its parent has died");
    return true;
}

/* Compare what the kernel says with what was asked for. */
static bool verify(const struct isolate_plan *plan, struct err *err)
{
    uid_t real, effective, saved;
    bool is_right;

    if (getresuid(&real, &effective, &saved) != 0 || real != plan->user.uid ||
        effective != plan->user.uid || saved != plan->user.uid || getegid() != plan->user.gid)
        return err_set(err, EPERM, "become user %u: the kernel says otherwise", plan->user.uid);
    if (capng_get_caps_process() != 0)
        return err_set(err, errno, "read capabilities back: %s", strerror(errno));
    is_right = capng_have_capabilities(CAPNG_SELECT_BOUNDS) == CAPNG_NONE;
    for (unsigned cap = 0; cap <= CAP_LAST_CAP; cap++) {
        int wanted = plan->role == SANDBOX_PACKETS && cap == CAP_NET_ADMIN;

        is_right = is_right && capng_have_capability(CAPNG_EFFECTIVE, cap) == wanted &&
                   capng_have_capability(CAPNG_PERMITTED, cap) == wanted &&
                   capng_have_capability(CAPNG_INHERITABLE, cap) == 0 &&
                   capng_have_capability(CAPNG_AMBIENT, cap) == 0;
    }
    if (!is_right)
        return err_set(err, EPERM, "give up capabilities: the kernel says otherwise");
    return true;
}

bool isolate_enter(const struct isolate_plan *plan, struct err *err)
{
    return close_others(plan, err) && set_limits(plan, err) && empty_bounding_set(err) &&
           change_user(&plan->user, err) && set_capabilities(plan->role, err) &&
           seal(plan, err) && verify(plan, err) && sandbox_load(plan->role, err);
}
