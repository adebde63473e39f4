/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * UDP from an agent. Where a udp rule allows any bytes, the flow is accepted with its first
 * datagram and the kernel does the rest. Where a quic rule may, its datagrams are read
 * (engine_quic.c). All else is refused by an ICMP error.
 */
#include <netinet/in.h>
#include <string.h>

#include "sni-filter/engine_internal.h"

#define SAME_FLOW_US US_PER_S /* datagrams that were queued before the first one's verdict */

static void refuse(struct engine *e, const struct packet_meta *meta,
                   const struct ip_packet *packet, uint32_t source_tag,
                   const struct syn_judgement *s)
{
    struct record record = engine_packet_record(e, packet, source_tag, EVENT_CONNECT,
                                                RECORD_DENY, s->judgement.reason);

    engine_text(record.name, sizeof(record.name), s->name);
    engine_record_rule(e, &record, &s->judgement.answer);
    engine_record(e, &record);
    e->ops.verdict(e->ops.arg, meta->id, VERDICT_ICMP);
}

/* A client may send many before the first is judged: each gets the verdict, for the kernel may
 * keep any one's mark, and one the record. */
static void accept_flow(struct engine *e, const struct packet_meta *meta,
                        const struct ip_packet *packet, uint32_t source_tag,
                        const struct syn_judgement *s)
{
    struct flow_key key =
        engine_flow_key(&packet->src, packet->sport, &packet->dst, packet->dport);
    bool is_new = memcmp(&key, &e->last_udp, sizeof(key)) != 0 ||
                  e->now->mono_us - e->last_udp_us > SAME_FLOW_US;
    struct record record;

    if (is_new) {
        record = engine_packet_record(e, packet, source_tag, EVENT_CONNECT, RECORD_ALLOW,
                                      s->judgement.reason);
        engine_text(record.name, sizeof(record.name), s->name);
        engine_record_rule(e, &record, &s->judgement.answer);
        engine_record(e, &record);
    }
    e->last_udp = key;
    e->last_udp_us = e->now->mono_us;
    e->ops.verdict(e->ops.arg, meta->id,
                   VERDICT_ACCEPT | (s->name[0] != '\0' ? engine_name_tag(s->name) : 0));
}

/* One packet that will leave as several datagrams: only the first one's header can be found. */
static void refuse_segments(struct engine *e, const struct packet_meta *meta,
                            const struct ip_packet *packet, uint32_t source_tag)
{
    struct record record =
        engine_packet_record(e, packet, source_tag, EVENT_PACKET, RECORD_DENY, REASON_PROTOCOL);

    engine_text(record.detail, sizeof(record.detail), "UDP segmentation offload");
    engine_record(e, &record);
    e->ops.verdict(e->ops.arg, meta->id, 0);
}

void engine_udp_outbound(struct engine *e, const struct packet_meta *meta,
                         const struct ip_packet *packet, uint32_t source_tag)
{
    uint32_t state = meta->mark & MARK_STATE_MASK;
    struct syn_judgement s = { .what = SYN_READ };

    /* What is known as QUIC stays QUIC: each hello is judged anew, all the same. */
    if (state != CT_QUIC && state != CT_PINNED)
        s = judge_syn(e, source_tag, &packet->dst, packet->dport, IPPROTO_UDP);
    switch (s.what) {
    case SYN_REFUSE:
        refuse(e, meta, packet, source_tag, &s);
        return;
    case SYN_ACCEPT:
        accept_flow(e, meta, packet, source_tag, &s);
        return;
    case SYN_READ:
        if (meta->is_gso)
            refuse_segments(e, meta, packet, source_tag);
        else
            engine_quic_outbound(e, meta, packet, source_tag);
        return;
    }
}
