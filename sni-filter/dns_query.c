/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/dns_message.h"

#include <string.h>

#include "sni-filter/dns_wire.h"

#define UDP_SIZE_MIN 512 /* RFC 1035 §2.3.4; RFC 6891 §6.2.5 treats less as this */
#define RCODE_NONE   (-1)

static bool read_question(struct cursor *message, struct dns_query *out)
{
    struct dns_name name;
    uint32_t qtype, qclass;

    if (!dns_name_read_plain(message, &name) || !cursor_uint(message, 2, &qtype) ||
        !cursor_uint(message, 2, &qclass))
        return false;
    memcpy(out->wire_name, name.wire, name.len);
    out->wire_name_len = name.len;
    (void)dns_name_text(name.wire, name.len, out->name);
    out->qtype = (uint16_t)qtype;
    out->qclass = (uint16_t)qclass;
    return true;
}

/* RFC 6891 §6.1.2. Options are checked for their bounds and then forgotten. */
static bool read_opt(struct cursor *message, struct dns_query *out)
{
    struct cursor options, option;
    uint32_t root, type, size, rcode_and_version, flags, code;

    if (!cursor_uint(message, 1, &root) || root != 0 || !cursor_uint(message, 2, &type) ||
        type != DNS_OPT || !cursor_uint(message, 2, &size) ||
        !cursor_uint(message, 2, &rcode_and_version) || !cursor_uint(message, 2, &flags) ||
        !cursor_vec(message, 2, &options))
        return false;
    if ((rcode_and_version & 0xff) != 0)
        return false;
    while (cursor_left(&options) != 0)
        if (!cursor_uint(&options, 2, &code) || !cursor_vec(&options, 2, &option))
            return false;
    out->has_edns = true;
    if (size > UDP_SIZE_MIN)
        out->udp_size = (uint16_t)size;
    return true;
}

static enum parse_rc refuse(int *rcode, int value)
{
    *rcode = value;
    return PARSE_BAD;
}

enum parse_rc dns_query_parse(struct cursor message, struct dns_query *out, int *rcode)
{
    struct dns_header header;
    bool has_question;

    memset(out, 0, sizeof(*out));
    out->udp_size = UDP_SIZE_MIN;
    *rcode = RCODE_NONE;
    /* Answering an answer could go on for ever. */
    if (!dns_header_read(&message, &header) || (header.flags & DNS_FLAG_QR))
        return PARSE_BAD;
    out->id = header.id;
    out->is_recursion_desired = (header.flags & DNS_FLAG_RD) != 0;
    out->is_checking_disabled = (header.flags & DNS_FLAG_CD) != 0;
    has_question = header.nr_questions == 1 && read_question(&message, out);
    if (header.flags & DNS_FLAG_OPCODE)
        return refuse(rcode, DNS_RCODE_NOTIMP);
    if (!has_question || header.nr_answers != 0 || header.nr_authority != 0 ||
        header.nr_additional > 1)
        return refuse(rcode, DNS_RCODE_FORMERR);
    if (header.nr_additional == 1 && !read_opt(&message, out))
        return refuse(rcode, DNS_RCODE_FORMERR);
    if (cursor_left(&message) != 0)
        return refuse(rcode, DNS_RCODE_FORMERR);
    if (out->qclass != DNS_CLASS_IN)
        return refuse(rcode, DNS_RCODE_NOTIMP);
    return PARSE_OK;
}
