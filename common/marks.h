/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How a decision travels: 32-bit marks, whose top four bits are a state and whose lower 28
 * bits are a value.
 *
 * Conntrack mark: what is known of a connection. It starts as OPEN with the initial sequence
 * number of the client's SYN as value (the kernel rule copies it), so that user space, which
 * does not see the SYN of a bound address, knows where the client's stream begins.
 * Only the SYN that makes the entry writes it: a later SYN comes to user space with the mark as
 * it is, so that its number can be compared.
 * PINNED, ANSWERED, ACCEPTED, QUIC and both of HTTP carry a tag: a hash of the name that the
 * connection was accepted for, 0 for an address rule. A reload can so find out what a live
 * connection was allowed for without any table in user space. UDP flows of QUIC may carry
 * connections for several names: then the tag is MARK_VALUE_MASK.
 *
 * Packet mark: the verdict on one packet, set by user space (or by a rule that needs no user
 * space) in the base chain "decide", carried out in "commit". A packet that arrives in commit
 * without one of these is dropped.
 */
#ifndef COMMON_MARKS_H
#define COMMON_MARKS_H

#define MARK_STATE_MASK 0xf0000000u
#define MARK_VALUE_MASK 0x0fffffffu

/* conntrack mark, state */
#define CT_OPEN     0x00000000u /* value: the client's ISN, low 28 bits */
#define CT_ACCEPTED 0x10000000u /* value: tag */
#define CT_REVOKED                                                                             \
    0x20000000u /* next packet of either side is answered by a reset; value 1: client was told \
                 */
#define CT_PINNED 0x30000000u /* value: tag; hello released, not yet answered */
#define CT_ANSWERED                                                                            \
    0x50000000u /* as PINNED, but the answer has begun, and user space reads it */
/* value: tag of the last request; the client's payload is read for ever, the server's is not */
#define CT_HTTP_READ 0x60000000u
/* the same, but user space waits for an ACK and sees all that the server sends */
#define CT_HTTP_SENT 0x40000000u
/* UDP, value: tag; long headers of both sides are read for ever. TCP and UDP do not meet, so it
 * shares its number, and its verdict's, with HTTP: there are sixteen only */
#define CT_QUIC CT_HTTP_READ

/* packet mark, state: a verdict */
#define VERDICT_PASS   0x90000000u /* lets this packet go; the connection stays as it is */
#define VERDICT_ACCEPT 0xa0000000u /* lets it go; connection becomes CT_ACCEPTED | value */
#define VERDICT_PIN    0xb0000000u /* lets it go; connection becomes CT_PINNED | value */
#define VERDICT_RESET                                                                          \
    0xc0000000u /* TCP: both ends are reset, connection becomes CT_REVOKED                     \
                 */
/* the same, but the client is not reset: it is told why (tcp_alert_send()) */
#define VERDICT_RESET_SERVER (VERDICT_RESET | 1u)
#define VERDICT_ICMP                                                                           \
    0xd0000000u /* not TCP: administratively prohibited (RFC 1812 §5.2.7.1)                   \
                 */
/* let it go; connection becomes CT_HTTP_READ or CT_HTTP_SENT | value */
#define VERDICT_HTTP_READ 0xf0000000u
#define VERDICT_HTTP_SENT 0x80000000u
#define VERDICT_QUIC      VERDICT_HTTP_READ

/* Not a verdict: what user space is told of a packet from the tunnel whose outer address, MAC
 * and source address are not those of one link. */
#define MARK_SPOOFED 0x70000000u

/* An agent's own network namespace: what the rules put on a packet that leaves through the
 * tunnel's device, and VXLAN leaves on the packet around it. A program without CAP_NET_ADMIN
 * cannot set it. */
#define MARK_TUNNEL 0x5ec70001u

/* The names that fwd and sni-filter share in the kernel. */
#define NFT_TABLE_NAME "secctl" /* family inet */
#define NFT_SET_BOUND4 "bound4" /* see below */
#define NFT_SET_BOUND6 "bound6"
#define NFQUEUE_NUMBER 13
#define DNS_TCP_PORT   1053 /* where connections to TCP port 53 are redirected to */

/* Sets bound4 and bound6, with timeouts: where an agent's SYN may go without user space seeing
 * it. Key: source tag (4 bytes, host order: the packet mark that chain "source" sets), address
 * (4 or 16 bytes), TCP port (2 bytes in network order, padded with zeros to 4). */

/* Packet mark of DNS answers that leave through the transparent socket: not tracked. */
#define MARK_DNS_ANSWER 0xe0000053u
/* Of what tells a client why it is refused, a page or an alert: the same. */
#define MARK_TOLD 0xe0000050u

#endif
