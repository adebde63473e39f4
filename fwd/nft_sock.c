/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fwd/nft_sock.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define SOCKET_BUFFER (8 << 20) /* a transaction and all its acknowledgements */

struct mnl_socket *nft_sock_open(struct err *err)
{
    const int size = SOCKET_BUFFER;
    int one = 1;
    struct mnl_socket *sock = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);

    if (!sock || mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) < 0) {
        err_set(err, errno, "open a netlink socket for nf_tables: %s", strerror(errno));
        if (sock)
            mnl_socket_close(sock);
        return NULL;
    }
    /* Failing, these leave the default sizes: an overrun is an error that is seen. */
    setsockopt(mnl_socket_get_fd(sock), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
    setsockopt(mnl_socket_get_fd(sock), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    mnl_socket_setsockopt(sock, NETLINK_CAP_ACK, &one, sizeof(one));
    return sock;
}

struct acks {
    const struct nft_batch *batch;
    struct nft_failure *failures;
    size_t nr_failures, nr_good;
};

static void acks_fail(struct acks *acks, const struct nft_message *message, int error)
{
    if (acks->nr_failures < NFT_FAILURES_MAX)
        acks->failures[acks->nr_failures] = (struct nft_failure) { message, error };
    acks->nr_failures++;
}

static void acks_read(struct acks *acks, const char *buf, size_t len)
{
    const struct nlmsghdr *nlh = (const void *)buf;
    int left = (int)len;

    for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
        const struct nlmsgerr *ack = mnl_nlmsg_get_payload(nlh);
        const uint32_t nr = nlh->nlmsg_seq - acks->batch->first_seq;

        if (nlh->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ack))
            continue;
        if (ack->error == 0)
            acks->nr_good++;
        else
            acks_fail(acks, nr < acks->batch->nr_messages ? &acks->batch->messages[nr] : NULL,
                      -ack->error);
    }
}

size_t nft_sock_send(struct mnl_socket *sock, const struct nft_batch *batch,
                     struct nft_failure failures[NFT_FAILURES_MAX])
{
    struct acks acks = { .batch = batch, .failures = failures };
    char buf[32768] __attribute__((aligned(8)));
    ssize_t n;

    if (batch->is_broken) {
        acks_fail(&acks, NULL, ENOMEM);
        return acks.nr_failures;
    }
    if (mnl_socket_sendto(sock, batch->buf, batch->len) < 0) {
        acks_fail(&acks, NULL, errno);
        return acks.nr_failures;
    }
    /* The kernel has done all of it, and queued every answer, before sending returned. */
    for (;;) {
        n = recv(mnl_socket_get_fd(sock), buf, sizeof(buf), MSG_DONTWAIT);
        if (n >= 0) {
            acks_read(&acks, buf, (size_t)n);
        } else if (errno != EINTR) {
            if (errno != EAGAIN)
                acks_fail(&acks, NULL, errno);
            break;
        }
    }
    if (acks.nr_failures == 0 && acks.nr_good < batch->nr_messages)
        acks_fail(&acks, NULL, EPROTO);
    return acks.nr_failures;
}

int nft_sock_dump(struct mnl_socket *sock, uint16_t type, uint16_t family,
                  int (*each)(const struct nlmsghdr *nlh, void *arg), void *arg)
{
    const uint32_t seq = (uint32_t)time(NULL);
    char buf[32768] __attribute__((aligned(8)));
    struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(buf, type, family, NLM_F_DUMP, seq);
    ssize_t n;
    int rc = 1;

    if (mnl_socket_sendto(sock, nlh, nlh->nlmsg_len) < 0)
        return -errno;
    while (rc > 0) {
        n = mnl_socket_recvfrom(sock, buf, sizeof(buf));
        if (n < 0)
            return -errno;
        rc = mnl_cb_run(buf, (size_t)n, seq, mnl_socket_get_portid(sock), each, arg);
        if (rc < 0)
            return -errno;
    }
    return 0;
}
