/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: fields are appended to the line one by one, each whole or not at all, with room
 * kept for the end; the last one, "detail", is cut to what is left. With every string at its
 * longest and all of it escaped the line stays below RECORD_LINE_MAX, which is also what a pipe
 * takes in one piece.
 */
#include "common/record.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const event_names[NR_EVENTS] = {
    [EVENT_START] = "start",   [EVENT_STOP] = "stop",     [EVENT_POLICY] = "policy",
    [EVENT_DNS] = "dns",       [EVENT_ANSWER] = "answer", [EVENT_CONNECT] = "connect",
    [EVENT_TLS] = "tls",       [EVENT_QUIC] = "quic",     [EVENT_HTTP] = "http",
    [EVENT_PACKET] = "packet", [EVENT_END] = "end",       [EVENT_DRIFT] = "drift",
};

static const char *const verdict_names[NR_RECORD_VERDICTS] = {
    [RECORD_NO_VERDICT] = NULL,
    [RECORD_ALLOW] = "allow",
    [RECORD_DENY] = "deny",
    [RECORD_LEARN] = "learn",
};

static const char *const reason_names[NR_REASONS] = {
    [REASON_NONE] = NULL,
    [REASON_RULE] = "rule",
    [REASON_NAME_NOT_ALLOWED] = "name-not-allowed",
    [REASON_NAME_DENIED] = "name-denied",
    [REASON_ADDRESS_NOT_BOUND] = "address-not-bound",
    [REASON_NAME_ADDRESS_MISMATCH] = "name-address-mismatch",
    [REASON_NO_SNI] = "no-sni",
    [REASON_ECH] = "ech",
    [REASON_NOT_TLS] = "not-tls",
    [REASON_MALFORMED] = "malformed",
    [REASON_HELLO_TIMEOUT] = "hello-timeout",
    [REASON_HELLO_TOO_LONG] = "hello-too-long",
    [REASON_OVERLAP_CONFLICT] = "overlap-conflict",
    [REASON_HELD_LIMIT] = "held-limit",
    [REASON_SERVICE_NOT_ALLOWED] = "service-not-allowed",
    [REASON_QTYPE] = "qtype",
    [REASON_DNS_MALFORMED] = "dns-malformed",
    [REASON_DNS_UNSOLICITED] = "dns-unsolicited",
    [REASON_REBINDING] = "rebinding",
    [REASON_QUIC_VERSION] = "quic-version",
    [REASON_QUIC_UNDECRYPTABLE] = "quic-undecryptable",
    [REASON_HTTP_MALFORMED] = "http-malformed",
    [REASON_FRAGMENT] = "fragment",
    [REASON_SYN_DATA] = "syn-data",
    [REASON_SPOOFED] = "spoofed",
    [REASON_PROTOCOL] = "protocol",
    [REASON_POLICY_CHANGED] = "policy-changed",
    [REASON_RELEASED] = "released",
    [REASON_INTERNAL_ERROR] = "internal-error",
};

const char *record_event_name(enum record_event event)
{
    return (unsigned)event < NR_EVENTS ? event_names[event] : NULL;
}

const char *record_reason_name(enum reason reason)
{
    return (unsigned)reason < NR_REASONS ? reason_names[reason] : NULL;
}

uint32_t record_weight(const struct record *record)
{
    return record->count > 0 ? record->count : 1;
}

#define LINE_END     "}\n"
#define ESCAPED_MAX  12                 /* a surrogate pair */
#define FIELD_MARGIN (sizeof(LINE_END)) /* with its NUL */

struct line {
    char *buf;
    size_t len;
};

static size_t line_left(const struct line *line)
{
    return RECORD_LINE_MAX - FIELD_MARGIN - line->len;
}

static void put(struct line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void put(struct line *line, const char *format, ...)
{
    const size_t left = line_left(line);
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(line->buf + line->len, left + 1, format, args);
    va_end(args);
    if (n > 0 && (size_t)n <= left)
        line->len += (size_t)n;
    line->buf[line->len] = 0;
}

/* The same for bytes that need no formatting; the caller has seen to the room. */
static void put_raw(struct line *line, const void *bytes, size_t len)
{
    memcpy(line->buf + line->len, bytes, len);
    line->len += len;
    line->buf[line->len] = 0;
}

/* Bytes at the start of text that JSON takes as they are. */
static size_t plain_len(const unsigned char *p, size_t len)
{
    size_t n = 0;

    while (n < len && p[n] >= ' ' && p[n] <= '~' && p[n] != '"' && p[n] != '\\')
        n++;
    return n;
}

/* One UTF-8 character (RFC 3629) at p; its length, 0 when the bytes are none. */
static size_t utf8(const unsigned char *p, size_t len, uint32_t *c)
{
    static const uint32_t lowest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

    if (p[0] < 0xc2 || p[0] > 0xf4 || n > len)
        return 0;
    *c = p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        *c = *c << 6 | (p[i] & 0x3fu);
    }
    return *c < lowest[n] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000) ? 0 : n;
}

/* The next character of a text, which is not plain, escaped for JSON; how many bytes of the
 * text it was. */
static size_t escape(const unsigned char *p, size_t len, char out[ESCAPED_MAX + 1])
{
    uint32_t c = p[0];
    size_t n = 1;

    if (p[0] == '"' || p[0] == '\\') {
        snprintf(out, ESCAPED_MAX + 1, "\\%c", p[0]);
    } else {
        if (p[0] >= 0x80 && (n = utf8(p, len, &c)) == 0) {
            c = p[0];
            n = 1;
        }
        if (c >= 0x10000)
            snprintf(out, ESCAPED_MAX + 1, "\\u%04x\\u%04x",
                     (unsigned)(0xd800 + ((c - 0x10000) >> 10)),
                     (unsigned)(0xdc00 + ((c - 0x10000) & 0x3ff)));
        else
            snprintf(out, ESCAPED_MAX + 1, "\\u%04x", (unsigned)c);
    }
    return n;
}

/* The characters of a string, without quotes, as many as room allows; false when not all. */
static bool put_chars(struct line *line, const void *text, size_t len, size_t spare)
{
    const unsigned char *p = text;

    while (len > 0) {
        char out[ESCAPED_MAX + 1];
        size_t n = plain_len(p, len), room = line_left(line);

        room = room > spare ? room - spare : 0;
        if (n > 0) {
            put_raw(line, p, n < room ? n : room);
            if (n > room)
                return false;
        } else {
            n = escape(p, len, out);
            if (strlen(out) > room)
                return false;
            put_raw(line, out, strlen(out));
        }
        p += n;
        len -= n;
    }
    return true;
}

/* A whole field with a string value, or nothing; is_cut: as much of the value as fits. */
static void put_bytes(struct line *line, const char *key, const void *text, size_t len,
                      bool is_cut)
{
    const struct line before = *line;

    if (line_left(line) < strlen(key) + sizeof(",\"\":\"\""))
        return;
    put(line, ",\"%s\":\"", key);
    if (!put_chars(line, text, len, 1) && !is_cut) {
        *line = before;
        line->buf[line->len] = 0;
        return;
    }
    put(line, "\"");
}

static void put_text(struct line *line, const char *key, const char *text, size_t max)
{
    const size_t len = text ? strnlen(text, max) : 0;

    if (len > 0)
        put_bytes(line, key, text, len, false);
}

static void put_number(struct line *line, const char *key, uint64_t value)
{
    if (value != 0)
        put(line, ",\"%s\":%" PRIu64, key, value);
}

static void put_time(struct line *line, uint64_t wall_us)
{
    const time_t seconds =
        (time_t)(wall_us / 1000000 % 253402300800u); /* before the year 10000 */
    struct tm tm;
    char text[32];

    if (!gmtime_r(&seconds, &tm) || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        return;
    put(line, ",\"ts\":\"%s.%06" PRIu64 "Z\"", text, wall_us % 1000000);
}

static void put_flow(struct line *line, const struct record *record)
{
    static const struct {
        uint8_t number;
        const char *name;
    } protocols[] = {
        { IPPROTO_TCP, "tcp" },
        { IPPROTO_UDP, "udp" },
        { IPPROTO_ICMP, "icmp" },
        { IPPROTO_ICMPV6, "icmpv6" },
    };
    char text[ADDR_TEXT_MAX], number[8];
    const char *name = number;

    snprintf(number, sizeof(number), "%u", record->ip_protocol);
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
        if (protocols[i].number == record->ip_protocol)
            name = protocols[i].name;
    if (record->ip_protocol != 0)
        put(line, ",\"proto\":\"%s\"", name);
    if (record->src.family != ADDR_NONE)
        put(line, ",\"src\":\"%s\"", addr_format(&record->src, text));
    if (record->has_ports)
        put(line, ",\"sport\":%u", record->sport);
    if (record->dst.family != ADDR_NONE)
        put(line, ",\"dst\":\"%s\"", addr_format(&record->dst, text));
    if (record->has_ports)
        put(line, ",\"dport\":%u", record->dport);
}

static void put_qtype(struct line *line, uint16_t qtype)
{
    static const struct {
        uint16_t number;
        const char *name;
    } types[] = {
        { 1, "A" },     { 2, "NS" },     { 5, "CNAME" }, { 6, "SOA" },  { 12, "PTR" },
        { 15, "MX" },   { 16, "TXT" },   { 28, "AAAA" }, { 33, "SRV" }, { 35, "NAPTR" },
        { 64, "SVCB" }, { 65, "HTTPS" }, { 255, "ANY" },
    };

    if (qtype == 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (types[i].number == qtype) {
            put(line, ",\"qtype\":\"%s\"", types[i].name);
            return;
        }
    }
    put(line, ",\"qtype\":\"TYPE%u\"", qtype); /* RFC 3597 §5 */
}

static void put_alpn(struct line *line, const struct record *record)
{
    const size_t len = record->alpn_len < RECORD_ALPN_MAX ? record->alpn_len : RECORD_ALPN_MAX;
    const struct line before = *line;
    const char *comma = "";

    if (len == 0 || line_left(line) < 16)
        return;
    put(line, ",\"alpn\":[");
    for (size_t i = 0; i < len && record->alpn[i] < len - i; i += 1u + record->alpn[i]) {
        if (line_left(line) < 8)
            break;
        put(line, "%s\"", comma);
        comma = ",";
        if (!put_chars(line, record->alpn + i + 1, record->alpn[i], 2)) {
            *line = before;
            line->buf[line->len] = 0;
            return;
        }
        put(line, "\"");
    }
    put(line, "]");
}

static void put_addrs(struct line *line, const struct record *record)
{
    const size_t nr = record->nr_addrs < ARRAY_LEN(record->addrs) ? record->nr_addrs
                                                                  : ARRAY_LEN(record->addrs);
    char text[ADDR_TEXT_MAX];

    if (nr == 0 || line_left(line) < nr * (ADDR_TEXT_MAX + 3) + 16)
        return;
    put(line, ",\"addrs\":[");
    for (size_t i = 0; i < nr; i++)
        put(line, "%s\"%s\"", i > 0 ? "," : "", addr_format(&record->addrs[i], text));
    put(line, "]");
}

size_t record_format(const struct record *record, const char *run, uint64_t seq,
                     char buf[RECORD_LINE_MAX])
{
    struct line line = { buf, 0 };
    const char *event = record_event_name(record->event);
    const char *verdict =
        (unsigned)record->verdict < NR_RECORD_VERDICTS ? verdict_names[record->verdict] : NULL;

    put(&line, "{\"v\":1");
    put_text(&line, "run", run, 64);
    put(&line, ",\"seq\":%" PRIu64, seq);
    put_time(&line, record->wall_us);
    put(&line, ",\"event\":\"%s\"", event ? event : "drift");
    put_text(&line, "verdict", verdict, 16);
    put_text(&line, "reason", record_reason_name(record->reason), 64);
    put_text(&line, "agent", record->agent, RECORD_AGENT_MAX);
    put_flow(&line, record);
    put_qtype(&line, record->qtype);
    put_number(&line, "lost", record->lost);
    put_number(&line, "count", record->count > 1 ? record->count : 0);
    put_number(&line, "line", record->line);
    put_number(&line, "flow", record->flow);
    if (record->has_held)
        put(&line, ",\"held_us\":%u", record->held_us);
    put_number(&line, "ttl", record->ttl_s);
    if (record->has_ech)
        put(&line, ",\"ech\":true");
    put_text(&line, "policy", record->policy, RECORD_POLICY_MAX);
    put_text(&line, "name", record->name, HOSTNAME_MAX);
    put_text(&line, "method", record->method, RECORD_METHOD_MAX);
    put_text(&line, "rule", record->rule, RECORD_RULE_MAX);
    put_addrs(&line, record);
    put_alpn(&line, record);
    if (record->detail[0] != 0)
        put_bytes(&line, "detail", record->detail, strnlen(record->detail, RECORD_DETAIL_MAX),
                  true);
    memcpy(buf + line.len, LINE_END, sizeof(LINE_END));
    return line.len + sizeof(LINE_END) - 1;
}
