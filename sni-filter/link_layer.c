/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/link_layer.h"

#include <pcap/dlt.h>

#include <stdint.h>

enum {
    ETHER_IPV4 = 0x0800,
    ETHER_VLAN = 0x8100,
    ETHER_IPV6 = 0x86dd,
    ETHER_PPPOE = 0x8864, /* session stage; discovery carries no IP */
    ETHER_QINQ = 0x88a8,
    ETHER_QINQ_OLD = 0x9100,
    PPP_IPV4 = 0x0021,
    PPP_IPV6 = 0x0057,
};

/* The rest of c, from where it stands; an empty one is no packet. */
static enum parse_rc take_rest(struct cursor *c, struct cursor *ip)
{
    if (cursor_left(c) == 0 || !cursor_split(c, cursor_left(c), ip))
        return PARSE_BAD;
    return PARSE_OK;
}

/* RFC 1661 §2: the protocol number; §6.5: one byte when it is odd and compressed. */
static enum parse_rc strip_ppp(struct cursor *c, struct cursor *ip)
{
    uint32_t protocol, low;

    if (!cursor_uint(c, 1, &protocol))
        return PARSE_BAD;
    if ((protocol & 1) == 0) {
        if (!cursor_uint(c, 1, &low))
            return PARSE_BAD;
        protocol = protocol << 8 | low;
    }
    return protocol == PPP_IPV4 || protocol == PPP_IPV6 ? take_rest(c, ip) : PARSE_ABSENT;
}

/* RFC 1662 §3.1: address ff and control 03, unless they are compressed away. */
static enum parse_rc strip_ppp_hdlc(struct cursor *c, struct cursor *ip)
{
    struct cursor saved = *c;
    uint32_t head;

    if (!cursor_uint(c, 2, &head) || head != 0xff03)
        *c = saved;
    return strip_ppp(c, ip);
}

/* RFC 2516 §4: version 1, type 1, code 0, session, length of what follows. */
static enum parse_rc strip_pppoe(struct cursor *c, struct cursor *ip)
{
    struct cursor body;
    uint32_t kind, session;

    if (!cursor_uint(c, 2, &kind) || kind != 0x1100 || !cursor_uint(c, 2, &session))
        return PARSE_BAD;
    if (!cursor_vec(c, 2, &body))
        return PARSE_BAD;
    return strip_ppp(&body, ip);
}

/* What stands behind an EtherType; VLAN tags and PPPoE are taken off. */
static enum parse_rc strip_ethertype(struct cursor *c, uint32_t type, struct cursor *ip)
{
    for (unsigned tags = 0;; tags++) {
        if (type == ETHER_IPV4 || type == ETHER_IPV6)
            return take_rest(c, ip);
        if (type == ETHER_PPPOE)
            return strip_pppoe(c, ip);
        if (type != ETHER_VLAN && type != ETHER_QINQ && type != ETHER_QINQ_OLD)
            return PARSE_ABSENT;
        if (tags == LINK_TAGS_MAX || !cursor_skip(c, 2) || !cursor_uint(c, 2, &type))
            return PARSE_BAD;
    }
}

/* Bytes to skip, an EtherType, and bytes to skip once more. */
static enum parse_rc strip_typed(struct cursor *c, size_t before, size_t after,
                                 struct cursor *ip)
{
    uint32_t type;

    if (!cursor_skip(c, before) || !cursor_uint(c, 2, &type) || !cursor_skip(c, after))
        return PARSE_BAD;
    return strip_ethertype(c, type, ip);
}

/* The address family of the writer's system, in either byte order: AF_INET is 2 everywhere,
 * AF_INET6 is 10 (Linux), 24, 28 or 30 (the BSDs). */
static enum parse_rc strip_null(struct cursor *c, struct cursor *ip)
{
    uint32_t family;

    if (!cursor_uint(c, 4, &family))
        return PARSE_BAD;
    if (family > 0xffff)
        family = family >> 24 | (family >> 8 & 0xff00);
    switch (family) {
    case 2:
    case 10:
    case 24:
    case 28:
    case 30:
        return take_rest(c, ip);
    }
    return PARSE_ABSENT;
}

/* IEEE 802.11 §9.2: unprotected data frames, with the LLC and SNAP header of IEEE 802.2 and RFC
 * 1042. */
static enum parse_rc strip_80211(struct cursor *c, struct cursor *ip)
{
    uint32_t control, qos = 0, llc;
    bool has_qos, is_relayed, has_order;

    if (!cursor_uint(c, 2, &control))
        return PARSE_BAD;
    /* First byte: version (0), type (2: data), subtype (bit 2: no data, bit 3: QoS). Second:
     * flags. */
    if ((control & 0x0f00) != 0x0800 || (control & 0x4000) != 0 || (control & 0x0040) != 0)
        return PARSE_ABSENT;
    has_qos = (control & 0x8000) != 0;
    is_relayed = (control & 0x0003) == 0x0003;
    has_order = (control & 0x0080) != 0;
    if (!cursor_skip(c, 22) || (is_relayed && !cursor_skip(c, 6)))
        return PARSE_BAD;
    if (has_qos && (!cursor_uint(c, 2, &qos) || (has_order && !cursor_skip(c, 4))))
        return PARSE_BAD;
    if ((qos & 0x8000) != 0) /* several frames in one (A-MSDU) */
        return PARSE_ABSENT;
    if (!cursor_uint(c, 3, &llc))
        return PARSE_BAD;
    return llc == 0xaaaa03 ? strip_typed(c, 3, 0, ip) : PARSE_ABSENT;
}

/* radiotap.org: version 0, padding, length (little endian) of the whole header. */
static enum parse_rc strip_radiotap(struct cursor *c, struct cursor *ip)
{
    uint32_t head, len;

    if (!cursor_uint(c, 2, &head) || head >> 8 != 0 || !cursor_uint(c, 2, &len))
        return PARSE_BAD;
    len = (len & 0xff) << 8 | len >> 8;
    if (len < 8 || !cursor_skip(c, len - 4))
        return PARSE_BAD;
    return strip_80211(c, ip);
}

static enum parse_rc strip_ethernet(struct cursor *c, struct cursor *ip)
{
    return strip_typed(c, 12, 0, ip);
}

static enum parse_rc strip_cooked(struct cursor *c, struct cursor *ip)
{
    return strip_typed(c, 14, 0, ip);
}

static enum parse_rc strip_cooked2(struct cursor *c, struct cursor *ip)
{
    return strip_typed(c, 0, 18, ip);
}

static const struct {
    int type;
    enum parse_rc (*strip)(struct cursor *c, struct cursor *ip);
} layers[] = {
    { DLT_EN10MB, strip_ethernet },
    { DLT_RAW, take_rest },
    { DLT_IPV4, take_rest },
    { DLT_IPV6, take_rest },
    { DLT_LINUX_SLL, strip_cooked },
    { DLT_LINUX_SLL2, strip_cooked2 },
    { DLT_NULL, strip_null },
    { DLT_LOOP, strip_null },
    { DLT_PPP, strip_ppp_hdlc },
    { DLT_PPP_SERIAL, strip_ppp_hdlc },
    { DLT_PPP_ETHER, strip_pppoe },
    { DLT_IEEE802_11, strip_80211 },
    { DLT_IEEE802_11_RADIO, strip_radiotap },
};

bool link_layer_is_known(int type)
{
    for (size_t i = 0; i < ARRAY_LEN(layers); i++) {
        if (layers[i].type == type)
            return true;
    }
    return false;
}

enum parse_rc link_layer_strip(int type, struct cursor frame, struct cursor *ip)
{
    *ip = (struct cursor) { .base = NULL };
    for (size_t i = 0; i < ARRAY_LEN(layers); i++) {
        if (layers[i].type == type)
            return layers[i].strip(&frame, ip);
    }
    return PARSE_BAD;
}
