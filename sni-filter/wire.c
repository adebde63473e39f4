/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/wire.h"

#include <netinet/in.h>
#include <string.h>

#include "common/marks.h"
#include "sni-filter/tls_record.h"

/* Copy exactly size bytes; the copy is what is checked. */
static bool copy_whole(void *out, size_t size, const uint8_t *body, size_t len)
{
    if (len != size)
        return false;
    memcpy(out, body, size);
    return true;
}

static bool addr_is_set(const struct addr *addr)
{
    return addr->family == ADDR_V4 || addr->family == ADDR_V6;
}

static bool pair_is_set(const struct addr *a, const struct addr *b)
{
    return addr_is_set(a) && a->family == b->family;
}

bool wire_verdict_is_known(uint32_t verdict)
{
    switch (verdict & MARK_STATE_MASK) {
    case VERDICT_PASS:
    case VERDICT_ACCEPT:
    case VERDICT_PIN:
    case VERDICT_RESET:
    case VERDICT_ICMP:
    case VERDICT_HTTP_READ:
    case VERDICT_HTTP_SENT:
        return true;
    }
    return verdict == 0;
}

bool wire_read_message(const uint8_t *body, size_t len, struct dns_client *client,
                       uint8_t message[DNS_MESSAGE_MAX], size_t *message_len)
{
    uint8_t raw[sizeof(*client)];

    if (len <= sizeof(raw) || len - sizeof(raw) > DNS_MESSAGE_MAX)
        return false;
    memcpy(raw, body, sizeof(raw));
    if (raw[offsetof(struct dns_client, is_tcp)] > 1) /* not a bool: must not be read as one */
        return false;
    memcpy(client, raw, sizeof(raw));
    if (!pair_is_set(&client->src, &client->dst))
        return false;
    *message_len = len - sizeof(raw);
    memcpy(message, body + sizeof(raw), *message_len);
    return true;
}

static bool read_reply(const uint8_t *body, size_t len, struct wire_order *order)
{
    return wire_read_message(body, len, &order->client, order->message, &order->message_len) &&
           !order->client.is_tcp && order->client.dport == 53 && order->client.sport != 0;
}

static bool read_bound(const uint8_t *body, size_t len, struct engine_bound *bound)
{
    return copy_whole(bound, sizeof(*bound), body, len) && addr_is_set(&bound->addr) &&
           bound->source_tag != 0 && bound->port != 0 && bound->timeout_s != 0 &&
           bound->timeout_s <= WIRE_BOUND_TIMEOUT_MAX_S;
}

static bool live_is_sane(const struct engine_live *live)
{
    return pair_is_set(&live->src, &live->dst) &&
           (live->protocol == IPPROTO_TCP || live->protocol == IPPROTO_UDP);
}

static bool read_live(const uint8_t *body, size_t len, struct engine_live *live)
{
    return copy_whole(live, sizeof(*live), body, len) && live_is_sane(live);
}

static bool read_reset(const uint8_t *body, size_t len, struct engine_reset *reset)
{
    return copy_whole(reset, sizeof(*reset), body, len) && live_is_sane(&reset->live) &&
           reset->live.protocol == IPPROTO_TCP &&
           (reset->alert == 0 || reset->alert == TLS_ACCESS_DENIED ||
            reset->alert == TLS_DECODE_ERROR);
}

static bool read_page(const uint8_t *body, size_t len, struct engine_page *page)
{
    return copy_whole(page, sizeof(*page), body, len) && live_is_sane(&page->live) &&
           page->live.protocol == IPPROTO_TCP && page->len >= 1 &&
           page->len <= sizeof(page->text);
}

bool wire_read_order(uint32_t type, const uint8_t *body, size_t len, struct wire_order *order)
{
    order->type = type;
    switch (type) {
    case WIRE_VERDICT:
        return copy_whole(&order->verdict, sizeof(order->verdict), body, len) &&
               wire_verdict_is_known(order->verdict.verdict);
    case WIRE_BOUND:
        return read_bound(body, len, &order->bound);
    case WIRE_DNS_REPLY:
        return read_reply(body, len, order);
    case WIRE_REVOKE:
        return read_live(body, len, &order->live);
    case WIRE_RESET_SERVER:
        return read_reset(body, len, &order->reset);
    case WIRE_HTTP_PAGE:
        return read_page(body, len, &order->page);
    case WIRE_POKE:
        return read_live(body, len, &order->live) && order->live.protocol == IPPROTO_TCP;
    case WIRE_BOUND_FLUSH:
    case WIRE_DUMP:
        return len == 0;
    }
    return false;
}

/* A C string lies in text[size]. */
static bool is_text(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

bool wire_read_ask(const uint8_t *body, size_t len, struct dns_ask *ask)
{
    return copy_whole(ask, sizeof(*ask), body, len) && is_text(ask->name, sizeof(ask->name)) &&
           ask->name[0] != '\0' && (ask->qtype == DNS_A || ask->qtype == DNS_AAAA);
}

bool wire_read_upstreams(const uint8_t *body, size_t len, struct ipc_upstream *list, size_t *nr)
{
    if (len % sizeof(*list) != 0 || len / sizeof(*list) > IPC_UPSTREAMS_MAX)
        return false;
    if (len != 0)
        memcpy(list, body, len);
    *nr = len / sizeof(*list);
    for (size_t i = 0; i < *nr; i++)
        if (!is_text(list[i].name, sizeof(list[i].name)))
            return false;
    return true;
}

size_t wire_found_len(const struct dns_found *found)
{
    return offsetof(struct dns_found, addrs) + found->nr_addrs * sizeof(found->addrs[0]);
}

bool wire_read_found(const uint8_t *body, size_t len, struct dns_found *found)
{
    if (len > sizeof(*found))
        return false;
    *found = (struct dns_found) { 0 };
    memcpy(found, body, len);
    /* The number first: where size_t has 32 bits the length could wrap. */
    if (found->nr_addrs > ARRAY_LEN(found->addrs) || len != wire_found_len(found) ||
        found->rcode > 15)
        return false;
    for (uint32_t i = 0; i < found->nr_addrs; i++)
        if (!addr_is_set(&found->addrs[i]))
            return false;
    return true;
}
