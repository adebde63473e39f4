/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static size_t family_len(uint8_t family)
{
    if (family == ADDR_V4)
        return 4;
    return family == ADDR_V6 ? 16 : 0;
}

bool addr_parse(const char *text, size_t len, struct addr *out)
{
    struct addr addr = { .family = ADDR_NONE };
    char copy[ADDR_TEXT_MAX];
    bool is_v6;

    if (len == 0 || len >= sizeof(copy) || memchr(text, '\0', len) != NULL)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    is_v6 = memchr(copy, ':', len) != NULL;
    /* inet_pton() takes neither a zone, nor leading zeros, nor fewer than four parts. */
    if (inet_pton(is_v6 ? AF_INET6 : AF_INET, copy, addr.bytes) != 1)
        return false;
    addr.family = is_v6 ? ADDR_V6 : ADDR_V4;
    *out = addr;
    return true;
}

const char *addr_format(const struct addr *addr, char buf[ADDR_TEXT_MAX])
{
    if (family_len(addr->family) == 0 || inet_ntop(addr->family == ADDR_V6 ? AF_INET6 : AF_INET,
                                                   addr->bytes, buf, ADDR_TEXT_MAX) == NULL)
        memcpy(buf, "-", 2);
    return buf;
}

struct addr addr_from_bytes(enum addr_family family, const uint8_t *bytes)
{
    struct addr addr = { .family = (uint8_t)family };

    memcpy(addr.bytes, bytes, family_len(addr.family));
    return addr;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* Are the first bits bits of a and b the same? bits <= 128. */
static bool starts_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

/* Decimal 0..max without leading zeros. */
static bool read_bits(const char *text, size_t len, unsigned max, uint8_t *out)
{
    unsigned value = 0;

    if (len < 1 || len > 3 || (len > 1 && text[0] == '0'))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    if (value > max)
        return false;
    *out = (uint8_t)value;
    return true;
}

static bool has_host_bits(const struct prefix *prefix)
{
    for (unsigned bit = prefix->bits; bit < family_len(prefix->addr.family) * 8; bit++)
        if (prefix->addr.bytes[bit / 8] & (0x80u >> (bit % 8)))
            return true;
    return false;
}

bool prefix_parse(const char *text, size_t len, struct prefix *out)
{
    const char *slash = len ? memchr(text, '/', len) : NULL;
    size_t addr_len = slash ? (size_t)(slash - text) : len;
    struct prefix prefix = { .bits = 0 };
    unsigned max;

    if (!addr_parse(text, addr_len, &prefix.addr))
        return false;
    max = (unsigned)family_len(prefix.addr.family) * 8;
    prefix.bits = (uint8_t)max;
    if (slash && !read_bits(slash + 1, len - addr_len - 1, max, &prefix.bits))
        return false;
    if (has_host_bits(&prefix))
        return false;
    *out = prefix;
    return true;
}

const char *prefix_format(const struct prefix *prefix, char buf[PREFIX_TEXT_MAX])
{
    char text[ADDR_TEXT_MAX];

    snprintf(buf, PREFIX_TEXT_MAX, "%s/%u", addr_format(&prefix->addr, text), prefix->bits);
    return buf;
}

bool prefix_contains(const struct prefix *prefix, const struct addr *addr)
{
    return prefix->addr.family == addr->family && addr->family != ADDR_NONE &&
           starts_equal(prefix->addr.bytes, addr->bytes, prefix->bits);
}

struct network {
    uint8_t bytes[16];
    uint8_t bits;
};

static bool is_in(const struct network *networks, size_t nr, const uint8_t *bytes)
{
    for (size_t i = 0; i < nr; i++)
        if (starts_equal(networks[i].bytes, bytes, networks[i].bits))
            return true;
    return false;
}

static bool is_special4(const uint8_t *bytes)
{
    static const struct network special[] = {
        { { 0 }, 8 },          /* "this network" and unspecified */
        { { 10 }, 8 },         /* RFC 1918 */
        { { 100, 64 }, 10 },   /* RFC 6598 */
        { { 127 }, 8 },        /* loopback */
        { { 169, 254 }, 16 },  /* link-local, cloud metadata */
        { { 172, 16 }, 12 },   /* RFC 1918 */
        { { 192, 0, 0 }, 24 }, /* RFC 6890 */
        { { 192, 168 }, 16 },  /* RFC 1918 */
        { { 224 }, 4 },        /* multicast */
        { { 240 }, 4 },        /* reserved, broadcast */
    };

    return is_in(special, ARRAY_LEN(special), bytes);
}

/* Where an IPv4 address stands in the IPv6 forms that carry one. */
static const struct carrier {
    struct network network;
    uint8_t offset;
} carriers[] = {
    { { { 0 }, 96 }, 12 },                      /* v4-compatible, ::, ::1 */
    { { { [10] = 0xff, 0xff }, 96 }, 12 },      /* v4-mapped */
    { { { 0x00, 0x64, 0xff, 0x9b }, 96 }, 12 }, /* NAT64, RFC 6052 */
    { { { 0x20, 0x02 }, 16 }, 2 },              /* 6to4, RFC 3056 */
};

static bool is_special6(const uint8_t *bytes)
{
    static const struct network special[] = {
        { { 0xfe, 0x80 }, 10 },                         /* link-local */
        { { 0xfe, 0xc0 }, 10 },                         /* site-local */
        { { 0xfc }, 7 },                                /* unique local */
        { { 0xff }, 8 },                                /* multicast */
        { { 0x20, 0x01, 0, 0 }, 32 },                   /* Teredo */
        { { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 }, 48 }, /* local NAT64, RFC 8215 */
    };

    if (is_in(special, ARRAY_LEN(special), bytes))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(carriers); i++)
        if (is_in(&carriers[i].network, 1, bytes))
            return is_special4(bytes + carriers[i].offset);
    return false;
}

bool addr_is_special(const struct addr *addr)
{
    switch (addr->family) {
    case ADDR_V4:
        return is_special4(addr->bytes);
    case ADDR_V6:
        return is_special6(addr->bytes);
    default:
        return true; /* no address at all is nothing that a name may resolve to */
    }
}
