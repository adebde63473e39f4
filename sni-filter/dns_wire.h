/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the readers and writers of DNS messages share: names and records as they are on the
 * wire.
 */
#ifndef SNI_FILTER_DNS_WIRE_H
#define SNI_FILTER_DNS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/hostname.h"
#include "sni-filter/cursor.h"
#include "sni-filter/dns_message.h"

#define DNS_HEADER_LEN 12
#define DNS_CLASS_IN   1
#define DNS_OPT        41   /* RFC 6891 */
#define DNS_EDNS_SIZE  1232 /* bytes of UDP that go through without fragments */

#define DNS_FLAG_QR     0x8000
#define DNS_FLAG_OPCODE 0x7800
#define DNS_FLAG_TC     0x0200
#define DNS_FLAG_RD     0x0100
#define DNS_FLAG_RA     0x0080
#define DNS_FLAG_CD     0x0010
#define DNS_FLAG_RCODE  0x000f

struct dns_header {
    uint16_t id, flags;
    uint32_t nr_questions, nr_answers, nr_authority, nr_additional;
};

/** dns_header_read - RFC 1035 §4.1.1; false when the message is too short for one */
MUST_CHECK bool dns_header_read(struct cursor *message, struct dns_header *out);

struct dns_name {
    uint8_t wire[DNS_WIRE_NAME_MAX]; /* labels with their lengths, root label included */
    size_t len;                      /* 1.. */
};

/** dns_name_read_plain - a name without pointers; false (c and *out as they were) when it has
 * one or is not one */
MUST_CHECK bool dns_name_read_plain(struct cursor *c, struct dns_name *out);

/**
 * dns_name_read - a name that may use pointers (RFC 1035 §4.1.4)
 *
 * message: its base is the whole message's first byte; moved behind the name. Each pointer must
 * point before the place where the part that it ends began, and not into the header: so
 * following them ends. False: not a name; *out is then undefined.
 */
MUST_CHECK bool dns_name_read(struct cursor *message, struct dns_name *out);

/** dns_name_equal - without regard to the case of letters (RFC 4343) */
bool dns_name_equal(const struct dns_name *a, const struct dns_name *b);

/**
 * dns_name_text - the canonical host name, or "" and 0 when it is none
 *
 * A label that holds a dot is not two labels: such a name is no host name.
 */
size_t dns_name_text(const uint8_t *wire, size_t len, char out[HOSTNAME_MAX + 1]);

struct dns_record {
    struct dns_name owner;
    uint32_t type, class, ttl;
    struct cursor rdata; /* alone: no pointer can be followed in it */
    size_t rdata_at;     /* its offset in the message */
};

/** dns_record_read - RFC 1035 §4.1.3; message as for dns_name_read(); false: malformed, *out
 * undefined */
MUST_CHECK bool dns_record_read(struct cursor *message, struct dns_record *out);

/* Bytes being put into a buffer. Once something did not fit, nothing more is put. */
struct dns_writer {
    uint8_t *out;
    size_t size, len;
    bool is_full;
};

void dns_put(struct dns_writer *writer, const void *bytes, size_t len);
void dns_put_uint(struct dns_writer *writer, size_t width, uint32_t value);

#endif
