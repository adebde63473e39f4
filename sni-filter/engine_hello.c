/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The client's stream: records are counted as they arrive, a hello is parsed and judged once it
 * is whole, and so is what stands between a hello and the server's answer.
 */
#include <string.h>

#include "common/siphash.h"
#include "sni-filter/engine_internal.h"

void engine_record_hello(const struct engine *e, struct record *record,
                         const struct tls_hello *hello, const struct judgement *judgement)
{
    engine_text(record->name, sizeof(record->name), hello->name);
    engine_record_rule(e, record, &judgement->answer);
    record->has_ech = hello->has_ech;
    if (hello->alpn.len <= sizeof(record->alpn)) {
        if (hello->alpn.len > 0)
            memcpy(record->alpn, hello->alpn.base, hello->alpn.len);
        record->alpn_len = (uint8_t)hello->alpn.len;
    }
}

static void record_hello(struct engine *e, const struct flow *flow,
                         const struct tls_hello *hello, const struct judgement *judgement)
{
    struct record record = engine_flow_record(
        e, flow, judgement->is_allowed ? RECORD_ALLOW : RECORD_DENY, judgement->reason);

    engine_record_hello(e, &record, hello, judgement);
    engine_record(e, &record);
}

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

    for (;;) {
        if (flow->record_at < s->edge &&
            stream_byte(s, &e->flows.pool, flow->record_at) != TLS_HANDSHAKE)
            return SCAN_PARSE;
        if (!next_record(e, flow, &type, &end))
            return SCAN_MORE;
        if (end == flow->record_at + 5 || end - flow->record_at > 16389 ||
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
}

uint64_t engine_hash_name(const struct engine *e, const char *name)
{
    return siphash(e->key, name, strlen(name));
}

/* The first hello was allowed: what is whole goes, everything else waits for the answer. */
static void pin(struct engine *e, struct flow *flow, const struct tls_client_flight *flight,
                const struct judgement *j)
{
    flow->tag = j->is_by_addr ? 0 : engine_name_tag(flight->hello.name);
    flow->name_hash = engine_hash_name(e, flight->hello.name);
    flow->phase = PHASE_FIRST_ANSWER;
    flow->answer_needs = (uint32_t)flight->hello_end;
    flow->record_at = (uint32_t)flight->hello_end;
    flow_set_state(&e->flows, flow, FLOW_PINNED, e->now->mono_us);
    engine_flow_release(e, flow, flow->answer_needs);
}

static void judge_first(struct engine *e, struct flow *flow,
                        const struct tls_client_flight *flight)
{
    struct judgement j = judge_hello(e, flow->source_tag, &flow->key.server,
                                     flow->key.server_port, &flight->hello, SERVICE_TLS);

    record_hello(e, flow, &flight->hello, &j);
    if (j.is_allowed)
        pin(e, flow, flight, &j);
    else
        engine_flow_end(e, flow, TLS_ACCESS_DENIED);
}

/* After a HelloRetryRequest: allowed again, and the same name again. */
static void judge_second(struct engine *e, struct flow *flow,
                         const struct tls_client_flight *flight)
{
    struct judgement j = judge_hello(e, flow->source_tag, &flow->key.server,
                                     flow->key.server_port, &flight->hello, SERVICE_TLS);

    if (j.is_allowed && engine_hash_name(e, flight->hello.name) != flow->name_hash) {
        j.is_allowed = false;
        j.reason = REASON_NAME_ADDRESS_MISMATCH;
    }
    if (!j.is_allowed) {
        record_hello(e, flow, &flight->hello, &j);
        engine_flow_reset(e, flow);
        return;
    }
    flow->phase = PHASE_SECOND_ANSWER;
    flow->answer_needs = flow->hello_at + (uint32_t)flight->hello_end;
    flow->record_at = flow->answer_needs;
    engine_flow_release(e, flow, flow->answer_needs);
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
        engine_flow_refuse(e, flow, REASON_HELLO_TOO_LONG, "");
    else
        engine_flow_refuse(e, flow, is_tls ? REASON_MALFORMED : REASON_NOT_TLS, "");
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
            engine_flow_refuse(e, flow, REASON_MALFORMED,
                               "after the ClientHello, before the server's answer");
            return;
        }
        engine_flow_release(e, flow, end < edge ? end : edge);
        if (end > edge)
            return;
        flow->record_at = end;
    }
}

void engine_hello_read(struct engine *e, struct flow *flow)
{
    if (flow->state == FLOW_OPEN && !read_hello(e, flow))
        return;
    if (flow->state == FLOW_PINNED)
        read_between(e, flow);
}

bool engine_hello_may_come(struct engine *e, const struct flow *flow)
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
