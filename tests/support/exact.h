/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_SUPPORT_EXACT_H
#define TESTS_SUPPORT_EXACT_H

#include <stddef.h>
#include <stdint.h>

/** exact - a heap copy of exactly len bytes, so that a sanitizer sees one byte too far; free()
 * it */
uint8_t *exact(const void *bytes, size_t len);

/** exact_hex - the same from hexadecimal digits (blanks between them are skipped); aborts on
 * anything else */
uint8_t *exact_hex(const char *hex, size_t *len);

#endif
