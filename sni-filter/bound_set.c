/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works. Up to BOUND_BATCH elements gather, each key once (a later timeout replaces the
 * earlier one), and go out as one transaction per family: add, delete, add. The first add makes
 * sure that the delete finds something, the delete makes sure that the second add's timeout
 * counts: kernels before 6.12 keep the old timeout of an element that is added again. Netlink
 * answers in the sender's context, so the acknowledgement can be read at once.
 */
#include "sni-filter/bound_set.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "common/marks.h"

#define BOUND_BATCH  128
#define BUFFER_LEN   65536
#define KEY_LEN_MAX  24
#define ELEMENT_ROOM 96 /* bytes of one element in a message, more than it needs */

static_assert(3 * BOUND_BATCH * ELEMENT_ROOM + 1024 <= BUFFER_LEN, "a batch fits the buffer");

struct bound_set {
    struct mnl_socket *nl;
    uint32_t seq;
    size_t nr;
    struct engine_bound items[BOUND_BATCH];
    char buffer[BUFFER_LEN];
};

struct bound_set *bound_set_new(struct err *err)
{
    struct bound_set *set = calloc(1, sizeof(*set));

    if (set == NULL) {
        err_set(err, ENOMEM, "allocate the buffer of the bound addresses: out of memory");
        return NULL;
    }
    set->nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (set->nl == NULL || mnl_socket_bind(set->nl, 0, MNL_SOCKET_AUTOPID) < 0) {
        err_set(err, errno, "open the nftables socket: %s", strerror(errno));
        bound_set_free(set);
        return NULL;
    }
    return set;
}

void bound_set_free(struct bound_set *set)
{
    if (set == NULL)
        return;
    if (set->nl != NULL)
        mnl_socket_close(set->nl);
    free(set);
}

int bound_set_fd(const struct bound_set *set)
{
    return mnl_socket_get_fd(set->nl);
}

/* The key as the sets have it; returns its length. */
static uint32_t make_key(const struct engine_bound *bound, uint8_t key[KEY_LEN_MAX])
{
    uint32_t addr_len = bound->addr.family == ADDR_V4 ? 4 : 16;
    uint16_t port_be = htons(bound->port);

    memset(key, 0, KEY_LEN_MAX);
    memcpy(key, &bound->source_tag, 4);
    memcpy(key + 4, bound->addr.bytes, addr_len);
    memcpy(key + 4 + addr_len, &port_be, 2);
    return 4 + addr_len + 4;
}

static bool has_same_key(const struct engine_bound *a, const struct engine_bound *b)
{
    return a->source_tag == b->source_tag && a->port == b->port &&
           addr_equal(&a->addr, &b->addr);
}

int bound_set_add(struct bound_set *set, const struct engine_bound *bound)
{
    for (size_t i = 0; i < set->nr; i++) {
        if (has_same_key(&set->items[i], bound)) {
            set->items[i].timeout_s = bound->timeout_s;
            return 0;
        }
    }
    if (set->nr == BOUND_BATCH) {
        int rc = bound_set_commit(set);

        if (rc < 0)
            return rc;
    }
    set->items[set->nr++] = *bound;
    return 0;
}

static bool add_element(struct nftnl_set *elements, const struct engine_bound *bound)
{
    struct nftnl_set_elem *element = nftnl_set_elem_alloc();
    uint8_t key[KEY_LEN_MAX];
    uint32_t key_len = make_key(bound, key);

    if (element == NULL)
        return false;
    nftnl_set_elem_add(elements, element); /* freed with the set */
    nftnl_set_elem_set_u64(element, NFTNL_SET_ELEM_TIMEOUT, bound->timeout_s * UINT64_C(1000));
    return nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, key, key_len) == 0;
}

/* All gathered elements of one family; *out stays NULL when there is none. */
static int collect(const struct bound_set *set, enum addr_family family, struct nftnl_set **out)
{
    struct nftnl_set *elements = NULL;

    for (size_t i = 0; i < set->nr; i++) {
        if (set->items[i].addr.family != family)
            continue;
        if (elements == NULL) {
            elements = nftnl_set_alloc();
            if (elements == NULL)
                return -ENOMEM;
            if (nftnl_set_set_str(elements, NFTNL_SET_TABLE, NFT_TABLE_NAME) != 0 ||
                nftnl_set_set_str(elements, NFTNL_SET_NAME,
                                  family == ADDR_V4 ? NFT_SET_BOUND4 : NFT_SET_BOUND6) != 0)
                goto fail;
        }
        if (!add_element(elements, &set->items[i]))
            goto fail;
    }
    *out = elements;
    return 0;
fail:
    nftnl_set_free(elements);
    return -ENOMEM;
}

static struct nlmsghdr *put_message(struct bound_set *set, size_t *len, uint16_t type,
                                    uint16_t flags)
{
    struct nlmsghdr *nlh =
        nftnl_nlmsg_build_hdr(set->buffer + *len, type, NFPROTO_INET, flags, ++set->seq);

    return nlh;
}

/* Read everything that the kernel said about a batch; one acknowledgement at least must be
 * there. */
static int read_acks(struct bound_set *set)
{
    char answer[8192];
    bool has_ack = false;
    int rc = 0;

    for (;;) {
        ssize_t size = mnl_socket_recvfrom(set->nl, answer, sizeof(answer));
        int len = (int)size;

        if (size < 0 && errno == EAGAIN)
            return rc == 0 && !has_ack ? -EPROTO : rc;
        if (size < 0)
            return -errno;
        for (const struct nlmsghdr *nlh = (const void *)answer; mnl_nlmsg_ok(nlh, len);
             nlh = mnl_nlmsg_next(nlh, &len)) {
            const struct nlmsgerr *report = mnl_nlmsg_get_payload(nlh);

            if (nlh->nlmsg_type != NLMSG_ERROR ||
                mnl_nlmsg_get_payload_len(nlh) < sizeof(*report))
                continue;
            has_ack = true;
            if (rc == 0)
                rc = report->error;
        }
    }
}

/* One transaction: give elements their timeouts, or without elements empty the set `name`. */
static int transact(struct bound_set *set, const char *name, struct nftnl_set *elements)
{
    static const struct {
        uint16_t type, flags;
    } steps[] = { { NFT_MSG_NEWSETELEM, NLM_F_CREATE },
                  { NFT_MSG_DELSETELEM, 0 },
                  { NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_ACK } };
    struct nlmsghdr *nlh;
    size_t len = 0;

    nftnl_batch_begin(set->buffer, ++set->seq);
    len += NLMSG_ALIGN(((struct nlmsghdr *)(void *)set->buffer)->nlmsg_len);
    if (elements == NULL) {
        nlh = put_message(set, &len, NFT_MSG_DELSETELEM, NLM_F_ACK);
        mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, NFT_TABLE_NAME);
        mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, name);
        len += NLMSG_ALIGN(nlh->nlmsg_len);
    }
    for (size_t i = 0; elements != NULL && i < ARRAY_LEN(steps); i++) {
        nlh = put_message(set, &len, steps[i].type, steps[i].flags);
        nftnl_set_elems_nlmsg_build_payload(nlh, elements);
        len += NLMSG_ALIGN(nlh->nlmsg_len);
    }
    nlh = (struct nlmsghdr *)(void *)(set->buffer + len);
    nftnl_batch_end((char *)nlh, ++set->seq);
    len += NLMSG_ALIGN(nlh->nlmsg_len);
    if (mnl_socket_sendto(set->nl, set->buffer, len) < 0)
        return -errno;
    return read_acks(set);
}

static int commit_family(struct bound_set *set, enum addr_family family)
{
    struct nftnl_set *elements = NULL;
    int rc = collect(set, family, &elements);

    if (rc != 0 || elements == NULL)
        return rc;
    rc = transact(set, NULL, elements);
    nftnl_set_free(elements);
    return rc;
}

int bound_set_commit(struct bound_set *set)
{
    int rc4, rc6;

    if (set->nr == 0)
        return 0;
    rc4 = commit_family(set, ADDR_V4);
    rc6 = commit_family(set, ADDR_V6);
    set->nr = 0;
    return rc4 != 0 ? rc4 : rc6;
}

int bound_set_empty(struct bound_set *set)
{
    int rc4, rc6;

    set->nr = 0;
    rc4 = transact(set, NFT_SET_BOUND4, NULL);
    rc6 = transact(set, NFT_SET_BOUND6, NULL);
    return rc4 != 0 ? rc4 : rc6;
}
