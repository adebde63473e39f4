/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works. One netlink socket bound to one queue. The kernel puts one packet in each
 * datagram; recvmmsg() takes up to BATCH of them, each into a buffer of its own that holds the
 * largest packet the kernel copies (COPY_RANGE) and its attributes. Verdicts gather in one
 * buffer and leave in one send(); the kernel takes them in that order.
 *
 * Closed by default: the queue is bound without fail-open, so what overflows (QUEUE_MAXLEN held
 * packets, or the receive buffer) is dropped and counted, and everything is dropped once the
 * socket closes. A packet without an id can get no verdict and is counted; one from an
 * unexpected hook is dropped. Of a packet only the netlink attributes are read here, never its
 * bytes.
 *
 * Without F_GSO the kernel cuts large packets into segments and fills in a checksum that was
 * left to the network card, before it copies a packet. It must: where such a checksum goes is
 * said by whoever sent the packet, when that is another namespace or virtual machine on the
 * same host (PACKET_VNET_HDR, struct virtio_net_hdr). Filled in later, it could write over what
 * was read.
 */
#include "sni-filter/queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH          32
#define COPY_RANGE     0xffffu
#define PACKET_ROOM    (COPY_RANGE + 1 + 4096) /* the packet, netlink headers and attributes */
#define QUEUE_MAXLEN   32768u                  /* held packets count */
#define RECEIVE_BUFFER (32 << 20)
#define VERDICT_LEN_MAX                                                                        \
    64 /* nlmsghdr 16 + nfgenmsg 4 + NFQA_VERDICT_HDR 12 + NFQA_MARK 8, rounded up */
#define VERDICTS_LEN_MAX ((size_t)512 * VERDICT_LEN_MAX)

struct queue {
    struct mnl_socket *nl;
    uint16_t number;
    unsigned internal;
    uint8_t *room; /* BATCH * PACKET_ROOM */
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    size_t verdicts_len;
    char verdicts[VERDICTS_LEN_MAX];
    struct queue_counts counts;
};

/* Send one configuration message and wait for the kernel's answer. */
static int ask(struct queue *queue, struct nlmsghdr *nlh)
{
    char answer[512];
    ssize_t len;

    nlh->nlmsg_flags |= NLM_F_ACK;
    if (mnl_socket_sendto(queue->nl, nlh, nlh->nlmsg_len) < 0)
        return -errno;
    len = mnl_socket_recvfrom(queue->nl, answer, sizeof(answer));
    if (len < 0 || mnl_cb_run(answer, (size_t)len, 0, 0, NULL, NULL) < 0)
        return -errno;
    return 0;
}

static int bind_number(struct queue *queue)
{
    char buf[256];
    struct nlmsghdr *nlh = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, queue->number);

    nfq_nlmsg_cfg_put_cmd(nlh, AF_INET, NFQNL_CFG_CMD_BIND);
    return ask(queue, nlh);
}

static int set_params(struct queue *queue)
{
    char buf[256];
    struct nlmsghdr *nlh = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, queue->number);

    nfq_nlmsg_cfg_put_params(nlh, NFQNL_COPY_PACKET, (int)COPY_RANGE);
    nfq_nlmsg_cfg_put_qmaxlen(nlh, QUEUE_MAXLEN);
    mnl_attr_put_u32(nlh, NFQA_CFG_FLAGS, 0);
    mnl_attr_put_u32(nlh, NFQA_CFG_MASK, htonl(NFQA_CFG_F_GSO | NFQA_CFG_F_FAIL_OPEN));
    return ask(queue, nlh);
}

static bool set_up(struct queue *queue, struct err *err)
{
    const int size = RECEIVE_BUFFER;
    int rc;

    queue->nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    if (queue->nl == NULL || mnl_socket_bind(queue->nl, 0, MNL_SOCKET_AUTOPID) < 0)
        return err_set(err, errno, "open the netfilter queue socket: %s", strerror(errno));
    rc = bind_number(queue);
    if (rc == -EBUSY || rc == -EPERM)
        return err_set(
            err, -rc,
            "bind netfilter queue %u: %s; expected CAP_NET_ADMIN and no other program "
            "on that queue in this network namespace",
            queue->number, strerror(-rc));
    if (rc == 0)
        rc = set_params(queue);
    if (rc < 0)
        return err_set(err, -rc, "set up netfilter queue %u: %s", queue->number, strerror(-rc));
    if (setsockopt(queue_fd(queue), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
        return err_set(err, errno, "set the netfilter queue's receive buffer to %d bytes: %s",
                       size, strerror(errno));
    return true;
}

struct queue *queue_new(uint16_t number, unsigned internal, struct err *err)
{
    struct queue *queue = calloc(1, sizeof(*queue));

    if (queue != NULL)
        queue->room = malloc((size_t)BATCH * PACKET_ROOM);
    if (queue == NULL || queue->room == NULL) {
        err_set(err, ENOMEM, "allocate the netfilter queue's buffers: out of memory");
        queue_free(queue);
        return NULL;
    }
    queue->number = number;
    queue->internal = internal;
    for (size_t i = 0; i < BATCH; i++) {
        queue->parts[i] = (struct iovec) { queue->room + i * PACKET_ROOM, PACKET_ROOM };
        queue->messages[i].msg_hdr =
            (struct msghdr) { .msg_iov = &queue->parts[i], .msg_iovlen = 1 };
    }
    if (!set_up(queue, err)) {
        queue_free(queue);
        return NULL;
    }
    return queue;
}

void queue_free(struct queue *queue)
{
    if (queue == NULL)
        return;
    if (queue->nl != NULL)
        mnl_socket_close(queue->nl);
    free(queue->room);
    free(queue);
}

int queue_fd(const struct queue *queue)
{
    return mnl_socket_get_fd(queue->nl);
}

const struct queue_counts *queue_counts(const struct queue *queue)
{
    return &queue->counts;
}

static uint32_t attr_be32(const struct nlattr *attr)
{
    return attr != NULL ? ntohl(mnl_attr_get_u32(attr)) : 0;
}

/* Which of our rules queued it; false: none of them. */
static bool find_place(const struct queue *queue, uint8_t hook, unsigned indev,
                       enum packet_place *place)
{
    switch (hook) {
    case NF_INET_PRE_ROUTING:
        *place = PLACE_DNS;
        return true;
    case NF_INET_LOCAL_IN:
        *place = PLACE_INPUT;
        return true;
    case NF_INET_FORWARD:
        *place = indev == queue->internal ? PLACE_OUTBOUND : PLACE_INBOUND;
        return true;
    }
    return false;
}

static int handle_packet(struct queue *queue, const struct nlmsghdr *nlh, queue_packet_fn *fn,
                         void *arg)
{
    struct nlattr *attrs[NFQA_MAX + 1] = { NULL };
    struct nfqnl_msg_packet_hdr header;
    struct packet_meta meta;
    size_t len;

    if (nfq_nlmsg_parse(nlh, attrs) < 0 || attrs[NFQA_PACKET_HDR] == NULL) {
        queue->counts.unwanted++;
        return 0;
    }
    memcpy(&header, mnl_attr_get_payload(attrs[NFQA_PACKET_HDR]), sizeof(header));
    meta = (struct packet_meta) { .id = ntohl(header.packet_id),
                                  .mark = attr_be32(attrs[NFQA_MARK]) };
    queue->counts.packets++;
    if (attrs[NFQA_PAYLOAD] == NULL ||
        !find_place(queue, header.hook, attr_be32(attrs[NFQA_IFINDEX_INDEV]), &meta.place)) {
        queue->counts.unwanted++;
        return queue_verdict(queue, meta.id, 0);
    }
    len = mnl_attr_get_payload_len(attrs[NFQA_PAYLOAD]);
    meta.is_truncated = attr_be32(attrs[NFQA_CAP_LEN]) > len;
    meta.is_gso = (attr_be32(attrs[NFQA_SKB_INFO]) & NFQA_SKB_GSO) != 0;
    fn(arg, &meta, mnl_attr_get_payload(attrs[NFQA_PAYLOAD]), len);
    return 0;
}

/* An error that the kernel reports on a verdict: only "no such packet" may happen. */
static int handle_error(struct queue *queue, const struct nlmsghdr *nlh)
{
    const struct nlmsgerr *report = mnl_nlmsg_get_payload(nlh);

    if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*report))
        return -EPROTO;
    if (report->error != -ENOENT)
        return report->error;
    queue->counts.late++;
    return 0;
}

static int handle_datagram(struct queue *queue, const uint8_t *datagram, size_t datagram_len,
                           queue_packet_fn *fn, void *arg)
{
    const struct nlmsghdr *nlh = (const void *)datagram;
    int len = (int)datagram_len, rc = 0;

    for (; rc == 0 && mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
        if (nlh->nlmsg_type == NLMSG_ERROR)
            rc = handle_error(queue, nlh);
        else if (nlh->nlmsg_type == (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET))
            rc = handle_packet(queue, nlh, fn, arg);
    }
    return rc;
}

int queue_receive(struct queue *queue, queue_packet_fn *fn, void *arg)
{
    int nr = recvmmsg(queue_fd(queue), queue->messages, BATCH, MSG_DONTWAIT, NULL);

    if (nr < 0 && errno == ENOBUFS) {
        queue->counts.overruns++;
        return 1; /* what does wait can be read by the next call */
    }
    if (nr < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    for (int i = 0; i < nr; i++) {
        int rc = handle_datagram(queue, queue->parts[i].iov_base, queue->messages[i].msg_len,
                                 fn, arg);

        if (rc < 0)
            return rc;
    }
    return nr;
}

int queue_verdict(struct queue *queue, uint32_t id, uint32_t verdict)
{
    struct nlmsghdr *nlh;

    if (VERDICTS_LEN_MAX - queue->verdicts_len < VERDICT_LEN_MAX) {
        int rc = queue_flush(queue);

        if (rc < 0)
            return rc;
    }
    nlh =
        nfq_nlmsg_put(queue->verdicts + queue->verdicts_len, NFQNL_MSG_VERDICT, queue->number);
    nfq_nlmsg_verdict_put(nlh, (int)id, verdict == 0 ? NF_DROP : NF_ACCEPT);
    if (verdict != 0)
        nfq_nlmsg_verdict_put_mark(nlh, verdict);
    queue->verdicts_len += NLMSG_ALIGN(nlh->nlmsg_len);
    return 0;
}

int queue_flush(struct queue *queue)
{
    size_t len = queue->verdicts_len;

    queue->verdicts_len = 0;
    if (len != 0 && mnl_socket_sendto(queue->nl, queue->verdicts, len) < 0)
        return -errno;
    return 0;
}
