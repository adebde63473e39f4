/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "sni-filter/ip_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ip_packet packet;
    const struct cursor *payload = &packet.payload;
    enum parse_rc rc = ip_packet_parse((struct cursor) { .base = data, .len = size }, &packet);

    if (rc == PARSE_ABSENT)
        abort();
    if (rc != PARSE_OK) {
        if (packet.src.family != ADDR_NONE || packet.has_ports || payload->len != 0)
            abort();
        return 0;
    }
    if (packet.src.family != packet.dst.family || packet.src.family == ADDR_NONE)
        abort();
    if (packet.has_ports &&
        (packet.is_fragment || (packet.protocol != 6 && packet.protocol != 17)))
        abort();
    if (payload->len != 0 &&
        (payload->base < data || payload->base + payload->len > data + size))
        abort();
    return 0;
}
