/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/nearest.h"

#include <limits.h>
#include <string.h>

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;

    return ab < c ? ab : c;
}

unsigned nearest_distance(const char *a, const char *b)
{
    size_t a_len = strlen(a), b_len = strlen(b);
    unsigned row[NEAREST_LEN_MAX + 1];

    if (a_len > NEAREST_LEN_MAX || b_len > NEAREST_LEN_MAX)
        return UINT_MAX;
    for (unsigned j = 0; j <= b_len; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a_len; i++) {
        unsigned diagonal = row[0];

        row[0] = i;
        for (unsigned j = 1; j <= b_len; j++) {
            unsigned replace = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            row[j] = least(row[j] + 1, row[j - 1] + 1, replace);
        }
    }
    return row[b_len];
}

const char *nearest_word(const char *text, const char *const *words, size_t nr)
{
    unsigned best = NEAREST_EDITS_MAX + 1;
    const char *nearest = NULL;

    for (size_t i = 0; i < nr; i++) {
        unsigned distance = nearest_distance(text, words[i]);

        if (distance < best && distance < strlen(words[i])) {
            best = distance;
            nearest = words[i];
        }
    }
    return nearest;
}
