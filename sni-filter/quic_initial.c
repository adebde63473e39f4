/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/quic_initial.h"

#include <string.h>

#define SALT_LEN      20
#define PN_LEN_MASK   0x03 /* of the first byte, once its protection is off */
#define RESERVED_MASK 0x0c
#define PROTECTED     0x0f
#define PN_LIMIT      (UINT64_C(1) << 62)

/* RFC 9001 §5.2 and §5.8, RFC 9369 §3.3 */
static const struct {
    uint8_t salt[SALT_LEN];
    const char *key, *iv, *hp;
    uint8_t retry_key[QUIC_KEY_LEN], retry_nonce[QUIC_IV_LEN];
} versions[NR_QUIC_VERSIONS] = {
    [QUIC_V1] = {
        .salt = { 0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
                  0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a },
        .key = "quic key",
        .iv = "quic iv",
        .hp = "quic hp",
        .retry_key = { 0xbe, 0x0c, 0x69, 0x0b, 0x9f, 0x66, 0x57, 0x5a, 0x1d, 0x76, 0x6b, 0x54,
                       0xe3, 0x68, 0xc8, 0x4e },
        .retry_nonce = { 0x46, 0x15, 0x99, 0xd3, 0x5d, 0x63, 0x2b, 0xf2, 0x23, 0x98, 0x25,
                         0xbb },
    },
    [QUIC_V2] = {
        .salt = { 0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
                  0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9 },
        .key = "quicv2 key",
        .iv = "quicv2 iv",
        .hp = "quicv2 hp",
        .retry_key = { 0x8f, 0xb4, 0xb0, 0x1b, 0x56, 0xac, 0x48, 0xe2, 0x60, 0xfb, 0xcb, 0xce,
                       0xad, 0x7c, 0xcc, 0x92 },
        .retry_nonce = { 0xd8, 0x69, 0x69, 0xbc, 0x2d, 0x7c, 0x6d, 0x99, 0x90, 0xef, 0xb0,
                         0x4a },
    },
};

bool quic_initial_keys(enum quic_version version, const struct quic_cid *dcid,
                       enum quic_side side, struct quic_keys *out)
{
    struct cursor salt = { .base = versions[version].salt, .len = SALT_LEN };
    struct cursor material = { .base = dcid->bytes, .len = dcid->len };
    uint8_t common[QUIC_SECRET_LEN], secret[QUIC_SECRET_LEN];

    return quic_cipher_extract(salt, material, common) &&
           quic_cipher_expand(common, side == QUIC_CLIENT ? "client in" : "server in", secret,
                              sizeof(secret)) &&
           quic_cipher_expand(secret, versions[version].key, out->key, sizeof(out->key)) &&
           quic_cipher_expand(secret, versions[version].iv, out->iv, sizeof(out->iv)) &&
           quic_cipher_expand(secret, versions[version].hp, out->hp, sizeof(out->hp));
}

/* RFC 9000 §A.3: the number nearest to the expected one that ends in these bits. */
static uint64_t whole_number(uint64_t expected, uint32_t truncated, unsigned nr_bits)
{
    uint64_t window = UINT64_C(1) << nr_bits, half = window / 2;
    uint64_t number = (expected & ~(window - 1)) | truncated;

    if (number + half <= expected && number < PN_LIMIT - window)
        return number + window;
    if (number > expected + half && number >= window)
        return number - window;
    return number;
}

/* Lay the header, its protection taken off, at the start of scratch. Returns its length, 0 when
 * that cannot be done; *number is what it says of the packet number. */
static size_t bare_header(struct quic_cipher *cipher, const struct quic_keys *keys,
                          const struct quic_packet *packet, uint8_t *scratch, uint32_t *number)
{
    struct cursor walk = packet->whole, sample;
    uint8_t mask[QUIC_SAMPLE_LEN];
    size_t pn_len;

    /* The sample is taken as if the number had its full length (RFC 9001 §5.4.2). */
    if (!cursor_skip(&walk, packet->pn_at) || !cursor_skip(&walk, QUIC_PN_MAX) ||
        !cursor_split(&walk, QUIC_SAMPLE_LEN, &sample) ||
        !quic_cipher_mask(cipher, keys->hp, sample, mask))
        return 0;
    memcpy(scratch, packet->whole.base, packet->pn_at + QUIC_PN_MAX);
    scratch[0] ^= mask[0] & PROTECTED;
    pn_len = (size_t)(scratch[0] & PN_LEN_MASK) + 1;
    *number = 0;
    for (size_t i = 0; i < pn_len; i++) {
        scratch[packet->pn_at + i] ^= mask[1 + i];
        *number = *number << 8 | scratch[packet->pn_at + i];
    }
    return packet->pn_at + pn_len;
}

enum parse_rc quic_initial_open(struct quic_cipher *cipher, const struct quic_keys *keys,
                                const struct quic_packet *packet, uint64_t next_number,
                                uint8_t *scratch, struct quic_opened *out)
{
    struct cursor walk = packet->whole, aad, sealed;
    uint8_t nonce[QUIC_IV_LEN];
    uint64_t number;
    uint32_t truncated;
    size_t header_len;

    memset(out, 0, sizeof(*out));
    if (packet->type != QUIC_INITIAL || packet->whole.len > QUIC_DATAGRAM_MAX)
        return PARSE_ABSENT;
    header_len = bare_header(cipher, keys, packet, scratch, &truncated);
    if (header_len == 0 || !cursor_skip(&walk, header_len) ||
        !cursor_split(&walk, cursor_left(&walk), &sealed))
        return PARSE_ABSENT;
    number = whole_number(next_number, truncated, 8 * (unsigned)(header_len - packet->pn_at));
    memcpy(nonce, keys->iv, sizeof(nonce));
    for (size_t i = 0; i < sizeof(number); i++)
        nonce[QUIC_IV_LEN - 1 - i] ^= (uint8_t)(number >> (8 * i));
    aad = (struct cursor) { .base = scratch, .len = header_len };
    if (!quic_cipher_open(cipher, keys->key, nonce, aad, sealed, scratch + header_len))
        return PARSE_ABSENT;
    if ((scratch[0] & RESERVED_MASK) != 0 || sealed.len == QUIC_TAG_LEN)
        return PARSE_BAD;
    out->number = number;
    out->frames =
        (struct cursor) { .base = scratch + header_len, .len = sealed.len - QUIC_TAG_LEN };
    return PARSE_OK;
}

bool quic_retry_is_genuine(struct quic_cipher *cipher, const struct quic_packet *retry,
                           const struct quic_cid *original, uint8_t *scratch)
{
    struct cursor walk = retry->whole, head, tag, aad;
    size_t prefix = 1 + (size_t)original->len;
    uint8_t none[1];

    if (walk.len <= QUIC_TAG_LEN || walk.len - QUIC_TAG_LEN > QUIC_DATAGRAM_MAX - prefix ||
        !cursor_split(&walk, walk.len - QUIC_TAG_LEN, &head) ||
        !cursor_split(&walk, QUIC_TAG_LEN, &tag))
        return false;
    scratch[0] = original->len;
    memcpy(scratch + 1, original->bytes, original->len);
    memcpy(scratch + prefix, head.base, head.len);
    aad = (struct cursor) { .base = scratch, .len = prefix + head.len };
    return quic_cipher_open(cipher, versions[retry->version].retry_key,
                            versions[retry->version].retry_nonce, aad, tag, none);
}
