/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef COMMON_SIPHASH_H
#define COMMON_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/**
 * siphash - SipHash-2-4 of len bytes (Aumasson, Bernstein: "SipHash: a fast short-input PRF")
 *
 * For hash tables whose keys an attacker chooses: with a random key he cannot make them
 * collide.
 */
uint64_t siphash(const uint8_t key[16], const void *data, size_t len);

#endif
