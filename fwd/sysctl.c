/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "fwd/net.h"

#define PROC_SYS      "/proc/sys/"
#define FLOWS_DEFAULT 65536 /* nf_conntrack_max where it cannot be read */

enum need {
    NEED_IT, /* the rules rest on it */
    WISH,    /* the rules make it harmless; better all the same */
};

struct sysctl {
    const char *path; /* below /proc/sys; %s: an interface */
    const char *value;
    enum need need;
};

static int sysctl_read(const char *path, char value[16])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return -errno;
    n = read(fd, value, 15);
    close(fd);
    if (n < 0)
        return -EIO;
    value[n] = 0;
    value[strcspn(value, "\n")] = 0;
    return 0;
}

static int sysctl_write(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC), rc = 0;

    if (fd < 0)
        return -errno;
    if (write(fd, value, strlen(value)) != (ssize_t)strlen(value))
        rc = errno ? -errno : -EIO;
    close(fd);
    return rc;
}

/* "net/ipv4/ip_forward" as people write it. An interface's name may hold dots: swapped, as
 * sysctl(8) has it. */
static const char *sysctl_name(const char *path, char *name, size_t size)
{
    snprintf(name, size, "%s", path);
    for (char *c = name; *c; c++) {
        if (*c == '/')
            *c = '.';
        else if (*c == '.')
            *c = '/';
    }
    return name;
}

/* Make it so; not possible: it must be so already. */
static bool sysctl_ensure(const char *below, const char *value, bool may_be_missing,
                          struct err *err)
{
    char path[160], name[128], found[16];
    int rc;

    snprintf(path, sizeof(path), PROC_SYS "%s", below);
    rc = sysctl_read(path, found);
    if (rc == -ENOENT && may_be_missing)
        return true;
    if (rc != 0)
        return err_set(err, -rc, "read sysctl %s: %s, expected %s",
                       sysctl_name(below, name, sizeof(name)), strerror(-rc), value);
    if (strcmp(found, value) == 0)
        return true;
    rc = sysctl_write(path, value);
    if (rc == 0)
        return true;
    return err_set(err, -rc, "sysctl %s is %s, expected %s, and setting it failed: %s",
                   sysctl_name(below, name, sizeof(name)), found, value, strerror(-rc));
}

static bool ensure_each(const struct sysctl *list, size_t nr, const char *interface,
                        struct err *err)
{
    char path[128];

    for (size_t i = 0; i < nr; i++) {
        struct err why = { 0 };
        const char *mark = strstr(list[i].path, "%s");

        if (mark)
            snprintf(path, sizeof(path), "%.*s%s%s", (int)(mark - list[i].path), list[i].path,
                     interface, mark + 2);
        else
            snprintf(path, sizeof(path), "%s", list[i].path);
        if (sysctl_ensure(path, list[i].value, list[i].need != NEED_IT, &why))
            continue;
        if (list[i].need != WISH) {
            *err = why;
            return false;
        }
        log_warn("event=sysctl detail=\"%s\"", why.text);
    }
    return true;
}

bool sysctl_prepare(const struct ruleset_if *internal, const struct ruleset_if *external,
                    struct err *err)
{
    static const struct sysctl of_all[] = {
        { "net/netfilter/nf_conntrack_acct", "1", NEED_IT },
        { "net/netfilter/nf_conntrack_checksum", "1", NEED_IT },
        { "net/netfilter/nf_conntrack_tcp_loose", "0", NEED_IT },
        { "net/netfilter/nf_conntrack_tcp_be_liberal", "0", NEED_IT },
        /* A QUIC connection that is silent for three minutes goes on: the kernel's 30 and 120 s
         * would lose its mark. The first counts until a flow is two seconds old. */
        { "net/netfilter/nf_conntrack_udp_timeout", "240", WISH },
        { "net/netfilter/nf_conntrack_udp_timeout_stream", "600", WISH },
        /* For the filter to listen on port 53; else it needs CAP_NET_BIND_SERVICE. */
        { "net/ipv4/ip_unprivileged_port_start", "53", WISH },
        { "net/ipv4/ip_early_demux", "0",
          WISH }, /* else an answer to tcp_poke_send() is lost */
        { "net/ipv4/conf/all/send_redirects", "0", WISH },
        { "net/ipv4/conf/all/accept_redirects", "0", WISH },
        { "net/ipv4/conf/all/accept_source_route", "0", WISH },
        { "net/ipv6/conf/all/accept_redirects", "0", WISH },
        /* Else only the first six UDP packets are refused at once, then one a second. */
        { "net/ipv4/icmp_ratelimit", "0", WISH },
        { "net/ipv6/icmp/ratelimit", "0", WISH },
    };
    static const struct sysctl of_each[] = {
        { "net/ipv4/conf/%s/send_redirects", "0", WISH },
        { "net/ipv4/conf/%s/accept_redirects", "0", WISH },
        { "net/ipv6/conf/%s/accept_redirects", "0", WISH },
    };
    static const struct sysctl of_internal[] = {
        { "net/ipv6/conf/%s/accept_ra", "0", WISH },
    };

    return ensure_each(of_all, ARRAY_LEN(of_all), "", err) &&
           ensure_each(of_each, ARRAY_LEN(of_each), internal->name, err) &&
           ensure_each(of_each, ARRAY_LEN(of_each), external->name, err) &&
           ensure_each(of_internal, ARRAY_LEN(of_internal), internal->name, err);
}

bool sysctl_forwarding(bool is_on, struct err *err)
{
    const char *value = is_on ? "1" : "0";
    struct sysctl list[] = {
        { "net/ipv4/ip_forward", value, NEED_IT },
        /* A container without IPv6 has it off, and cannot write it: closed, and as it should
           be. */
        { "net/ipv6/conf/all/forwarding", value, WISH },
    };

    return ensure_each(list, ARRAY_LEN(list), "", err);
}

uint32_t sysctl_flows_max(void)
{
    char value[16];
    unsigned long most;

    if (sysctl_read(PROC_SYS "net/netfilter/nf_conntrack_max", value) != 0)
        return FLOWS_DEFAULT;
    most = strtoul(value, NULL, 10);
    return most < UINT32_MAX ? (uint32_t)most : UINT32_MAX;
}
