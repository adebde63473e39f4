/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef COMMON_HOSTNAME_H
#define COMMON_HOSTNAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/err.h"

#define HOSTNAME_MAX                                                                           \
    253 /* bytes of a name in text form, without a trailing dot (RFC 1035 §2.3.4) */

/* Bytes that belong to somebody else; may hold any byte, no NUL at the end. */
struct span {
    const uint8_t *base;
    size_t len;
};

/**
 * hostname_canonical - check a host name as a peer sent it and fold it for comparison
 *
 * name: len bytes. Letters, digits, "-" and "_" in labels of 1..63 bytes, 1..253 bytes in
 * all, one trailing dot is taken off; not an IPv4 literal (no last label of digits only, nor
 * "0x.." hex). out: HOSTNAME_MAX + 1 bytes; lower case, NUL-terminated.
 *
 * Returns the length of out, or 0 with out[0] = 0 when the name is not a host name.
 * Pure; never converts: bytes above 0x7f are refused (RFC 6066 §3 wants A-labels).
 */
MUST_CHECK size_t hostname_canonical(const uint8_t *name, size_t len,
                                     char out[HOSTNAME_MAX + 1]);

/* What is wrong with a name. */
struct hostname_fault {
    size_t at;       /* offset of the first byte that is wrong; may be len */
    const char *why; /* static text */
};

/** hostname_check - would hostname_canonical() take it? If not, false and *fault (may be NULL)
 * says why */
MUST_CHECK bool hostname_check(const uint8_t *name, size_t len, struct hostname_fault *fault);

/**
 * hostname_from_user - the same for a name that a person wrote: UTF-8 becomes A-labels
 *
 * By libidn2 (IDNA 2008 with UTS #46 non-transitional mapping). On failure returns false and
 * *err says why; out[0] = 0.
 */
MUST_CHECK bool hostname_from_user(const char *text, char out[HOSTNAME_MAX + 1],
                                   struct err *err);

#endif
