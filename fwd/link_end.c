/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: stages, in this order. 1. The lock (ruleset_lock.c): from here on nothing
 * passes but through a device that is not there yet. 2. The device, made anew, with its one
 * peer.
 * 3. Routes. 4. resolv.conf, written in place: it may be a mount. 5. Device up, what was wanted
 * is kept for "fwd link --check". 6. Everything is given up: capabilities, bounding set, user,
 * groups, new privileges. 7. Wait; as PID 1 also collect what others leave.
 */
#include "fwd/link_end.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libmnl/libmnl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"
#include "common/link.h"
#include "common/log.h"
#include "fwd/config.h"
#include "fwd/net.h"
#include "fwd/nft_check.h"
#include "fwd/nft_load.h"
#include "fwd/nft_sock.h"
#include "fwd/tunnel.h"

#define KEPT     "link"
#define KEPT_MAX 4096

/* --- the wish ---------------------------------------------------------------------------- */

static bool parse_inner(const char *text, enum addr_family family,
                        struct conf_tunnel_address *out, struct err *err)
{
    const char *slash = strchr(text, '/');
    const unsigned long max = family == ADDR_V4 ? 32 : 128;
    unsigned long bits = 0;
    char *end = NULL;

    if (slash)
        bits = strtoul(slash + 1, &end, 10);
    if (!slash || slash[1] < '0' || slash[1] > '9' || *end || bits > max || bits < 8 ||
        !addr_parse(text, (size_t)(slash - text), &out->addr) || out->addr.family != family)
        return err_set(err, EINVAL, "%s \"%.80s\", expected an address such as %s",
                       family == ADDR_V4 ? "--inner" : "--inner6", text,
                       family == ADDR_V4 ? "10.213.77.3/24" : "fd00:213:77::3/64");
    out->bits = (uint8_t)bits;
    return true;
}

static bool parse_address(const char *option, const char *text, enum addr_family family,
                          struct addr *out, struct err *err)
{
    if (addr_parse(text, strlen(text), out) && out->family == family)
        return true;
    return err_set(err, EINVAL, "%s \"%.80s\", expected an IPv%d address", option, text,
                   (int)family);
}

bool link_wish_parse(const char *gateway, const char *const inner[2],
                     const char *const router[2], struct link_wish *wish, struct err *err)
{
    static const char *const options[] = { "--router", "--router6" };
    static const enum addr_family families[] = { ADDR_V4, ADDR_V6 };

    if (!gateway || !inner[0] || !router[0])
        return err_set(err, EINVAL, "no %s, expected --gateway, --inner and --router",
                       !gateway    ? "--gateway"
                       : !inner[0] ? "--inner"
                                   : "--router");
    if (!inner[1] != !router[1])
        return err_set(err, EINVAL, "--inner6 and --router6: expected both or neither");
    if (!parse_address("--gateway", gateway, ADDR_V4, &wish->gateway, err))
        return false;
    for (wish->nr_inner = 0; wish->nr_inner < 2 && inner[wish->nr_inner]; wish->nr_inner++) {
        const size_t i = wish->nr_inner;

        if (!parse_inner(inner[i], families[i], &wish->inner[i], err) ||
            !parse_address(options[i], router[i], families[i], &wish->router[i], err))
            return false;
        if (addr_equal(&wish->inner[i].addr, &wish->router[i]))
            return err_set(err, EINVAL,
                           "%s %.80s is the agent's own address, expected the "
                           "gateway's",
                           options[i], router[i]);
    }
    return true;
}

/* "--OPTION VALUE" lines, for the check. */
static bool keep(const struct link_wish *wish, struct err *err)
{
    static const char *const names[] = { "", "6" };
    char path[256], text[ADDR_TEXT_MAX];
    FILE *out;
    bool is_kept;

    if (!run_path("", KEPT, path, sizeof(path), err))
        return false;
    out = fopen(path, "we");
    if (!out)
        return err_set(err, errno, "write %s: %s", path, strerror(errno));
    fprintf(out, "gateway %s\n", addr_format(&wish->gateway, text));
    for (size_t i = 0; i < wish->nr_inner && i < ARRAY_LEN(names); i++) {
        fprintf(out, "inner%s %s/%u\n", names[i], addr_format(&wish->inner[i].addr, text),
                wish->inner[i].bits);
        fprintf(out, "router%s %s\n", names[i], addr_format(&wish->router[i], text));
    }
    if (wish->resolv_conf[0])
        fprintf(out, "resolv-conf %s\n", wish->resolv_conf);
    is_kept = !ferror(out);
    is_kept = fclose(out) == 0 && is_kept;
    return is_kept || err_set(err, errno, "write %s: %s", path, strerror(errno));
}

/* What an earlier namespace of the same number kept is no wish of this one. */
static bool forget(struct err *err)
{
    char path[256];

    if (!run_path("", KEPT, path, sizeof(path), err))
        return false;
    return unlink(path) == 0 || errno == ENOENT ||
           err_set(err, errno, "remove %s: %s", path, strerror(errno));
}

static bool recall(struct link_wish *wish, struct err *err)
{
    const char *values[6] = { NULL };
    static const char *const keys[] = { "gateway", "inner",   "inner6",
                                        "router",  "router6", "resolv-conf" };
    char path[256];
    size_t len;
    char *text, *line, *next;
    bool is_good;

    if (!run_path("", KEPT, path, sizeof(path), err))
        return false;
    text = file_read(path, KEPT_MAX, &len, err);
    if (!text)
        return err_wrap(err, "find the link of this network namespace");
    for (line = strtok_r(text, "\n", &next); line; line = strtok_r(NULL, "\n", &next)) {
        char *blank = strchr(line, ' ');

        if (blank)
            *blank = 0;
        for (size_t i = 0; blank && i < ARRAY_LEN(keys); i++)
            if (strcmp(line, keys[i]) == 0)
                values[i] = blank + 1;
    }
    is_good = link_wish_parse(values[0], (const char *const[]) { values[1], values[2] },
                              (const char *const[]) { values[3], values[4] }, wish, err);
    if (values[5])
        snprintf(wish->resolv_conf, sizeof(wish->resolv_conf), "%s", values[5]);
    free(text);
    return is_good || err_wrap(err, "%s", path);
}

/* --- the namespace ----------------------------------------------------------------------- */

/* Both ends, from the wish and the interfaces that there are. */
static bool find_ends(const struct link_wish *wish, struct tunnel_end *end, struct link *peer,
                      struct ruleset_lock *lock, struct err *err)
{
    memset(end, 0, sizeof(*end));
    memset(peer, 0, sizeof(*peer));
    memset(lock, 0, sizeof(*lock));
    if (!net_towards(&wish->gateway, &end->underlay, &end->outer, err))
        return false;
    memcpy(end->inner, wish->inner, sizeof(end->inner));
    end->nr_inner = wish->nr_inner;
    end->is_alone = true;
    snprintf(peer->agent, sizeof(peer->agent), "gateway");
    peer->outer = wish->gateway;
    peer->inner4 = wish->router[0];
    peer->inner6 = wish->router[1];
    lock->underlay = end->underlay;
    lock->outer = end->outer;
    lock->gateway = wish->gateway;
    for (size_t i = 0; i < wish->nr_inner; i++)
        lock->inner[i] = wish->inner[i].addr;
    return true;
}

static bool lock_namespace(const struct ruleset_lock *lock, struct err *err)
{
    struct mnl_socket *sock = nft_sock_open(err);
    bool is_locked;

    if (!sock)
        return false;
    is_locked = nft_lock(sock, lock, err);
    mnl_socket_close(sock);
    return is_locked;
}

static bool write_resolv_conf(const struct link_wish *wish, struct err *err)
{
    char text[256], address[ADDR_TEXT_MAX];
    int fd, len;
    bool is_written;

    if (!wish->resolv_conf[0])
        return true;
    len = snprintf(text, sizeof(text), "# names are resolved by the gateway\nnameserver %s\n",
                   addr_format(&wish->router[0], address));
    fd = open(wish->resolv_conf, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return err_set(err, errno, "write %s: %s", wish->resolv_conf, strerror(errno));
    is_written = write(fd, text, (size_t)len) == len;
    close(fd);
    return is_written ||
           err_set(err, errno, "write %s: %s", wish->resolv_conf, strerror(errno));
}

/* A lock that nothing fits, for want of an underlay. */
static void lock_for_good(void)
{
    const struct ruleset_lock nothing = { .underlay = { 0, "none" },
                                          .outer.family = ADDR_V4,
                                          .gateway.family = ADDR_V4 };
    struct err err = { 0 };

    if (!lock_namespace(&nothing, &err))
        log_error("event=link detail=\"%s\"", err.text);
}

static bool set_up(const struct link_wish *wish, struct err *err)
{
    struct ruleset_if device;
    struct ruleset_lock lock;
    struct tunnel_end end;
    struct err unused;
    struct link peer;

    if (!find_ends(wish, &end, &peer, &lock, err)) {
        lock_for_good();
        forget(&unused);
        return false;
    }
    if (!lock_namespace(&lock, err) || !forget(err) || !tunnel_make(&end, &device, err) ||
        !tunnel_add_peer(&device, &peer, err) || !tunnel_up(&device, err))
        return false;
    for (size_t i = 0; i < wish->nr_inner; i++)
        if (!tunnel_route(&device, &wish->router[i], &wish->inner[i].addr, err))
            return false;
    return write_resolv_conf(wish, err) && keep(wish, err);
}

int link_check(FILE *out, struct err *err)
{
    struct link_wish wish = { .nr_inner = 0 };
    struct mnl_socket *sock;
    struct ruleset_lock lock;
    struct tunnel_end end;
    struct link peer;
    int nr, more;

    if (!recall(&wish, err) || !find_ends(&wish, &end, &peer, &lock, err))
        return -1;
    sock = nft_sock_open(err);
    if (!sock)
        return -1;
    nr = nft_check_lock(sock, &lock, out, err);
    mnl_socket_close(sock);
    if (nr < 0)
        return nr;
    more = tunnel_check(&end, &peer, 1, wish.router, wish.nr_inner, out, err);
    return more < 0 ? more : nr + more;
}

/* --- the process ------------------------------------------------------------------------- */

static bool drop_all(const char *user, struct err *err)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[2] = { { 0 } };
    uint32_t uid;

    if (!net_user(user, &uid, err))
        return false;
    for (unsigned cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
            return err_set(err, errno, "drop capability %u: %s, expected CAP_SETPCAP", cap,
                           strerror(errno));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || setgroups(0, NULL) != 0 ||
        setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0)
        return err_set(err, errno, "become user %s: %s, expected CAP_SETUID and CAP_SETGID",
                       user, strerror(errno));
    if (syscall(SYS_capset, &head, none) != 0)
        return err_set(err, errno, "drop all capabilities: %s", strerror(errno));
    return true;
}

bool link_run(const struct link_wish *wish, struct err *err)
{
    siginfo_t info;
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (!set_up(wish, err) || !drop_all(wish->user, err))
        return false;
    log_info("event=link detail=\"locked and up\"");
    for (;;) {
        if (sigwaitinfo(&set, &info) < 0)
            continue;
        if (info.si_signo != SIGCHLD)
            return true;
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
    }
}
