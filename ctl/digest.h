/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CTL_DIGEST_H
#define CTL_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"

#define DIGEST_TEXT_MAX 65

/** digest_text - sha256 of len bytes as 64 hexadecimal digits; false when out of memory */
MUST_CHECK bool digest_text(const void *bytes, size_t len, char hex[DIGEST_TEXT_MAX]);

#endif
