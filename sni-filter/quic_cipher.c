/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: each context gets its algorithm once, in quic_cipher_init(), and only a new key
 * afterwards. OpenSSL's HKDF, HMAC and EVP digests all go to the heap at each use (3.0), so
 * HKDF is put together here, a dozen lines, from SHA256_Update() and its like, which do not.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* 3.0 would have the EVP digests instead */

#include "sni-filter/quic_cipher.h"

#include <openssl/sha.h>
#include <string.h>

#define HASH_BLOCK 64
#define INNER_PAD  0x36 /* RFC 2104 §2 */
#define OUTER_PAD  0x5c
#define LABEL_MAX  12

bool quic_cipher_init(struct quic_cipher *cipher)
{
    *cipher = (struct quic_cipher) {
        .mask = EVP_CIPHER_CTX_new(),
        .aead = EVP_CIPHER_CTX_new(),
    };
    if (cipher->mask != NULL && cipher->aead != NULL &&
        EVP_EncryptInit_ex(cipher->mask, EVP_aes_128_ecb(), NULL, NULL, NULL) == 1 &&
        EVP_CIPHER_CTX_set_padding(cipher->mask, 0) == 1 &&
        EVP_DecryptInit_ex(cipher->aead, EVP_aes_128_gcm(), NULL, NULL, NULL) == 1)
        return true;
    quic_cipher_clear(cipher);
    return false;
}

void quic_cipher_clear(struct quic_cipher *cipher)
{
    EVP_CIPHER_CTX_free(cipher->mask);
    EVP_CIPHER_CTX_free(cipher->aead);
    *cipher = (struct quic_cipher) { .mask = NULL };
}

/* SHA-256 of a block and what follows it. */
static bool hash_two(const uint8_t block[HASH_BLOCK], struct cursor rest,
                     uint8_t out[QUIC_SECRET_LEN])
{
    SHA256_CTX hash;

    return SHA256_Init(&hash) == 1 && SHA256_Update(&hash, block, HASH_BLOCK) == 1 &&
           (rest.len == 0 || SHA256_Update(&hash, rest.base, rest.len) == 1) &&
           SHA256_Final(out, &hash) == 1;
}

/* HMAC with SHA-256, RFC 2104; a key of at most one block. */
static bool hmac(struct cursor key, struct cursor text, uint8_t out[QUIC_SECRET_LEN])
{
    uint8_t inner_pad[HASH_BLOCK], outer_pad[HASH_BLOCK], inner[QUIC_SECRET_LEN];
    struct cursor digest = { .base = inner, .len = sizeof(inner) };

    if (key.len > HASH_BLOCK)
        return false;
    memset(inner_pad, INNER_PAD, sizeof(inner_pad));
    memset(outer_pad, OUTER_PAD, sizeof(outer_pad));
    for (size_t i = 0; i < key.len; i++) {
        inner_pad[i] ^= key.base[i];
        outer_pad[i] ^= key.base[i];
    }
    return hash_two(inner_pad, text, inner) && hash_two(outer_pad, digest, out);
}

bool quic_cipher_extract(struct cursor salt, struct cursor material,
                         uint8_t out[QUIC_SECRET_LEN])
{
    return hmac(salt, material, out);
}

bool quic_cipher_expand(const uint8_t secret[QUIC_SECRET_LEN], const char *label, uint8_t *out,
                        size_t len)
{
    static const char prefix[] = "tls13 ";
    uint8_t info[2 + 1 + sizeof(prefix) - 1 + LABEL_MAX + 1 + 1], block[QUIC_SECRET_LEN];
    struct cursor key = { .base = secret, .len = QUIC_SECRET_LEN };
    size_t nr = 0, label_len = strlen(label);

    if (label_len > LABEL_MAX || len > sizeof(block))
        return false;
    info[nr++] = 0;
    info[nr++] = (uint8_t)len;
    info[nr++] = (uint8_t)(sizeof(prefix) - 1 + label_len);
    memcpy(info + nr, prefix, sizeof(prefix) - 1);
    nr += sizeof(prefix) - 1;
    memcpy(info + nr, label, label_len);
    nr += label_len;
    info[nr++] = 0; /* no context */
    info[nr++] = 1; /* RFC 5869 §2.3: the number of the block; one is enough */
    if (!hmac(key, (struct cursor) { .base = info, .len = nr }, block))
        return false;
    memcpy(out, block, len);
    return true;
}

bool quic_cipher_mask(struct quic_cipher *cipher, const uint8_t key[QUIC_KEY_LEN],
                      struct cursor sample, uint8_t *out)
{
    int nr = 0;

    return sample.len == QUIC_SAMPLE_LEN &&
           EVP_EncryptInit_ex(cipher->mask, NULL, NULL, key, NULL) == 1 &&
           EVP_EncryptUpdate(cipher->mask, out, &nr, sample.base, QUIC_SAMPLE_LEN) == 1 &&
           nr == QUIC_SAMPLE_LEN;
}

bool quic_cipher_open(struct quic_cipher *cipher, const uint8_t key[QUIC_KEY_LEN],
                      const uint8_t nonce[QUIC_IV_LEN], struct cursor aad, struct cursor sealed,
                      uint8_t *plain)
{
    uint8_t tag[QUIC_TAG_LEN], none[1];
    struct cursor text, end;
    int nr = 0;

    if (sealed.len < QUIC_TAG_LEN || sealed.len > QUIC_DATAGRAM_MAX ||
        aad.len > QUIC_DATAGRAM_MAX ||
        !cursor_split(&sealed, sealed.len - QUIC_TAG_LEN, &text) ||
        !cursor_split(&sealed, QUIC_TAG_LEN, &end))
        return false;
    memcpy(tag, end.base, sizeof(tag));
    return EVP_DecryptInit_ex(cipher->aead, NULL, NULL, key, nonce) == 1 &&
           EVP_DecryptUpdate(cipher->aead, NULL, &nr, aad.base, (int)aad.len) == 1 &&
           (text.len == 0 ||
            EVP_DecryptUpdate(cipher->aead, plain, &nr, text.base, (int)text.len) == 1) &&
           EVP_CIPHER_CTX_ctrl(cipher->aead, EVP_CTRL_AEAD_SET_TAG, QUIC_TAG_LEN, tag) == 1 &&
           EVP_DecryptFinal_ex(cipher->aead, none, &nr) == 1;
}
