/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef COMMON_ADDR_H
#define COMMON_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"

enum addr_family { ADDR_NONE = 0, ADDR_V4 = 4, ADDR_V6 = 6 };

#define ADDR_TEXT_MAX   46 /* "ffff:...:255.255.255.255" with its NUL */
#define PREFIX_TEXT_MAX 50

/* An IPv4 address stands in bytes[0..3], the rest is zero; bytes are in network order.
 * Two equal addresses are equal by memcmp. */
struct addr {
    uint8_t family; /* enum addr_family */
    uint8_t bytes[16];
};

struct prefix {
    struct addr addr; /* host bits are zero */
    uint8_t bits;     /* 0..32 or 0..128 */
};

/**
 * addr_parse - read a numeric IPv4 (dotted quad) or IPv6 address (RFC 4291 §2.2)
 *
 * text: len bytes, no NUL needed. No zone, no brackets, no port, no leading zeros in IPv4.
 * Returns false, *out untouched, for anything else.
 */
MUST_CHECK bool addr_parse(const char *text, size_t len, struct addr *out);

/** addr_format - numeric text (RFC 5952) into buf; returns buf; "-" for ADDR_NONE */
const char *addr_format(const struct addr *addr, char buf[ADDR_TEXT_MAX]);

/** addr_from_bytes - wrap 4 or 16 bytes in network order (family says which) */
struct addr addr_from_bytes(enum addr_family family, const uint8_t *bytes);

bool addr_equal(const struct addr *a, const struct addr *b);

/**
 * prefix_parse - read "10.0.0.0/8", "2001:db8::/32" or an address alone (= /32, /128)
 *
 * Host bits that are set are an error: false, *out untouched.
 */
MUST_CHECK bool prefix_parse(const char *text, size_t len, struct prefix *out);
const char *prefix_format(const struct prefix *prefix, char buf[PREFIX_TEXT_MAX]);
bool prefix_contains(const struct prefix *prefix, const struct addr *addr);

/**
 * addr_is_special - true for an address that no public name may resolve to
 *
 * Unspecified, "this network" 0/8, loopback, RFC 1918, 100.64/10, link-local (the cloud
 * metadata address included), 192.0.0/24, multicast, 240/4, broadcast; ::, ::1, fe80::/10,
 * fec0::/10, fc00::/7, ff00::/8, and the IPv6 forms that carry one of the IPv4 ones: v4-mapped,
 * v4-compatible, NAT64 64:ff9b::/96, 6to4 2002::/16; always: Teredo 2001::/32 and the local
 * NAT64 prefix 64:ff9b:1::/48 (RFC 8215; where the IPv4 address stands in it is a local
 * matter). ADDR_NONE is special too. The documentation (RFC 5737, RFC 3849) and benchmark (RFC
 * 2544, RFC 5180) networks are not special here: nothing on them is worth an attack and tests
 * stand on them.
 */
bool addr_is_special(const struct addr *addr);

#endif
