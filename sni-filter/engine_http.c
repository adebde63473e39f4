/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works. A client's HTTP direction is read for its connection's life: its head is held
 * until it is whole and judged, and so is each later one. What is between heads is followed,
 * not kept: content is known by its length alone and passes in any order, the rest of a body's
 * framing is read as it comes. The server's direction is the kernel's.
 *
 * at is where the next piece of framing begins: everything below it may go. Bytes at and above
 * it stand in the client's stream, their packets are held. A piece that was read is a pin
 * (engine_http_pin.c) until the server has acknowledged it: a copy of it must be the same.
 * Content needs none, whatever it says it is content. While there are pins the connection is
 * CT_HTTP_SENT and the server's segments come here for their ACK; then it is CT_HTTP_READ.
 *
 * Invariants: no byte at or above at has left, but by the stall rule; a packet leaves only when
 * its end is at or below at; at moves only over framing that was read and content that it
 * announced. What does not fit (beyond the stream's window, or more pins than there is room
 * for) is dropped or waits, and the client sends it again.
 */
#include <netinet/in.h>
#include <string.h>

#include "sni-filter/engine_http.h"
#include "sni-filter/http_request.h"

static uint32_t at_offset(const struct flow *flow)
{
    uint64_t offset = flow->http.at - flow->http.base;

    return offset < UINT32_MAX ? (uint32_t)offset : UINT32_MAX;
}

/* The verdict on a packet that goes. */
static uint32_t pass(const struct flow *flow)
{
    return flow->http.pinned > flow->http.acked ? VERDICT_HTTP_SENT | flow->tag : VERDICT_PASS;
}

static void note_high(struct flow *flow, uint64_t end)
{
    if (end > flow->http.high)
        flow->http.high = end;
}

static void let_go(struct engine *e, struct flow *flow, uint32_t end, uint32_t verdict)
{
    struct held held;

    while (flow_unhold(&e->flows, flow, end, &held)) {
        note_high(flow, flow->http.base + held.end);
        e->ops.verdict(e->ops.arg, held.id, verdict);
    }
    if (flow->nr_held == 0)
        flow_calm(&e->flows, flow);
}

/* Let go what is below at, and forget its bytes. */
static void move_on(struct engine *e, struct flow *flow)
{
    struct http_flow *h = &flow->http;
    uint32_t offset = at_offset(flow), moved;

    let_go(e, flow, offset, pass(flow));
    if (flow->released < offset)
        flow->released = offset;
    if (offset <= STREAM_MAX) {
        moved = flow_pass(&e->flows, flow, &flow->client, offset);
    } else { /* nothing is there above at */
        moved = offset - STREAM_MAX + flow_pass(&e->flows, flow, &flow->client, STREAM_MAX);
        if (h->at - h->base > offset) /* offset was cut */
            h->base = h->at - offset;
    }
    h->base += moved;
    flow->released -= moved;
    h->seen = h->seen > moved ? h->seen - moved : 0;
}

/* --- heads ----------------------------------------------------------------------------------
 */

/* True when it may go. If not, the flow is refused. */
static bool judge(struct engine *e, struct flow *flow, const struct http_request *request)
{
    struct judgement j;
    struct record record;

    if (request->port != 0 && request->port != flow->key.server_port) {
        engine_http_refuse(e, flow, request, REASON_HTTP_MALFORMED,
                           "its Host field names another port");
        return false;
    }
    j = judge_request(e, flow->source_tag, &flow->key.server, flow->key.server_port, request);
    record = engine_flow_record(e, flow, j.is_allowed ? RECORD_ALLOW : RECORD_DENY, j.reason);
    engine_text(record.name, sizeof(record.name), request->name);
    engine_text(record.method, sizeof(record.method), request->method);
    engine_record_rule(e, &record, &j.answer);
    engine_record(e, &record);
    if (!j.is_allowed) {
        engine_http_end(e, flow, request, j.reason, "");
        return false;
    }
    flow->tag = j.is_by_addr ? 0 : engine_name_tag(request->name);
    if (flow->state == FLOW_OPEN)
        flow_set_state(&e->flows, flow, FLOW_HTTP, e->now->mono_us);
    return true;
}

enum piece { PIECE_READ, PIECE_WAIT, PIECE_REFUSED };

static enum piece read_head(struct engine *e, struct flow *flow, struct cursor bytes,
                            size_t *used, uint64_t *content)
{
    struct http_request request;
    const char *why;
    struct cursor head;

    switch (http_request_parse(bytes, &request, used, &why)) {
    case PARSE_OK:
        break;
    case PARSE_MORE:
        return PIECE_WAIT;
    case PARSE_ABSENT:
    case PARSE_BAD:
        engine_http_refuse(e, flow, NULL, REASON_HTTP_MALFORMED, why);
        return PIECE_REFUSED;
    }
    if (!cursor_split(&bytes, *used, &head) || !engine_http_pin_fits(flow, *used)) {
        flow->http.seen = 0; /* it is read again at the next ACK */
        return PIECE_WAIT;
    }
    if (!judge(e, flow, &request))
        return PIECE_REFUSED;
    if (!engine_http_pin(e, flow, flow->http.at, head)) {
        engine_http_refuse(e, flow, &request, REASON_HELD_LIMIT, "");
        return PIECE_REFUSED;
    }
    flow->http.body = http_body_begin(&request, content);
    return PIECE_READ;
}

static enum piece read_framing(struct engine *e, struct flow *flow, struct cursor bytes,
                               size_t *used, uint64_t *content)
{
    struct http_body body = flow->http.body;
    struct cursor piece;

    switch (http_body_next(&body, bytes, used, content)) {
    case PARSE_OK:
        break;
    case PARSE_MORE:
        return PIECE_WAIT;
    case PARSE_ABSENT:
    case PARSE_BAD:
        engine_http_refuse(e, flow, NULL, REASON_HTTP_MALFORMED,
                           "its chunked body does not go on as it must");
        return PIECE_REFUSED;
    }
    if (!cursor_split(&bytes, *used, &piece) ||
        !engine_http_pin(e, flow, flow->http.at, piece)) {
        flow->http.seen = 0;
        return PIECE_WAIT;
    }
    flow->http.body = body;
    return PIECE_READ;
}

/* Is there something that has not been looked at? A head is read again with each new line
 * only: its clients may send it byte by byte. */
static bool has_news(struct engine *e, struct flow *flow)
{
    const struct stream *s = &flow->client;
    uint32_t from = at_offset(flow), seen = flow->http.seen;
    bool is_line;

    if (s->edge <= from)
        return false;
    flow->http.seen = s->edge;
    if (seen <= from || s->edge - from > HTTP_HEAD_BYTES_MAX ||
        flow->http.body.next == HTTP_BODY_FIRST_CHUNK ||
        flow->http.body.next == HTTP_BODY_CHUNK)
        return true;
    is_line = false;
    for (uint32_t i = seen; i < s->edge && !is_line; i++)
        is_line = stream_byte(s, &e->flows.pool, i) < ' ';
    return is_line;
}

/* All pieces that are whole in bytes, which begin at at. */
static enum piece read_pieces(struct engine *e, struct flow *flow, struct cursor bytes)
{
    enum piece piece = PIECE_WAIT;

    while (cursor_left(&bytes) != 0) {
        struct cursor copy = bytes, rest;
        uint64_t content = 0, step;
        size_t used = 0;

        if (!cursor_split(&copy, cursor_left(&copy), &rest))
            break;
        piece = flow->http.body.next == HTTP_BODY_OVER
                    ? read_head(e, flow, rest, &used, &content)
                    : read_framing(e, flow, rest, &used, &content);
        if (piece != PIECE_READ)
            return piece;
        step = used + content;
        flow->http.at += step;
        if (step > cursor_left(&bytes))
            step = cursor_left(&bytes);
        if (!cursor_skip(&bytes, (size_t)step))
            break;
        flow->http.seen = 0;
        move_on(e, flow);
    }
    return piece;
}

void engine_http_read(struct engine *e, struct flow *flow)
{
    while (has_news(e, flow)) {
        uint32_t from = at_offset(flow), edge = flow->client.edge;
        uint64_t at = flow->http.at;

        stream_copy(&flow->client, &e->flows.pool, from, edge, e->linear);
        if (read_pieces(e, flow, (struct cursor) { .base = e->linear, .len = edge - from }) ==
                PIECE_REFUSED ||
            flow->http.at == at)
            return;
    }
}

/* Where no binding tells which services an address is for, the first bytes do. */
static bool looks_like_http(struct engine *e, const struct flow *flow)
{
    for (uint32_t i = 0; i < flow->client.edge && i < 16; i++) {
        uint8_t c = stream_byte(&flow->client, &e->flows.pool, i);

        if (c < 'A' || c > 'Z')
            return c == ' ' && i > 0;
    }
    return flow->client.edge < 16;
}

bool engine_http_is(struct engine *e, struct flow *flow)
{
    if (flow->is_http || flow->state != FLOW_OPEN || flow->client.edge == 0)
        return flow->is_http;
    flow->is_http = stream_byte(&flow->client, &e->flows.pool, 0) != TLS_HANDSHAKE &&
                    judge_may_send(e, flow->source_tag, &flow->key.server,
                                   flow->key.server_port, SERVICE_HTTP) &&
                    (!e->is_binding_off || looks_like_http(e, flow));
    return flow->is_http;
}

/* --- segments -------------------------------------------------------------------------------
 */

/* The position that a sequence number means: the one next to what was sent last. */
static int64_t position(const struct flow *flow, uint32_t seq)
{
    uint32_t ahead = seq - (flow->client_start + (uint32_t)flow->http.high);

    return (int64_t)flow->http.high + (int32_t)ahead;
}

static void refuse_segment(struct engine *e, struct flow *flow, uint32_t id, enum reason reason)
{
    if (!flow_hold(&e->flows, flow, id, 0, 0))
        e->ops.verdict(e->ops.arg, id, 0);
    engine_http_refuse(e, flow, NULL, reason, "");
}

/* Bytes at and above at: into the stream, their packet waits. */
static void take_new(struct engine *e, struct flow *flow, uint32_t id, uint64_t pos,
                     struct cursor segment)
{
    uint64_t offset = pos - flow->http.base, end = offset + segment.len;
    uint32_t nr_new = 0;

    if (end > STREAM_MAX) { /* beyond what can be read before more is acknowledged */
        e->ops.verdict(e->ops.arg, id, 0);
        return;
    }
    if (flow->nr_held == 0 && flow->client.edge <= at_offset(flow))
        flow->first_us = e->now->mono_us;
    switch (flow_put(&e->flows, flow, &flow->client, (uint32_t)offset, segment, e->now->mono_us,
                     &nr_new)) {
    case STREAM_OK:
        break;
    case STREAM_CONFLICT:
        refuse_segment(e, flow, id, REASON_OVERLAP_CONFLICT);
        return;
    case STREAM_TOO_LONG:
    case STREAM_FULL:
        e->counts.chunks_full++;
        refuse_segment(e, flow, id, REASON_HELD_LIMIT);
        return;
    }
    if (end <= flow->released || nr_new == 0) { /* its first copy has gone, or is held */
        e->ops.verdict(e->ops.arg, id, end <= flow->released ? pass(flow) : 0);
        return;
    }
    if (!flow_hold(&e->flows, flow, id, (uint32_t)offset, (uint32_t)end)) {
        refuse_segment(e, flow, id, REASON_HELD_LIMIT);
        return;
    }
    e->counts.held++;
    flow_touch(&e->flows, flow, e->now->mono_us);
    engine_http_read(e, flow);
}

static void note_alive(struct engine *e, struct flow *flow, const struct ip_packet *packet)
{
    bool is_end = (packet->tcp_flags & TCP_FIN) != 0 || flow->state == FLOW_HTTP_END;

    flow_set_state(&e->flows, flow, is_end ? FLOW_HTTP_END : FLOW_HTTP, e->now->mono_us);
    if ((packet->tcp_flags & TCP_ACK) != 0)
        flow->server_start = packet->ack;
}

void engine_http_segment(struct engine *e, struct flow *flow, const struct packet_meta *meta,
                         const struct ip_packet *packet)
{
    struct cursor all = packet->payload, segment;
    int64_t pos = position(flow, packet->seq);
    uint64_t end;

    note_alive(e, flow, packet);
    if (pos < 0 && !cursor_skip(&all, pos < -65536 ? 65536 : (size_t)-pos)) {
        e->ops.verdict(e->ops.arg, meta->id, 0);
        return;
    }
    if (pos < 0)
        pos = 0;
    if (!cursor_split(&all, cursor_left(&all), &segment))
        return;
    end = (uint64_t)pos + segment.len;
    if (!engine_http_pins_agree(e, flow, (uint64_t)pos, segment)) {
        refuse_segment(e, flow, meta->id, REASON_OVERLAP_CONFLICT);
        return;
    }
    if (end <= flow->http.at) { /* content, or framing that was read */
        note_high(flow, end);
        e->ops.verdict(e->ops.arg, meta->id, pass(flow));
        return;
    }
    if ((uint64_t)pos < flow->http.at) {
        struct cursor whole = segment;

        if (!cursor_skip(&whole, (size_t)(flow->http.at - (uint64_t)pos)) ||
            !cursor_split(&whole, cursor_left(&whole), &segment))
            return;
        pos = (int64_t)flow->http.at;
    }
    take_new(e, flow, meta->id, (uint64_t)pos, segment);
}

void engine_http_bare(struct engine *e, const struct packet_meta *meta,
                      const struct ip_packet *packet)
{
    struct flow_key key =
        engine_flow_key(&packet->src, packet->sport, &packet->dst, packet->dport);
    struct flow *flow = flow_find(&e->flows, &key);

    e->ops.verdict(e->ops.arg, meta->id, VERDICT_PASS);
    if (flow == NULL || !engine_http_is_judged(flow))
        return;
    flow->http.is_marked = true;
    if ((packet->tcp_flags & TCP_RST) != 0)
        engine_flow_forget(e, flow);
    else
        note_alive(e, flow, packet);
}

/* A connection whose client's bytes nobody has followed any more. */
static void end_lost(struct engine *e, const struct ip_packet *packet)
{
    struct engine_reset reset = {
        .live = { .src = packet->dst,
                  .dst = packet->src,
                  .sport = packet->dport,
                  .dport = packet->sport,
                  .protocol = IPPROTO_TCP },
        .seq = packet->ack,
        .ack = packet->seq,
    };

    e->ops.revoke(e->ops.arg, &reset.live);
    e->ops.reset_server(e->ops.arg, &reset);
}

void engine_http_inbound(struct engine *e, struct flow *flow, const struct packet_meta *meta,
                         const struct ip_packet *packet)
{
    struct http_flow *h;
    int64_t acked;

    if (flow == NULL || !engine_http_is_judged(flow)) {
        e->ops.verdict(e->ops.arg, meta->id, 0);
        if (flow == NULL && (packet->tcp_flags & TCP_RST) == 0)
            end_lost(e, packet);
        return;
    }
    h = &flow->http;
    h->is_marked = true;
    acked = position(flow, packet->ack);
    if (acked > (int64_t)h->high) /* a FIN counts as a byte */
        acked = (int64_t)h->high;
    if ((packet->tcp_flags & (TCP_ACK | TCP_RST)) == TCP_ACK && acked > (int64_t)h->acked)
        engine_http_unpin(e, flow, (uint64_t)acked);
    e->ops.verdict(e->ops.arg, meta->id,
                   h->pinned > h->acked ? VERDICT_PASS : VERDICT_HTTP_READ | flow->tag);
    if (flow->nr_held > 0)
        engine_http_read(e, flow);
}

/* --- time -----------------------------------------------------------------------------------
 */

/* May what is there of the piece under way go early? It must not be whole. */
static bool may_go_early(struct engine *e, const struct flow *flow)
{
    uint32_t from = at_offset(flow), edge = flow->client.edge;
    struct http_body body = flow->http.body;
    struct http_request request;
    uint64_t content;
    struct cursor bytes;
    size_t used;

    if (edge <= flow->released || edge <= from || edge - from > RELEASED_EARLY_MAX ||
        !judge_may_send(e, flow->source_tag, &flow->key.server, flow->key.server_port,
                        SERVICE_HTTP))
        return false;
    stream_copy(&flow->client, &e->flows.pool, from, edge, e->linear);
    bytes = (struct cursor) { .base = e->linear, .len = edge - from };
    return (body.next == HTTP_BODY_OVER
                ? http_request_parse(bytes, &request, &used, NULL)
                : http_body_next(&body, bytes, &used, &content)) == PARSE_MORE;
}

bool engine_http_relieve(struct engine *e, struct flow *flow)
{
    if (may_go_early(e, flow)) {
        flow->released = flow->client.edge;
        let_go(e, flow, flow->released, pass(flow));
        return true;
    }
    if (flow->state == FLOW_OPEN || flow->nr_held == 0)
        return false; /* an open one has its deadline */
    if (e->now->mono_us - flow->state_us >= HELLO_US)
        engine_http_refuse(e, flow, NULL, REASON_HELLO_TIMEOUT, "");
    else
        flow_touch(&e->flows, flow, e->now->mono_us); /* look again */
    return false;
}
