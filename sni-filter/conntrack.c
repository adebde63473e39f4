/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works. Two ctnetlink sockets: one for the dump, whose answers come piece by piece
 * between other work, one for changes, whose answers are read at once. An entry that the
 * receiver has no room for stays in the buffer, so none is lost.
 *
 * A TCP connection is revoked by its mark, not deleted: rules answer its next packet with a
 * reset. A UDP flow is deleted: its entry would last for as long as the client sends, and the
 * next datagram, of a flow that is new again, is judged from the beginning.
 */
#include "sni-filter/conntrack.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "common/marks.h"

#define DUMP_LEN        65536
#define REVOKE_LEN_MAX  256 /* bytes of one change; 180 for IPv6 */
#define REVOKES_LEN_MAX (64 * REVOKE_LEN_MAX)

struct conntrack {
    struct mnl_socket *dump_nl, *change_nl;
    uint32_t seq, dump_seq;
    bool is_dumping;
    size_t dump_len, dump_off; /* received, handled */
    size_t revokes_len;
    char dump[DUMP_LEN];
    char revokes[REVOKES_LEN_MAX];
};

static struct mnl_socket *open_socket(void)
{
    struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (nl != NULL && mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
        int saved = errno;

        mnl_socket_close(nl);
        errno = saved;
        return NULL;
    }
    return nl;
}

struct conntrack *conntrack_new(struct err *err)
{
    struct conntrack *ct = calloc(1, sizeof(*ct));

    if (ct == NULL) {
        err_set(err, ENOMEM, "allocate conntrack buffers: out of memory");
        return NULL;
    }
    ct->dump_nl = open_socket();
    ct->change_nl = ct->dump_nl != NULL ? open_socket() : NULL;
    if (ct->change_nl == NULL) {
        err_set(err, errno, "open a conntrack netlink socket: %s", strerror(errno));
        conntrack_free(ct);
        return NULL;
    }
    return ct;
}

void conntrack_free(struct conntrack *ct)
{
    if (ct == NULL)
        return;
    if (ct->dump_nl != NULL)
        mnl_socket_close(ct->dump_nl);
    if (ct->change_nl != NULL)
        mnl_socket_close(ct->change_nl);
    free(ct);
}

int conntrack_fd(const struct conntrack *ct)
{
    return mnl_socket_get_fd(ct->dump_nl);
}

int conntrack_change_fd(const struct conntrack *ct)
{
    return mnl_socket_get_fd(ct->change_nl);
}

static struct nlmsghdr *put_message(void *at, uint16_t type, uint16_t flags, uint8_t family,
                                    uint32_t seq)
{
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(at);
    struct nfgenmsg *gen = mnl_nlmsg_put_extra_header(nlh, sizeof(*gen));

    nlh->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
    nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    nlh->nlmsg_seq = seq;
    *gen = (struct nfgenmsg) { .nfgen_family = family, .version = NFNETLINK_V0 };
    return nlh;
}

int conntrack_dump(struct conntrack *ct)
{
    char buf[256];
    struct nlmsghdr *nlh;

    if (ct->is_dumping)
        return -EBUSY;
    ct->dump_seq = ++ct->seq;
    nlh = put_message(buf, IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC, ct->dump_seq);
    if (mnl_socket_sendto(ct->dump_nl, nlh, nlh->nlmsg_len) < 0)
        return -errno;
    ct->is_dumping = true;
    ct->dump_len = ct->dump_off = 0;
    return 0;
}

struct table { /* attributes of one nesting level by type */
    const struct nlattr **at;
    uint16_t max;
};

static int keep_attr(const struct nlattr *attr, void *arg)
{
    const struct table *table = arg;

    if (mnl_attr_get_type(attr) <= table->max)
        table->at[mnl_attr_get_type(attr)] = attr;
    return MNL_CB_OK;
}

static bool parse_nested(const struct nlattr *nest, const struct nlattr **at, uint16_t max)
{
    struct table table = { at, max };

    return nest != NULL && mnl_attr_parse_nested(nest, keep_attr, &table) >= 0;
}

static bool read_addr(const struct nlattr *v4, const struct nlattr *v6, struct addr *addr)
{
    const struct nlattr *attr = v4 != NULL ? v4 : v6;
    uint16_t want = v4 != NULL ? 4 : 16;

    if (attr == NULL || mnl_attr_get_payload_len(attr) < want)
        return false;
    *addr = addr_from_bytes(v4 != NULL ? ADDR_V4 : ADDR_V6, mnl_attr_get_payload(attr));
    return true;
}

/* Has TCP seen the end of it? */
static bool is_ended(const struct nlattr *info)
{
    const struct nlattr *at[CTA_PROTOINFO_MAX + 1] = { NULL },
                                                *tcp[CTA_PROTOINFO_TCP_MAX + 1] = { NULL };

    return parse_nested(info, at, CTA_PROTOINFO_MAX) &&
           parse_nested(at[CTA_PROTOINFO_TCP], tcp, CTA_PROTOINFO_TCP_MAX) &&
           tcp[CTA_PROTOINFO_TCP_STATE] != NULL &&
           mnl_attr_get_u8(tcp[CTA_PROTOINFO_TCP_STATE]) >= TCP_CONNTRACK_TIME_WAIT;
}

/* An entry of the dump; false: none that is looked for. */
static bool read_live(const struct nlmsghdr *nlh, struct engine_live *live)
{
    const struct nlattr *top[CTA_MAX + 1] = { NULL }, *tuple[CTA_TUPLE_MAX + 1] = { NULL },
                                       *ip[CTA_IP_MAX + 1] = { NULL },
                                       *proto[CTA_PROTO_MAX + 1] = { NULL };
    struct table table = { top, CTA_MAX };

    if (mnl_attr_parse(nlh, sizeof(struct nfgenmsg), keep_attr, &table) < 0 ||
        !parse_nested(top[CTA_TUPLE_ORIG], tuple, CTA_TUPLE_MAX) ||
        !parse_nested(tuple[CTA_TUPLE_IP], ip, CTA_IP_MAX) ||
        !parse_nested(tuple[CTA_TUPLE_PROTO], proto, CTA_PROTO_MAX))
        return false;
    if (top[CTA_MARK] == NULL || proto[CTA_PROTO_NUM] == NULL ||
        proto[CTA_PROTO_SRC_PORT] == NULL || proto[CTA_PROTO_DST_PORT] == NULL)
        return false;
    *live = (struct engine_live) { .protocol = mnl_attr_get_u8(proto[CTA_PROTO_NUM]),
                                   .mark = ntohl(mnl_attr_get_u32(top[CTA_MARK])),
                                   .sport = ntohs(mnl_attr_get_u16(proto[CTA_PROTO_SRC_PORT])),
                                   .dport = ntohs(mnl_attr_get_u16(proto[CTA_PROTO_DST_PORT])),
                                   .is_ended = is_ended(top[CTA_PROTOINFO]) };
    return read_addr(ip[CTA_IP_V4_SRC], ip[CTA_IP_V6_SRC], &live->src) &&
           read_addr(ip[CTA_IP_V4_DST], ip[CTA_IP_V6_DST], &live->dst) &&
           (live->protocol == IPPROTO_TCP || live->protocol == IPPROTO_UDP);
}

static int fill(struct conntrack *ct)
{
    ssize_t len = mnl_socket_recvfrom(ct->dump_nl, ct->dump, sizeof(ct->dump));

    if (len < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    ct->dump_len = (size_t)len;
    ct->dump_off = 0;
    return 1;
}

static int error_of(const struct nlmsghdr *nlh)
{
    const struct nlmsgerr *report = mnl_nlmsg_get_payload(nlh);

    return mnl_nlmsg_get_payload_len(nlh) < sizeof(*report) ? -EPROTO : report->error;
}

int conntrack_step(struct conntrack *ct, conntrack_live_fn *fn, void *arg)
{
    int rc = 1;

    if (ct->dump_off == ct->dump_len)
        rc = fill(ct);
    if (rc <= 0)
        return rc < 0 ? rc : ct->is_dumping ? CONNTRACK_WAIT : CONNTRACK_IDLE;
    while (ct->dump_off < ct->dump_len) {
        const struct nlmsghdr *nlh = (const void *)(ct->dump + ct->dump_off);
        struct engine_live live;

        if (!mnl_nlmsg_ok(nlh, (int)(ct->dump_len - ct->dump_off)))
            break;
        if (ct->is_dumping && nlh->nlmsg_seq == ct->dump_seq) {
            if (nlh->nlmsg_type == NLMSG_ERROR && error_of(nlh) < 0)
                return error_of(nlh);
            if (nlh->nlmsg_type == NLMSG_DONE) {
                ct->is_dumping = false;
                ct->dump_len = ct->dump_off = 0;
                return CONNTRACK_DONE;
            }
            if (nlh->nlmsg_type >= NLMSG_MIN_TYPE && read_live(nlh, &live) && !fn(arg, &live))
                return CONNTRACK_FULL;
        }
        ct->dump_off += NLMSG_ALIGN(nlh->nlmsg_len);
    }
    ct->dump_len = ct->dump_off = 0;
    return ct->is_dumping ? CONNTRACK_WAIT : CONNTRACK_IDLE;
}

static void put_tuple(struct nlmsghdr *nlh, const struct engine_live *live)
{
    bool is_v4 = live->src.family == ADDR_V4;
    struct nlattr *tuple = mnl_attr_nest_start(nlh, CTA_TUPLE_ORIG), *nest;

    nest = mnl_attr_nest_start(nlh, CTA_TUPLE_IP);
    mnl_attr_put(nlh, is_v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, is_v4 ? 4 : 16, live->src.bytes);
    mnl_attr_put(nlh, is_v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, is_v4 ? 4 : 16, live->dst.bytes);
    mnl_attr_nest_end(nlh, nest);
    nest = mnl_attr_nest_start(nlh, CTA_TUPLE_PROTO);
    mnl_attr_put_u8(nlh, CTA_PROTO_NUM, live->protocol);
    mnl_attr_put_u16(nlh, CTA_PROTO_SRC_PORT, htons(live->sport));
    mnl_attr_put_u16(nlh, CTA_PROTO_DST_PORT, htons(live->dport));
    mnl_attr_nest_end(nlh, nest);
    mnl_attr_nest_end(nlh, tuple);
}

int conntrack_revoke(struct conntrack *ct, const struct engine_live *live)
{
    const bool is_udp = live->protocol == IPPROTO_UDP;
    struct nlmsghdr *nlh;
    int rc = 0;

    if (sizeof(ct->revokes) - ct->revokes_len < REVOKE_LEN_MAX)
        rc = conntrack_flush(ct);
    if (rc < 0)
        return rc;
    nlh = put_message(ct->revokes + ct->revokes_len,
                      is_udp ? IPCTNL_MSG_CT_DELETE : IPCTNL_MSG_CT_NEW, 0,
                      live->src.family == ADDR_V4 ? AF_INET : AF_INET6, ++ct->seq);
    put_tuple(nlh, live);
    if (!is_udp) {
        mnl_attr_put_u32(nlh, CTA_MARK, htonl(CT_REVOKED));
        mnl_attr_put_u32(nlh, CTA_MARK_MASK, htonl(UINT32_MAX));
    }
    ct->revokes_len += NLMSG_ALIGN(nlh->nlmsg_len);
    return 0;
}

int conntrack_flush(struct conntrack *ct)
{
    size_t len = ct->revokes_len;
    char answer[8192];
    int rc = 0;

    if (len == 0)
        return 0;
    ct->revokes_len = 0;
    if (mnl_socket_sendto(ct->change_nl, ct->revokes, len) < 0)
        return -errno;
    for (;;) {
        ssize_t size = mnl_socket_recvfrom(ct->change_nl, answer, sizeof(answer));
        const struct nlmsghdr *nlh = (const void *)answer;

        if (size < 0)
            return errno == EAGAIN ? rc : -errno;
        for (int left = (int)size; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
            if (nlh->nlmsg_type == NLMSG_ERROR && error_of(nlh) != -ENOENT && rc == 0)
                rc = error_of(nlh);
    }
}
