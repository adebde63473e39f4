/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: engine_packet() reads the headers of a packet that the kernel's rules did not
 * decide, finds out whose it is, and hands TCP to engine_tcp.c, UDP to engine_udp.c, DNS to
 * engine_dns.c; all else is refused here. Every packet gets exactly one verdict, at once or,
 * when it is held, later. The decisions stand in engine_judge.c, what was given out in
 * binding.c.
 */
#include "sni-filter/engine.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "common/siphash.h"
#include "sni-filter/engine_internal.h"

static uint32_t or_default(uint32_t value, uint32_t standard)
{
    return value != 0 ? value : standard;
}

uint32_t engine_source_tag(const struct ipc_setup *setup, const struct addr *addr)
{
    uint32_t i, first = 0;

    for (i = 0; i < setup->nr_sources; i++)
        if (prefix_contains(&setup->sources[i].prefix, addr))
            break;
    if (i == setup->nr_sources)
        return 0;
    while (strcmp(setup->sources[first].agent, setup->sources[i].agent) != 0)
        first++;
    return first + 1;
}

const char *engine_agent_name(const struct engine *e, uint32_t source_tag)
{
    return source_tag == 0 || source_tag >= e->nr_agents
               ? ""
               : e->setup.sources[source_tag - 1].agent;
}

uint32_t engine_name_tag(const char *name)
{
    static const uint8_t key[16] = "secctl name tag";
    uint32_t tag = (uint32_t)(siphash(key, name, strlen(name)) & MARK_VALUE_MASK);

    return tag == 0 ? 1 : tag == MARK_VALUE_MASK ? MARK_VALUE_MASK - 1 : tag;
}

static void set_policy(struct engine *e, const struct policy *policy)
{
    e->policy = policy;
    for (uint32_t tag = 1; tag < e->nr_agents; tag++)
        e->policy_agents[tag] = policy_agent(policy, engine_agent_name(e, tag));
}

struct engine *engine_new(const struct ipc_setup *setup, const struct policy *policy,
                          const struct engine_limits *limits, const struct engine_ops *ops,
                          const uint8_t seed[16], bool is_binding_off,
                          struct quic_cipher *cipher)
{
    struct engine *e = calloc(1, sizeof(*e));
    struct engine_limits none = { 0 };

    if (e == NULL)
        return NULL;
    if (limits == NULL)
        limits = &none;
    e->setup = *setup;
    e->ops = *ops;
    e->is_binding_off = is_binding_off;
    e->cipher = cipher;
    memcpy(e->key, seed, sizeof(e->key));
    e->nr_agents = setup->nr_sources + 1;
    e->policy_agents = calloc(ENGINE_TAGS, sizeof(*e->policy_agents));
    e->pending = calloc(DNS_PENDING_MAX, sizeof(*e->pending));
    e->pending_free = UINT32_MAX;
    e->linear = malloc(STREAM_MAX);
    e->scratch = malloc(TLS_HELLO_MAX);
    if (e->policy_agents == NULL || e->pending == NULL || e->linear == NULL ||
        e->scratch == NULL || !fold_init(&e->fold, seed) ||
        !binding_table_init(&e->bindings, or_default(limits->bindings, 65536), ENGINE_TAGS,
                            seed) ||
        !flow_table_init(&e->flows, or_default(limits->flows, 131072),
                         or_default(limits->chunks, 24576),
                         or_default(limits->held_packets, 24576), ENGINE_TAGS, seed) ||
        !quic_table_init(&e->quic, or_default(limits->quic_conns, 16384),
                         or_default(limits->quic_chunks, 8192),
                         or_default(limits->quic_held, 8192), ENGINE_TAGS, seed)) {
        engine_free(e);
        return NULL;
    }
    engine_share_out(e);
    set_policy(e, policy);
    return e;
}

void engine_free(struct engine *e)
{
    if (e == NULL)
        return;
    flow_table_clear(&e->flows);
    quic_table_clear(&e->quic);
    binding_table_clear(&e->bindings);
    fold_clear(&e->fold);
    free(e->policy_agents);
    free(e->pending);
    free(e->linear);
    free(e->scratch);
    free(e);
}

void engine_text(char *out, size_t size, const char *text)
{
    size_t len = strnlen(text, size - 1);

    memcpy(out, text, len);
    out[len] = '\0';
}

static void count_decision(struct engine *e)
{
    if (e->ops.nr_decided != NULL)
        __atomic_fetch_add(e->ops.nr_decided, 1, __ATOMIC_RELEASE);
}

void engine_record_each(struct engine *e, const struct record *record)
{
    count_decision(e);
    e->ops.record(e->ops.arg, record);
}

void engine_record(struct engine *e, const struct record *record)
{
    struct record other;
    bool evicted = false, is_new = true;

    count_decision(e);
    if (record->verdict == RECORD_DENY)
        is_new = fold_take(&e->fold, record, e->now->mono_us, &evicted, &other);
    if (evicted)
        e->ops.record(e->ops.arg, &other);
    if (is_new)
        e->ops.record(e->ops.arg, record);
    else
        e->counts.records_folded++;
}

void engine_record_rule(const struct engine *e, struct record *record,
                        const struct policy_answer *answer)
{
    engine_text(record->policy, sizeof(record->policy), policy_id(e->policy));
    if (answer == NULL || answer->rule == NULL)
        return;
    engine_text(record->rule, sizeof(record->rule), answer->rule);
    record->line = answer->line;
}

struct record engine_packet_record(const struct engine *e, const struct ip_packet *packet,
                                   uint32_t source_tag, enum record_event event,
                                   enum record_verdict verdict, enum reason reason)
{
    struct record record = {
        .event = event,
        .verdict = verdict,
        .reason = reason,
        .wall_us = e->now->wall_us,
        .ip_protocol = packet->protocol,
        .has_ports = packet->has_ports,
        .src = packet->src,
        .dst = packet->dst,
        .sport = packet->sport,
        .dport = packet->dport,
    };

    engine_text(record.agent, sizeof(record.agent), engine_agent_name(e, source_tag));
    return record;
}

/* Refuse a packet that nothing could make acceptable. */
static void refuse(struct engine *e, const struct packet_meta *meta,
                   const struct ip_packet *packet, uint32_t source_tag, enum reason reason,
                   uint32_t verdict, const char *detail)
{
    struct record record =
        engine_packet_record(e, packet, source_tag, EVENT_PACKET, RECORD_DENY, reason);

    engine_text(record.detail, sizeof(record.detail), detail);
    engine_record(e, &record);
    e->ops.verdict(e->ops.arg, meta->id, verdict);
}

/* Neither TCP nor UDP, or to the gateway itself: nothing of it may pass. */
static void refuse_other(struct engine *e, const struct packet_meta *meta,
                         const struct ip_packet *packet, uint32_t source_tag)
{
    bool is_tcp = packet->protocol == IPPROTO_TCP;

    refuse(e, meta, packet, source_tag, REASON_PROTOCOL, is_tcp ? VERDICT_RESET : VERDICT_ICMP,
           meta->place == PLACE_INPUT ? "the gateway itself offers nothing but DNS" : "");
}

static void outbound(struct engine *e, const struct packet_meta *meta,
                     const struct ip_packet *packet, uint32_t source_tag)
{
    if (packet->is_fragment)
        refuse(e, meta, packet, source_tag, REASON_FRAGMENT, 0, "");
    else if (packet->has_ip_options)
        refuse(e, meta, packet, source_tag, REASON_PROTOCOL, VERDICT_ICMP,
               "IP options or extension headers");
    else if (meta->place == PLACE_INPUT || !packet->has_ports)
        refuse_other(e, meta, packet, source_tag);
    else if (packet->protocol == IPPROTO_UDP)
        engine_udp_outbound(e, meta, packet, source_tag);
    else
        engine_tcp_outbound(e, meta, packet, source_tag);
}

/* A packet that cannot be read is dropped without an answer. */
static void unreadable(struct engine *e, const struct packet_meta *meta)
{
    struct record record = {
        .event = EVENT_PACKET,
        .verdict = RECORD_DENY,
        .reason = REASON_MALFORMED,
        .wall_us = e->now->wall_us,
    };

    engine_record(e, &record);
    e->ops.verdict(e->ops.arg, meta->id, 0);
}

void engine_packet(struct engine *e, const struct engine_clock *now,
                   const struct packet_meta *meta, const uint8_t *bytes, size_t len)
{
    struct ip_packet packet;
    uint32_t source_tag;

    e->now = now;
    e->counts.packets++;
    if (meta->is_truncated ||
        ip_packet_parse((struct cursor) { .base = bytes, .len = len }, &packet) != PARSE_OK) {
        unreadable(e, meta);
        return;
    }
    if (meta->place == PLACE_INBOUND) {
        if (packet.protocol == IPPROTO_UDP)
            engine_quic_inbound(e, meta, &packet);
        else
            engine_tcp_inbound(e, meta, &packet);
        return;
    }
    source_tag = engine_source_tag(&e->setup, &packet.src);
    if ((meta->mark & MARK_STATE_MASK) == MARK_SPOOFED) {
        refuse(e, meta, &packet, 0, REASON_SPOOFED, 0,
               "not the address of the link it came by");
    } else if (source_tag == 0) {
        refuse(e, meta, &packet, 0, REASON_SPOOFED, 0, "source address of no agent");
    } else if (meta->place == PLACE_DNS) {
        engine_dns_udp(e, &packet, source_tag);
        e->ops.verdict(e->ops.arg, meta->id, 0);
    } else {
        outbound(e, meta, &packet, source_tag);
    }
}

/* Hand out what was folded and is due by then. */
static void unfold(struct engine *e, uint64_t mono_us)
{
    struct record record;

    while (fold_due(&e->fold, mono_us, &record))
        e->ops.record(e->ops.arg, &record);
}

void engine_finish(struct engine *engine)
{
    unfold(engine, UINT64_MAX - FOLD_WINDOW_US);
}

uint64_t engine_tick(struct engine *e, const struct engine_clock *now)
{
    e->now = now;
    engine_dns_tick(e);
    binding_expire(&e->bindings, now->mono_us, 16);
    unfold(e, now->mono_us);
    engine_quic_tick(e);
    return engine_tcp_tick(e);
}

void engine_set_policy(struct engine *e, const struct engine_clock *now,
                       const struct policy *policy)
{
    e->now = now;
    set_policy(e, policy);
    engine_tcp_recheck(e);
    engine_quic_recheck(e);
}

void engine_counts(const struct engine *e, struct engine_counts *out)
{
    *out = e->counts;
    out->flows = e->flows.nr_used;
    out->chunks = e->flows.pool.nr_used;
    out->quic_conns = e->quic.nr_used;
    for (uint32_t tag = 1; tag < e->nr_agents; tag++)
        out->bindings += e->bindings.agents[tag].nr;
}
