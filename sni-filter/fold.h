/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Equal refusals within a second become one record with a count.
 */
#ifndef SNI_FILTER_FOLD_H
#define SNI_FILTER_FOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/record.h"

#define FOLD_SLOTS     256
#define FOLD_WINDOW_US 1000000u

struct fold_slot {
    struct record record;
    uint64_t key, since_us;
    uint32_t
        count; /* further ones since record was written; the slot is free when since_us is 0 */
};

struct fold {
    struct fold_slot *slots;
    uint8_t key[16];
    uint32_t nr_used;
    uint64_t next_us; /* nothing is due before */
    uint64_t nr_folded;
};

MUST_CHECK bool fold_init(struct fold *fold, const uint8_t key[16]);
void fold_clear(struct fold *fold);

/**
 * fold_take - true: write record now; false: it was counted into an earlier one
 *
 * Equal means: event, verdict, reason, agent, protocol, addresses, destination port, name. When
 * the slot is taken by another, *evicted is set to true and *other to the record that must be
 * written first.
 */
MUST_CHECK bool fold_take(struct fold *fold, const struct record *record, uint64_t now_us,
                          bool *evicted, struct record *other);

/** fold_due - hand out one counted record whose second is over; false when there is none */
bool fold_due(struct fold *fold, uint64_t now_us, struct record *out);

#endif
