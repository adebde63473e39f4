/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The server's answer to a hello that was judged: what makes its connection accepted, and when
 * another hello will follow.
 */
#include <netinet/in.h>

#include "sni-filter/engine_http.h"
#include "sni-filter/engine_internal.h"

static void accept_flow(struct engine *e, struct flow *flow, uint32_t id)
{
    engine_flow_drop_held(e, flow); /* unread, and will be sent again */
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
    struct flow_key key =
        engine_flow_key(&packet->dst, packet->dport, &packet->src, packet->sport);
    struct flow *flow = NULL;
    uint32_t acked, offset;

    if (packet->protocol == IPPROTO_TCP && packet->has_ports && !packet->is_fragment)
        flow = flow_find(&e->flows, &key);
    if ((meta->mark & MARK_STATE_MASK) == CT_HTTP_SENT) {
        engine_http_inbound(e, flow, meta, packet);
        return;
    }
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
