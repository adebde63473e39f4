/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * QUIC connections that end here: by their deadline, by a new policy, with their flow.
 */
#include "sni-filter/engine_internal.h"

static void expire(struct engine *e, uint32_t source_tag, enum quic_state state,
                   uint64_t after_us)
{
    struct quic_entry *entry;

    while ((entry = quic_table_oldest(&e->quic, source_tag, state)) != NULL &&
           e->now->mono_us - entry->state_us >= after_us) {
        if (state == QUIC_OPEN)
            engine_quic_refuse(e, entry, REASON_HELLO_TIMEOUT, "");
        else
            quic_table_free(&e->quic, entry);
    }
}

void engine_quic_tick(struct engine *e)
{
    for (uint32_t tag = 1; e->quic.nr_used > 0 && tag < e->nr_agents; tag++) {
        expire(e, tag, QUIC_OPEN, HELLO_US);
        expire(e, tag, QUIC_PINNED, ANSWER_US);
        expire(e, tag, QUIC_ANSWERED, QUIC_LINGER_US);
        expire(e, tag, QUIC_REFUSED, TOMBSTONE_US);
    }
}

void engine_quic_recheck(struct engine *e)
{
    for (uint32_t tag = 1; tag < e->nr_agents; tag++) {
        uint32_t i = e->quic.agents[tag].lists[QUIC_OPEN].oldest;

        while (i != INDEX_NONE) {
            struct quic_entry *entry = &e->quic.entries[i];

            i = entry->by_state.newer; /* refusing takes it out of the list */
            if (!judge_may_send(e, tag, &entry->key.server, entry->key.server_port,
                                SERVICE_QUIC))
                engine_quic_refuse(e, entry, REASON_POLICY_CHANGED, "its hello was half read");
        }
    }
}

void engine_quic_forget(struct engine *e, const struct engine_live *live)
{
    struct flow_key key = engine_flow_key(&live->src, live->sport, &live->dst, live->dport);
    struct quic_entry *entry, *next;
    uint32_t id;

    for (entry = quic_table_first(&e->quic, &key); entry != NULL; entry = next) {
        next = quic_table_next(&e->quic, entry);
        while (quic_table_unhold(&e->quic, entry, &id))
            e->ops.verdict(e->ops.arg, id, 0);
        quic_table_free(&e->quic, entry);
    }
}
