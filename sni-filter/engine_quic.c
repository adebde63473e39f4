/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works. A client's QUIC datagram comes here unless its flow (a pair of sockets) was
 * accepted and it begins with a short header: those the kernel lets pass. Its first packet's
 * DCID says which connection it is of; one that none has begins another, also on an accepted
 * flow, and is judged like the first.
 *
 *   OPEN: the hello is not whole; datagrams are held. Refused: the last becomes an ICMP error,
 * the others vanish. Allowed: all go, in the order in which they came. PINNED: what repeats the
 * hello, or says nothing new, passes. The server's answer is read (engine_quic_answer.c): after
 * a Retry or a HelloRetryRequest the connection is OPEN again, and its next hello must name the
 * same host; a ServerHello makes it ANSWERED and its flow CT_QUIC. REFUSED: whatever comes with
 * its ID is dropped unread.
 *
 * Invariants: no datagram leaves with a CRYPTO byte of a hello that was not judged; every copy
 * that leaves holds the same bytes; before a flow is CT_QUIC no short header leaves but behind
 * an Initial packet in its datagram; in front of an Initial packet stands nothing that is not
 * of its connection. Every datagram that leaves carries the flow's mark: the kernel merges what
 * was queued at once, and keeps one's.
 */
#include <string.h>

#include "sni-filter/engine_internal.h"

static struct record entry_record(const struct engine *e, const struct quic_entry *entry,
                                  enum record_verdict verdict, enum reason reason)
{
    struct record record = {
        .event = EVENT_QUIC,
        .verdict = verdict,
        .reason = reason,
        .wall_us = e->now->wall_us,
        .ip_protocol = 17,
        .has_ports = true,
        .src = entry->key.client,
        .dst = entry->key.server,
        .sport = entry->key.client_port,
        .dport = entry->key.server_port,
        .flow = entry->number,
        .has_held = true,
        .held_us = (uint32_t)(e->now->mono_us - entry->first_us),
    };

    engine_text(record.agent, sizeof(record.agent), engine_agent_name(e, entry->source_tag));
    return record;
}

/* An ICMP error would end all that the client's socket does: not when some of it is allowed. */
static bool is_flow_good(struct engine *e, const struct flow_key *key, uint32_t mark)
{
    const struct quic_entry *entry;

    if ((mark & MARK_STATE_MASK) == CT_QUIC || (mark & MARK_STATE_MASK) == CT_PINNED)
        return true;
    for (entry = quic_table_first(&e->quic, key); entry != NULL;
         entry = quic_table_next(&e->quic, entry))
        if (entry->state == QUIC_PINNED || entry->state == QUIC_ANSWERED)
            return true;
    return false;
}

uint32_t engine_quic_verdict(struct engine *e, const struct quic_entry *entry, uint32_t mark)
{
    uint32_t state = mark & MARK_STATE_MASK, tag = entry->tag;
    bool is_known = state == CT_QUIC || state == CT_PINNED;
    bool is_answered = state == CT_QUIC,
         is_several = is_known && (mark & MARK_VALUE_MASK) != tag;
    const struct quic_entry *other;

    for (other = quic_table_first(&e->quic, &entry->key); other != NULL;
         other = quic_table_next(&e->quic, other)) {
        if (other->state != QUIC_PINNED && other->state != QUIC_ANSWERED)
            continue;
        is_answered = is_answered || other->state == QUIC_ANSWERED;
        is_several = is_several || other->tag != tag;
    }
    return (is_answered ? VERDICT_QUIC : VERDICT_PIN) | (is_several ? MARK_VALUE_MASK : tag);
}

static void reset(struct engine *e, struct quic_entry *entry)
{
    uint32_t id, last = 0;
    bool has_last = false;

    while (quic_table_unhold(&e->quic, entry, &id)) {
        if (has_last)
            e->ops.verdict(e->ops.arg, last, 0);
        last = id;
        has_last = true;
    }
    quic_table_set_state(&e->quic, entry, QUIC_REFUSED, e->now->mono_us);
    if (has_last)
        e->ops.verdict(e->ops.arg, last, entry->is_flow_good ? 0 : VERDICT_ICMP);
}

void engine_quic_refuse(struct engine *e, struct quic_entry *entry, enum reason reason,
                        const char *detail)
{
    struct record record = entry_record(e, entry, RECORD_DENY, reason);

    engine_text(record.detail, sizeof(record.detail), detail);
    engine_record_rule(e, &record, NULL);
    engine_record(e, &record);
    reset(e, entry);
}

/* A datagram that no connection can be made of. */
static void refuse_datagram(struct engine *e, const struct packet_meta *meta,
                            const struct ip_packet *packet, uint32_t source_tag, bool is_good,
                            enum reason reason, const char *detail)
{
    struct record record =
        engine_packet_record(e, packet, source_tag, EVENT_QUIC, RECORD_DENY, reason);

    engine_text(record.detail, sizeof(record.detail), detail);
    engine_record_rule(e, &record, NULL);
    engine_record(e, &record);
    e->ops.verdict(e->ops.arg, meta->id, is_good ? 0 : VERDICT_ICMP);
}

struct refusal {
    enum reason reason;
    const char *detail;
};

static struct refusal refusal_of(enum quic_rc rc)
{
    switch (rc) {
    case QUIC_OTHER_VERSION:
        return (struct refusal) { REASON_QUIC_VERSION, "expected version 1 or 2" };
    case QUIC_FOREIGN:
        return (struct refusal) { REASON_MALFORMED, "another connection's ID" };
    case QUIC_UNDECRYPTABLE:
        return (struct refusal) { REASON_QUIC_UNDECRYPTABLE, "" };
    case QUIC_TOO_LONG:
        return (struct refusal) { REASON_HELLO_TOO_LONG, "" };
    case QUIC_CONFLICT:
        return (struct refusal) { REASON_OVERLAP_CONFLICT, "" };
    case QUIC_FULL:
        return (struct refusal) { REASON_HELD_LIMIT, "" };
    case QUIC_NO_INITIAL:
        return (struct refusal) { REASON_MALFORMED, "no Initial packet before it" };
    case QUIC_OK:
    case QUIC_MALFORMED:
        break;
    }
    return (struct refusal) { REASON_MALFORMED, "" };
}

/* --- hellos --------------------------------------------------------------------------------
 */

static void allow(struct engine *e, struct quic_entry *entry, const struct tls_hello *hello,
                  const struct judgement *j, uint32_t mark)
{
    uint32_t id;

    entry->tag = j->is_by_addr ? 0 : engine_name_tag(hello->name);
    entry->name_hash = engine_hash_name(e, hello->name);
    entry->has_name = true;
    quic_table_set_state(&e->quic, entry, QUIC_PINNED, e->now->mono_us);
    while (quic_table_unhold(&e->quic, entry, &id))
        e->ops.verdict(e->ops.arg, id, engine_quic_verdict(e, entry, mark));
}

static void judge(struct engine *e, struct quic_entry *entry, const struct tls_hello *hello,
                  uint32_t mark)
{
    struct judgement j = judge_hello(e, entry->source_tag, &entry->key.server,
                                     entry->key.server_port, hello, SERVICE_QUIC);
    struct record record;

    if (j.is_allowed && entry->has_name &&
        engine_hash_name(e, hello->name) != entry->name_hash) {
        j.is_allowed = false;
        j.reason = REASON_NAME_ADDRESS_MISMATCH;
    }
    if (!j.is_allowed || !entry->has_name) {
        record = entry_record(e, entry, j.is_allowed ? RECORD_ALLOW : RECORD_DENY, j.reason);
        engine_record_hello(e, &record, hello, &j);
        engine_record(e, &record);
    }
    if (j.is_allowed)
        allow(e, entry, hello, &j, mark);
    else
        reset(e, entry);
}

/* A datagram of an OPEN connection was read, and waits. */
static void hold(struct engine *e, struct quic_entry *entry, const struct packet_meta *meta)
{
    struct tls_hello hello;

    if (!quic_table_hold(&e->quic, entry, meta->id)) {
        engine_quic_refuse(e, entry, REASON_HELD_LIMIT, "");
        e->ops.verdict(e->ops.arg, meta->id, 0);
        return;
    }
    e->counts.held++;
    switch (quic_conn_hello(&entry->conn, &e->quic.pool, e->scratch, &hello)) {
    case PARSE_OK:
        judge(e, entry, &hello, meta->mark);
        return;
    case PARSE_MORE:
        return;
    case PARSE_ABSENT:
    case PARSE_BAD:
        break;
    }
    engine_quic_refuse(e, entry, REASON_MALFORMED, "");
}

/* --- datagrams -----------------------------------------------------------------------------
 */

/* What is wrong with this datagram alone, when a hello of its connection was allowed: late
 * copies from before a Retry or a change of version are no attack. */
static bool is_only_lost(const struct quic_entry *entry, enum quic_rc rc)
{
    return entry->has_name && rc != QUIC_CONFLICT && rc != QUIC_TOO_LONG && rc != QUIC_FULL;
}

static void refuse_owned(struct engine *e, struct quic_entry *entry,
                         const struct packet_meta *meta, enum quic_rc rc)
{
    struct refusal refusal = refusal_of(rc);
    bool is_held;

    if (is_only_lost(entry, rc)) {
        e->ops.verdict(e->ops.arg, meta->id, 0);
        return;
    }
    is_held = quic_table_hold(&e->quic, entry, meta->id);
    engine_quic_refuse(e, entry, refusal.reason, refusal.detail);
    if (!is_held)
        e->ops.verdict(e->ops.arg, meta->id, 0);
}

static void take_owned(struct engine *e, struct quic_entry *entry,
                       const struct packet_meta *meta, struct cursor datagram)
{
    enum quic_rc rc;

    entry->is_flow_good = is_flow_good(e, &entry->key, meta->mark);
    if (entry->state == QUIC_REFUSED) {
        e->ops.verdict(e->ops.arg, meta->id, entry->is_flow_good ? 0 : VERDICT_ICMP);
        return;
    }
    rc = quic_table_client(&e->quic, entry, e->cipher, datagram, e->linear, e->now->mono_us);
    if (rc != QUIC_OK && rc != QUIC_NO_INITIAL)
        refuse_owned(e, entry, meta, rc);
    else if (entry->state == QUIC_OPEN)
        hold(e, entry, meta);
    else
        e->ops.verdict(e->ops.arg, meta->id, engine_quic_verdict(e, entry, meta->mark));
}

/* Nothing but packets that a server without the connection's keys can make nothing of. */
static bool begins_nothing(struct cursor datagram)
{
    struct quic_packet packet;

    do {
        if (quic_packet_next(&datagram, &packet) != PARSE_OK ||
            (packet.type != QUIC_HANDSHAKE && packet.type != QUIC_SHORT))
            return false;
    } while (cursor_left(&datagram) != 0);
    return true;
}

static void take_new(struct engine *e, const struct packet_meta *meta,
                     const struct ip_packet *packet, uint32_t source_tag,
                     const struct flow_key *key)
{
    bool is_good = is_flow_good(e, key, meta->mark);
    struct quic_conn conn;
    enum quic_rc rc = quic_conn_begin(&conn, packet->payload);
    struct quic_entry *entry;
    struct refusal refusal = refusal_of(rc);

    if (rc == QUIC_NO_INITIAL && (meta->mark & MARK_STATE_MASK) == CT_QUIC &&
        begins_nothing(packet->payload)) {
        e->ops.verdict(e->ops.arg, meta->id, VERDICT_PASS);
        return;
    }
    if (rc != QUIC_OK) {
        refuse_datagram(e, meta, packet, source_tag, is_good, refusal.reason, refusal.detail);
        return;
    }
    entry = quic_table_new(&e->quic, key, source_tag, &conn, e->now->mono_us);
    if (entry == NULL) {
        refuse_datagram(e, meta, packet, source_tag, is_good, REASON_HELD_LIMIT,
                        "too many QUIC connections are being read");
        return;
    }
    entry->number = ++e->flows.nr_made;
    take_owned(e, entry, meta, packet->payload);
}

void engine_quic_outbound(struct engine *e, const struct packet_meta *meta,
                          const struct ip_packet *packet, uint32_t source_tag)
{
    struct flow_key key =
        engine_flow_key(&packet->src, packet->sport, &packet->dst, packet->dport);
    struct cursor rest = packet->payload;
    struct quic_entry *entry = NULL;
    struct quic_packet first;

    if (quic_packet_next(&rest, &first) == PARSE_OK && first.type != QUIC_SHORT)
        entry = quic_table_owner(&e->quic, &key, &first.dcid);
    if (entry != NULL)
        take_owned(e, entry, meta, packet->payload);
    else
        take_new(e, meta, packet, source_tag, &key);
}
