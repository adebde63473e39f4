/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Deadlines: clients that stall, hellos that do not come, answers that do not come. And what a
 * new policy means for hellos that are half read: one that nothing can allow any more ends.
 * (Connections whose hello has been judged are known to the kernel, and revoked by its list.)
 */
#include "sni-filter/engine_http.h"
#include "sni-filter/engine_internal.h"

/* May anything that is read be sent to the flow's server? Before its first byte it may become
 * either. */
static bool may_send(struct engine *e, const struct flow *flow)
{
    const struct addr *server = &flow->key.server;
    uint16_t port = flow->key.server_port;

    if (!flow->is_http && judge_may_send(e, flow->source_tag, server, port, SERVICE_TLS))
        return true;
    return (flow->is_http || flow->client.edge == 0) &&
           judge_may_send(e, flow->source_tag, server, port, SERVICE_HTTP);
}

/* True when something of a hello that is not whole has gone. */
static bool relieve_hello(struct engine *e, struct flow *flow)
{
    uint32_t edge = flow->client.edge;

    if (edge <= flow->released || edge > RELEASED_EARLY_MAX || !may_send(e, flow))
        return false;
    if (!engine_hello_may_come(e, flow)) {
        engine_flow_refuse(e, flow, REASON_MALFORMED, "");
        return false;
    }
    engine_flow_release(e, flow, edge);
    return true;
}

/* A client whose window is full of small pieces would wait for ever: help it on. */
static void relieve(struct engine *e, struct flow *flow)
{
    struct record record;

    flow_calm(&e->flows, flow);
    if (!(flow->is_http ? engine_http_relieve(e, flow) : relieve_hello(e, flow)))
        return;
    if (!flow->was_released_early) {
        flow->was_released_early = true;
        record = engine_flow_record(e, flow, RECORD_ALLOW, REASON_RELEASED);
        engine_record_rule(e, &record, NULL);
        engine_record(e, &record);
    }
    e->counts.released_early++;
}

static void expire(struct engine *e, uint32_t source_tag, enum flow_state state,
                   uint64_t after_us)
{
    struct flow *flow;

    while ((flow = flow_oldest(&e->flows, source_tag, state)) != NULL &&
           e->now->mono_us - flow->state_us >= after_us) {
        if (state != FLOW_OPEN && flow->nr_held == 0) {
            flow_free(&e->flows, flow);
            continue;
        }
        if (e->nr_timeouts >= TIMEOUTS_MAX)
            return;
        e->nr_timeouts++;
        if (flow->is_http)
            engine_http_refuse(e, flow, NULL, REASON_HELLO_TIMEOUT, "");
        else
            engine_flow_refuse(e, flow, REASON_HELLO_TIMEOUT, "");
    }
}

uint64_t engine_tcp_tick(struct engine *e)
{
    struct flow_table *table = &e->flows;

    while (table->stalls.oldest != INDEX_NONE) {
        struct flow *flow = &table->flows[table->stalls.oldest];
        uint64_t since_us = e->now->mono_us - flow->last_new_us;

        if (since_us < STALL_US)
            break;
        relieve(e, flow);
    }
    if (e->now->mono_us - e->timeouts_us >= TIMEOUTS_US) {
        e->timeouts_us = e->now->mono_us;
        e->nr_timeouts = 0;
    }
    for (uint32_t tag = 1; tag < e->nr_agents; tag++) {
        expire(e, tag, FLOW_OPEN, HELLO_US);
        expire(e, tag, FLOW_PINNED, ANSWER_US);
        expire(e, tag, FLOW_HTTP, HTTP_IDLE_US);
        expire(e, tag, FLOW_HTTP_END, HTTP_END_US);
        expire(e, tag, FLOW_REFUSED, TOMBSTONE_US);
    }
    if (e->nr_timeouts >= TIMEOUTS_MAX)
        return TIMEOUTS_US; /* there may be more */
    if (table->stalls.oldest != INDEX_NONE)
        return STALL_US - (e->now->mono_us - table->flows[table->stalls.oldest].last_new_us);
    return table->nr_used > 0 || e->fold.nr_used > 0 ? 100000 : 1000000;
}

void engine_tcp_recheck(struct engine *e)
{
    struct flow_table *table = &e->flows;

    for (uint32_t tag = 1; tag < e->nr_agents; tag++) {
        uint32_t i = table->agents[tag].lists[FLOW_OPEN].oldest;

        while (i != INDEX_NONE) {
            struct flow *flow = &table->flows[i];

            i = flow->by_state.newer; /* refusing takes it out of the list */
            if (!may_send(e, flow))
                engine_flow_refuse(e, flow, REASON_POLICY_CHANGED,
                                   flow->is_http ? "its request was half read"
                                                 : "its hello was half read");
        }
    }
}
