/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: a direct-mapped table. The first refusal of its kind is written at once and
 * starts a second; those that follow within it are counted, and when it is over one record with
 * the count is written. A slot that another kind needs is emptied early: nothing is lost, only
 * folded less.
 */
#include "sni-filter/fold.h"

#include <stdlib.h>
#include <string.h>

#include "common/siphash.h"

bool fold_init(struct fold *fold, const uint8_t key[16])
{
    *fold = (struct fold) { .slots = calloc(FOLD_SLOTS, sizeof(*fold->slots)) };
    memcpy(fold->key, key, sizeof(fold->key));
    return fold->slots != NULL;
}

void fold_clear(struct fold *fold)
{
    free(fold->slots);
    *fold = (struct fold) { 0 };
}

static uint64_t record_key(const struct fold *fold, const struct record *record)
{
    struct {
        uint32_t event, verdict, reason, protocol;
        struct addr src, dst;
        uint16_t dport, qtype;
        char agent[RECORD_AGENT_MAX + 1];
        char name[HOSTNAME_MAX + 1];
        char method[RECORD_METHOD_MAX + 1];
    } key;

    memset(&key, 0, sizeof(key));
    key.event = record->event;
    key.verdict = record->verdict;
    key.reason = record->reason;
    key.protocol = record->ip_protocol;
    key.src = record->src;
    key.dst = record->dst;
    key.dport = record->dport;
    key.qtype = record->qtype;
    memcpy(key.agent, record->agent, strnlen(record->agent, RECORD_AGENT_MAX));
    memcpy(key.name, record->name, strnlen(record->name, HOSTNAME_MAX));
    memcpy(key.method, record->method, strnlen(record->method, RECORD_METHOD_MAX));
    return siphash(fold->key, &key, sizeof(key));
}

static void free_slot(struct fold *fold, struct fold_slot *slot)
{
    slot->since_us = 0;
    fold->nr_used--;
}

/* The counted ones as a record of their own. */
static bool take_counted(struct fold_slot *slot, struct record *out)
{
    if (slot->count == 0)
        return false;
    *out = slot->record;
    out->count = slot->count;
    return true;
}

bool fold_take(struct fold *fold, const struct record *record, uint64_t now_us, bool *evicted,
               struct record *other)
{
    uint64_t key = record_key(fold, record);
    struct fold_slot *slot = &fold->slots[key % FOLD_SLOTS];

    *evicted = false;
    if (slot->since_us != 0 && slot->key == key && now_us - slot->since_us < FOLD_WINDOW_US) {
        uint32_t count = slot->count + 1;

        slot->record = *record; /* the last one's time and ports */
        slot->count = count;
        fold->nr_folded++;
        return false;
    }
    if (slot->since_us != 0) {
        *evicted = take_counted(slot, other);
        free_slot(fold, slot);
    }
    slot->record = *record;
    slot->key = key;
    slot->count = 0;
    slot->since_us = now_us != 0 ? now_us : 1;
    fold->nr_used++;
    return true;
}

bool fold_due(struct fold *fold, uint64_t now_us, struct record *out)
{
    uint64_t next_us = now_us + FOLD_WINDOW_US;

    if (fold->nr_used == 0 || now_us < fold->next_us)
        return false;
    for (size_t i = 0; i < FOLD_SLOTS; i++) {
        struct fold_slot *slot = &fold->slots[i];
        bool is_counted;

        if (slot->since_us == 0)
            continue;
        if (now_us - slot->since_us < FOLD_WINDOW_US) {
            if (slot->since_us + FOLD_WINDOW_US < next_us)
                next_us = slot->since_us + FOLD_WINDOW_US;
            continue;
        }
        is_counted = take_counted(slot, out);
        free_slot(fold, slot);
        if (is_counted)
            return true;
    }
    fold->next_us = next_us;
    return false;
}
