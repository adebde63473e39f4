/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works. A connection comes here with its client's first payload (its SYN only when its
 * address is not in the kernel's set). The conntrack mark says where it stands:
 *
 *   OPEN, value = the client's ISN: bytes are gathered, their packets held in the kernel's
 * queue, until the ClientHello is whole. Refused: the last packet becomes a reset, the others
 * vanish. Allowed: they go, in order, and the connection becomes PINNED. PINNED, value = tag of
 * the name: a retransmission must carry the same bytes. The server's answer is read: after a
 * HelloRetryRequest the second ClientHello is held and judged like the first, and must name the
 * same host; after any other answer the connection becomes ACCEPTED. Most often the kernel
 * recognises the ServerHello by itself and nothing is seen here any more.
 *
 * Invariants: no byte at or above flow->released has left; a byte that has left, or is held,
 * never changes; a packet is released only when all its bytes are below the end of what was
 * judged (or by the stall rule); bytes before the ISN are not part of any stream. A client
 * that lied about its ISN (it cannot, the kernel copies it from the SYN) would leave the server
 * without its first bytes, so without an answer, and would stay PINNED.
 */
#include <netinet/in.h>
#include <string.h>

#include "common/siphash.h"
#include "sni-filter/engine_internal.h"

static struct flow_key key_of(const struct addr *client, uint16_t client_port,
                              const struct addr *server, uint16_t server_port)
{
    struct flow_key key;

    memset(&key, 0, sizeof(key));
    key.client = *client;
    key.server = *server;
    key.client_port = client_port;
    key.server_port = server_port;
    return key;
}

static struct record flow_record(const struct engine *e, const struct flow *flow,
                                 enum record_verdict verdict, enum reason reason)
{
    struct record record = {
        .event = EVENT_TLS,
        .verdict = verdict,
        .reason = reason,
        .wall_us = e->now->wall_us,
        .ip_protocol = IPPROTO_TCP,
        .has_ports = true,
        .src = flow->key.client,
        .dst = flow->key.server,
        .sport = flow->key.client_port,
        .dport = flow->key.server_port,
        .flow = flow->number,
        .has_held = true,
        .held_us = (uint32_t)(e->now->mono_us - flow->first_us),
    };

    engine_text(record.agent, sizeof(record.agent), engine_agent_name(e, flow->source_tag));
    return record;
}

static void record_hello(struct engine *e, const struct flow *flow,
                         const struct tls_hello *hello, const struct judgement *judgement)
{
    struct record record = flow_record(
        e, flow, judgement->is_allowed ? RECORD_ALLOW : RECORD_DENY, judgement->reason);

    engine_text(record.name, sizeof(record.name), hello->name);
    engine_record_rule(e, &record, &judgement->answer);
    record.has_ech = hello->has_ech;
    if (hello->alpn.len <= sizeof(record.alpn)) {
        if (hello->alpn.len > 0)
            memcpy(record.alpn, hello->alpn.base, hello->alpn.len);
        record.alpn_len = (uint8_t)hello->alpn.len;
    }
    engine_record(e, &record);
}

/* Let go what is held of bytes below end, in stream order. The first hello's packets, up to the
 * one that ends it, pin the connection. */
static void release(struct engine *e, struct flow *flow, uint32_t end)
{
    struct held held;

    while (flow_unhold(&e->flows, flow, end, &held)) {
        bool is_pin = flow->state == FLOW_PINNED && !flow->is_pin_sent;

        e->ops.verdict(e->ops.arg, held.id, is_pin ? VERDICT_PIN | flow->tag : VERDICT_PASS);
        if (is_pin && held.end >= flow->answer_needs)
            flow->is_pin_sent = true;
    }
    if (end > flow->released)
        flow->released = end;
    if (flow->nr_held == 0)
        flow_calm(&e->flows, flow);
}

/* Reset both ends. No payload that was not judged leaves: all held packets but one are dropped,
 * and that one becomes the reset. The flow stays as a tombstone for what is in the queue. */
static void reset_flow(struct engine *e, struct flow *flow)
{
    struct held held;
    uint32_t last = 0;
    bool has_packet = false;

    while (flow_unhold(&e->flows, flow, UINT32_MAX, &held)) {
        if (has_packet)
            e->ops.verdict(e->ops.arg, last, 0);
        last = held.id;
        has_packet = true;
    }
    if (has_packet)
        e->ops.verdict(e->ops.arg, last, VERDICT_RESET);
    else
        e->ops.revoke(e->ops.arg, &(struct engine_live) {
                                      .src = flow->key.client,
                                      .dst = flow->key.server,
                                      .sport = flow->key.client_port,
                                      .dport = flow->key.server_port,
                                      .protocol = IPPROTO_TCP,
                                  });
    flow_calm(&e->flows, flow);
    flow_drop_streams(&e->flows, flow);
    flow_set_state(&e->flows, flow, FLOW_REFUSED, e->now->mono_us);
}

static void refuse_flow(struct engine *e, struct flow *flow, enum reason reason,
                        const char *detail)
{
    struct record record = flow_record(e, flow, RECORD_DENY, reason);

    engine_text(record.detail, sizeof(record.detail), detail);
    engine_record_rule(e, &record, NULL);
    engine_record(e, &record);
    reset_flow(e, flow);
}

static void drop_held(struct engine *e, struct flow *flow)
{
    struct held held;

    while (flow_unhold(&e->flows, flow, UINT32_MAX, &held))
        e->ops.verdict(e->ops.arg, held.id, 0);
}

/* Forget a flow of which nothing may be held any more: another connection has its ports. */
static void forget_flow(struct engine *e, struct flow *flow)
{
    drop_held(e, flow);
    flow_free(&e->flows, flow);
}

/* --- reading records as they arrive ---------------------------------------------------- */

enum scan { SCAN_MORE, SCAN_PARSE };

/* The record header at flow->record_at, when its five bytes are there. */
static bool next_record(struct engine *e, const struct flow *flow, uint8_t *type, uint32_t *end)
{
    const struct stream *s = &flow->client;
    uint32_t at = flow->record_at, len;

    if (at >= s->edge || s->edge - at < 5)
        return false;
    *type = stream_byte(s, &e->flows.pool, at);
    len = (uint32_t)stream_byte(s, &e->flows.pool, at + 3) << 8 |
          stream_byte(s, &e->flows.pool, at + 4);
    *end = at + 5 + len;
    return true;
}

/* Count a record's handshake bytes; the first four say how many the message needs. */
static void count_message(struct engine *e, struct flow *flow, uint32_t end)
{
    for (uint32_t at = flow->record_at + 5; at < end && flow->message_have < 4; at++) {
        flow->message_head[flow->message_have++] =
            stream_byte(&flow->client, &e->flows.pool, at);
        if (flow->message_have == 4) {
            flow->message_need =
                4u + ((uint32_t)flow->message_head[1] << 16 |
                      (uint32_t)flow->message_head[2] << 8 | flow->message_head[3]);
            flow->message_have += end - (at + 1);
            return;
        }
    }
    if (flow->message_need != 0)
        flow->message_have += end - (flow->record_at + 5);
}

/* Is it time to parse the hello that begins at hello_at? Only whole records can end a hello, so
 * a parse per hello, or at the first oddity, is enough: no work is done twice per segment. */
static enum scan scan_hello(struct engine *e, struct flow *flow)
{
    const struct stream *s = &flow->client;
    uint8_t type;
    uint32_t end;

    if (flow->record_at < s->edge &&
        stream_byte(s, &e->flows.pool, flow->record_at) != TLS_HANDSHAKE)
        return SCAN_PARSE;
    while (next_record(e, flow, &type, &end)) {
        if (type != TLS_HANDSHAKE || end == flow->record_at + 5 ||
            end - flow->record_at > 16389 ||
            stream_byte(s, &e->flows.pool, flow->record_at + 1) != 3)
            return SCAN_PARSE;
        if (end > s->edge)
            return SCAN_MORE;
        count_message(e, flow, end);
        flow->record_at = end;
        if (flow->message_need != 0 &&
            (flow->message_have >= flow->message_need || flow->message_head[0] != 1 ||
             flow->message_need > TLS_HELLO_MAX))
            return SCAN_PARSE;
    }
    return SCAN_MORE;
}

static uint64_t hash_name(const struct engine *e, const char *name)
{
    return siphash(e->key, name, strlen(name));
}

/* The first hello was allowed: what is whole goes, everything else waits for the answer. */
static void pin(struct engine *e, struct flow *flow, const struct tls_client_flight *flight,
                const struct judgement *j)
{
    flow->tag = j->is_by_addr ? 0 : engine_name_tag(flight->hello.name);
    flow->name_hash = hash_name(e, flight->hello.name);
    flow->phase = PHASE_FIRST_ANSWER;
    flow->answer_needs = (uint32_t)flight->hello_end;
    flow->record_at = (uint32_t)flight->hello_end;
    flow_set_state(&e->flows, flow, FLOW_PINNED, e->now->mono_us);
    release(e, flow, flow->answer_needs);
}

static void judge_first(struct engine *e, struct flow *flow,
                        const struct tls_client_flight *flight)
{
    struct judgement j = judge_hello(e, flow->source_tag, &flow->key.server,
                                     flow->key.server_port, &flight->hello);

    record_hello(e, flow, &flight->hello, &j);
    if (j.is_allowed)
        pin(e, flow, flight, &j);
    else
        reset_flow(e, flow);
}

/* After a HelloRetryRequest: allowed again, and the same name again. */
static void judge_second(struct engine *e, struct flow *flow,
                         const struct tls_client_flight *flight)
{
    struct judgement j = judge_hello(e, flow->source_tag, &flow->key.server,
                                     flow->key.server_port, &flight->hello);

    if (j.is_allowed && hash_name(e, flight->hello.name) != flow->name_hash) {
        j.is_allowed = false;
        j.reason = REASON_NAME_ADDRESS_MISMATCH;
    }
    if (!j.is_allowed) {
        record_hello(e, flow, &flight->hello, &j);
        reset_flow(e, flow);
        return;
    }
    flow->phase = PHASE_SECOND_ANSWER;
    flow->answer_needs = flow->hello_at + (uint32_t)flight->hello_end;
    flow->record_at = flow->answer_needs;
    release(e, flow, flow->answer_needs);
}

/* Read the hello from hello_at on. True when the flow is still there and was not refused. */
static bool read_hello(struct engine *e, struct flow *flow)
{
    struct tls_client_flight flight;
    bool is_tls = true, is_second = flow->state == FLOW_PINNED;
    uint32_t len = flow->client.edge - flow->hello_at;

    if (scan_hello(e, flow) == SCAN_MORE)
        return true;
    stream_copy(&flow->client, &e->flows.pool, flow->hello_at, flow->client.edge, e->linear);
    switch (tls_client_parse((struct cursor) { .base = e->linear, .len = len }, is_second,
                             e->scratch, &flight, &is_tls)) {
    case PARSE_OK:
        if (is_second)
            judge_second(e, flow, &flight);
        else
            judge_first(e, flow, &flight);
        return flow->state == FLOW_PINNED;
    case PARSE_MORE:
        return true;
    case PARSE_ABSENT:
    case PARSE_BAD:
        break;
    }
    if (flow->message_need > TLS_HELLO_MAX)
        refuse_flow(e, flow, REASON_HELLO_TOO_LONG, "");
    else
        refuse_flow(e, flow, is_tls ? REASON_MALFORMED : REASON_NOT_TLS, "");
    return false;
}

/* A record that may stand between hellos: early data, ChangeCipherSpec, an alert. */
static bool is_between(uint8_t type, uint32_t len)
{
    switch (type) {
    case TLS_CHANGE_CIPHER_SPEC:
        return len == 1;
    case TLS_ALERT:
        return len == 2;
    case TLS_APPLICATION_DATA:
        return len <= 16384 + 256;
    default:
        return false;
    }
}

/* What a client sends after its hello, before the server's answer. */
static void read_between(struct engine *e, struct flow *flow)
{
    uint32_t edge = flow->client.edge, end;
    uint8_t type;

    for (;;) {
        if (flow->phase == PHASE_SECOND_HELLO && flow->hello_at != 0) {
            if (!read_hello(e, flow) || flow->phase == PHASE_SECOND_HELLO)
                return;
            continue;
        }
        if (!next_record(e, flow, &type, &end))
            return;
        if (type == TLS_HANDSHAKE && flow->phase == PHASE_SECOND_HELLO) {
            flow->hello_at = flow->record_at;
            continue;
        }
        if (!is_between(type, end - flow->record_at - 5)) {
            refuse_flow(e, flow, REASON_MALFORMED,
                        "after the ClientHello, before the server's answer");
            return;
        }
        release(e, flow, end < edge ? end : edge);
        if (end > edge)
            return;
        flow->record_at = end;
    }
}

static void advance(struct engine *e, struct flow *flow)
{
    if (flow->state == FLOW_OPEN && !read_hello(e, flow))
        return;
    if (flow->state == FLOW_PINNED)
        read_between(e, flow);
}

/* --- packets ------------------------------------------------------------------------------ */

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
        refuse_flow(e, flow, reason, "");
        return;
    }
    flow_touch(&e->flows, flow, e->now->mono_us);
    advance(e, flow);
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
    s = judge_syn(e, source_tag, &packet->dst, packet->dport);
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

/* The flow that a payload belongs to; NULL when the packet has got its verdict. */
static struct flow *flow_of(struct engine *e, const struct packet_meta *meta,
                            const struct ip_packet *packet, uint32_t source_tag)
{
    struct flow_key key = key_of(&packet->src, packet->sport, &packet->dst, packet->dport);
    struct flow *flow = flow_find(&e->flows, &key);
    bool is_open = (meta->mark & MARK_STATE_MASK) == CT_OPEN;
    uint32_t isn = meta->mark & MARK_VALUE_MASK;

    if (flow != NULL && is_open && flow->isn != isn) {
        forget_flow(e, flow); /* the ports were reused */
        flow = NULL;
    }
    if (flow != NULL && flow->state == FLOW_REFUSED) {
        e->ops.verdict(e->ops.arg, meta->id, 0);
        return NULL;
    }
    if (flow != NULL)
        return flow;
    if (!is_open) {
        refuse_packet(e, meta, packet, source_tag, EVENT_TLS, REASON_INTERNAL_ERROR,
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
    struct flow_key key = key_of(&packet->src, packet->sport, &packet->dst, packet->dport);
    struct flow *flow = flow_find(&e->flows, &key);

    e->ops.verdict(e->ops.arg, meta->id, VERDICT_RESET);
    if (flow != NULL && flow->state == FLOW_REFUSED)
        return;
    if (flow != NULL)
        forget_flow(e, flow);
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
    else if (cursor_left(&packet->payload) != 0)
        take_payload(e, meta, packet, source_tag);
    else
        refuse_packet(e, meta, packet, source_tag, EVENT_PACKET, REASON_PROTOCOL, 0,
                      "belongs to no connection");
}

/* --- the server's answer --------------------------------------------------------------------
 */

static void accept_flow(struct engine *e, struct flow *flow, uint32_t id)
{
    drop_held(e, flow); /* unread, and will be sent again */
    e->ops.verdict(e->ops.arg, id, VERDICT_ACCEPT | flow->tag);
    flow_free(&e->flows, flow);
}

/* Server payload that covers the judged hello with its ACK. */
static void read_answer(struct engine *e, struct flow *flow, uint32_t id, uint32_t offset,
                        struct cursor segment)
{
    struct cursor head;
    uint32_t nr_new, len;
    enum tls_answer answer = TLS_ANSWER_MORE;

    if (flow->phase == PHASE_SECOND_ANSWER) {
        accept_flow(e, flow, id);
        return;
    }
    if (flow->phase == PHASE_FIRST_ANSWER && offset < TLS_ANSWER_MAX) {
        if (segment.len > TLS_ANSWER_MAX - offset)
            segment.len = TLS_ANSWER_MAX - offset;
        if (!cursor_split(&segment, segment.len, &head) ||
            flow_put(&e->flows, flow, &flow->server, offset, head, e->now->mono_us, &nr_new) !=
                STREAM_OK) {
            e->ops.verdict(e->ops.arg, id, 0);
            return;
        }
        len = flow->server.edge;
        stream_copy(&flow->server, &e->flows.pool, 0, len, e->linear);
        answer = tls_server_parse((struct cursor) { .base = e->linear, .len = len });
    }
    if (answer == TLS_ANSWER_OTHER) {
        accept_flow(e, flow, id);
        return;
    }
    if (answer == TLS_ANSWER_RETRY) {
        flow->phase = PHASE_SECOND_HELLO;
        flow->hello_at = 0;
        flow->message_have = 0;
        flow->message_need = 0;
    }
    e->ops.verdict(e->ops.arg, id, VERDICT_PASS);
}

void engine_tcp_inbound(struct engine *e, const struct packet_meta *meta,
                        const struct ip_packet *packet)
{
    struct flow_key key = key_of(&packet->dst, packet->dport, &packet->src, packet->sport);
    struct flow *flow = NULL;
    uint32_t acked, offset;

    if (packet->protocol == IPPROTO_TCP && packet->has_ports && !packet->is_fragment)
        flow = flow_find(&e->flows, &key);
    if (flow == NULL || flow->state != FLOW_PINNED ||
        ((meta->mark & MARK_STATE_MASK) != CT_PINNED &&
         (meta->mark & MARK_STATE_MASK) != CT_ANSWERED)) {
        e->ops.verdict(e->ops.arg, meta->id, 0);
        return;
    }
    acked = (packet->ack - (flow->isn + 1)) & MARK_VALUE_MASK;
    offset = packet->seq - flow->server_start;
    if ((packet->tcp_flags & TCP_ACK) == 0 || acked > MARK_VALUE_MASK / 2 ||
        offset > UINT32_MAX / 2) {
        e->ops.verdict(e->ops.arg, meta->id, 0);
        return;
    }
    if (acked < flow->answer_needs) {
        /* Speaks before it has read what was judged; in the second round it may be the rest of
         * its first answer. */
        bool is_rest = flow->phase == PHASE_SECOND_ANSWER;

        e->ops.verdict(e->ops.arg, meta->id, is_rest ? VERDICT_PASS : 0);
        return;
    }
    read_answer(e, flow, meta->id, offset, packet->payload);
}

/* --- time ------------------------------------------------------------------------------------
 */

/* Can what is there of a hello become one? A record announces what will follow, so this may be
 * known before the record is whole: a hello that does not end with it is none. */
static bool can_become_hello(struct engine *e, const struct flow *flow)
{
    uint32_t len = flow->client.edge - flow->hello_at;
    bool is_second = flow->state == FLOW_PINNED;
    struct tls_client_flight flight;

    if (is_second && (flow->phase != PHASE_SECOND_HELLO || flow->hello_at == 0))
        return true; /* the head of a record in between */
    stream_copy(&flow->client, &e->flows.pool, flow->hello_at, flow->client.edge, e->linear);
    return tls_client_parse((struct cursor) { .base = e->linear, .len = len }, is_second,
                            e->scratch, &flight, NULL) == PARSE_MORE;
}

/* A client whose window is full of small pieces would wait for ever: help it on. */
static void relieve(struct engine *e, struct flow *flow)
{
    uint32_t edge = flow->client.edge;
    struct record record;

    flow_calm(&e->flows, flow);
    if (edge <= flow->released || edge > RELEASED_EARLY_MAX ||
        !judge_may_send_hello(e, flow->source_tag, &flow->key.server, flow->key.server_port))
        return;
    if (!can_become_hello(e, flow)) {
        refuse_flow(e, flow, REASON_MALFORMED, "");
        return;
    }
    if (!flow->was_released_early) {
        flow->was_released_early = true;
        record = flow_record(e, flow, RECORD_ALLOW, REASON_RELEASED);
        engine_record_rule(e, &record, NULL);
        engine_record(e, &record);
    }
    e->counts.released_early++;
    release(e, flow, edge);
}

static void expire(struct engine *e, uint32_t source_tag, enum flow_state state,
                   uint64_t after_us)
{
    struct flow *flow;

    while ((flow = flow_oldest(&e->flows, source_tag, state)) != NULL &&
           e->now->mono_us - flow->state_us >= after_us) {
        if (state == FLOW_OPEN || flow->nr_held > 0)
            refuse_flow(e, flow, REASON_HELLO_TIMEOUT, "");
        else
            flow_free(&e->flows, flow);
    }
}

uint64_t engine_tcp_tick(struct engine *e)
{
    struct flow_table *table = &e->flows;

    while (table->stalls.oldest != FLOW_NONE) {
        struct flow *flow = &table->flows[table->stalls.oldest];
        uint64_t since_us = e->now->mono_us - flow->last_new_us;

        if (since_us < STALL_US)
            break;
        relieve(e, flow);
    }
    for (uint32_t tag = 1; tag < e->nr_agents; tag++) {
        expire(e, tag, FLOW_OPEN, HELLO_US);
        expire(e, tag, FLOW_PINNED, ANSWER_US);
        expire(e, tag, FLOW_REFUSED, TOMBSTONE_US);
    }
    if (table->stalls.oldest != FLOW_NONE)
        return STALL_US - (e->now->mono_us - table->flows[table->stalls.oldest].last_new_us);
    return table->nr_used > 0 || e->fold.nr_used > 0 ? 100000 : 1000000;
}
