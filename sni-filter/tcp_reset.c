/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/tcp_reset.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IPV6_TRANSPARENT
#define IPV6_TRANSPARENT 75
#endif

enum {
    REPAIR_ON = 1,
    REPAIR_OFF = 0, /* a window probe is sent: an empty segment */
    REPAIR_OFF_NO_WINDOW_PROBE = -1,
    RECEIVE_QUEUE = 1,
    SEND_QUEUE = 2,
};

static socklen_t address(const struct addr *addr, uint16_t port, struct sockaddr_storage *out)
{
    struct sockaddr_in *v4 = (void *)out;
    struct sockaddr_in6 *v6 = (void *)out;

    memset(out, 0, sizeof(*out));
    if (addr->family == ADDR_V4) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        memcpy(&v4->sin_addr, addr->bytes, sizeof(v4->sin_addr));
        return sizeof(*v4);
    }
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    memcpy(&v6->sin6_addr, addr->bytes, sizeof(v6->sin6_addr));
    return sizeof(*v6);
}

static bool set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

static bool set_queue(int fd, int queue, uint32_t seq)
{
    return set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue) &&
           setsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &seq, sizeof(seq)) == 0;
}

/* What makes the socket the client's end of the connection. */
static bool assume(int fd, const struct engine_reset *reset)
{
    const struct engine_live *live = &reset->live;
    struct sockaddr_storage client, server;
    socklen_t client_len = address(&live->src, live->sport, &client);
    socklen_t server_len = address(&live->dst, live->dport, &server);
    bool is_v4 = live->src.family == ADDR_V4;

    return set(fd, is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_TRANSPARENT : IPV6_TRANSPARENT,
               1) &&
           set(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
           set(fd, IPPROTO_TCP, TCP_REPAIR, REPAIR_ON) &&
           bind(fd, (const void *)&client, client_len) == 0 &&
           set_queue(fd, SEND_QUEUE, reset->seq) && set_queue(fd, RECEIVE_QUEUE, reset->ack) &&
           connect(fd, (const void *)&server, server_len) == 0 &&
           set(fd, IPPROTO_TCP, TCP_REPAIR,
               reset->is_client_told ? REPAIR_OFF_NO_WINDOW_PROBE : REPAIR_OFF);
}

int tcp_reset_send(const struct engine_reset *reset)
{
    const struct linger at_once = { .l_onoff = 1 };
    int family = reset->live.src.family == ADDR_V4 ? AF_INET : AF_INET6;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), rc = 0;

    if (fd < 0)
        return -errno;
    if (!assume(fd, reset) ||
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) != 0)
        rc = -errno;
    close(fd);
    return rc;
}
