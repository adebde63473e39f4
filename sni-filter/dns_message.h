/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_DNS_MESSAGE_H
#define SNI_FILTER_DNS_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/attr.h"
#include "common/hostname.h"
#include "sni-filter/cursor.h"
#include "sni-filter/parse.h"

#define DNS_A     1
#define DNS_SOA   6
#define DNS_CNAME 5
#define DNS_AAAA  28
#define DNS_SVCB  64
#define DNS_HTTPS 65

#define DNS_RCODE_OK       0
#define DNS_RCODE_FORMERR  1
#define DNS_RCODE_SERVFAIL 2
#define DNS_RCODE_NXDOMAIN 3
#define DNS_RCODE_NOTIMP   4
#define DNS_RCODE_REFUSED  5

#define DNS_MESSAGE_MAX   4096 /* of what is built or read here */
#define DNS_ADDRS_MAX     32   /* addresses taken from one answer */
#define DNS_CHAIN_MAX     16   /* CNAMEs followed */
#define DNS_WIRE_NAME_MAX 255

struct dns_query {
    uint16_t id;
    bool is_recursion_desired, is_checking_disabled;
    uint16_t qtype, qclass;
    uint8_t wire_name[DNS_WIRE_NAME_MAX]; /* as sent, labels with their lengths, root label
                                             included */
    size_t wire_name_len;
    char name[HOSTNAME_MAX + 1]; /* canonical; "" when it is the root or no host name
                                    (underscore labels are) */
    bool has_edns;
    uint16_t udp_size; /* 512 without EDNS; at least 512 */
};

/**
 * dns_query_parse - a query from an agent, UDP payload or TCP message without its length
 *
 * Returns PARSE_OK: one question, class IN, opcode QUERY, nothing in the answer and authority
 * sections, at most one OPT in the additional section (version 0), message closes exactly.
 * PARSE_BAD: anything else; *out then has id (and question when it could be read: wire_name_len
 * != 0) for an error answer; *rcode: out, the answer to give (FORMERR, NOTIMP, or for EDNS
 * version != 0 FORMERR), or -1 for none at all (shorter than 12 bytes, or QR set). Names: no
 * compression in the question, labels 1..63 of any byte; out->name is "" and the rc PARSE_OK
 * when the name is well formed on the wire but not a host name (the policy refuses it). Spec:
 * RFC 1035 §4.1, RFC 6891 §6.1.
 */
MUST_CHECK enum parse_rc dns_query_parse(struct cursor message, struct dns_query *out,
                                         int *rcode);

struct dns_reply {
    unsigned rcode;
    const struct addr *addrs; /* all of the question's type */
    size_t nr_addrs;
    uint32_t ttl_s;
    bool has_soa; /* negative answer: SOA in the authority section, its minimum and TTL
                     soa_ttl_s (RFC 2308) */
    uint32_t soa_ttl_s;
    const char *blocked; /* not NULL: Extended DNS Error 15 with this text, if the query had
                            EDNS (RFC 8914 §4.16) */
};

/**
 * dns_reply_build - answer query; out: size bytes
 *
 * The question is repeated byte for byte (the client's own spelling), owner names are pointers
 * to it. limit: bytes that the client takes (udp_size, or DNS_MESSAGE_MAX for TCP); when the
 * addresses do not fit: TC set, none given. Returns the length, 0 when not even the header and
 * question fit.
 */
size_t dns_reply_build(const struct dns_query *query, const struct dns_reply *reply,
                       size_t limit, uint8_t *out, size_t size);

struct dns_question { /* the gateway's own */
    uint16_t id;
    uint16_t qtype;                       /* A or AAAA */
    uint8_t wire_name[DNS_WIRE_NAME_MAX]; /* letter case is part of the secret */
    size_t wire_name_len;
};

/** dns_question_make - name: canonical. random: at least 34 bytes: 2 for the ID, 32 = 256 bits
 * of letter case */
MUST_CHECK bool dns_question_make(const char *name, uint16_t qtype, const uint8_t random[34],
                                  struct dns_question *out);
/** dns_question_build - the message to send: RD set, one question, nothing else; returns its
 * length or 0 */
size_t dns_question_build(const struct dns_question *question, uint8_t *out, size_t size);

struct dns_answer {
    unsigned rcode;
    bool is_truncated; /* ask again over TCP; nothing else is set */
    struct addr addrs[DNS_ADDRS_MAX];
    size_t nr_addrs;
    uint32_t ttl_s; /* smallest of the chain and the addresses; negative answer: of the SOA (RFC
                       2308 §5), 0 when none. bit 31 set counts as 0 (RFC 2181 §8) */
};

/**
 * dns_answer_parse - read an upstream's answer to question
 *
 * PARSE_OK: id, QR, opcode, one question equal to ours byte for byte (case included),
 * well-formed sections. Only the CNAME chain from the question (any order of records, at most
 * DNS_CHAIN_MAX, DNAME ignored) leads to addrs; other records bind nothing. More than
 * DNS_ADDRS_MAX addresses: the first ones. RCODE != 0: addrs is empty. PARSE_ABSENT: not an
 * answer to this question (wrong id, name, case, type, or too short to tell; drop it and go on
 * waiting). PARSE_BAD: malformed, a CNAME loop, or two CNAMEs of one name that differ (answer
 * SERVFAIL). Unless PARSE_OK, *out is all zero.
 */
MUST_CHECK enum parse_rc dns_answer_parse(struct cursor message,
                                          const struct dns_question *question,
                                          struct dns_answer *out);

#endif
