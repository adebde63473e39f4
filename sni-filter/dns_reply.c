/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/dns_message.h"

#include <string.h>

#include "sni-filter/dns_wire.h"

#define POINTER_TO_QUESTION 0xc00c /* its name stands behind the header */
#define OPT_LEN             11     /* without options */
#define EDNS_ERROR          15     /* RFC 8914 §2: the option */
#define EDNS_ERROR_BLOCKED  15     /* §4.16: the code */
#define SOA_SERIAL          1
#define SOA_REFRESH_S       3600
#define SOA_RETRY_S         600
#define SOA_EXPIRE_S        86400

/* Where the header's flags and counts are, to be set when it is known what fitted in. */
enum { AT_FLAGS = 2, AT_NR_ANSWERS = 6, AT_NR_AUTHORITY = 8, AT_NR_ADDITIONAL = 10 };

static void set_at(struct dns_writer *writer, size_t at, uint32_t value)
{
    struct dns_writer part = { .out = writer->out + at, .size = 2 };

    dns_put_uint(&part, 2, value);
}

/* Take back what was put since len, as it did not fit. */
static bool keep_or_undo(struct dns_writer *writer, size_t len)
{
    if (!writer->is_full)
        return true;
    writer->len = len;
    writer->is_full = false;
    return false;
}

static void put_record_head(struct dns_writer *writer, uint32_t type, uint32_t ttl,
                            uint32_t len)
{
    dns_put_uint(writer, 2, POINTER_TO_QUESTION);
    dns_put_uint(writer, 2, type);
    dns_put_uint(writer, 2, DNS_CLASS_IN);
    dns_put_uint(writer, 4, ttl);
    dns_put_uint(writer, 2, len);
}

/* Returns how many addresses were put: all, or none. */
static size_t put_addrs(struct dns_writer *writer, const struct dns_reply *reply)
{
    size_t start = writer->len;

    for (size_t i = 0; i < reply->nr_addrs; i++) {
        const struct addr *addr = &reply->addrs[i];
        bool is_v6 = addr->family == ADDR_V6;

        put_record_head(writer, is_v6 ? DNS_AAAA : DNS_A, reply->ttl_s, is_v6 ? 16 : 4);
        dns_put(writer, addr->bytes, is_v6 ? 16 : 4);
    }
    return keep_or_undo(writer, start) ? reply->nr_addrs : 0;
}

/* RFC 2308 §5: a negative answer is kept for the smaller of the record's TTL and its minimum.
 */
static bool put_soa(struct dns_writer *writer, uint32_t ttl)
{
    size_t start = writer->len;

    put_record_head(writer, DNS_SOA, ttl, 2 * 1 + 5 * 4);
    dns_put(writer, "\0", 2); /* MNAME and RNAME: the root, nobody */
    dns_put_uint(writer, 4, SOA_SERIAL);
    dns_put_uint(writer, 4, SOA_REFRESH_S);
    dns_put_uint(writer, 4, SOA_RETRY_S);
    dns_put_uint(writer, 4, SOA_EXPIRE_S);
    dns_put_uint(writer, 4, ttl);
    return keep_or_undo(writer, start);
}

static bool put_opt(struct dns_writer *writer, const char *blocked)
{
    size_t text_len = blocked ? strlen(blocked) : 0;
    size_t start = writer->len;

    dns_put_uint(writer, 1, 0); /* owner: the root */
    dns_put_uint(writer, 2, DNS_OPT);
    dns_put_uint(writer, 2, DNS_EDNS_SIZE);
    dns_put_uint(writer, 4, 0); /* extended RCODE 0, version 0, no flags */
    dns_put_uint(writer, 2, blocked ? (uint32_t)(2 + 2 + 2 + text_len) : 0);
    if (blocked) {
        dns_put_uint(writer, 2, EDNS_ERROR);
        dns_put_uint(writer, 2, (uint32_t)(2 + text_len));
        dns_put_uint(writer, 2, EDNS_ERROR_BLOCKED);
        dns_put(writer, blocked, text_len);
    }
    return keep_or_undo(writer, start);
}

static void put_header_and_question(struct dns_writer *writer, const struct dns_query *query)
{
    bool has_question = query->wire_name_len != 0;

    dns_put_uint(writer, 2, query->id);
    dns_put_uint(writer, 2, 0);
    dns_put_uint(writer, 2, has_question);
    dns_put(writer, "\0\0\0\0\0\0", 6);
    if (has_question) {
        dns_put(writer, query->wire_name, query->wire_name_len);
        dns_put_uint(writer, 2, query->qtype);
        dns_put_uint(writer, 2, query->qclass);
    }
}

size_t dns_reply_build(const struct dns_query *query, const struct dns_reply *reply,
                       size_t limit, uint8_t *out, size_t size)
{
    struct dns_writer writer = { .out = out, .size = limit < size ? limit : size };
    size_t opt_room = query->has_edns ? OPT_LEN : 0;
    uint32_t flags = DNS_FLAG_QR | DNS_FLAG_RA | (reply->rcode & DNS_FLAG_RCODE);

    put_header_and_question(&writer, query);
    if (writer.is_full)
        return 0;
    if (query->is_recursion_desired)
        flags |= DNS_FLAG_RD;
    if (query->is_checking_disabled)
        flags |= DNS_FLAG_CD;
    if (query->wire_name_len != 0) {
        size_t nr;

        writer.size -= opt_room < writer.size - writer.len ? opt_room : 0;
        nr = put_addrs(&writer, reply);
        set_at(&writer, AT_NR_ANSWERS, (uint32_t)nr);
        if (nr != reply->nr_addrs)
            flags |= DNS_FLAG_TC;
        if (reply->has_soa)
            set_at(&writer, AT_NR_AUTHORITY, put_soa(&writer, reply->soa_ttl_s));
        writer.size = limit < size ? limit : size;
    }
    if (query->has_edns)
        set_at(&writer, AT_NR_ADDITIONAL,
               put_opt(&writer, reply->blocked) || put_opt(&writer, NULL));
    set_at(&writer, AT_FLAGS, flags);
    return writer.len;
}

/* The canonical name as labels; the case of letter i by bit i of the random ones. */
static bool put_name(const char *name, const uint8_t bits[32], struct dns_question *out)
{
    struct dns_writer writer = { .out = out->wire_name, .size = sizeof(out->wire_name) };
    size_t len = strlen(name), at = 0;

    if (len > HOSTNAME_MAX)
        return false;
    while (at <= len) {
        const char *dot = memchr(name + at, '.', len - at);
        size_t label = dot ? (size_t)(dot - name) - at : len - at;

        if (label == 0 || label > 63)
            return false;
        dns_put_uint(&writer, 1, (uint32_t)label);
        for (size_t i = at; i < at + label; i++) {
            bool is_upper = name[i] >= 'a' && name[i] <= 'z' && (bits[i / 8] >> (i % 8) & 1);

            dns_put_uint(&writer, 1, (uint8_t)(is_upper ? name[i] - 'a' + 'A' : name[i]));
        }
        at += label + 1;
    }
    dns_put_uint(&writer, 1, 0);
    out->wire_name_len = writer.len;
    return !writer.is_full;
}

bool dns_question_make(const char *name, uint16_t qtype, const uint8_t random[34],
                       struct dns_question *out)
{
    memset(out, 0, sizeof(*out));
    out->id = (uint16_t)(random[0] << 8 | random[1]);
    out->qtype = qtype;
    return (qtype == DNS_A || qtype == DNS_AAAA) && put_name(name, random + 2, out);
}

size_t dns_question_build(const struct dns_question *question, uint8_t *out, size_t size)
{
    struct dns_writer writer = { .out = out, .size = size };

    dns_put_uint(&writer, 2, question->id);
    dns_put_uint(&writer, 2, DNS_FLAG_RD);
    dns_put_uint(&writer, 2, 1);
    dns_put(&writer, "\0\0\0\0\0\0", 6);
    dns_put(&writer, question->wire_name, question->wire_name_len);
    dns_put_uint(&writer, 2, question->qtype);
    dns_put_uint(&writer, 2, DNS_CLASS_IN);
    return writer.is_full ? 0 : writer.len;
}
