/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/tcp_reset.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/marks.h"
#include "sni-filter/tls_record.h"

#ifndef TCP_REPAIR_WINDOW
#define TCP_REPAIR_WINDOW 29
#endif
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

/* struct tcp_repair_window of linux/tcp.h, which does not go with netinet/tcp.h */
struct repair_window {
    uint32_t snd_wl1, snd_wnd, max_window, rcv_wnd, rcv_wup;
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

struct end {
    const struct addr *addr;
    uint16_t port;
    uint32_t seq; /* of its next byte */
};

/* Make the socket the end own of a connection with peer; it stays in repair mode. */
static bool assume(int fd, const struct end *own, const struct end *peer)
{
    struct sockaddr_storage from, to;
    socklen_t from_len = address(own->addr, own->port, &from);
    socklen_t to_len = address(peer->addr, peer->port, &to);
    bool is_v4 = own->addr->family == ADDR_V4;

    return set(fd, is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_TRANSPARENT : IPV6_TRANSPARENT,
               1) &&
           set(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
           set(fd, IPPROTO_TCP, TCP_REPAIR, REPAIR_ON) &&
           bind(fd, (const void *)&from, from_len) == 0 &&
           set_queue(fd, SEND_QUEUE, own->seq) && set_queue(fd, RECEIVE_QUEUE, peer->seq) &&
           connect(fd, (const void *)&to, to_len) == 0;
}

static int open_socket(const struct engine_live *live)
{
    int family = live->src.family == ADDR_V4 ? AF_INET : AF_INET6;

    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* From now on closing it sends a reset. */
static bool be_abrupt(int fd)
{
    const struct linger at_once = { .l_onoff = 1 };

    return setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0;
}

int tcp_reset_send(const struct engine_reset *reset)
{
    const struct engine_live *live = &reset->live;
    const struct end client = { &live->src, live->sport, reset->seq };
    const struct end server = { &live->dst, live->dport, reset->ack };
    int fd = open_socket(live), rc = 0;

    if (fd < 0)
        return -errno;
    if (!assume(fd, &client, &server) ||
        !set(fd, IPPROTO_TCP, TCP_REPAIR,
             reset->is_client_told ? REPAIR_OFF_NO_WINDOW_PROBE : REPAIR_OFF) ||
        !be_abrupt(fd))
        rc = -errno;
    close(fd);
    return rc;
}

/* The client's window is not known: it has room for what it is told. */
static bool set_window(int fd, uint32_t client_seq)
{
    const struct repair_window window = { .snd_wl1 = client_seq,
                                          .snd_wnd = ENGINE_PAGE_MAX,
                                          .max_window = ENGINE_PAGE_MAX,
                                          .rcv_wnd = UINT16_MAX,
                                          .rcv_wup = client_seq };

    return setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &window, sizeof(window)) == 0;
}

/* As the server: bytes, a FIN, a reset. seq, client_seq: what client and server expect next. */
static int tell_client(const struct engine_live *live, uint32_t seq, uint32_t client_seq,
                       const void *bytes, size_t len)
{
    const struct end client = { &live->src, live->sport, client_seq };
    const struct end server = { &live->dst, live->dport, seq };
    int fd = open_socket(live), rc = 0;

    if (fd < 0)
        return -errno;
    if (!set(fd, SOL_SOCKET, SO_MARK, (int)MARK_TOLD) || !assume(fd, &server, &client) ||
        !set_window(fd, client_seq) ||
        !set(fd, IPPROTO_TCP, TCP_REPAIR, REPAIR_OFF_NO_WINDOW_PROBE) ||
        send(fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len || shutdown(fd, SHUT_WR) != 0 ||
        !be_abrupt(fd))
        rc = -errno;
    close(fd);
    return rc;
}

int tcp_page_send(const struct engine_page *page)
{
    return tell_client(&page->live, page->seq, page->ack, page->text, page->len);
}

int tcp_poke_send(const struct engine_live *live)
{
    const struct end client = { &live->src, live->sport, 0 };
    const struct end server = { &live->dst, live->dport, 0 };
    int fd = open_socket(live), rc = 0;

    if (fd < 0)
        return -errno;
    if (!set(fd, SOL_SOCKET, SO_MARK, (int)MARK_TOLD) || !assume(fd, &server, &client) ||
        !set(fd, IPPROTO_TCP, TCP_REPAIR, REPAIR_OFF) ||
        !set(fd, IPPROTO_TCP, TCP_REPAIR, REPAIR_ON)) /* so that closing it sends nothing */
        rc = -errno;
    close(fd);
    return rc;
}

int tcp_alert_send(const struct engine_reset *reset)
{
    /* A record of version 1.2, which all versions take for an answer (RFC 8446 section 5.1). */
    const uint8_t record[] = { TLS_ALERT, 3, 3, 0, 2, TLS_ALERT_FATAL, reset->alert };

    return tell_client(&reset->live, reset->ack, reset->client_seq, record, sizeof(record));
}
