/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works. A connection comes here with its client's first payload (its SYN only when its
 * address is not in the kernel's set). The conntrack mark says where it stands:
 *
 *   OPEN, value = the client's ISN: bytes are gathered, their packets held in the kernel's
 * queue, until the ClientHello is whole. Refused: the last packet becomes a reset, the others
 * vanish; or all do, and the client is told by a TLS alert. Allowed: they go, in order, and the
 * connection becomes PINNED. PINNED, value = tag of the name: a retransmission must carry the
 * same bytes. The server's answer is read: after a HelloRetryRequest the second ClientHello is
 * held and judged like the first, and must name the same host; after any other answer the
 * connection becomes ACCEPTED. Most often the kernel recognises the ServerHello by itself and
 * nothing is seen here any more.
 *
 * Invariants: no byte at or above flow->released has left; a byte that has left, or is held,
 * never changes; a packet is released only when all its bytes are below the end of what was
 * judged (or by the stall rule); bytes before the ISN are not part of any stream. A client
 * that lied about its ISN (it cannot, the kernel copies it from the SYN) would leave the server
 * without its first bytes, so without an answer, and would stay PINNED.
 */
#include <netinet/in.h>
#include <string.h>

#include "sni-filter/engine_http.h"
#include "sni-filter/engine_internal.h"

static void take_segment(struct engine *e, struct flow *flow, uint32_t id, uint32_t offset,
                         struct cursor segment)
{
    uint32_t nr_new, end = offset + (uint32_t)segment.len;
    enum reason reason = REASON_NONE;

    switch (
        flow_put(&e->flows, flow, &flow->client, offset, segment, e->now->mono_us, &nr_new)) {
    case STREAM_OK:
        break;
    case STREAM_CONFLICT:
        reason = REASON_OVERLAP_CONFLICT;
        break;
    case STREAM_TOO_LONG:
        reason = REASON_HELLO_TOO_LONG;
        break;
    case STREAM_FULL:
        e->counts.chunks_full++;
        reason = REASON_HELD_LIMIT;
        break;
    }
    if (reason == REASON_NONE && end <= flow->released) {
        e->ops.verdict(e->ops.arg, id, VERDICT_PASS); /* the same bytes again */
        return;
    }
    if (reason == REASON_NONE && nr_new == 0) {
        e->ops.verdict(e->ops.arg, id, 0); /* its first copy is held and will go, or not */
        return;
    }
    if (!flow_hold(&e->flows, flow, id, offset, end)) {
        e->ops.verdict(e->ops.arg, id, 0);
        if (reason == REASON_NONE)
            reason = REASON_HELD_LIMIT;
    }
    e->counts.held++;
    if (reason != REASON_NONE) {
        engine_flow_refuse(e, flow, reason, "");
        return;
    }
    flow_touch(&e->flows, flow, e->now->mono_us);
    if (engine_http_is(e, flow))
        engine_http_read(e, flow);
    else
        engine_hello_read(e, flow);
}

static void refuse_packet(struct engine *e, const struct packet_meta *meta,
                          const struct ip_packet *packet, uint32_t source_tag,
                          enum record_event event, enum reason reason, uint32_t verdict,
                          const char *detail)
{
    struct record record =
        engine_packet_record(e, packet, source_tag, event, RECORD_DENY, reason);

    engine_text(record.detail, sizeof(record.detail), detail);
    engine_record_rule(e, &record, NULL);
    engine_record(e, &record);
    e->ops.verdict(e->ops.arg, meta->id, verdict);
}

static void take_syn(struct engine *e, const struct packet_meta *meta,
                     const struct ip_packet *packet, uint32_t source_tag)
{
    struct syn_judgement s;
    struct record record;

    if (cursor_left(&packet->payload) != 0) {
        refuse_packet(e, meta, packet, source_tag, EVENT_CONNECT, REASON_SYN_DATA, 0, "");
        return;
    }
    /* The rules wrote the first SYN's sequence number into the mark. Another number, or a mark
     * that says more, means that the kernel still knows an older connection between these
     * ports. */
    if (meta->mark != (CT_OPEN | (packet->seq & MARK_VALUE_MASK))) {
        refuse_packet(e, meta, packet, source_tag, EVENT_CONNECT, REASON_PROTOCOL,
                      VERDICT_RESET, "a second SYN with another sequence number");
        return;
    }
    s = judge_syn(e, source_tag, &packet->dst, packet->dport, IPPROTO_TCP);
    if (s.what == SYN_READ) {
        e->ops.verdict(e->ops.arg, meta->id, VERDICT_PASS);
        return;
    }
    record = engine_packet_record(e, packet, source_tag, EVENT_CONNECT,
                                  s.what == SYN_ACCEPT ? RECORD_ALLOW : RECORD_DENY,
                                  s.judgement.reason);
    engine_text(record.name, sizeof(record.name), s.name);
    engine_record_rule(e, &record, &s.judgement.answer);
    engine_record(e, &record);
    if (s.what == SYN_REFUSE)
        e->ops.verdict(e->ops.arg, meta->id, VERDICT_RESET);
    else
        e->ops.verdict(e->ops.arg, meta->id,
                       VERDICT_ACCEPT | (s.name[0] != '\0' ? engine_name_tag(s.name) : 0));
}

/* The sequence number next to seq whose low bits follow isn. */
static uint32_t client_start(uint32_t isn, uint32_t seq)
{
    uint32_t behind = (seq - (isn + 1)) & MARK_VALUE_MASK;

    return behind <= MARK_VALUE_MASK / 2 ? seq - behind : seq + (MARK_VALUE_MASK + 1 - behind);
}

static bool is_http_mark(uint32_t mark)
{
    return (mark & MARK_STATE_MASK) == CT_HTTP_READ || (mark & MARK_STATE_MASK) == CT_HTTP_SENT;
}

/* The flow that a payload belongs to; NULL when the packet has got its verdict. */
static struct flow *flow_of(struct engine *e, const struct packet_meta *meta,
                            const struct ip_packet *packet, uint32_t source_tag)
{
    struct flow_key key =
        engine_flow_key(&packet->src, packet->sport, &packet->dst, packet->dport);
    struct flow *flow = flow_find(&e->flows, &key);
    bool is_open = (meta->mark & MARK_STATE_MASK) == CT_OPEN;
    uint32_t isn = meta->mark & MARK_VALUE_MASK;

    if (flow != NULL && is_open && (flow->isn != isn || flow->http.is_marked)) {
        engine_flow_forget(e, flow); /* the ports were reused */
        flow = NULL;
    }
    if (flow != NULL && flow->state == FLOW_REFUSED) {
        e->ops.verdict(e->ops.arg, meta->id, 0);
        return NULL;
    }
    if (flow != NULL)
        return flow;
    if (!is_open) {
        refuse_packet(e, meta, packet, source_tag,
                      is_http_mark(meta->mark) ? EVENT_HTTP : EVENT_TLS, REASON_INTERNAL_ERROR,
                      VERDICT_RESET, "what was read of this connection is lost");
        return NULL;
    }
    flow = flow_new(&e->flows, &key, source_tag, e->now->mono_us);
    if (flow == NULL) {
        e->counts.flows_full++;
        refuse_packet(e, meta, packet, source_tag, EVENT_TLS, REASON_HELD_LIMIT, VERDICT_RESET,
                      "too many connections are being read");
        return NULL;
    }
    flow->isn = isn;
    flow->client_start = client_start(isn, packet->seq);
    flow->server_start = packet->ack;
    return flow;
}

static void take_payload(struct engine *e, const struct packet_meta *meta,
                         const struct ip_packet *packet, uint32_t source_tag)
{
    struct flow *flow = flow_of(e, meta, packet, source_tag);
    struct cursor segment = packet->payload, rest = packet->payload;
    uint32_t offset;

    if (flow == NULL)
        return;
    flow->http.is_marked |= is_http_mark(meta->mark);
    if (engine_http_is_judged(flow)) {
        engine_http_segment(e, flow, meta, packet);
        return;
    }
    offset = (packet->seq - (flow->isn + 1)) & MARK_VALUE_MASK;
    if (offset > MARK_VALUE_MASK /
                     2) { /* begins before the stream does: those bytes are no part of it */
        size_t before = MARK_VALUE_MASK - offset + 1;

        if (!cursor_skip(&rest, before) || cursor_left(&rest) == 0 ||
            !cursor_split(&rest, cursor_left(&rest), &segment)) {
            e->ops.verdict(e->ops.arg, meta->id, 0);
            return;
        }
        offset = 0;
    }
    take_segment(e, flow, meta->id, offset, segment);
}

static bool is_odd(const struct ip_packet *packet)
{
    uint8_t kind = packet->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK);

    if (packet->has_odd_tcp || (packet->tcp_flags & TCP_URG) != 0)
        return true;
    return kind != TCP_SYN && kind != TCP_ACK && kind != (TCP_FIN | TCP_ACK) &&
           kind != (TCP_RST | TCP_ACK) && kind != TCP_RST;
}

/* A segment of a connection that was revoked: it goes nowhere, both ends learn that it is over.
 * The client is reset by the verdict, the server once, by a reset of our own. */
static void end_revoked(struct engine *e, const struct packet_meta *meta,
                        const struct ip_packet *packet, uint32_t source_tag)
{
    struct flow_key key =
        engine_flow_key(&packet->src, packet->sport, &packet->dst, packet->dport);
    struct flow *flow = flow_find(&e->flows, &key);

    e->ops.verdict(e->ops.arg, meta->id, VERDICT_RESET);
    if (flow != NULL && flow->state == FLOW_REFUSED)
        return;
    if (flow != NULL)
        engine_flow_forget(e, flow);
    flow = flow_new(&e->flows, &key, source_tag, e->now->mono_us);
    if (flow != NULL)
        flow_set_state(&e->flows, flow, FLOW_REFUSED, e->now->mono_us);
    e->ops.reset_server(e->ops.arg, &(struct engine_reset) {
                                        .live = { .src = packet->src,
                                                  .dst = packet->dst,
                                                  .sport = packet->sport,
                                                  .dport = packet->dport,
                                                  .protocol = IPPROTO_TCP },
                                        .seq = packet->seq,
                                        .ack = packet->ack,
                                        .is_client_told = true,
                                    });
}

void engine_tcp_outbound(struct engine *e, const struct packet_meta *meta,
                         const struct ip_packet *packet, uint32_t source_tag)
{
    uint8_t flags = packet->tcp_flags;

    if ((meta->mark & MARK_STATE_MASK) == CT_REVOKED && (flags & TCP_SYN) == 0)
        end_revoked(e, meta, packet, source_tag);
    else if (packet->has_tcp_auth)
        refuse_packet(e, meta, packet, source_tag, EVENT_PACKET, REASON_PROTOCOL, 0,
                      "TCP-MD5 or TCP-AO option");
    else if (is_odd(packet))
        refuse_packet(e, meta, packet, source_tag, EVENT_PACKET, REASON_PROTOCOL, 0,
                      "TCP flags, urgent pointer or reserved bits");
    else if ((flags & TCP_SYN) != 0)
        take_syn(e, meta, packet, source_tag);
    else if (cursor_left(&packet->payload) != 0 && (flags & TCP_RST) != 0)
        refuse_packet(e, meta, packet, source_tag, EVENT_PACKET, REASON_PROTOCOL, 0,
                      "payload in a reset");
    else if (cursor_left(&packet->payload) == 0 && is_http_mark(meta->mark))
        engine_http_bare(e, meta, packet);
    else if (cursor_left(&packet->payload) != 0)
        take_payload(e, meta, packet, source_tag);
    else
        refuse_packet(e, meta, packet, source_tag, EVENT_PACKET, REASON_PROTOCOL, 0,
                      "belongs to no connection");
}
