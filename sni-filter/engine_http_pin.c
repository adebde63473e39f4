/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works. Pins stand one behind the other in flow->server, oldest first, each as its
 * position (8 bytes), its length (4 bytes) and its bytes; [pins_from, pins_to) is what is kept.
 * Chunks that hold only what was acknowledged are given back. At most STREAM_MAX bytes; when
 * they are full the reading waits for an ACK.
 */
#include <string.h>

#include "sni-filter/engine_http.h"

struct pin {
    uint64_t pos;
    uint32_t len;
};

#define PIN_HEADER 12u

static void write_pin(uint8_t out[PIN_HEADER], uint64_t pos, uint32_t len)
{
    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)(pos >> (8 * i));
    for (unsigned i = 0; i < 4; i++)
        out[8 + i] = (uint8_t)(len >> (8 * i));
}

static struct pin read_pin(struct engine *e, const struct flow *flow, uint32_t at)
{
    uint8_t raw[PIN_HEADER];
    struct pin pin = { 0, 0 };

    stream_copy(&flow->server, &e->flows.pool, at, at + PIN_HEADER, raw);
    for (unsigned i = 0; i < 8; i++)
        pin.pos |= (uint64_t)raw[i] << (8 * i);
    for (unsigned i = 0; i < 4; i++)
        pin.len |= (uint32_t)raw[8 + i] << (8 * i);
    return pin;
}

bool engine_http_pin_fits(const struct flow *flow, size_t len)
{
    return len <= STREAM_MAX - PIN_HEADER &&
           flow->http.pins_to <= STREAM_MAX - PIN_HEADER - (uint32_t)len;
}

bool engine_http_pin(struct engine *e, struct flow *flow, uint64_t pos, struct cursor bytes)
{
    struct http_flow *h = &flow->http;
    uint8_t raw[PIN_HEADER];
    const struct cursor header = { .base = raw, .len = sizeof(raw) };
    uint32_t nr_new;

    if (!engine_http_pin_fits(flow, bytes.len))
        return false;
    write_pin(raw, pos, (uint32_t)bytes.len);
    if (flow_put(&e->flows, flow, &flow->server, h->pins_to, header, e->now->mono_us,
                 &nr_new) != STREAM_OK ||
        flow_put(&e->flows, flow, &flow->server, h->pins_to + PIN_HEADER, bytes,
                 e->now->mono_us, &nr_new) != STREAM_OK)
        return false;
    h->pins_to += PIN_HEADER + (uint32_t)bytes.len;
    h->pinned = pos + bytes.len;
    return true;
}

/* The bytes that a pin at offset at of the pins and a segment at pos have in common. */
static bool agrees(struct engine *e, const struct flow *flow, uint32_t at, struct pin pin,
                   uint64_t pos, struct cursor bytes)
{
    uint64_t from = pin.pos > pos ? pin.pos : pos;
    uint64_t to = pin.pos + pin.len < pos + bytes.len ? pin.pos + pin.len : pos + bytes.len;

    for (uint64_t i = from; i < to; i++)
        if (stream_byte(&flow->server, &e->flows.pool,
                        at + PIN_HEADER + (uint32_t)(i - pin.pos)) != bytes.base[i - pos])
            return false;
    return true;
}

bool engine_http_pins_agree(struct engine *e, const struct flow *flow, uint64_t pos,
                            struct cursor bytes)
{
    const struct http_flow *h = &flow->http;
    struct pin pin;

    if (pos >= h->pinned)
        return true;
    for (uint32_t at = h->pins_from; at < h->pins_to; at += PIN_HEADER + pin.len) {
        pin = read_pin(e, flow, at);
        if (!agrees(e, flow, at, pin, pos, bytes))
            return false;
    }
    return true;
}

void engine_http_unpin(struct engine *e, struct flow *flow, uint64_t acked)
{
    struct http_flow *h = &flow->http;
    uint32_t moved;

    h->acked = acked;
    while (h->pins_from < h->pins_to) {
        struct pin pin = read_pin(e, flow, h->pins_from);

        if (pin.pos + pin.len > acked)
            break;
        h->pins_from += PIN_HEADER + pin.len;
    }
    moved = flow_pass(&e->flows, flow, &flow->server, h->pins_from);
    h->pins_from -= moved;
    h->pins_to -= moved;
}
