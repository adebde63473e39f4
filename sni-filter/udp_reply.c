/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works. One transparent socket per family, bound to port 53 of every address; each
 * answer names its source address and the agents' interface in its control data, so an answer
 * cannot leave elsewhere whatever its destination is. The sockets' mark keeps their packets out
 * of conntrack: a tracked answer would make the agent's next query a reply of that connection.
 * They never receive: a socket filter refuses every packet.
 */
#include "sni-filter/udp_reply.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/marks.h"
#include "sni-filter/listen.h"

#define DNS_PORT 53

static bool set_options(int fd, int family, struct err *err)
{
    struct sock_filter nothing[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
    struct sock_fprog filter = { .len = ARRAY_LEN(nothing), .filter = nothing };
    const uint32_t mark = MARK_DNS_ANSWER;
    const int on = 1;
    int rc;

    if (family == AF_INET)
        rc = setsockopt(fd, SOL_IP, IP_TRANSPARENT, &on, sizeof(on));
    else
        rc = setsockopt(fd, SOL_IPV6, IPV6_TRANSPARENT, &on, sizeof(on));
    if (rc != 0)
        return err_set(
            err, errno,
            "make the socket for DNS answers transparent: %s; expected CAP_NET_ADMIN",
            strerror(errno));
    if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) != 0)
        return err_set(err, errno, "set mark and filter of the socket for DNS answers: %s",
                       strerror(errno));
    return true;
}

static bool open_family(int family, int *out, struct err *err)
{
    int fd;

    if (!listen_socket(family, SOCK_DGRAM, &fd, err))
        return false;
    if (fd >= 0 && (!set_options(fd, family, err) || !listen_bind(fd, family, DNS_PORT, err))) {
        close(fd);
        return false;
    }
    *out = fd;
    return true;
}

bool udp_reply_open(struct udp_reply *reply, unsigned internal, struct err *err)
{
    *reply = (struct udp_reply) { .fd4 = -1, .fd6 = -1, .internal = internal };
    return open_family(AF_INET, &reply->fd4, err) && open_family(AF_INET6, &reply->fd6, err);
}

static void put_control(struct msghdr *msg, int level, int type, const void *data, size_t len)
{
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);

    cmsg->cmsg_level = level;
    cmsg->cmsg_type = type;
    cmsg->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(cmsg), data, len);
    msg->msg_controllen = CMSG_SPACE(len);
}

void udp_reply_send(struct udp_reply *reply, const struct dns_client *client,
                    const uint8_t *message, size_t len)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    } control = { .bytes = { 0 } };
    struct sockaddr_storage to;
    struct iovec part = {
        .iov_base = (void *)(uintptr_t)message /* NOLINT(performance-no-int-to-ptr) */,
        .iov_len = len
    };
    struct msghdr msg = { .msg_name = &to,
                          .msg_iov = &part,
                          .msg_iovlen = 1,
                          .msg_control = &control,
                          .msg_controllen = sizeof(control) };
    bool is_v4 = client->dst.family == ADDR_V4;

    msg.msg_namelen = listen_sockaddr(&client->src, client->sport, &to);
    if (is_v4) {
        struct in_pktinfo from = { .ipi_ifindex = (int)reply->internal };

        memcpy(&from.ipi_spec_dst, client->dst.bytes, 4);
        put_control(&msg, SOL_IP, IP_PKTINFO, &from, sizeof(from));
    } else {
        struct in6_pktinfo from = { .ipi6_ifindex = reply->internal };

        memcpy(&from.ipi6_addr, client->dst.bytes, 16);
        put_control(&msg, SOL_IPV6, IPV6_PKTINFO, &from, sizeof(from));
    }
    if (sendmsg(is_v4 ? reply->fd4 : reply->fd6, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        reply->nr_lost++;
}
