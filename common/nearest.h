/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef COMMON_NEAREST_H
#define COMMON_NEAREST_H

#include <stddef.h>

#define NEAREST_LEN_MAX   253
#define NEAREST_EDITS_MAX 2 /* more is another word, not a slip of the pen */

/** nearest_distance - bytes inserted, removed or replaced between a and b; UINT_MAX when one of
 * them is longer than NEAREST_LEN_MAX */
unsigned nearest_distance(const char *a, const char *b);

/**
 * nearest_word - the word that was probably meant
 *
 * words: nr texts. Returns the one with the fewest edits, at most NEAREST_EDITS_MAX and fewer
 * than its length, or NULL. For messages.
 */
const char *nearest_word(const char *text, const char *const *words, size_t nr);

#endif
