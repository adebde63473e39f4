/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The cryptography of QUIC Initial packets, by OpenSSL: HKDF with SHA-256, AES-128 for header
 * protection, AES-128-GCM. Contexts are made once; the calls after that allocate nothing.
 */
#ifndef SNI_FILTER_QUIC_CIPHER_H
#define SNI_FILTER_QUIC_CIPHER_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/attr.h"
#include "sni-filter/cursor.h"
#include "sni-filter/quic_packet.h"

#define QUIC_SECRET_LEN 32
#define QUIC_KEY_LEN    16
#define QUIC_IV_LEN     12

struct quic_cipher {
    EVP_CIPHER_CTX *mask, *aead;
};

/** quic_cipher_init - the only call that allocates; false leaves nothing to clear */
MUST_CHECK bool quic_cipher_init(struct quic_cipher *cipher);
void quic_cipher_clear(struct quic_cipher *cipher); /* a zeroed one too */

/** quic_cipher_extract - HKDF-Extract (RFC 5869 §2.2); salt of at most 64 bytes */
MUST_CHECK bool quic_cipher_extract(struct cursor salt, struct cursor material,
                                    uint8_t out[QUIC_SECRET_LEN]);

/** quic_cipher_expand - HKDF-Expand-Label with an empty context (RFC 8446 §7.1); label without
 * "tls13 ", at most 12 characters; len at most QUIC_SECRET_LEN */
MUST_CHECK bool quic_cipher_expand(const uint8_t secret[QUIC_SECRET_LEN], const char *label,
                                   uint8_t *out, size_t len);

/** quic_cipher_mask - RFC 9001 §5.4.3: one block of AES-128; out has QUIC_SAMPLE_LEN bytes */
MUST_CHECK bool quic_cipher_mask(struct quic_cipher *cipher, const uint8_t key[QUIC_KEY_LEN],
                                 struct cursor sample, uint8_t *out);

/**
 * quic_cipher_open - AES-128-GCM
 *
 * sealed: ciphertext, then QUIC_TAG_LEN bytes of tag. plain: room for the ciphertext; what is
 * there on failure means nothing. False: forged, or shorter than a tag.
 */
MUST_CHECK bool quic_cipher_open(struct quic_cipher *cipher, const uint8_t key[QUIC_KEY_LEN],
                                 const uint8_t nonce[QUIC_IV_LEN], struct cursor aad,
                                 struct cursor sealed, uint8_t *plain);

#endif
