/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG        64
#define BIND_TRIES     50
#define BIND_WAIT_NSEC 20000000

bool listen_socket(int family, int type, int *fd, struct err *err)
{
    const int on = 1;
    int new_fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    *fd = -1;
    if (new_fd < 0 && errno == EAFNOSUPPORT && family == AF_INET6)
        return true;
    if (new_fd < 0)
        return err_set(err, errno, "open a DNS socket: %s", strerror(errno));
    if (family == AF_INET6 && setsockopt(new_fd, SOL_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) {
        err_set(err, errno, "make a DNS socket IPv6 only: %s", strerror(errno));
        close(new_fd);
        return false;
    }
    *fd = new_fd;
    return true;
}

socklen_t listen_sockaddr(const struct addr *addr, uint16_t port, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    if (addr->family == ADDR_V4) {
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };

        memcpy(&in.sin_addr, addr->bytes, 4);
        memcpy(out, &in, sizeof(in));
        return sizeof(in);
    } else {
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

        memcpy(&in6.sin6_addr, addr->bytes, 16);
        memcpy(out, &in6, sizeof(in6));
        return sizeof(in6);
    }
}

bool listen_addr(const struct sockaddr_storage *from, struct addr *addr, uint16_t *port)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    switch (from->ss_family) {
    case AF_INET:
        memcpy(&in, from, sizeof(in));
        *addr = addr_from_bytes(ADDR_V4, (const uint8_t *)&in.sin_addr);
        *port = ntohs(in.sin_port);
        return true;
    case AF_INET6:
        memcpy(&in6, from, sizeof(in6));
        *addr = addr_from_bytes(ADDR_V6, in6.sin6_addr.s6_addr);
        *port = ntohs(in6.sin6_port);
        return true;
    }
    return false;
}

bool listen_bind(int fd, int family, uint16_t port, struct err *err)
{
    const struct addr any = { .family = family == AF_INET ? ADDR_V4 : ADDR_V6 };
    const struct timespec wait = { .tv_nsec = BIND_WAIT_NSEC };
    struct sockaddr_storage at;
    socklen_t len = listen_sockaddr(&any, port, &at);

    for (unsigned tries = 1; bind(fd, (struct sockaddr *)&at, len) != 0; tries++) {
        if (errno == EACCES)
            return err_set(err, errno,
                           "bind port %u: %s; expected CAP_NET_BIND_SERVICE, or the sysctl "
                           "net.ipv4.ip_unprivileged_port_start at most %u",
                           port, strerror(errno), port);
        if (errno != EADDRINUSE || tries == BIND_TRIES)
            return err_set(err, errno, "bind port %u of every IPv%c address: %s", port,
                           family == AF_INET ? '4' : '6', strerror(errno));
        nanosleep(&wait, NULL);
    }
    return true;
}

static bool open_tcp(int family, uint16_t port, int *out, struct err *err)
{
    const int on = 1;
    int fd;

    if (!listen_socket(family, SOCK_STREAM, &fd, err))
        return false;
    *out = fd;
    if (fd < 0)
        return true;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        !listen_bind(fd, family, port, err))
        return false;
    if (listen(fd, BACKLOG) != 0)
        return err_set(err, errno, "listen on TCP port %u: %s", port, strerror(errno));
    return true;
}

bool listen_tcp(uint16_t port, int fds[2], struct err *err)
{
    fds[0] = fds[1] = -1;
    return open_tcp(AF_INET, port, &fds[0], err) && open_tcp(AF_INET6, port, &fds[1], err);
}
