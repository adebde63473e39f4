/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/ip_packet.h"

#include <string.h>

enum {
    NEXT_HOP_BY_HOP = 0,
    NEXT_TCP = 6,
    NEXT_UDP = 17,
    NEXT_ROUTING = 43,
    NEXT_FRAGMENT = 44,
    NEXT_AUTHENTICATION = 51,
    NEXT_DESTINATION = 60,
    NEXT_MOBILITY = 135,
    NEXT_HIP = 139,
    NEXT_SHIM6 = 140,
};

#define IPV4_HEADER_MIN     20
#define IPV6_HEADER         40
#define IPV4_RESERVED       0x8000
#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_OFFSET         0x1fff

#define TCP_HEADER_MIN 20
#define TCP_RESERVED   0x0e /* of the byte with the data offset; bit 0 is AE (RFC 9768) */
#define TCP_OPT_END    0
#define TCP_OPT_NOP    1
#define TCP_OPT_MD5    19
#define TCP_OPT_AO     29

/* Flags that no TCP sends together. PSH, ECE and CWR may come with any of the others. */
static bool is_odd_flags(uint8_t flags)
{
    switch (flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK | TCP_URG)) {
    case TCP_SYN:
    case TCP_SYN | TCP_ACK:
    case TCP_RST:
    case TCP_RST | TCP_ACK:
    case TCP_FIN | TCP_ACK:
    case TCP_FIN | TCP_ACK | TCP_URG:
    case TCP_ACK:
    case TCP_ACK | TCP_URG:
        return false;
    default:
        return true;
    }
}

/* RFC 9293 §3.1: a length counts its option's kind and length bytes; after the end there are
 * only zeros. */
static bool tcp_options(struct cursor options, struct ip_packet *out)
{
    uint32_t kind, len;
    bool has_ended = false;

    while (cursor_uint(&options, 1, &kind)) {
        if (has_ended && kind != TCP_OPT_END)
            return false;
        if (kind == TCP_OPT_END)
            has_ended = true;
        if (kind == TCP_OPT_END || kind == TCP_OPT_NOP)
            continue;
        if (!cursor_uint(&options, 1, &len) || len < 2 || !cursor_skip(&options, len - 2))
            return false;
        if (kind == TCP_OPT_MD5 || kind == TCP_OPT_AO)
            out->has_tcp_auth = true;
    }
    return true;
}

static bool read_ports(struct cursor *c, struct ip_packet *out)
{
    uint32_t sport, dport;

    if (!cursor_uint(c, 2, &sport) || !cursor_uint(c, 2, &dport))
        return false;
    out->sport = (uint16_t)sport;
    out->dport = (uint16_t)dport;
    out->has_ports = true;
    return true;
}

static bool tcp_parse(struct cursor segment, struct ip_packet *out)
{
    struct cursor options;
    uint32_t offset, flags, urgent;

    if (!read_ports(&segment, out) || !cursor_uint(&segment, 4, &out->seq) ||
        !cursor_uint(&segment, 4, &out->ack) || !cursor_uint(&segment, 1, &offset) ||
        !cursor_uint(&segment, 1, &flags) || !cursor_skip(&segment, 4) ||
        !cursor_uint(&segment, 2, &urgent))
        return false;
    out->tcp_flags = (uint8_t)flags;
    out->has_odd_tcp = (offset & TCP_RESERVED) != 0 || is_odd_flags(out->tcp_flags) ||
                       (urgent != 0 && !(flags & TCP_URG));
    offset = (offset >> 4) * 4;
    if (offset < TCP_HEADER_MIN || !cursor_split(&segment, offset - TCP_HEADER_MIN, &options))
        return false;
    return tcp_options(options, out) &&
           cursor_split(&segment, cursor_left(&segment), &out->payload);
}

static bool udp_parse(struct cursor datagram, struct ip_packet *out)
{
    uint32_t len;

    return read_ports(&datagram, out) && cursor_uint(&datagram, 2, &len) &&
           len == datagram.len && cursor_skip(&datagram, 2) &&
           cursor_split(&datagram, cursor_left(&datagram), &out->payload);
}

/* What the IP header carries. A fragment is not looked into: conntrack has put the packets of
 * an honest path together before they come here. */
static bool transport_parse(struct cursor body, struct ip_packet *out)
{
    if (!out->is_fragment && out->protocol == NEXT_TCP)
        return tcp_parse(body, out);
    if (!out->is_fragment && out->protocol == NEXT_UDP)
        return udp_parse(body, out);
    out->payload = body;
    return true;
}

/* Cut the part that IP's length field speaks of; what lies behind it is padding of the link. */
static enum parse_rc cut_body(struct cursor *packet, size_t len, struct cursor *body)
{
    return cursor_split(packet, len, body) ? PARSE_OK : PARSE_MORE;
}

static enum parse_rc ipv4_parse(struct cursor packet, struct ip_packet *out)
{
    struct cursor body, src, dst;
    uint32_t ihl, total, fragment, protocol;
    enum parse_rc rc;

    if (packet.len < IPV4_HEADER_MIN)
        return PARSE_MORE;
    if (!cursor_uint(&packet, 1, &ihl) || !cursor_skip(&packet, 1) ||
        !cursor_uint(&packet, 2, &total) || !cursor_skip(&packet, 2) ||
        !cursor_uint(&packet, 2, &fragment) || !cursor_skip(&packet, 1) ||
        !cursor_uint(&packet, 1, &protocol) || !cursor_skip(&packet, 2) ||
        !cursor_split(&packet, 4, &src) || !cursor_split(&packet, 4, &dst))
        return PARSE_BAD;
    ihl = (ihl & 0x0f) * 4;
    if (ihl < IPV4_HEADER_MIN || total < ihl || (fragment & IPV4_RESERVED))
        return PARSE_BAD;
    rc = cut_body(&packet, total - IPV4_HEADER_MIN, &body);
    if (rc != PARSE_OK)
        return rc;
    if (!cursor_skip(&body, ihl - IPV4_HEADER_MIN))
        return PARSE_BAD;
    out->src = addr_from_bytes(ADDR_V4, src.base);
    out->dst = addr_from_bytes(ADDR_V4, dst.base);
    out->protocol = (uint8_t)protocol;
    out->has_ip_options = ihl > IPV4_HEADER_MIN;
    out->is_fragment = (fragment & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET)) != 0;
    if (!cursor_split(&body, cursor_left(&body), &packet) || !transport_parse(packet, out))
        return PARSE_BAD;
    return PARSE_OK;
}

/* Is next an extension header that can be stepped over, and in which unit does it count? */
static bool is_extension(uint32_t next)
{
    switch (next) {
    case NEXT_HOP_BY_HOP:
    case NEXT_ROUTING:
    case NEXT_FRAGMENT:
    case NEXT_AUTHENTICATION:
    case NEXT_DESTINATION:
    case NEXT_MOBILITY:
    case NEXT_HIP:
    case NEXT_SHIM6:
        return true;
    default:
        return false;
    }
}

/* RFC 8200 §4.1: hop-by-hop options stand first. What a fragment header is followed by belongs
 * to the packet that the fragments make, so reading ends there. */
static bool skip_extensions(struct cursor *body, uint32_t first, struct ip_packet *out)
{
    uint32_t next = first, following, len;

    while (is_extension(next) && !out->is_fragment) {
        if (next == NEXT_HOP_BY_HOP && out->has_ip_options)
            return false;
        if (!cursor_uint(body, 1, &following) || !cursor_uint(body, 1, &len))
            return false;
        if (next == NEXT_FRAGMENT)
            len = 8; /* §4.5: no length, the byte is reserved */
        else if (next == NEXT_AUTHENTICATION)
            len = (len + 2) * 4; /* RFC 4302 §2.2 */
        else
            len = (len + 1) * 8;
        if (!cursor_skip(body, len - 2))
            return false;
        out->has_ip_options = true;
        out->is_fragment = next == NEXT_FRAGMENT;
        next = following;
    }
    out->protocol = (uint8_t)next;
    return true;
}

static enum parse_rc ipv6_parse(struct cursor packet, struct ip_packet *out)
{
    struct cursor body, rest, src, dst;
    uint32_t len, next;
    enum parse_rc rc;

    if (packet.len < IPV6_HEADER)
        return PARSE_MORE;
    if (!cursor_skip(&packet, 4) || !cursor_uint(&packet, 2, &len) ||
        !cursor_uint(&packet, 1, &next) || !cursor_skip(&packet, 1) ||
        !cursor_split(&packet, 16, &src) || !cursor_split(&packet, 16, &dst))
        return PARSE_BAD;
    rc = cut_body(&packet, len, &body);
    if (rc != PARSE_OK)
        return rc;
    out->src = addr_from_bytes(ADDR_V6, src.base);
    out->dst = addr_from_bytes(ADDR_V6, dst.base);
    if (!skip_extensions(&body, next, out) || !cursor_split(&body, cursor_left(&body), &rest) ||
        !transport_parse(rest, out))
        return PARSE_BAD;
    return PARSE_OK;
}

enum parse_rc ip_packet_parse(struct cursor packet, struct ip_packet *out)
{
    struct cursor peek = packet;
    uint32_t version;
    enum parse_rc rc;

    memset(out, 0, sizeof(*out));
    if (!cursor_uint(&peek, 1, &version))
        return PARSE_MORE;
    if (version >> 4 == 4)
        rc = ipv4_parse(packet, out);
    else if (version >> 4 == 6)
        rc = ipv6_parse(packet, out);
    else
        rc = PARSE_BAD;
    if (rc != PARSE_OK)
        memset(out, 0, sizeof(*out));
    return rc;
}
