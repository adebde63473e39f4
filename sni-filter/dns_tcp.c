/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works. Agents' connections to TCP port 53 arrive here redirected, whatever server they
 * were meant for. Each has one of DNS_TCP_CONNS_MAX slots (DNS_TCP_CONNS_PER_ADDR of them for
 * one address; more are closed at once) with room for one query and some answers. Bytes gather
 * until a message is whole, however it was cut (RFC 7766 §8); each whole message goes to the
 * judge. After DNS_TCP_WAITING_MAX unanswered ones reading stops until answers come.
 *
 * A connection ends when DNS_TCP_IDLE_US pass without a whole query or an answer, when a length
 * is 0 or above DNS_MESSAGE_MAX, when its answers are not read, and when the client has closed
 * its side and has all answers. A ticket names a connection for ever: the number of the slot,
 * and how often it was used.
 */
#include "sni-filter/dns_tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sni-filter/dns_message.h"
#include "sni-filter/listen.h"

#define LENGTH_LEN        2
#define ACCEPTS_PER_ROUND 16
#define ORIGINAL_DST      80 /* SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST */

struct conn {
    int fd; /* -1: free */
    uint32_t uses;
    struct dns_client client;
    unsigned nr_waiting;
    bool is_ended; /* the client sends no more */
    uint32_t events;
    uint64_t deadline_us;
    size_t in_len, out_len;
    uint8_t in[LENGTH_LEN + DNS_MESSAGE_MAX];
    uint8_t out[4 * (LENGTH_LEN + DNS_MESSAGE_MAX)];
};

struct dns_tcp {
    int epoll_fd;
    uint64_t tag;
    dns_tcp_query_fn *query;
    void *arg;
    unsigned nr;
    struct conn conns[DNS_TCP_CONNS_MAX];
};

struct dns_tcp *dns_tcp_new(int epoll_fd, uint64_t tag, dns_tcp_query_fn *query, void *arg)
{
    struct dns_tcp *tcp = calloc(1, sizeof(*tcp));

    if (tcp == NULL)
        return NULL;
    tcp->epoll_fd = epoll_fd;
    tcp->tag = tag;
    tcp->query = query;
    tcp->arg = arg;
    for (size_t i = 0; i < DNS_TCP_CONNS_MAX; i++)
        tcp->conns[i].fd = -1;
    return tcp;
}

static void end(struct dns_tcp *tcp, struct conn *conn)
{
    close(conn->fd);
    conn->fd = -1;
    tcp->nr--;
}

void dns_tcp_free(struct dns_tcp *tcp)
{
    for (size_t i = 0; tcp != NULL && i < DNS_TCP_CONNS_MAX; i++)
        if (tcp->conns[i].fd >= 0)
            end(tcp, &tcp->conns[i]);
    free(tcp);
}

/* Watch for what can be done now; end the connection when nothing is left to do. */
static void settle(struct dns_tcp *tcp, struct conn *conn)
{
    bool may_read = !conn->is_ended && conn->nr_waiting < DNS_TCP_WAITING_MAX;
    struct epoll_event event = { .events = (may_read ? (uint32_t)EPOLLIN : 0) |
                                           (conn->out_len != 0 ? (uint32_t)EPOLLOUT : 0),
                                 .data.u64 = tcp->tag | (uint32_t)(conn - tcp->conns) };

    if (conn->is_ended && conn->nr_waiting == 0 && conn->out_len == 0) {
        end(tcp, conn);
        return;
    }
    if (event.events == conn->events)
        return;
    conn->events = event.events;
    if (epoll_ctl(tcp->epoll_fd, EPOLL_CTL_MOD, conn->fd, &event) != 0)
        end(tcp, conn);
}

/* Write what waits; false: the connection has ended. */
static bool write_out(struct dns_tcp *tcp, struct conn *conn)
{
    ssize_t n;

    if (conn->out_len == 0)
        return true;
    n = send(conn->fd, conn->out, conn->out_len, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n < 0) {
        end(tcp, conn);
        return false;
    }
    conn->out_len -= (size_t)n;
    memmove(conn->out, conn->out + n, conn->out_len);
    return true;
}

/* Bytes that the query under way still lacks; 0: it is whole. */
static size_t wanted(const struct conn *conn)
{
    if (conn->in_len < LENGTH_LEN)
        return LENGTH_LEN - conn->in_len;
    return LENGTH_LEN + ((size_t)conn->in[0] << 8 | conn->in[1]) - conn->in_len;
}

/* A length that can be none, or more bytes than there is room for. */
static bool is_bad_length(const struct conn *conn)
{
    size_t len;

    if (conn->in_len < LENGTH_LEN)
        return false;
    len = (size_t)conn->in[0] << 8 | conn->in[1];
    return len == 0 || len > DNS_MESSAGE_MAX;
}

/* Read up to one whole query and hand it over. 1 go on, 0 no more bytes now, -1 end the
 * connection. */
static int read_query(struct dns_tcp *tcp, struct conn *conn, uint64_t now_us)
{
    ssize_t n = recv(conn->fd, conn->in + conn->in_len, wanted(conn), 0);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    if (n == 0) {
        conn->is_ended = true; /* half a query is nobody's */
        return 0;
    }
    conn->in_len += (size_t)n;
    if (is_bad_length(conn))
        return -1;
    if (wanted(conn) != 0)
        return 1;
    if (!tcp->query(tcp->arg, &conn->client, conn->in + LENGTH_LEN, conn->in_len - LENGTH_LEN))
        return -1;
    conn->in_len = 0;
    conn->nr_waiting++;
    conn->deadline_us = now_us + DNS_TCP_IDLE_US;
    return 1;
}

void dns_tcp_event(struct dns_tcp *tcp, uint32_t number, bool is_broken, uint64_t now_us)
{
    struct conn *conn;
    int rc = 1;

    if (number >= DNS_TCP_CONNS_MAX || tcp->conns[number].fd < 0)
        return;
    conn = &tcp->conns[number];
    if (is_broken) {
        end(tcp, conn);
        return;
    }
    if (!write_out(tcp, conn))
        return;
    while (rc > 0 && !conn->is_ended && conn->nr_waiting < DNS_TCP_WAITING_MAX)
        rc = read_query(tcp, conn, now_us);
    if (rc < 0)
        end(tcp, conn);
    else
        settle(tcp, conn);
}

void dns_tcp_reply(struct dns_tcp *tcp, const struct dns_client *client, const uint8_t *message,
                   size_t len, uint64_t now_us)
{
    uint32_t number = (uint32_t)client->tcp_ticket;
    struct conn *conn;

    if (number >= DNS_TCP_CONNS_MAX)
        return;
    conn = &tcp->conns[number];
    if (conn->fd < 0 || conn->client.tcp_ticket != client->tcp_ticket || conn->nr_waiting == 0)
        return;
    if (len > DNS_MESSAGE_MAX || LENGTH_LEN + len > sizeof(conn->out) - conn->out_len) {
        end(tcp, conn); /* it does not read its answers */
        return;
    }
    conn->out[conn->out_len++] = (uint8_t)(len >> 8);
    conn->out[conn->out_len++] = (uint8_t)len;
    memcpy(conn->out + conn->out_len, message, len);
    conn->out_len += len;
    conn->nr_waiting--;
    conn->deadline_us = now_us + DNS_TCP_IDLE_US;
    if (write_out(tcp, conn))
        settle(tcp, conn);
}

/* Where the client wanted to go: before the redirection if that is known, else here. */
static bool find_target(int fd, int family, struct dns_client *client)
{
    struct sockaddr_storage at = { 0 };
    socklen_t len =
        family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);

    if (getsockopt(fd, family == AF_INET ? SOL_IP : SOL_IPV6, ORIGINAL_DST, &at, &len) == 0 &&
        listen_addr(&at, &client->dst, &client->dport))
        return true;
    len = sizeof(at);
    return getsockname(fd, (struct sockaddr *)&at, &len) == 0 &&
           listen_addr(&at, &client->dst, &client->dport);
}

/* A free slot for a connection from there; NULL: too many. */
static struct conn *find_slot(struct dns_tcp *tcp, const struct addr *src)
{
    struct conn *slot = NULL;
    unsigned nr_same = 0;

    for (size_t i = 0; i < DNS_TCP_CONNS_MAX; i++) {
        struct conn *conn = &tcp->conns[i];

        if (conn->fd < 0)
            slot = conn;
        else if (addr_equal(&conn->client.src, src))
            nr_same++;
    }
    return nr_same < DNS_TCP_CONNS_PER_ADDR ? slot : NULL;
}

/* Make fd a connection; false: it is not wanted. */
static bool add(struct dns_tcp *tcp, int fd, const struct sockaddr_storage *from,
                uint64_t now_us)
{
    struct dns_client client = { .is_tcp = true };
    struct epoll_event event = { .events = EPOLLIN };
    struct conn *conn;
    const int on = 1;

    if (!listen_addr(from, &client.src, &client.sport) ||
        !find_target(fd, from->ss_family, &client))
        return false;
    conn = find_slot(tcp, &client.src);
    if (conn == NULL)
        return false;
    event.data.u64 = tcp->tag | (uint32_t)(conn - tcp->conns);
    /* Pipelined answers must not wait for the acknowledgement of the one before. */
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
        epoll_ctl(tcp->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        return false;
    conn->uses++;
    client.tcp_ticket = (uint64_t)conn->uses << 32 | (uint32_t)(conn - tcp->conns);
    conn->fd = fd;
    conn->client = client;
    conn->nr_waiting = 0;
    conn->is_ended = false;
    conn->events = event.events;
    conn->deadline_us = now_us + DNS_TCP_IDLE_US;
    conn->in_len = conn->out_len = 0;
    tcp->nr++;
    return true;
}

void dns_tcp_accept(struct dns_tcp *tcp, int listen_fd, uint64_t now_us)
{
    for (unsigned i = 0; i < ACCEPTS_PER_ROUND; i++) {
        struct sockaddr_storage from = { 0 };
        socklen_t len = sizeof(from);
        int fd =
            accept4(listen_fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0)
            return;
        if (!add(tcp, fd, &from, now_us))
            close(fd);
    }
}

bool dns_tcp_tick(struct dns_tcp *tcp, uint64_t now_us)
{
    for (size_t i = 0; tcp->nr != 0 && i < DNS_TCP_CONNS_MAX; i++)
        if (tcp->conns[i].fd >= 0 && now_us >= tcp->conns[i].deadline_us)
            end(tcp, &tcp->conns[i]);
    return tcp->nr != 0;
}
