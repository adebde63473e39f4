/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/dns_message.h"

#include <string.h>

#include "sni-filter/dns_wire.h"

#define TTL_BAD 0x80000000u /* RFC 2181 §8 */

/* The answer section, and what is being looked for in it. */
struct answers {
    struct cursor at; /* the whole message, standing at the first answer */
    uint32_t nr;
};

static uint32_t ttl_of(uint32_t ttl)
{
    return ttl & TTL_BAD ? 0 : ttl;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* The name that a CNAME leads to; it must fill its data. */
static bool read_target(const struct cursor *message, const struct dns_record *record,
                        struct dns_name *target)
{
    struct cursor c = *message;

    c.off = record->rdata_at;
    return dns_name_read(&c, target) && c.off == record->rdata_at + record->rdata.len;
}

/* How long a negative answer holds: RFC 2308 §5. */
static bool read_soa(const struct cursor *message, const struct dns_record *record,
                     uint32_t *ttl)
{
    struct cursor c = *message;
    struct dns_name unused;
    uint32_t minimum;

    c.off = record->rdata_at;
    if (!dns_name_read(&c, &unused) || !dns_name_read(&c, &unused) ||
        !cursor_skip(&c, sizeof(uint32_t[4])) || !cursor_uint(&c, 4, &minimum) ||
        c.off != record->rdata_at + record->rdata.len)
        return false;
    *ttl = smaller(ttl_of(record->ttl), ttl_of(minimum));
    return true;
}

static bool is_good_rdata(const struct cursor *message, const struct dns_record *record)
{
    struct dns_name unused;
    uint32_t ttl;

    if (record->class != DNS_CLASS_IN)
        return true;
    switch (record->type) {
    case DNS_A:
        return record->rdata.len == 4;
    case DNS_AAAA:
        return record->rdata.len == 16;
    case DNS_CNAME:
        return read_target(message, record, &unused);
    case DNS_SOA:
        return read_soa(message, record, &ttl);
    default:
        return true;
    }
}

/* Is this an answer to our question? Also steps over the question. */
static bool is_ours(struct cursor *message, const struct dns_header *header,
                    const struct dns_question *question)
{
    struct dns_name name;
    uint32_t qtype, qclass;

    if (header->id != question->id || !(header->flags & DNS_FLAG_QR) ||
        (header->flags & DNS_FLAG_OPCODE) != 0 || header->nr_questions != 1)
        return false;
    return dns_name_read_plain(message, &name) && cursor_uint(message, 2, &qtype) &&
           cursor_uint(message, 2, &qclass) && name.len == question->wire_name_len &&
           memcmp(name.wire, question->wire_name, name.len) == 0 && qtype == question->qtype &&
           qclass == DNS_CLASS_IN;
}

/* Go through all three sections once: each record whole, nothing behind the last one. */
static bool check_sections(struct cursor message, const struct dns_header *header,
                           bool *has_soa, uint32_t *soa_ttl)
{
    uint32_t authority_end = header->nr_answers + header->nr_authority;
    uint32_t nr = authority_end + header->nr_additional;

    *has_soa = false;
    for (uint32_t i = 0; i < nr; i++) {
        struct dns_record record;

        if (!dns_record_read(&message, &record) || !is_good_rdata(&message, &record))
            return false;
        if (i >= header->nr_answers && i < authority_end && record.type == DNS_SOA &&
            record.class == DNS_CLASS_IN && !*has_soa)
            *has_soa = read_soa(&message, &record, soa_ttl);
    }
    return cursor_left(&message) == 0;
}

/* Follow one CNAME of name. PARSE_OK: name is its target. PARSE_ABSENT: it has none. PARSE_BAD:
 * it has two that differ. */
static enum parse_rc follow(const struct answers *answers, struct dns_name *name, uint32_t *ttl)
{
    struct cursor c = answers->at;
    struct dns_name target, first = { .len = 0 };

    for (uint32_t i = 0; i < answers->nr; i++) {
        struct dns_record record;

        if (!dns_record_read(&c, &record))
            return PARSE_BAD;
        if (record.type != DNS_CNAME || record.class != DNS_CLASS_IN ||
            !dns_name_equal(&record.owner, name))
            continue;
        if (!read_target(&c, &record, &target))
            return PARSE_BAD;
        if (first.len != 0 && !dns_name_equal(&first, &target))
            return PARSE_BAD;
        first = target;
        *ttl = smaller(*ttl, ttl_of(record.ttl));
    }
    if (first.len == 0)
        return PARSE_ABSENT;
    *name = first;
    return PARSE_OK;
}

/* The addresses of name itself, which is the end of the chain. */
static bool take_addrs(const struct answers *answers, const struct dns_name *name,
                       uint16_t qtype, struct dns_answer *out)
{
    struct cursor c = answers->at;

    for (uint32_t i = 0; i < answers->nr && out->nr_addrs < DNS_ADDRS_MAX; i++) {
        struct dns_record record;

        if (!dns_record_read(&c, &record))
            return false;
        if (record.type != qtype || record.class != DNS_CLASS_IN ||
            (qtype != DNS_A && qtype != DNS_AAAA) || !dns_name_equal(&record.owner, name))
            continue;
        out->addrs[out->nr_addrs++] =
            addr_from_bytes(qtype == DNS_A ? ADDR_V4 : ADDR_V6, record.rdata.base);
        out->ttl_s = smaller(out->ttl_s, ttl_of(record.ttl));
    }
    return true;
}

static enum parse_rc read_answers(const struct answers *answers,
                                  const struct dns_question *question, struct dns_answer *out)
{
    struct dns_name name = { .len = question->wire_name_len };
    enum parse_rc rc = PARSE_OK;

    memcpy(name.wire, question->wire_name, name.len);
    /* One more than the longest chain: it must have ended by then. A loop never does. */
    for (size_t nr = 0; rc == PARSE_OK; nr++) {
        if (nr > DNS_CHAIN_MAX)
            return PARSE_BAD;
        rc = follow(answers, &name, &out->ttl_s);
    }
    if (rc == PARSE_BAD)
        return rc;
    if (out->rcode == DNS_RCODE_OK && !take_addrs(answers, &name, question->qtype, out))
        return PARSE_BAD;
    return PARSE_OK;
}

enum parse_rc dns_answer_parse(struct cursor message, const struct dns_question *question,
                               struct dns_answer *out)
{
    struct dns_header header;
    struct answers answers;
    uint32_t soa_ttl = 0;
    bool has_soa;
    enum parse_rc rc;

    memset(out, 0, sizeof(*out));
    if (!dns_header_read(&message, &header) || !is_ours(&message, &header, question))
        return PARSE_ABSENT;
    if (header.flags & DNS_FLAG_TC) {
        out->is_truncated = true;
        return PARSE_OK;
    }
    if (!check_sections(message, &header, &has_soa, &soa_ttl))
        return PARSE_BAD;
    answers = (struct answers) { .at = message, .nr = header.nr_answers };
    out->rcode = header.flags & DNS_FLAG_RCODE;
    out->ttl_s = UINT32_MAX;
    rc = read_answers(&answers, question, out);
    if (rc != PARSE_OK)
        memset(out, 0, sizeof(*out));
    else if (out->nr_addrs == 0)
        out->ttl_s = has_soa ? smaller(out->ttl_s, soa_ttl) : 0;
    return rc;
}
