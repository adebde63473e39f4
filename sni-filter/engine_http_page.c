/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The end of a flow whose request is refused, and the page that tells people why. Many clients
 * show its first line only, so that says the most (RFC 9112 §4: a reason phrase is any text).
 */
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sni-filter/engine_http.h"
#include "sni-filter/http_request.h"

#define TEXT_MAX 1024

struct text {
    char bytes[TEXT_MAX];
    size_t len;
};

static void add(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void add(struct text *text, const char *format, ...)
{
    size_t left = sizeof(text->bytes) - text->len;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(text->bytes + text->len, left, format, args);
    va_end(args);
    if (n > 0)
        text->len += (size_t)n < left ? (size_t)n : left - 1;
}

static const char *explain(enum reason reason)
{
    switch (reason) {
    case REASON_NAME_NOT_ALLOWED:
        return "no rule of the allowlist names this host";
    case REASON_NAME_DENIED:
        return "a rule with \"!\" forbids this host";
    case REASON_SERVICE_NOT_ALLOWED:
        return "the host is allowed, but not for http at this port";
    case REASON_NAME_ADDRESS_MISMATCH:
    case REASON_ADDRESS_NOT_BOUND:
        return "the address it was sent to was not given out for this host by the gateway's "
               "DNS";
    case REASON_HELLO_TIMEOUT:
        return "its head did not come in time";
    case REASON_HTTP_MALFORMED:
        return "it is not HTTP/1.1 that can be read in one way only";
    default:
        return "it could not be read";
    }
}

static bool can_be_allowed(enum reason reason)
{
    return reason == REASON_NAME_NOT_ALLOWED || reason == REASON_SERVICE_NOT_ALLOWED;
}

static void add_body(struct text *text, const struct flow *flow,
                     const struct http_request *request, enum reason reason, const char *why)
{
    unsigned port = flow->key.server_port;

    add(text, "This request was refused by the network policy, nothing of it was sent.\n\n");
    if (request != NULL)
        add(text, "Host:   %s, port %u\n", request->name, port);
    add(text, "Reason: %s: %s\n", record_reason_name(reason),
        why[0] != '\0' ? why : explain(reason));
    if (request != NULL && can_be_allowed(reason) && !request->is_name_addr)
        add(text,
            "\nTo allow it, on the machine that runs this sandbox:\n\n"
            "    secctl allow %s http/%u\n\nor ask whoever administers it.\n",
            request->name, port);
    else if (reason != REASON_HTTP_MALFORMED)
        add(text, "\nAsk whoever administers the machine that runs this sandbox.\n");
}

static void send_page(struct engine *e, const struct flow *flow,
                      const struct http_request *request, enum reason reason, const char *why)
{
    struct engine_page page = { .live = engine_flow_live(flow),
                                .seq = flow->server_start,
                                .ack = flow->client_start + flow->client.edge };
    struct text body = { .len = 0 };
    int n;

    add_body(&body, flow, request, reason, why);
    n = snprintf(
        page.text, sizeof(page.text),
        "HTTP/1.1 403 Refused by the network policy (%s)\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Length: %zu\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n%s",
        record_reason_name(reason), body.len,
        request != NULL && request->is_head_only ? "" : body.bytes);
    if (n < 0 || (size_t)n >= sizeof(page.text))
        return;
    page.len = (uint32_t)n;
    e->ops.http_page(e->ops.arg, &page);
}

/* As engine_flow_reset(), but the client is told by the page. */
static void end_with_page(struct engine *e, struct flow *flow,
                          const struct http_request *request, enum reason reason,
                          const char *why)
{
    const struct engine_reset reset = { .live = engine_flow_live(flow),
                                        .seq = flow->client_start + flow->released,
                                        .ack = flow->server_start,
                                        .is_client_told = true };

    engine_flow_drop_held(e, flow);
    e->ops.revoke(e->ops.arg, &reset.live);
    send_page(e, flow, request, reason, why);
    e->ops.reset_server(e->ops.arg, &reset);
    flow_calm(&e->flows, flow);
    flow_drop_streams(&e->flows, flow);
    flow_set_state(&e->flows, flow, FLOW_REFUSED, e->now->mono_us);
}

void engine_http_end(struct engine *e, struct flow *flow, const struct http_request *request,
                     enum reason reason, const char *why)
{
    if (flow->state == FLOW_OPEN && engine_may_tell(e, flow->source_tag))
        end_with_page(e, flow, request, reason, why);
    else
        engine_flow_reset(e, flow);
}

void engine_http_refuse(struct engine *e, struct flow *flow, const struct http_request *request,
                        enum reason reason, const char *why)
{
    struct record record = engine_flow_record(e, flow, RECORD_DENY, reason);

    if (request != NULL) {
        engine_text(record.name, sizeof(record.name), request->name);
        engine_text(record.method, sizeof(record.method), request->method);
    }
    engine_text(record.detail, sizeof(record.detail), why);
    engine_record_rule(e, &record, NULL);
    engine_record(e, &record);
    engine_http_end(e, flow, request, reason, why);
}
