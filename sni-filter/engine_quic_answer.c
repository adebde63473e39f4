/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The server's side of a QUIC flow, as far as it matters: Retry, HelloRetryRequest and
 * ServerHello. What a server says cannot make an unread hello leave, so on a flow that is known
 * all of it passes; it says what the client's next Initial packet means.
 */
#include "sni-filter/engine_internal.h"

/* The client begins again, with another ID. What is held belongs to the connection that ends:
 * it must not go with a hello that says nothing of it. */
static void begin_again(struct engine *e, struct quic_entry *entry)
{
    uint32_t id;

    while (quic_table_unhold(&e->quic, entry, &id))
        e->ops.verdict(e->ops.arg, id, 0);
}

/* Returns whether the datagram was this connection's answer. */
static bool take_answer(struct engine *e, struct quic_entry *entry, struct cursor datagram)
{
    switch (
        quic_table_server(&e->quic, entry, e->cipher, datagram, e->linear, e->now->mono_us)) {
    case QUIC_ANSWER_NONE:
        return false;
    case QUIC_ANSWER_RETRY:
        begin_again(e, entry);
        /* fall through */
    case QUIC_ANSWER_ASKS:
        quic_table_set_state(&e->quic, entry, QUIC_OPEN, e->now->mono_us);
        entry->first_us = e->now->mono_us;
        return true;
    case QUIC_ANSWER_HELLO:
        quic_table_set_state(&e->quic, entry, QUIC_ANSWERED, e->now->mono_us);
        return true;
    }
    return false;
}

void engine_quic_inbound(struct engine *e, const struct packet_meta *meta,
                         const struct ip_packet *packet)
{
    struct flow_key key =
        engine_flow_key(&packet->dst, packet->dport, &packet->src, packet->sport);
    uint32_t state = meta->mark & MARK_STATE_MASK, verdict = VERDICT_PASS;
    struct quic_entry *entry = NULL;

    if (packet->has_ports && !packet->is_fragment)
        entry = quic_table_first(&e->quic, &key);
    for (; entry != NULL; entry = quic_table_next(&e->quic, entry)) {
        if (entry->state != QUIC_OPEN && entry->state != QUIC_PINNED)
            continue;
        if (!take_answer(e, entry, packet->payload))
            continue;
        if (entry->state == QUIC_ANSWERED)
            verdict = engine_quic_verdict(e, entry, meta->mark);
        break;
    }
    e->ops.verdict(e->ops.arg, meta->id, state == CT_QUIC || state == CT_PINNED ? verdict : 0);
}
