/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bindings: how long they last, where they are reported to, and what they say of connections
 * that the kernel has long accepted.
 */
#include <netinet/in.h>
#include <string.h>

#include "sni-filter/engine_internal.h"

#define SERVICES_MAX 64
#define KEEP_AGAIN_US                                                                          \
    (300ull * US_PER_S) /* a refreshed binding is reported this often at most */

/* Put the address into the kernel's set for every port at which a hello may be sent to it. */
static void report_bound(struct engine *e, struct binding *b, uint32_t timeout_s)
{
    unsigned agent = e->policy_agents[b->source_tag];
    struct policy_service services[SERVICES_MAX];
    size_t nr = policy_services(e->policy, agent, b->name, services, SERVICES_MAX);

    if (engine_is_crowded(e, b->source_tag))
        return;
    b->reported_us = e->now->mono_us;
    for (size_t i = 0; i < nr; i++) {
        const struct policy_service *s = &services[i];

        if ((s->kind != SERVICE_TLS && s->kind != SERVICE_HTTP) ||
            s->port_last - s->port_first >= BOUND_PORTS_MAX)
            continue;
        /* A port where any bytes are allowed too is judged, and recorded, at each SYN. */
        for (uint32_t port = s->port_first; port <= s->port_last; port++) {
            struct engine_bound bound = { b->source_tag, b->addr, (uint16_t)port, timeout_s };
            struct policy_answer plain =
                policy_name(e->policy, agent, b->name, SERVICE_TCP, (uint16_t)port);

            if (plain.result != POLICY_ALLOWED)
                e->ops.bound(e->ops.arg, &bound);
        }
    }
}

/* Will the name be seen again in what is sent to its address? */
static bool is_name_read(const struct engine *e, uint32_t source_tag, const char *name)
{
    struct policy_service services[SERVICES_MAX];
    size_t nr =
        policy_services(e->policy, e->policy_agents[source_tag], name, services, SERVICES_MAX);

    for (size_t i = 0; i < nr; i++)
        if (services[i].kind != SERVICE_TCP && services[i].kind != SERVICE_UDP)
            return true;
    return false;
}

static void keep(struct engine *e, struct binding *b)
{
    uint64_t now_us = e->now->mono_us;
    uint64_t until_us = b->until_us > b->until_plain_us ? b->until_us : b->until_plain_us;
    struct ipc_binding kept = {
        .addr = b->addr,
        .expires_wall_s = (e->now->wall_us + (until_us - now_us)) / US_PER_S,
    };

    if (b->kept_us != 0 && now_us - b->kept_us < KEEP_AGAIN_US)
        return;
    b->kept_us = now_us;
    engine_text(kept.name, sizeof(kept.name), b->name);
    engine_text(kept.agent, sizeof(kept.agent), engine_agent_name(e, b->source_tag));
    e->ops.keep(e->ops.arg, &kept);
}

void engine_bind(struct engine *e, uint32_t source_tag, const struct addr *addr,
                 const char *name, uint32_t ttl_s)
{
    uint32_t plain_s = ttl_s > e->setup.dns_min_ttl_s ? ttl_s : e->setup.dns_min_ttl_s;
    uint32_t keep_s = e->setup.dns_keep_s > plain_s ? e->setup.dns_keep_s : plain_s;
    uint64_t now_us = e->now->mono_us;
    struct binding *b;

    if (plain_s > e->setup.dns_keep_s && e->setup.dns_keep_s > e->setup.dns_min_ttl_s)
        plain_s =
            e->setup.dns_keep_s; /* a server cannot bind for longer than the admin wants */
    b = binding_put(&e->bindings, source_tag, addr, name,
                    now_us + (is_name_read(e, source_tag, name) ? keep_s : plain_s) * US_PER_S,
                    now_us + plain_s * US_PER_S);
    if (b == NULL)
        return;
    /* What the kernel was told lasts for keep_s: there is no need to tell it at each answer. */
    if (b->reported_us == 0 || now_us - b->reported_us > keep_s * US_PER_S / 8)
        report_bound(e, b, keep_s);
    keep(e, b);
}

static uint32_t tag_of_agent(const struct engine *e, const char *agent)
{
    for (uint32_t i = 0; i < e->setup.nr_sources; i++)
        if (strcmp(e->setup.sources[i].agent, agent) == 0)
            return i + 1;
    return 0;
}

void engine_restore(struct engine *e, const struct engine_clock *now,
                    const struct ipc_binding *kept)
{
    uint32_t source_tag = tag_of_agent(e, kept->agent);
    uint64_t left_us, most_us = (uint64_t)e->setup.dns_keep_s * US_PER_S, until_us;
    struct binding *b;

    e->now = now;
    if (source_tag == 0 || kept->expires_wall_s <= now->wall_us / US_PER_S)
        return;
    left_us = (kept->expires_wall_s - now->wall_us / US_PER_S) * US_PER_S;
    until_us = now->mono_us + (left_us < most_us ? left_us : most_us);
    b = binding_put(&e->bindings, source_tag, &kept->addr, kept->name, until_us, until_us);
    if (b != NULL)
        b->kept_us = now->mono_us;
}

void engine_rebind(struct engine *e, const struct engine_clock *now)
{
    e->now = now;
    for (uint32_t i = 0; i < e->bindings.nr_used; i++) {
        struct binding *b = &e->bindings.slots[i];

        if (b->source_tag != 0 && b->until_us > now->mono_us)
            report_bound(e, b, (uint32_t)((b->until_us - now->mono_us) / US_PER_S) + 1);
    }
}

/* What may have allowed a live connection: the service whose hello or request was read, and the
 * one for any bytes. Its mark tells more of UDP than of TCP. */
struct origin {
    bool may_be_read, may_be_plain;
    enum service_kind read, plain;
};

static struct origin origin_of(const struct engine_live *live)
{
    uint32_t state = live->mark & MARK_STATE_MASK;
    bool is_http = state == CT_HTTP_READ || state == CT_HTTP_SENT;

    if (live->protocol == IPPROTO_UDP)
        return (struct origin) { state != CT_ACCEPTED, true, SERVICE_QUIC, SERVICE_UDP };
    return (struct origin) { true, !is_http, is_http ? SERVICE_HTTP : SERVICE_TLS,
                             SERVICE_TCP };
}

static bool is_service_allowed(const struct engine *e, uint32_t source_tag, const char *name,
                               const struct engine_live *live)
{
    const struct origin o = origin_of(live);
    unsigned agent = e->policy_agents[source_tag];
    uint16_t port = live->dport;

    return (o.may_be_read &&
            policy_name(e->policy, agent, name, o.read, port).result == POLICY_ALLOWED) ||
           (o.may_be_plain &&
            policy_name(e->policy, agent, name, o.plain, port).result == POLICY_ALLOWED);
}

static bool is_addr_allowed(const struct engine *e, uint32_t source_tag,
                            const struct engine_live *live)
{
    const struct origin o = origin_of(live);
    unsigned agent = e->policy_agents[source_tag];
    struct policy_answer read = policy_addr(e->policy, agent, &live->dst, o.read, live->dport);
    struct policy_answer plain =
        policy_addr(e->policy, agent, &live->dst, o.plain, live->dport);

    return read.result != POLICY_DENIED && plain.result != POLICY_DENIED &&
           ((o.may_be_read && read.result == POLICY_ALLOWED) || plain.result == POLICY_ALLOWED);
}

/* The name that a live connection's tag stands for: the address was given out for it. */
static struct binding *binding_of_tag(struct engine *e, uint32_t source_tag,
                                      const struct engine_live *live)
{
    struct binding *b = NULL;

    /* One that ran out while the connection lived counts as long as its slot is not reused. */
    while ((b = binding_next(&e->bindings, source_tag, &live->dst, b, 0)) != NULL)
        if (engine_name_tag(b->name) == (live->mark & MARK_VALUE_MASK))
            return b;
    return NULL;
}

/* A QUIC flow with connections for several names: which, its mark cannot say, so all that the
 * address was given out for must be allowed. */
static bool are_all_allowed(struct engine *e, uint32_t source_tag,
                            const struct engine_live *live)
{
    struct binding *b = NULL;
    bool has_one = false;

    while ((b = binding_next(&e->bindings, source_tag, &live->dst, b, 0)) != NULL) {
        if (!is_service_allowed(e, source_tag, b->name, live))
            return false;
        has_one = true;
    }
    return has_one;
}

static bool is_for_several(const struct engine_live *live)
{
    return live->protocol == IPPROTO_UDP && (live->mark & MARK_VALUE_MASK) == MARK_VALUE_MASK;
}

/* The address is in use: the binding outlives the connection. */
static void use(struct engine *e, struct binding *b)
{
    uint64_t until_us = e->now->mono_us + IN_USE_US;

    if (b->until_us < until_us)
        b->until_us = until_us;
    if (b->until_plain_us < until_us)
        b->until_plain_us = until_us;
    keep(e, b);
}

static void record_revoked(struct engine *e, uint32_t source_tag,
                           const struct engine_live *live, const char *name)
{
    struct record record = {
        .event = EVENT_CONNECT,
        .verdict = RECORD_DENY,
        .reason = REASON_POLICY_CHANGED,
        .wall_us = e->now->wall_us,
        .ip_protocol = live->protocol,
        .has_ports = true,
        .src = live->src,
        .dst = live->dst,
        .sport = live->sport,
        .dport = live->dport,
    };

    engine_text(record.agent, sizeof(record.agent), engine_agent_name(e, source_tag));
    engine_text(record.name, sizeof(record.name), name);
    engine_record_rule(e, &record, NULL);
    engine_record_each(e, &record);
}

static bool is_live_allowed(struct engine *e, uint32_t source_tag,
                            const struct engine_live *live, const char **name)
{
    struct binding *b;

    if (source_tag == 0)
        return false;
    if ((live->mark & MARK_VALUE_MASK) == 0 && is_addr_allowed(e, source_tag, live))
        return true;
    if (is_for_several(live)) {
        if (!are_all_allowed(e, source_tag, live))
            return false;
        for (b = NULL; (b = binding_next(&e->bindings, source_tag, &live->dst, b, 0)) != NULL;)
            use(e, b);
        return true;
    }
    b = binding_of_tag(e, source_tag, live);
    if (b == NULL)
        return false;
    *name = b->name;
    if (!is_service_allowed(e, source_tag, b->name, live))
        return false;
    if (!live->is_ended)
        use(e, b);
    return true;
}

/* Was it allowed, and is that still so? */
static bool is_judged(uint32_t mark)
{
    switch (mark & MARK_STATE_MASK) {
    case CT_ACCEPTED:
    case CT_PINNED:
    case CT_ANSWERED:
    case CT_HTTP_READ:
    case CT_HTTP_SENT:
        return true;
    }
    return false;
}

bool engine_live_allowed(struct engine *e, const struct engine_clock *now,
                         const struct engine_live *live)
{
    uint32_t source_tag = engine_source_tag(&e->setup, &live->src);
    const char *name = "";

    e->now = now;
    engine_crowd_count(e, source_tag, live);
    if (!is_judged(live->mark) || is_live_allowed(e, source_tag, live, &name))
        return true;
    if (!live->is_ended)
        record_revoked(e, source_tag, live, name);
    if (live->protocol == IPPROTO_UDP)
        engine_quic_forget(e, live);
    return false;
}
