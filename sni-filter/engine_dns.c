/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: a query is parsed and answered at once, or its name and type (nothing else of
 * it) go to the dns process; what waits for the answer stands in a fixed table whose tickets
 * are never reused while they could be confused. An answer binds its addresses first, then goes
 * to the client. When the table is full the client gets SERVFAIL.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "sni-filter/engine_internal.h"

#define NEGATIVE_TTL_S 1 /* so that an allow takes effect at once */

static struct record dns_record(const struct engine *e, const struct dns_client *client,
                                uint32_t source_tag, enum record_event event,
                                enum record_verdict verdict, enum reason reason)
{
    struct record record = {
        .event = event,
        .verdict = verdict,
        .reason = reason,
        .wall_us = e->now->wall_us,
        .ip_protocol = client->is_tcp ? IPPROTO_TCP : IPPROTO_UDP,
        .has_ports = true,
        .src = client->src,
        .dst = client->dst,
        .sport = client->sport,
        .dport = client->dport,
    };

    engine_text(record.agent, sizeof(record.agent), engine_agent_name(e, source_tag));
    return record;
}

static void reply(struct engine *e, const struct dns_client *client,
                  const struct dns_query *query, const struct dns_reply *what)
{
    uint8_t message[DNS_MESSAGE_MAX];
    size_t limit = client->is_tcp ? sizeof(message) : query->udp_size;
    size_t len;

    if (limit > 1232 && !client->is_tcp)
        limit = 1232; /* no fragments: RFC 9715 */
    len = dns_reply_build(query, what, limit, message, sizeof(message));
    if (len > 0)
        e->ops.dns_reply(e->ops.arg, client, message, len);
}

static void reply_blocked(struct engine *e, const struct dns_client *client,
                          const struct dns_query *query, bool has_child)
{
    struct dns_reply what = {
        .rcode = has_child ? DNS_RCODE_OK : DNS_RCODE_NXDOMAIN,
        .has_soa = true,
        .soa_ttl_s = NEGATIVE_TTL_S,
        .blocked = "not on the allowlist of this network's gateway (secctl)",
    };

    reply(e, client, query, &what);
}

static void reply_empty(struct engine *e, const struct dns_client *client,
                        const struct dns_query *query, unsigned rcode, uint32_t ttl_s)
{
    bool is_negative = rcode == DNS_RCODE_OK || rcode == DNS_RCODE_NXDOMAIN;
    struct dns_reply what = { .rcode = rcode, .has_soa = is_negative, .soa_ttl_s = ttl_s };

    reply(e, client, query, &what);
}

static struct dns_pending *pending_take(struct engine *e)
{
    uint32_t index = e->pending_free;
    struct dns_pending *p;

    if (index != UINT32_MAX)
        e->pending_free = e->pending[index].next_free;
    else if (e->pending_touched < DNS_PENDING_MAX)
        index = e->pending_touched++;
    else
        return NULL;
    p = &e->pending[index];
    /* A ticket names its slot and, so that a late answer finds nothing, a turn; never 0. */
    do
        p->ticket = ++e->nr_tickets * DNS_PENDING_MAX + index;
    while (p->ticket == 0);
    p->since_us = e->now->mono_us;
    return p;
}

static void pending_give(struct engine *e, struct dns_pending *p)
{
    p->ticket = 0;
    p->next_free = e->pending_free;
    e->pending_free = (uint32_t)(p - e->pending);
}

static void ask(struct engine *e, const struct dns_client *client,
                const struct dns_query *query, uint32_t source_tag)
{
    struct dns_pending *p = pending_take(e);
    struct dns_ask question;

    if (p == NULL) {
        reply_empty(e, client, query, DNS_RCODE_SERVFAIL, 0);
        return;
    }
    p->client = *client;
    p->query = *query;
    p->source_tag = source_tag;
    memset(&question, 0, sizeof(question));
    question.ticket = p->ticket;
    question.qtype = query->qtype;
    engine_text(question.name, sizeof(question.name), query->name);
    e->ops.dns_ask(e->ops.arg, &question);
}

/* The name for the log; one that is no host name label by label as it was sent. */
static void query_text(const struct dns_query *query, char out[HOSTNAME_MAX + 1])
{
    struct cursor wire = { .base = query->wire_name, .len = query->wire_name_len }, label;
    size_t n = 0;

    engine_text(out, HOSTNAME_MAX + 1, query->name);
    if (query->name[0] != '\0')
        return;
    while (cursor_vec(&wire, 1, &label) && cursor_left(&label) != 0) {
        if (n > 0 && n < HOSTNAME_MAX)
            out[n++] = '.';
        for (size_t i = 0; i < label.len && n < HOSTNAME_MAX; i++)
            out[n++] = (char)(label.base[i] != 0 ? label.base[i] : '?');
    }
    out[n] = '\0';
}

static void record_query(struct engine *e, const struct dns_client *client,
                         const struct dns_query *query, uint32_t source_tag,
                         enum record_verdict verdict, enum reason reason,
                         const struct policy_answer *answer)
{
    struct record record = dns_record(e, client, source_tag, EVENT_DNS, verdict, reason);

    record.qtype = query->qtype;
    query_text(query, record.name);
    engine_record_rule(e, &record, answer);
    engine_record(e, &record);
}

/* The name may be asked for; what about the type? */
static void answer_allowed(struct engine *e, const struct dns_client *client,
                           const struct dns_query *query, uint32_t source_tag,
                           const struct policy_answer *answer)
{
    switch (query->qtype) {
    case DNS_A:
    case DNS_AAAA:
        record_query(e, client, query, source_tag, RECORD_ALLOW, REASON_RULE, answer);
        if (query->qtype == DNS_AAAA && !e->setup.has_outside_v6)
            reply_empty(e, client, query, DNS_RCODE_OK, NEGATIVE_TTL_S);
        else
            ask(e, client, query, source_tag);
        return;
    case DNS_SVCB:
    case DNS_HTTPS: /* an empty answer keeps ECH keys out */
        record_query(e, client, query, source_tag, RECORD_DENY, REASON_QTYPE, answer);
        reply_empty(e, client, query, DNS_RCODE_OK, NEGATIVE_TTL_S);
        return;
    default:
        record_query(e, client, query, source_tag, RECORD_DENY, REASON_QTYPE, answer);
        reply_empty(e, client, query, DNS_RCODE_REFUSED, 0);
    }
}

static void handle(struct engine *e, const struct dns_client *client, uint32_t source_tag,
                   struct cursor message)
{
    struct dns_query query;
    struct policy_answer answer = { .result = POLICY_UNKNOWN };
    bool has_child = false;
    int rcode = -1;

    if (dns_query_parse(message, &query, &rcode) != PARSE_OK) {
        record_query(e, client, &query, source_tag, RECORD_DENY, REASON_DNS_MALFORMED, NULL);
        if (rcode >= 0)
            reply_empty(e, client, &query, (unsigned)rcode, 0);
        return;
    }
    if (query.name[0] != '\0')
        answer = policy_dns(e->policy, e->policy_agents[source_tag], query.name, &has_child);
    if (answer.result == POLICY_ALLOWED) {
        answer_allowed(e, client, &query, source_tag, &answer);
        return;
    }
    record_query(e, client, &query, source_tag, RECORD_DENY, engine_refusal(&answer), &answer);
    reply_blocked(e, client, &query, has_child);
}

void engine_dns_udp(struct engine *e, const struct ip_packet *packet, uint32_t source_tag)
{
    struct dns_client client = {
        .src = packet->src,
        .dst = packet->dst,
        .sport = packet->sport,
        .dport = packet->dport,
    };

    if (packet->protocol == IPPROTO_UDP && packet->has_ports)
        handle(e, &client, source_tag, packet->payload);
}

void engine_dns_tcp(struct engine *e, const struct engine_clock *now,
                    const struct dns_client *client, const uint8_t *message, size_t len)
{
    uint32_t source_tag = engine_source_tag(&e->setup, &client->src);

    e->now = now;
    if (source_tag != 0)
        handle(e, client, source_tag, (struct cursor) { .base = message, .len = len });
}

static bool is_own(const struct engine *e, const struct addr *addr)
{
    for (uint32_t i = 0; i < e->setup.nr_own; i++)
        if (addr_equal(&e->setup.own[i], addr))
            return true;
    return false;
}

static bool is_in(const struct prefix *list, uint32_t nr, const struct addr *addr)
{
    for (uint32_t i = 0; i < nr; i++)
        if (prefix_contains(&list[i], addr))
            return true;
    return false;
}

/* An address that a name must not lead to: inside, or the gateway's own. */
static bool is_rebinding(const struct engine *e, const struct addr *addr, bool is_intranet)
{
    if (is_own(e, addr))
        return true;
    if (!addr_is_special(addr) &&
        !is_in(e->setup.private_denied, e->setup.nr_private_denied, addr))
        return false;
    return !is_intranet && !is_in(e->setup.private_allowed, e->setup.nr_private_allowed, addr);
}

static void record_answer(struct engine *e, const struct dns_pending *p,
                          const struct policy_answer *answer, enum reason reason,
                          const struct addr *addrs, size_t nr, uint32_t ttl_s)
{
    struct record record =
        dns_record(e, &p->client, p->source_tag, EVENT_ANSWER,
                   reason == REASON_RULE ? RECORD_ALLOW : RECORD_DENY, reason);

    record.qtype = p->query.qtype;
    record.ttl_s = ttl_s;
    engine_text(record.name, sizeof(record.name), p->query.name);
    record.nr_addrs = (uint8_t)(nr < ARRAY_LEN(record.addrs) ? nr : ARRAY_LEN(record.addrs));
    memcpy(record.addrs, addrs, record.nr_addrs * sizeof(addrs[0]));
    engine_record_rule(e, &record, answer);
    engine_record(e, &record);
}

/* Bind what may be bound, then tell the client. */
static void give_addresses(struct engine *e, struct dns_pending *p,
                           const struct dns_found *found, const struct policy_answer *answer)
{
    struct addr good[ARRAY_LEN(found->addrs)], bad[ARRAY_LEN(found->addrs)];
    size_t nr_good = 0, nr_bad = 0;
    uint8_t family = p->query.qtype == DNS_A ? ADDR_V4 : ADDR_V6;

    for (uint32_t i = 0; i < found->nr_addrs && i < ARRAY_LEN(found->addrs); i++) {
        const struct addr *addr = &found->addrs[i];

        if (addr->family != family || is_rebinding(e, addr, answer->is_intranet))
            bad[nr_bad++] = *addr;
        else
            good[nr_good++] = *addr;
    }
    for (size_t i = 0; i < nr_good; i++)
        engine_bind(e, p->source_tag, &good[i], p->query.name, found->ttl_s);
    if (nr_bad > 0)
        record_answer(e, p, answer, REASON_REBINDING, bad, nr_bad, found->ttl_s);
    if (nr_good > 0)
        record_answer(e, p, answer, REASON_RULE, good, nr_good, found->ttl_s);
    if (nr_good == 0 && nr_bad > 0) {
        reply_blocked(e, &p->client, &p->query, true);
        return;
    }
    reply(e, &p->client, &p->query,
          &(struct dns_reply) {
              .rcode = DNS_RCODE_OK,
              .addrs = good,
              .nr_addrs = nr_good,
              .ttl_s = found->ttl_s < e->setup.dns_keep_s ? found->ttl_s : e->setup.dns_keep_s,
              .has_soa = nr_good == 0,
              .soa_ttl_s = found->ttl_s,
          });
}

void engine_dns_found(struct engine *e, const struct engine_clock *now,
                      const struct dns_found *found)
{
    struct dns_pending *p = &e->pending[found->ticket % DNS_PENDING_MAX];
    struct policy_answer answer;
    bool has_child;

    e->now = now;
    if (found->ticket == 0 || p->ticket != found->ticket)
        return;
    answer = policy_dns(e->policy, e->policy_agents[p->source_tag], p->query.name, &has_child);
    if (answer.result != POLICY_ALLOWED)
        reply_blocked(e, &p->client, &p->query, has_child); /* the policy changed meanwhile */
    else if (found->rcode == DNS_RCODE_OK)
        give_addresses(e, p, found, &answer);
    else
        reply_empty(e, &p->client, &p->query, found->rcode, found->ttl_s);
    pending_give(e, p);
}

void engine_dns_tick(struct engine *e)
{
    if (e->now->mono_us - e->dns_ticked_us < US_PER_S)
        return;
    e->dns_ticked_us = e->now->mono_us;
    for (uint32_t i = 0; i < e->pending_touched; i++)
        if (e->pending[i].ticket != 0 &&
            e->now->mono_us - e->pending[i].since_us > DNS_PENDING_US)
            pending_give(e, &e->pending[i]);
}
