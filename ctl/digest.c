/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/digest.h"

#include <stdio.h>

#include <openssl/evp.h>

bool digest_text(const void *bytes, size_t len, char hex[DIGEST_TEXT_MAX])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len;

    if (!EVP_Digest(bytes, len, digest, &digest_len, EVP_sha256(), NULL))
        return false;
    for (unsigned i = 0; i < digest_len; i++)
        snprintf(hex + 2 * (size_t)i, 3, "%02x", digest[i]);
    return true;
}
