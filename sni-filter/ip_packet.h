/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_IP_PACKET_H
#define SNI_FILTER_IP_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"
#include "sni-filter/cursor.h"
#include "sni-filter/parse.h"

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_URG 0x20
#define TCP_ECE 0x40
#define TCP_CWR 0x80

struct ip_packet {
    struct addr src, dst;
    uint8_t protocol;    /* of the payload; for IPv6 the first next header that is no extension
                            header */
    bool has_ip_options; /* IPv4 options, or any IPv6 extension header */
    bool is_fragment;    /* more-fragments or offset != 0, or an IPv6 fragment header */
    bool has_ports;      /* TCP or UDP whose header is whole */
    uint16_t sport, dport;
    /* TCP alone */
    uint32_t seq, ack;
    uint8_t tcp_flags;
    bool has_odd_tcp;  /* reserved bits set (RFC 9293 §3.1; not ECE, CWR, AE), urgent pointer
                        * without URG,  flags that no TCP sends together (SYN with FIN, FIN
                        * without ACK, none, ...) */
    bool has_tcp_auth; /* option 19 (MD5, RFC 2385) or 29 (AO, RFC 5925) */
    struct cursor payload; /* TCP/UDP payload or all after the IP header; borrowed */
};

/**
 * ip_packet_parse - one IPv4 or IPv6 packet, from its first byte
 *
 * len of packet: exactly what was captured. An IP total length below it leaves padding out;
 * above it: PARSE_MORE (truncated). Returns PARSE_OK, PARSE_MORE or PARSE_BAD; on PARSE_OK all
 * fields are set, else *out is zero. Unknown protocols are OK with has_ports = false. TCP and
 * UDP are not read in a fragment: has_ports = false, payload = rest. In an IPv6 fragment
 * protocol is what the fragment header names. UDP length must equal what IP says, TCP options
 * must close exactly, with zeros behind their end; IPv4's reserved flag must be clear, IPv6
 * hop-by-hop options must stand first; else PARSE_BAD. Spec: RFC 791 §3.1, RFC 8200 §3 and §4,
 * RFC 9293 §3.1, RFC 768. Checksums are not looked at (conntrack does).
 */
MUST_CHECK enum parse_rc ip_packet_parse(struct cursor packet, struct ip_packet *out);

#endif
