/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The decisions. A name alone never allows anything: its address must have been given out for
 * it, or an address rule must cover it.
 */
#include <netinet/in.h>
#include <string.h>

#include "sni-filter/engine_internal.h"
#include "sni-filter/http_request.h"

enum reason engine_refusal(const struct policy_answer *answer)
{
    switch (answer->result) {
    case POLICY_UNKNOWN:
        return REASON_NAME_NOT_ALLOWED;
    case POLICY_DENIED:
        return REASON_NAME_DENIED;
    case POLICY_OTHER_SERVICE:
        return REASON_SERVICE_NOT_ALLOWED;
    case POLICY_ALLOWED:
        return REASON_RULE;
    }
    return REASON_INTERNAL_ERROR;
}

static struct judgement refused(enum reason reason, struct policy_answer answer)
{
    return (struct judgement) { .reason = reason, .answer = answer };
}

static struct judgement allowed(struct policy_answer answer)
{
    return (struct judgement) { .is_allowed = true, .reason = REASON_RULE, .answer = answer };
}

static bool is_given_out(struct engine *e, uint32_t source_tag, const struct addr *addr)
{
    return e->is_binding_off ||
           binding_next(&e->bindings, source_tag, addr, NULL, e->now->mono_us) != NULL;
}

/* Is the address bound to this very name, for services whose names are read? */
static bool is_bound(struct engine *e, uint32_t source_tag, const struct addr *addr,
                     const char *name)
{
    const struct binding *b;

    if (e->is_binding_off)
        return true;
    b = binding_find(&e->bindings, source_tag, addr, name, e->now->mono_us);
    return b != NULL && b->until_us > e->now->mono_us;
}

static struct judgement allowed_by_addr(struct policy_answer answer)
{
    struct judgement j = allowed(answer);

    j.is_by_addr = true;
    return j;
}

static struct judgement judge_nameless(struct policy_answer by_addr, enum reason reason)
{
    return by_addr.result == POLICY_ALLOWED ? allowed_by_addr(by_addr)
                                            : refused(reason, by_addr);
}

static struct judgement judge_name(struct engine *e, uint32_t source_tag,
                                   const struct addr *addr, uint16_t port, const char *name,
                                   enum service_kind kind, const struct policy_answer *by_addr)
{
    unsigned agent = e->policy_agents[source_tag];
    struct policy_answer by_name = policy_name(e->policy, agent, name, kind, port);

    if (by_name.result == POLICY_DENIED)
        return refused(REASON_NAME_DENIED, by_name);
    if (by_addr->result == POLICY_ALLOWED)
        return allowed_by_addr(*by_addr);
    if (by_name.result != POLICY_ALLOWED)
        return refused(engine_refusal(&by_name), by_name);
    if (is_bound(e, source_tag, addr, name))
        return allowed(by_name);
    return refused(is_given_out(e, source_tag, addr) ? REASON_NAME_ADDRESS_MISMATCH
                                                     : REASON_ADDRESS_NOT_BOUND,
                   by_name);
}

struct judgement judge_hello(struct engine *e, uint32_t source_tag, const struct addr *addr,
                             uint16_t port, const struct tls_hello *hello,
                             enum service_kind kind)
{
    struct policy_answer none = { .result = POLICY_UNKNOWN };
    struct policy_answer by_addr =
        policy_addr(e->policy, e->policy_agents[source_tag], addr, kind, port);
    struct addr literal;

    if (by_addr.result == POLICY_DENIED)
        return refused(REASON_NAME_DENIED, by_addr);
    if (hello->has_esni || (hello->has_ech && !e->setup.is_ech_allowed))
        return refused(REASON_ECH, none);
    if (!hello->has_name)
        return judge_nameless(by_addr, REASON_NO_SNI);
    if (hello->is_name_ip) {
        if (!addr_parse(hello->name, strlen(hello->name), &literal) ||
            !addr_equal(&literal, addr))
            return refused(REASON_NAME_NOT_ALLOWED, none);
        return judge_nameless(by_addr, REASON_NAME_NOT_ALLOWED);
    }
    return judge_name(e, source_tag, addr, port, hello->name, kind, &by_addr);
}

struct judgement judge_request(struct engine *e, uint32_t source_tag, const struct addr *addr,
                               uint16_t port, const struct http_request *request)
{
    struct policy_answer none = { .result = POLICY_UNKNOWN };
    struct policy_answer by_addr =
        policy_addr(e->policy, e->policy_agents[source_tag], addr, SERVICE_HTTP, port);

    if (by_addr.result == POLICY_DENIED)
        return refused(REASON_NAME_DENIED, by_addr);
    if (!request->is_name_addr)
        return judge_name(e, source_tag, addr, port, request->name, SERVICE_HTTP, &by_addr);
    if (!addr_equal(&request->addr, addr))
        return refused(REASON_NAME_NOT_ALLOWED, none);
    return judge_nameless(by_addr, REASON_NAME_NOT_ALLOWED);
}

/* What a name that the address was given out for allows at this port. */
static bool allows(struct engine *e, uint32_t source_tag, const struct binding *b,
                   enum service_kind kind, uint16_t port, struct policy_answer *answer)
{
    bool is_plain = kind == SERVICE_TCP || kind == SERVICE_UDP;
    uint64_t until = is_plain ? b->until_plain_us : b->until_us;

    *answer = policy_name(e->policy, e->policy_agents[source_tag], b->name, kind, port);
    return answer->result == POLICY_ALLOWED && until > e->now->mono_us;
}

bool judge_may_send(struct engine *e, uint32_t source_tag, const struct addr *addr,
                    uint16_t port, enum service_kind kind)
{
    struct policy_answer answer =
        policy_addr(e->policy, e->policy_agents[source_tag], addr, kind, port);
    const struct binding *b = NULL;

    if (answer.result == POLICY_DENIED)
        return false;
    if (answer.result == POLICY_ALLOWED || e->is_binding_off)
        return true;
    while ((b = binding_next(&e->bindings, source_tag, addr, b, e->now->mono_us)) != NULL)
        if (allows(e, source_tag, b, kind, port, &answer))
            return true;
    return false;
}

struct kinds {
    enum service_kind plain, read[2]; /* any bytes; what is read first */
};

/* The names that the address was given out for; the last one that refuses gives the reason. */
static void judge_syn_names(struct engine *e, uint32_t source_tag, const struct addr *addr,
                            uint16_t port, const struct kinds *kinds, struct syn_judgement *out)
{
    const struct binding *b = NULL;
    struct policy_answer answer;

    while ((b = binding_next(&e->bindings, source_tag, addr, b, e->now->mono_us)) != NULL) {
        engine_text(out->name, sizeof(out->name), b->name);
        if (allows(e, source_tag, b, kinds->plain, port, &answer)) {
            out->what = SYN_ACCEPT;
            out->judgement = allowed(answer);
            return;
        }
        if (answer.result == POLICY_ALLOWED)
            out->judgement = refused(REASON_ADDRESS_NOT_BOUND, answer); /* it has run out */
        else
            out->judgement = refused(answer.result == POLICY_UNKNOWN ? REASON_ADDRESS_NOT_BOUND
                                                                     : engine_refusal(&answer),
                                     answer);
        if (allows(e, source_tag, b, kinds->read[0], port, &answer) ||
            allows(e, source_tag, b, kinds->read[1], port, &answer))
            out->what = SYN_READ;
    }
}

/* Every address counts as given out for every name: what is read somewhere is read, what may
 * be any bytes for some name passes. */
static void judge_syn_unbound(struct engine *e, unsigned agent, uint16_t port,
                              const struct kinds *kinds, struct syn_judgement *out)
{
    struct policy_answer answer;

    for (size_t i = 0; i < ARRAY_LEN(kinds->read); i++)
        if (policy_some_name(e->policy, agent, kinds->read[i], port).result == POLICY_ALLOWED)
            out->what = SYN_READ;
    if (out->what == SYN_READ)
        return;
    answer = policy_some_name(e->policy, agent, kinds->plain, port);
    if (answer.result == POLICY_ALLOWED) {
        out->what = SYN_ACCEPT;
        out->judgement = allowed(answer);
    } else {
        out->judgement = refused(REASON_SERVICE_NOT_ALLOWED, answer);
    }
}

struct syn_judgement judge_syn(struct engine *e, uint32_t source_tag, const struct addr *addr,
                               uint16_t port, uint8_t ip_protocol)
{
    static const struct kinds tcp = { SERVICE_TCP, { SERVICE_TLS, SERVICE_HTTP } };
    static const struct kinds udp = { SERVICE_UDP, { SERVICE_QUIC, SERVICE_QUIC } };
    const struct kinds *kinds = ip_protocol == IPPROTO_UDP ? &udp : &tcp;
    unsigned agent = e->policy_agents[source_tag];
    struct policy_answer plain = policy_addr(e->policy, agent, addr, kinds->plain, port);
    struct policy_answer read = policy_addr(e->policy, agent, addr, kinds->read[0], port);
    struct policy_answer other = policy_addr(e->policy, agent, addr, kinds->read[1], port);
    struct syn_judgement out = { .what = SYN_REFUSE };

    if (engine_is_crowded(e, source_tag)) {
        out.judgement = refused(REASON_HELD_LIMIT, (struct policy_answer) { 0 });
        return out;
    }
    if (plain.result == POLICY_ALLOWED) {
        out.what = SYN_ACCEPT;
        out.judgement = allowed_by_addr(plain);
        return out;
    }
    if (plain.result == POLICY_DENIED || read.result == POLICY_DENIED) {
        out.judgement =
            refused(REASON_NAME_DENIED, plain.result == POLICY_DENIED ? plain : read);
        return out;
    }
    out.judgement = refused(plain.result == POLICY_OTHER_SERVICE ? REASON_SERVICE_NOT_ALLOWED
                                                                 : REASON_ADDRESS_NOT_BOUND,
                            plain);
    judge_syn_names(e, source_tag, addr, port, kinds, &out);
    if (out.what == SYN_REFUSE &&
        (read.result == POLICY_ALLOWED || other.result == POLICY_ALLOWED))
        out.what = SYN_READ;
    if (out.what == SYN_REFUSE && e->is_binding_off)
        judge_syn_unbound(e, agent, port, kinds, &out);
    return out;
}
