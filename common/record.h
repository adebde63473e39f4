/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One record of the verdict log. The process that decides fills a struct record; the process
 * that writes the log (fwd, or sni-filter in a replay) numbers it and turns it into a line.
 */
#ifndef COMMON_RECORD_H
#define COMMON_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/hostname.h"

enum record_event {
    EVENT_START,
    EVENT_STOP,
    EVENT_POLICY,
    EVENT_DNS,
    EVENT_ANSWER,
    EVENT_CONNECT,
    EVENT_TLS,
    EVENT_QUIC,
    EVENT_HTTP,
    EVENT_PACKET,
    EVENT_END,
    EVENT_DRIFT,
    NR_EVENTS,
};

enum record_verdict {
    RECORD_NO_VERDICT,
    RECORD_ALLOW,
    RECORD_DENY,
    RECORD_LEARN,
    NR_RECORD_VERDICTS
};

enum reason {
    REASON_NONE,
    REASON_RULE,                  /* a rule allows it */
    REASON_NAME_NOT_ALLOWED,      /* no rule names it */
    REASON_NAME_DENIED,           /* a "!" rule matches */
    REASON_ADDRESS_NOT_BOUND,     /* nobody was given this address, no address rule */
    REASON_NAME_ADDRESS_MISMATCH, /* the address was given out, but not for this name */
    REASON_NO_SNI,
    REASON_ECH,
    REASON_NOT_TLS,
    REASON_MALFORMED,
    REASON_HELLO_TIMEOUT,
    REASON_HELLO_TOO_LONG,
    REASON_OVERLAP_CONFLICT,
    REASON_HELD_LIMIT,
    REASON_SERVICE_NOT_ALLOWED, /* name or address is allowed, not this service or port */
    REASON_QTYPE,
    REASON_DNS_MALFORMED,
    REASON_DNS_UNSOLICITED,
    REASON_REBINDING,
    REASON_QUIC_VERSION,
    REASON_QUIC_UNDECRYPTABLE,
    REASON_HTTP_MALFORMED,
    REASON_FRAGMENT,
    REASON_SYN_DATA,
    REASON_SPOOFED,
    REASON_PROTOCOL,
    REASON_POLICY_CHANGED,
    REASON_RELEASED,
    REASON_INTERNAL_ERROR,
    NR_REASONS,
};

#define RECORD_AGENT_MAX  63
#define RECORD_RULE_MAX   260
#define RECORD_METHOD_MAX 32
#define RECORD_DETAIL_MAX 200
#define RECORD_ALPN_MAX   64
#define RECORD_POLICY_MAX 72
#define RECORD_LINE_MAX   4096 /* bytes of the longest line, newline and NUL included */

/* Absent: strings empty, addresses ADDR_NONE, numbers 0 (has_ports, has_held say when 0 is a
 * value). */
struct record {
    enum record_event event;
    enum record_verdict verdict;
    enum reason reason;
    uint64_t wall_us; /* since 1970, UTC */
    char agent[RECORD_AGENT_MAX + 1];
    uint8_t ip_protocol; /* IANA number: written as "tcp", "udp", "icmp", "icmpv6" or the number
                            as text */
    uint8_t has_ports;
    uint8_t has_held;
    struct addr src, dst;
    uint16_t sport, dport;
    uint16_t qtype;              /* event dns, answer: written as "A", "AAAA", "TYPE65" */
    char name[HOSTNAME_MAX + 1]; /* may hold any byte but NUL: escaped when written */
    char method[RECORD_METHOD_MAX + 1]; /* event http: of a request that could be read */
    char rule[RECORD_RULE_MAX + 1];
    uint32_t line;
    char policy[RECORD_POLICY_MAX + 1];
    uint64_t flow;
    uint8_t alpn[RECORD_ALPN_MAX]; /* alpn_len bytes of ProtocolNameList body: 1-byte length +
                                      bytes, each */
    uint8_t alpn_len;
    uint8_t has_ech;
    uint32_t held_us;
    uint32_t count;   /* 0: stands for one; n: n equal ones, folded */
    uint32_t lost;    /* decisions before this one whose records could not be delivered */
    uint8_t nr_addrs; /* event answer: the addresses bound */
    struct addr addrs[16];
    uint32_t ttl_s;
    char detail[RECORD_DETAIL_MAX + 1]; /* a sentence for people */
};

/**
 * record_format - one line of JSON with its newline, NUL-terminated
 *
 * run: text that names this run of the writer. seq: its number within the run.
 * buf: RECORD_LINE_MAX bytes. Returns the line's length. Every byte of a peer's is escaped: the
 * line is ASCII, whatever name holds (bytes that are not UTF-8 come out as \u00XX).
 */
size_t record_format(const struct record *record, const char *run, uint64_t seq,
                     char buf[RECORD_LINE_MAX]);

/** record_weight - how many decisions a record stands for, at least 1 */
uint32_t record_weight(const struct record *record);

const char *record_event_name(enum record_event event);
const char *record_reason_name(enum reason reason);

#endif
