/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/quic_packet.h"

#include <string.h>

#define LONG_FORM     0x80
#define FIXED_BIT     0x40
#define TYPE_SHIFT    4
#define TYPE_MASK     3
#define NEGOTIATION   0 /* version field of a Version Negotiation packet */
#define VERSION_BYTES 4

/* RFC 9000 §17.2, RFC 9369 §3.2: what the two type bits of a long header mean. */
static const struct {
    uint32_t number;
    enum quic_type types[TYPE_MASK + 1];
} versions[NR_QUIC_VERSIONS] = {
    [QUIC_V1] = { 0x00000001, { QUIC_INITIAL, QUIC_ZERO_RTT, QUIC_HANDSHAKE, QUIC_RETRY } },
    [QUIC_V2] = { 0x6b3343cf, { QUIC_RETRY, QUIC_INITIAL, QUIC_ZERO_RTT, QUIC_HANDSHAKE } },
};

bool quic_varint(struct cursor *c, uint64_t *out)
{
    struct cursor walk = *c;
    uint32_t first, part;
    uint64_t value;
    size_t more;

    if (!cursor_uint(&walk, 1, &first))
        return false;
    more = ((size_t)1 << (first >> 6)) - 1;
    value = first & 0x3f;
    for (; more > 0; more--) {
        if (!cursor_uint(&walk, 1, &part))
            return false;
        value = value << 8 | part;
    }
    *c = walk;
    *out = value;
    return true;
}

bool quic_cid_equal(const struct quic_cid *a, const struct quic_cid *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static bool read_cid(struct cursor *c, struct quic_cid *cid)
{
    struct cursor bytes;

    if (!cursor_vec(c, 1, &bytes) || bytes.len > QUIC_CID_MAX)
        return false;
    *cid = (struct quic_cid) { .len = (uint8_t)bytes.len };
    if (bytes.len != 0)
        memcpy(cid->bytes, bytes.base, bytes.len);
    return true;
}

static bool find_version(uint32_t number, enum quic_version *out)
{
    for (unsigned v = 0; v < NR_QUIC_VERSIONS; v++)
        if (versions[v].number == number) {
            *out = (enum quic_version)v;
            return true;
        }
    return false;
}

/* RFC 8999 §5.1: all that a foreign version promises is two connection IDs. */
static enum parse_rc foreign(struct cursor c)
{
    struct cursor cid;

    return cursor_vec(&c, 1, &cid) && cursor_vec(&c, 1, &cid) ? PARSE_ABSENT : PARSE_BAD;
}

/* What follows the connection IDs: all of the datagram (Retry) or what the Length field says.
 */
static bool read_rest(struct cursor *c, struct quic_packet *packet)
{
    uint64_t len;

    if (packet->type == QUIC_RETRY)
        return cursor_left(c) >= QUIC_TAG_LEN &&
               cursor_split(c, cursor_left(c) - QUIC_TAG_LEN, &packet->token) &&
               cursor_skip(c, QUIC_TAG_LEN);
    if (packet->type == QUIC_INITIAL && (!quic_varint(c, &len) || len > cursor_left(c) ||
                                         !cursor_split(c, (size_t)len, &packet->token)))
        return false;
    if (!quic_varint(c, &len) || len > cursor_left(c) || len < QUIC_PN_MAX + QUIC_SAMPLE_LEN)
        return false;
    packet->pn_at = c->off;
    return cursor_skip(c, (size_t)len);
}

/* RFC 9000 §17.2.1: versions, at least one, to the end. */
static bool read_versions(struct cursor *c)
{
    size_t len = cursor_left(c);

    return len != 0 && len % VERSION_BYTES == 0 && cursor_skip(c, len);
}

/* The packet starts at the first byte of c. */
static enum parse_rc read_packet(struct cursor *c, struct quic_packet *packet)
{
    uint32_t first, version;

    if (!cursor_uint(c, 1, &first))
        return PARSE_BAD;
    packet->has_fixed_bit = (first & FIXED_BIT) != 0;
    if ((first & LONG_FORM) == 0) {
        packet->type = QUIC_SHORT;
        return cursor_skip(c, cursor_left(c)) ? PARSE_OK : PARSE_BAD;
    }
    if (!cursor_uint(c, 4, &version))
        return PARSE_BAD;
    if (version != NEGOTIATION && !find_version(version, &packet->version))
        return foreign(*c);
    if (!read_cid(c, &packet->dcid) || !read_cid(c, &packet->scid))
        return PARSE_BAD;
    if (version == NEGOTIATION) {
        packet->type = QUIC_VERSIONS;
        return read_versions(c) ? PARSE_OK : PARSE_BAD;
    }
    packet->type = versions[packet->version].types[first >> TYPE_SHIFT & TYPE_MASK];
    return read_rest(c, packet) ? PARSE_OK : PARSE_BAD;
}

enum parse_rc quic_packet_next(struct cursor *datagram, struct quic_packet *out)
{
    struct quic_packet packet = { .type = QUIC_INITIAL };
    struct cursor rest = *datagram, walk;
    enum parse_rc rc;

    memset(out, 0, sizeof(*out));
    if (!cursor_split(&rest, cursor_left(&rest), &walk))
        return PARSE_BAD;
    rc = read_packet(&walk, &packet);
    if (rc == PARSE_ABSENT)
        *datagram = rest;
    if (rc != PARSE_OK)
        return rc;
    if (!cursor_split(datagram, walk.off, &packet.whole))
        return PARSE_BAD;
    *out = packet;
    return PARSE_OK;
}
