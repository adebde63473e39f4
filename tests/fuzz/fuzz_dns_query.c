/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A query, and the replies that could be given to it.
 */
#include <stdlib.h>
#include <string.h>

#include "sni-filter/dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_reply(const struct dns_query *query, const struct dns_reply *reply,
                        size_t limit)
{
    uint8_t out[DNS_MESSAGE_MAX];
    size_t len = dns_reply_build(query, reply, limit, out, sizeof(out));

    if (len > limit || len > sizeof(out))
        abort();
    if (len != 0 &&
        (out[0] != query->id >> 8 || out[1] != (query->id & 0xff) || !(out[2] & 0x80)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct addr addr = addr_from_bytes(ADDR_V4, (const uint8_t *)"\xcb\0\x71\x09");
    struct dns_reply denied = {
        .rcode = DNS_RCODE_NXDOMAIN, .has_soa = true, .soa_ttl_s = 1, .blocked = "not allowed"
    };
    struct dns_reply allowed = { .addrs = &addr, .nr_addrs = 1, .ttl_s = 60 };
    struct dns_query query;
    int rcode;
    enum parse_rc rc =
        dns_query_parse((struct cursor) { .base = data, .len = size }, &query, &rcode);

    if (rc != PARSE_OK && rc != PARSE_BAD)
        abort();
    if (rc == PARSE_OK && rcode != -1)
        abort();
    if (query.wire_name_len > DNS_WIRE_NAME_MAX || query.udp_size < 512 ||
        strlen(query.name) > HOSTNAME_MAX)
        abort();
    if (rc == PARSE_OK && (query.wire_name_len == 0 || query.qclass != 1))
        abort();
    if (query.wire_name_len != 0 &&
        (12 + query.wire_name_len > size ||
         memcmp(data + 12, query.wire_name, query.wire_name_len) != 0))
        abort();
    check_reply(&query, &denied, size);
    check_reply(&query, &denied, query.udp_size);
    check_reply(&query, &allowed, size);
    check_reply(&query, &allowed, DNS_MESSAGE_MAX);
    return 0;
}
