/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/quic_flow.h"

#include <string.h>

#include "common/marks.h"

#define V1 1

struct quic_flow quic_flow(const char *server, uint16_t server_port)
{
    static uint16_t port = 50000;

    return (struct quic_flow) {
        .client = strchr(server, ':') != NULL ? "2001:2::2" : "198.18.0.2",
        .server = server,
        .client_port = port++,
        .server_port = server_port,
    };
}

static void follow(const struct rig *rig, struct quic_flow *flow, size_t from)
{
    for (size_t i = from; i < rig->nr_verdicts; i++) {
        uint32_t verdict = rig->verdict[rig->order[i]], value = verdict & MARK_VALUE_MASK;

        switch (verdict & MARK_STATE_MASK) {
        case VERDICT_PIN:
            flow->mark = CT_PINNED | value;
            break;
        case VERDICT_QUIC:
            flow->mark = CT_QUIC | value;
            break;
        case VERDICT_ACCEPT:
            flow->mark = CT_ACCEPTED | value;
            break;
        }
    }
}

static uint32_t give(struct rig *rig, struct quic_flow *flow, enum packet_place place,
                     const struct bytes *datagram)
{
    static uint8_t packet[70000];
    bool is_up = place == PLACE_OUTBOUND;
    size_t before = rig->nr_verdicts;
    size_t len = make_udp(
        is_up ? flow->client : flow->server, is_up ? flow->client_port : flow->server_port,
        is_up ? flow->server : flow->client, is_up ? flow->server_port : flow->client_port,
        datagram->at, datagram->len, packet);
    uint32_t id = rig_raw(rig, place, flow->mark, packet, len);

    follow(rig, flow, before);
    return id;
}

uint32_t quic_flow_up(struct rig *rig, struct quic_flow *flow, const struct bytes *datagram)
{
    return give(rig, flow, PLACE_OUTBOUND, datagram);
}

uint32_t quic_flow_down(struct rig *rig, struct quic_flow *flow, const struct bytes *datagram)
{
    return give(rig, flow, PLACE_INBOUND, datagram);
}

void quic_flow_hello(struct bytes *datagram, const struct quic_seal *seal,
                     const struct bytes *message, size_t from, size_t to)
{
    static struct bytes frames;

    frames.len = 0;
    datagram->len = 0;
    quic_seal_crypto(&frames, message, from, to != 0 ? to : message->len);
    quic_seal_initial(datagram, seal, &frames);
}

void quic_flow_answer(struct bytes *datagram, const struct quic_seal *seal, bool is_retry)
{
    static struct bytes message;

    message.len = 0;
    quic_seal_server_hello(&message, is_retry);
    quic_flow_hello(datagram, seal, &message, 0, 0);
}

void quic_flow_other(struct bytes *datagram, uint8_t first, const char *dcid, const char *scid,
                     size_t len)
{
    size_t mark;

    bytes_uint(datagram, 1, first);
    bytes_uint(datagram, 4, V1);
    mark = bytes_open(datagram, 1);
    bytes_hex(datagram, dcid);
    bytes_close(datagram, mark, 1);
    mark = bytes_open(datagram, 1);
    bytes_hex(datagram, scid);
    bytes_close(datagram, mark, 1);
    bytes_uint(datagram, 2, 0x4000 | (uint32_t)len);
    bytes_fill(datagram, 0x77, len);
}
