/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/packets.h"

#include <stdlib.h>
#include <string.h>

static void put16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

struct addr packet_addr(const char *text)
{
    struct addr addr = { .family = ADDR_NONE };

    if (!addr_parse(text, strlen(text), &addr))
        abort();
    return addr;
}

uint8_t *packet_exact(const void *bytes, size_t len)
{
    uint8_t *copy = malloc(len != 0 ? len : 1);

    if (copy == NULL)
        abort();
    if (len != 0)
        memcpy(copy, bytes, len);
    return copy;
}

/* The IP header in front of len bytes; returns its length. */
static size_t put_ip(const struct packet_ends *ends, uint8_t protocol, size_t len, uint8_t *out)
{
    struct addr src = packet_addr(ends->src), dst = packet_addr(ends->dst);

    if (src.family == ADDR_V6) {
        memset(out, 0, 40);
        out[0] = 0x60;
        put16(out + 4, len);
        out[6] = protocol;
        out[7] = 64;
        memcpy(out + 8, src.bytes, 16);
        memcpy(out + 24, dst.bytes, 16);
        return 40;
    }
    memset(out, 0, 20);
    out[0] = 0x45;
    put16(out + 2, 20 + len);
    out[8] = 64;
    out[9] = protocol;
    memcpy(out + 12, src.bytes, 4);
    memcpy(out + 16, dst.bytes, 4);
    return 20;
}

static size_t put_data(uint8_t *out, size_t at, const void *data, size_t len)
{
    if (len != 0)
        memcpy(out + at, data, len);
    return at + len;
}

size_t packet_make_ip(const struct packet_ends *ends, uint8_t protocol, const void *data,
                      size_t len, uint8_t *out)
{
    return put_data(out, put_ip(ends, protocol, len, out), data, len);
}

size_t packet_make_tcp(const struct packet_ends *ends, const struct packet_tcp *tcp,
                       const void *data, size_t len, uint8_t *out)
{
    size_t at = put_ip(ends, 6, 20 + len, out);

    memset(out + at, 0, 20);
    put16(out + at, ends->sport);
    put16(out + at + 2, ends->dport);
    put32(out + at + 4, tcp->seq);
    put32(out + at + 8, tcp->ack);
    out[at + 12] = 0x50;
    out[at + 13] = tcp->flags;
    put16(out + at + 14, 65535);
    return put_data(out, at + 20, data, len);
}

size_t packet_make_udp(const struct packet_ends *ends, const void *data, size_t len,
                       uint8_t *out)
{
    size_t at = put_ip(ends, 17, 8 + len, out);

    put16(out + at, ends->sport);
    put16(out + at + 2, ends->dport);
    put16(out + at + 4, 8 + len);
    put16(out + at + 6, 0);
    return put_data(out, at + 8, data, len);
}
