/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fwd/rtnl.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

bool rtnl_open(struct rtnl *rtnl, struct err *err)
{
    int one = 1;

    *rtnl = (struct rtnl) { .sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC),
                            .seq = (uint32_t)time(NULL) };
    if (rtnl->sock && mnl_socket_bind(rtnl->sock, 0, MNL_SOCKET_AUTOPID) == 0) {
        mnl_socket_setsockopt(rtnl->sock, NETLINK_CAP_ACK, &one, sizeof(one));
        return true;
    }
    err_set(err, errno, "open a netlink socket for routes: %s", strerror(errno));
    rtnl_close(rtnl);
    return false;
}

void rtnl_close(struct rtnl *rtnl)
{
    if (rtnl->sock)
        mnl_socket_close(rtnl->sock);
    rtnl->sock = NULL;
}

void *rtnl_begin(struct rtnl_request *request, uint16_t type, uint16_t flags, size_t head)
{
    memset(request->bytes, 0, sizeof(request->bytes));
    request->nlh = mnl_nlmsg_put_header(request->bytes);
    request->nlh->nlmsg_type = type;
    request->nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    return mnl_nlmsg_put_extra_header(request->nlh, head);
}

void rtnl_put_addr(struct rtnl_request *request, uint16_t type, const struct addr *addr)
{
    mnl_attr_put(request->nlh, type, addr->family == ADDR_V4 ? 4 : 16, addr->bytes);
}

/* Answers up to the one that ends the exchange. */
static int receive(struct rtnl *rtnl, mnl_cb_t each, void *arg)
{
    char buf[32768] __attribute__((aligned(8)));
    int rc = MNL_CB_OK;

    while (rc > MNL_CB_STOP) {
        ssize_t n = mnl_socket_recvfrom(rtnl->sock, buf, sizeof(buf));

        if (n < 0)
            return -errno;
        rc =
            mnl_cb_run(buf, (size_t)n, rtnl->seq, mnl_socket_get_portid(rtnl->sock), each, arg);
        if (rc < 0)
            return -errno;
    }
    return 0;
}

int rtnl_send(struct rtnl *rtnl, struct rtnl_request *request)
{
    request->nlh->nlmsg_seq = ++rtnl->seq;
    if (mnl_socket_sendto(rtnl->sock, request->nlh, request->nlh->nlmsg_len) < 0)
        return -errno;
    return receive(rtnl, NULL, NULL);
}

int rtnl_dump(struct rtnl *rtnl, uint16_t type, uint8_t family, size_t head, mnl_cb_t each,
              void *arg)
{
    struct rtnl_request request;
    uint8_t *header = rtnl_begin(&request, type, NLM_F_DUMP, head);

    *header = family; /* the first byte of each family's header */
    request.nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.nlh->nlmsg_seq = ++rtnl->seq;
    if (mnl_socket_sendto(rtnl->sock, request.nlh, request.nlh->nlmsg_len) < 0)
        return -errno;
    return receive(rtnl, each, arg);
}
