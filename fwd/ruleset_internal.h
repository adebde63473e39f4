/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The parts that ruleset_gateway() is put together from.
 */
#ifndef FWD_RULESET_INTERNAL_H
#define FWD_RULESET_INTERNAL_H

#include <linux/netfilter/nf_conntrack_common.h>

#include "fwd/ruleset_rule.h"

#define CHAIN_ASK      "ask"    /* user space decides */
#define CHAIN_REFUSE   "refuse" /* the same, counted: user space refuses and logs */
#define CHAIN_SOURCE   "source" /* packet mark := the source's tag */
#define CHAIN_OUTBOUND "outbound"
#define CHAIN_SYN      "syn"
#define CHAIN_INBOUND  "inbound"
#define CHAIN_ANSWER   "answer"
#define CHAIN_UDP_OUT  "udp_out"
#define CHAIN_UDP_IN   "udp_in"
#define CHAIN_DNS_TCP  "dns_tcp"
#define CHAIN_REVOKED  "revoked"
#define CHAIN_GOODBYE  "goodbye"
#define CHAIN_DECIDE   "decide"
#define CHAIN_COMMIT   "commit"
#define CHAIN_INPUT    "input"
#define CHAIN_OUTPUT   "output"
#define CHAIN_DETOUR   "detour" /* at ingress, before the flowtable */
#define CHAIN_REJOIN   "rejoin"
#define CHAIN_TUNNEL   "tunnel"  /* what comes out of it, before all else */
#define CHAIN_PAIR     "pair"    /* outer address, MAC and source address: one link's? */
#define CHAIN_SPOOFED  "spoofed" /* user space logs and drops */
#define CHAIN_OUTER    "outer"   /* packets around frames: from which link */
#define CHAIN_TO_LINK  "to_link"
#define CHAIN_DOCKER   "docker" /* its resolver's questions */

#define TCP_FLAG_FIN  0x01
#define TCP_FLAG_SYN  0x02
#define TCP_FLAG_RST  0x04
#define TCP_FLAG_ACK  0x10
#define TCP_FLAG_URG  0x20
#define TCP_KIND_MASK (TCP_FLAG_FIN | TCP_FLAG_SYN | TCP_FLAG_RST | TCP_FLAG_ACK)

#define CT_STATE_ESTABLISHED NF_CT_STATE_BIT(IP_CT_ESTABLISHED)
#define CT_STATE_RELATED     NF_CT_STATE_BIT(IP_CT_RELATED)
#define CT_STATE_BAD         (NF_CT_STATE_INVALID_BIT | NF_CT_STATE_UNTRACKED_BIT)

/* ruleset.c: false, *rs empty, when it is incomplete */
MUST_CHECK bool ruleset_done(struct ruleset *rs);
/* ruleset_forward.c: decide and what it jumps to, commit */
void ruleset_add_forward(const struct ruleset_wish *wish, struct ruleset *rs);
/* ruleset_inbound.c */
void ruleset_add_inbound(const struct ruleset_wish *wish, struct ruleset *rs);
/* ruleset_host.c: DNS intake, NAT, and what the gateway itself receives and sends */
void ruleset_add_host(const struct ruleset_wish *wish, struct ruleset *rs);

/* ruleset_tunnel.c: each begins or ends what the others' chains are for, where there is a
 * tunnel */
void ruleset_add_tunnel(const struct ruleset_wish *wish, struct ruleset *rs);
void ruleset_add_tunnel_input(const struct ruleset_wish *wish, struct ruleset *rs);
void ruleset_add_tunnel_output(const struct ruleset_wish *wish, struct ruleset *rs);
void ruleset_add_tunnel_detour(const struct ruleset_wish *wish, struct ruleset *rs);

/* ruleset_udp.c: udp rules, and QUIC */
void ruleset_add_udp_out(struct ruleset *rs);
void ruleset_add_udp_in(struct ruleset *rs);

/* ruleset_http.c: connections whose client's payload is read for ever */
void ruleset_add_http_outbound(struct ruleset *rs); /* behind the rule for payload */
void ruleset_add_http_inbound(struct ruleset *rs);
void ruleset_add_http_commit(struct ruleset *rs);
void ruleset_add_http_output(const struct ruleset_wish *wish, struct ruleset *rs);

/* A packet that carries no payload and one of the usual sets of flags passes. */
void ruleset_add_bare_tcp(struct ruleset *rs, const char *chain);

/* Match: an ICMP or ICMPv6 message of type first..last. */
void rule_icmp(struct rule *rule, enum addr_family family, uint8_t first, uint8_t last);

/* The types of errors about a packet (RFC 792, RFC 4443): one array for both families. */
struct icmp_range {
    enum addr_family family;
    uint8_t first, last;
};
#define NR_ICMP_ERRORS 3
extern const struct icmp_range icmp_errors[NR_ICMP_ERRORS];

#endif
