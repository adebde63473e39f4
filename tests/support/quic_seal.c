/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/quic_seal.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/exact.h"
#include "tests/support/hello.h"

#define VARINT_2      0x4000u
#define VARINT_4      0x80000000u
#define HEADER_LENGTH 2 /* bytes of the Length field as written here */

static const struct {
    uint32_t number;
    uint8_t initial, retry; /* first bytes */
    const char *retry_key, *retry_nonce;
} versions[NR_QUIC_VERSIONS] = {
    [QUIC_V1] = { 1, 0xc0, 0xf0, "be0c690b9f66575a1d766b54e368c84e",
                  "461599d35d632bf2239825bb" },
    [QUIC_V2] = { 0x6b3343cf, 0xd0, 0xc0, "8fb4b01b56ac48e260fbcbcead7ccc92",
                  "d86969bc2d7c6d9990efb04a" },
};

static void must(bool is_done)
{
    if (!is_done)
        abort();
}

/* AES-128-GCM: text is sealed in place, the tag put behind it. */
static void seal_gcm(const uint8_t *key, const uint8_t *nonce, const uint8_t *aad,
                     size_t aad_len, uint8_t *text, size_t len)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t none[16];
    int nr;

    must(EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, key, nonce) == 1);
    must(EVP_EncryptUpdate(ctx, NULL, &nr, aad, (int)aad_len) == 1);
    must(len == 0 || EVP_EncryptUpdate(ctx, text, &nr, text, (int)len) == 1);
    must(EVP_EncryptFinal_ex(ctx, none, &nr) == 1);
    must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, QUIC_TAG_LEN, text + len) == 1);
    EVP_CIPHER_CTX_free(ctx);
}

static void mask_of(const uint8_t *key, const uint8_t *sample, uint8_t mask[16])
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int nr;

    must(EVP_EncryptInit_ex(ctx, EVP_aes_128_ecb(), NULL, key, NULL) == 1);
    must(EVP_EncryptUpdate(ctx, mask, &nr, sample, 16) == 1);
    EVP_CIPHER_CTX_free(ctx);
}

static void add_cid(struct bytes *b, const char *hex)
{
    size_t mark = bytes_open(b, 1);

    bytes_hex(b, hex ? hex : "");
    bytes_close(b, mark, 1);
}

static void keys_for(const struct quic_seal *seal, struct quic_keys *keys)
{
    size_t len;
    uint8_t *bytes = exact_hex(seal->keys_from ? seal->keys_from : seal->dcid, &len);
    struct quic_cid cid = { .len = (uint8_t)len };

    must(len <= QUIC_CID_MAX);
    memcpy(cid.bytes, bytes, len);
    must(quic_initial_keys(seal->version, &cid, seal->side, keys));
    free(bytes);
}

static void add_header(struct bytes *b, const struct quic_seal *seal, unsigned number_len)
{
    uint8_t first =
        (uint8_t)(versions[seal->version].initial | seal->reserved | (number_len - 1));
    size_t len;
    uint8_t *token = exact_hex(seal->token ? seal->token : "", &len);

    bytes_uint(b, 1, seal->is_fixed_bit_clear ? first & ~0x40u : first);
    bytes_uint(b, 4, versions[seal->version].number);
    add_cid(b, seal->dcid);
    add_cid(b, seal->scid);
    bytes_uint(b, 2, VARINT_2 | (uint32_t)len);
    bytes_add(b, token, len);
    free(token);
}

void quic_seal_initial(struct bytes *datagram, const struct quic_seal *seal,
                       const struct bytes *frames)
{
    unsigned number_len = seal->number_len ? seal->number_len : 4;
    size_t start = datagram->len, pn_at, text_at, len = frames->len, behind;
    uint8_t *packet = datagram->at + start, mask[16], nonce[QUIC_IV_LEN];
    struct quic_keys keys;

    keys_for(seal, &keys);
    add_header(datagram, seal, number_len);
    behind = datagram->len + HEADER_LENGTH + number_len + QUIC_TAG_LEN;
    if (len + behind < seal->pad_to)
        len = seal->pad_to - behind;
    bytes_uint(datagram, HEADER_LENGTH, VARINT_2 | (uint32_t)(number_len + len + QUIC_TAG_LEN));
    pn_at = datagram->len - start;
    bytes_uint(datagram, number_len, (uint32_t)seal->number);
    text_at = datagram->len - start;
    bytes_add(datagram, frames->at, frames->len);
    bytes_fill(datagram, 0, len - frames->len + QUIC_TAG_LEN);
    memcpy(nonce, keys.iv, sizeof(nonce));
    for (size_t i = 0; i < 8; i++)
        nonce[QUIC_IV_LEN - 1 - i] ^= (uint8_t)(seal->number >> (8 * i));
    seal_gcm(keys.key, nonce, packet, text_at, packet + text_at, len);
    mask_of(keys.hp, packet + pn_at + 4, mask);
    packet[0] ^= mask[0] & 0x0f;
    for (size_t i = 0; i < number_len; i++)
        packet[pn_at + i] ^= mask[1 + i];
}

void quic_seal_crypto(struct bytes *frames, const struct bytes *message, size_t from, size_t to)
{
    bytes_uint(frames, 1, 0x06);
    bytes_uint(frames, 4, VARINT_4 | (uint32_t)from);
    bytes_uint(frames, 2, VARINT_2 | (uint32_t)(to - from));
    bytes_add(frames, message->at + from, to - from);
}

void quic_seal_retry(struct bytes *datagram, const struct quic_seal *seal, const char *original)
{
    struct bytes *aad = calloc(1, sizeof(*aad));
    uint8_t *key, *nonce, tag[QUIC_TAG_LEN];
    size_t start = datagram->len, len;

    must(aad != NULL);
    bytes_uint(datagram, 1, versions[seal->version].retry);
    bytes_uint(datagram, 4, versions[seal->version].number);
    add_cid(datagram, seal->dcid);
    add_cid(datagram, seal->scid);
    bytes_hex(datagram, seal->token ? seal->token : "");
    add_cid(aad, original);
    bytes_add(aad, datagram->at + start, datagram->len - start);
    key = exact_hex(versions[seal->version].retry_key, &len);
    nonce = exact_hex(versions[seal->version].retry_nonce, &len);
    seal_gcm(key, nonce, aad->at, aad->len, tag, 0);
    bytes_add(datagram, tag, sizeof(tag));
    free(key);
    free(nonce);
    free(aad);
}

void quic_seal_hello(struct bytes *message, const char *name)
{
    size_t body, extensions;

    bytes_uint(message, 1, 1);
    body = bytes_open(message, 3);
    bytes_uint(message, 2, 0x0303);
    bytes_fill(message, 0xa5, 32);
    bytes_hex(message, "00 0002 1301 01 00");
    extensions = bytes_open(message, 2);
    if (name)
        hello_server_name(message, name);
    hello_extension(message, 16, "0003 02 6833");
    hello_extension(message, 57, "0104 8000ea60");
    hello_extension(message, 43, "02 0304");
    bytes_close(message, extensions, 2);
    bytes_close(message, body, 3);
}

void quic_seal_server_hello(struct bytes *message, bool is_retry)
{
    size_t body;

    bytes_uint(message, 1, 2);
    body = bytes_open(message, 3);
    bytes_uint(message, 2, 0x0303);
    if (is_retry)
        bytes_hex(message, "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c");
    else
        bytes_fill(message, 0x3c, 32);
    bytes_hex(message, "00 1301 00 0006 002b 0002 0304");
    bytes_close(message, body, 3);
}
