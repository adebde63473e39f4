/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What can be done with a TCP connection that is being read: let go what is held, reset it,
 * forget it.
 */
#include <netinet/in.h>
#include <string.h>

#include "sni-filter/engine_internal.h"

struct flow_key engine_flow_key(const struct addr *client, uint16_t client_port,
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

struct engine_live engine_flow_live(const struct flow *flow)
{
    return (struct engine_live) { .src = flow->key.client,
                                  .dst = flow->key.server,
                                  .sport = flow->key.client_port,
                                  .dport = flow->key.server_port,
                                  .protocol = IPPROTO_TCP };
}

struct record engine_flow_record(const struct engine *e, const struct flow *flow,
                                 enum record_verdict verdict, enum reason reason)
{
    struct record record = {
        .event = flow->is_http ? EVENT_HTTP : EVENT_TLS,
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

void engine_flow_release(struct engine *e, struct flow *flow, uint32_t end)
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

bool engine_may_tell(struct engine *e, uint32_t source_tag)
{
    uint64_t *free_us = &e->told_free_us[source_tag], now_us = e->now->mono_us;

    if (*free_us < now_us)
        *free_us = now_us;
    if (*free_us - now_us > (TOLD_BURST - 1) * TOLD_US)
        return false;
    *free_us += TOLD_US;
    return true;
}

void engine_flow_end(struct engine *e, struct flow *flow, uint8_t alert)
{
    struct engine_reset reset = {
        .live = engine_flow_live(flow),
        .seq =
            flow->client_start + (flow->is_http ? (uint32_t)flow->http.high : flow->released),
        .ack = flow->server_start,
        .client_seq = flow->client_start + flow->client.edge,
    };
    struct held held;
    uint32_t last = 0;
    bool has_packet = false;

    /* Once its server has spoken, what it expects next is not known. */
    if (alert != 0 && flow->state == FLOW_OPEN && !flow->is_http &&
        engine_may_tell(e, flow->source_tag))
        reset.alert = alert;
    while (flow_unhold(&e->flows, flow, UINT32_MAX, &held)) {
        if (has_packet)
            e->ops.verdict(e->ops.arg, last, 0);
        last = held.id;
        has_packet = true;
    }
    if (has_packet)
        e->ops.verdict(e->ops.arg, last,
                       reset.alert != 0 ? VERDICT_RESET_SERVER : VERDICT_RESET);
    else
        e->ops.revoke(e->ops.arg, &reset.live);
    reset.is_client_told = has_packet || reset.alert != 0;
    e->ops.reset_server(e->ops.arg, &reset);
    flow_calm(&e->flows, flow);
    flow_drop_streams(&e->flows, flow);
    flow_set_state(&e->flows, flow, FLOW_REFUSED, e->now->mono_us);
}

void engine_flow_reset(struct engine *e, struct flow *flow)
{
    engine_flow_end(e, flow, 0);
}

void engine_flow_refuse(struct engine *e, struct flow *flow, enum reason reason,
                        const char *detail)
{
    struct record record = engine_flow_record(e, flow, RECORD_DENY, reason);

    engine_text(record.detail, sizeof(record.detail), detail);
    engine_record_rule(e, &record, NULL);
    engine_record(e, &record);
    engine_flow_end(
        e, flow,
        reason == REASON_MALFORMED || reason == REASON_HELLO_TOO_LONG ? TLS_DECODE_ERROR : 0);
}

void engine_flow_drop_held(struct engine *e, struct flow *flow)
{
    struct held held;

    while (flow_unhold(&e->flows, flow, UINT32_MAX, &held))
        e->ops.verdict(e->ops.arg, held.id, 0);
}

void engine_flow_forget(struct engine *e, struct flow *flow)
{
    engine_flow_drop_held(e, flow);
    flow_free(&e->flows, flow);
}
