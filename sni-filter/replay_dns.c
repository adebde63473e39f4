/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/replay_dns.h"

#include <string.h>

void replay_dns_query(struct replay_dns *dns, const struct engine_clock *now,
                      const struct dns_client *client, struct cursor message,
                      const struct packet_meta *meta, const struct cursor *packet)
{
    struct dns_query query;
    int rcode;

    dns->current_client = client;
    dns->current = dns_query_parse(message, &query, &rcode) == PARSE_OK ? &query : NULL;
    if (packet != NULL)
        engine_packet(dns->engine, now, meta, packet->base, packet->len);
    else
        engine_dns_tcp(dns->engine, now, client, message.base, message.len);
    dns->current = NULL;
    dns->current_client = NULL;
}

static void give_up(struct replay_dns *dns, const struct engine_clock *now,
                    struct replay_dns_pending *pending)
{
    struct dns_found found = { .ticket = pending->ticket, .rcode = DNS_RCODE_SERVFAIL };

    pending->is_used = false;
    engine_dns_found(dns->engine, now, &found);
}

/* Take the oldest off the ring. */
static struct replay_dns_pending *shift(struct replay_dns *dns)
{
    struct replay_dns_pending *oldest = &dns->pending[dns->first];

    dns->first = (dns->first + 1) % REPLAY_DNS_PENDING_MAX;
    dns->nr--;
    return oldest;
}

/* Called from within engine_packet(): the engine is not called back from here, so one that is
 * pushed out of the ring unanswered stays with the engine, whose own limit holds. */
void replay_dns_ask(struct replay_dns *dns, const struct engine_clock *now,
                    const struct dns_ask *ask)
{
    struct replay_dns_pending *pending;

    if (dns->nr == REPLAY_DNS_PENDING_MAX)
        (void)shift(dns);
    pending = &dns->pending[(dns->first + dns->nr++) % REPLAY_DNS_PENDING_MAX];
    *pending = (struct replay_dns_pending) {
        .is_used = true,
        .ticket = ask->ticket,
        .asked_us = now->mono_us,
    };
    if (dns->current == NULL)
        return;
    pending->has_question = true;
    pending->client = *dns->current_client;
    pending->question.id = dns->current->id;
    pending->question.qtype = ask->qtype;
    pending->question.wire_name_len = dns->current->wire_name_len;
    memcpy(pending->question.wire_name, dns->current->wire_name, DNS_WIRE_NAME_MAX);
}

static bool is_same_client(const struct dns_client *a, const struct dns_client *b)
{
    return a->sport == b->sport && a->dport == b->dport && a->is_tcp == b->is_tcp &&
           a->tcp_ticket == b->tcp_ticket && addr_equal(&a->src, &b->src) &&
           addr_equal(&a->dst, &b->dst);
}

static void report(struct replay_dns *dns, const struct engine_clock *now, uint32_t ticket,
                   enum parse_rc rc, const struct dns_answer *answer)
{
    struct dns_found found = { .ticket = ticket, .rcode = DNS_RCODE_SERVFAIL };

    if (rc == PARSE_OK && !answer->is_truncated) {
        found.rcode = answer->rcode;
        found.ttl_s = answer->ttl_s;
        found.nr_addrs = (uint32_t)answer->nr_addrs;
        memcpy(found.addrs, answer->addrs, sizeof(found.addrs));
    }
    engine_dns_found(dns->engine, now, &found);
}

bool replay_dns_answer(struct replay_dns *dns, const struct engine_clock *now,
                       const struct dns_client *client, struct cursor message)
{
    _Static_assert(ARRAY_LEN(((struct dns_found *)0)->addrs) == DNS_ADDRS_MAX, "one size");
    struct dns_answer answer;

    for (size_t i = 0; i < dns->nr; i++) {
        struct replay_dns_pending *pending =
            &dns->pending[(dns->first + i) % REPLAY_DNS_PENDING_MAX];
        enum parse_rc rc;

        if (!pending->is_used || !pending->has_question ||
            !is_same_client(&pending->client, client))
            continue;
        rc = dns_answer_parse(message, &pending->question, &answer);
        if (rc == PARSE_ABSENT)
            continue;
        pending->is_used = false;
        dns->nr_answers++;
        report(dns, now, pending->ticket, rc, &answer);
        return true;
    }
    return false;
}

void replay_dns_expire(struct replay_dns *dns, const struct engine_clock *now)
{
    while (dns->nr != 0) {
        struct replay_dns_pending *oldest = &dns->pending[dns->first];

        if (oldest->is_used && now->mono_us - oldest->asked_us < REPLAY_DNS_WAIT_US)
            return;
        (void)shift(dns);
        if (oldest->is_used)
            give_up(dns, now, oldest);
    }
}

void replay_dns_open(struct replay_dns *dns, const struct dns_client *client, uint32_t isn)
{
    struct replay_dns_connection *connection = &dns->connections[dns->next_connection];

    dns->next_connection = (dns->next_connection + 1) % REPLAY_DNS_STREAMS_MAX;
    connection->is_used = true;
    connection->ticket = client->tcp_ticket;
    connection->up.has_next = true;
    connection->up.next = isn + 1;
    connection->up.len = 0;
    connection->down.has_next = false;
    connection->down.len = 0;
}

static struct replay_dns_connection *find_connection(struct replay_dns *dns, uint64_t ticket)
{
    for (size_t i = 0; i < REPLAY_DNS_STREAMS_MAX; i++) {
        if (dns->connections[i].is_used && dns->connections[i].ticket == ticket)
            return &dns->connections[i];
    }
    return NULL;
}

/* Append what is new in a segment; false when bytes before it are missing or it does not fit.
 */
static bool append(struct replay_dns_stream *stream, uint32_t seq, struct cursor payload)
{
    uint32_t known;
    struct cursor rest;

    if (!stream->has_next) {
        stream->has_next = true;
        stream->next = seq;
    }
    known = stream->next - seq;
    if (known >= 0x80000000u)
        return false;
    if (!cursor_skip(&payload, known) || cursor_left(&payload) == 0)
        return true; /* a retransmission */
    if (!cursor_split(&payload, cursor_left(&payload), &rest))
        return false;
    if (rest.len > sizeof(stream->bytes) - stream->len)
        return false;
    memcpy(stream->bytes + stream->len, rest.base, rest.len);
    stream->len += rest.len;
    stream->next += (uint32_t)rest.len;
    return true;
}

static void give_message(struct replay_dns *dns, const struct engine_clock *now,
                         const struct dns_client *client, bool is_up, struct cursor message)
{
    if (is_up)
        replay_dns_query(dns, now, client, message, NULL, NULL);
    else
        (void)replay_dns_answer(dns, now, client, message);
}

void replay_dns_segment(struct replay_dns *dns, const struct engine_clock *now,
                        const struct dns_client *client, bool is_up, uint32_t seq,
                        struct cursor payload)
{
    struct replay_dns_connection *connection = find_connection(dns, client->tcp_ticket);
    struct replay_dns_stream *stream;
    struct cursor read, message;

    if (connection == NULL)
        return;
    stream = is_up ? &connection->up : &connection->down;
    if (!append(stream, seq, payload)) {
        dns->nr_lost_segments++;
        return;
    }
    read = (struct cursor) { .base = stream->bytes, .len = stream->len };
    while (cursor_vec(&read, 2, &message)) /* RFC 1035 §4.2.2 */
        give_message(dns, now, client, is_up, message);
    stream->len = cursor_left(&read);
    memmove(stream->bytes, stream->bytes + read.off, stream->len);
}
