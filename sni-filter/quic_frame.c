/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/quic_frame.h"

#include <string.h>

#include "sni-filter/quic_packet.h"

enum {
    FRAME_PADDING = 0x00,
    FRAME_PING = 0x01,
    FRAME_ACK = 0x02,
    FRAME_ACK_ECN = 0x03,
    FRAME_CRYPTO = 0x06,
    FRAME_CLOSE = 0x1c,
};

#define OFFSET_MAX ((UINT64_C(1) << 62) - 1)

/* Take n off *number, which must not become negative. */
static bool count_down(uint64_t *number, uint64_t n)
{
    if (n > *number)
        return false;
    *number -= n;
    return true;
}

/* RFC 9000 §19.3: ranges go down from the largest; a gap of n leaves n + 1 packets out, and a
 * range starts one below them. */
static bool read_ack(struct cursor *c, bool has_ecn)
{
    uint64_t smallest, delay, nr_ranges, first, gap, len, count;

    if (!quic_varint(c, &smallest) || !quic_varint(c, &delay) || !quic_varint(c, &nr_ranges) ||
        !quic_varint(c, &first) || !count_down(&smallest, first))
        return false;
    for (; nr_ranges > 0; nr_ranges--)
        if (!quic_varint(c, &gap) || !quic_varint(c, &len) || !count_down(&smallest, 2) ||
            !count_down(&smallest, gap) || !count_down(&smallest, len))
            return false;
    return !has_ecn ||
           (quic_varint(c, &count) && quic_varint(c, &count) && quic_varint(c, &count));
}

static bool read_crypto(struct cursor *c, struct quic_frame *frame)
{
    uint64_t len;

    return quic_varint(c, &frame->offset) && quic_varint(c, &len) && len <= cursor_left(c) &&
           len <= OFFSET_MAX - frame->offset && cursor_split(c, (size_t)len, &frame->data);
}

static bool read_close(struct cursor *c)
{
    uint64_t code, type, len;

    return quic_varint(c, &code) && quic_varint(c, &type) && quic_varint(c, &len) &&
           len <= cursor_left(c) && cursor_skip(c, (size_t)len);
}

enum parse_rc quic_frame_next(struct cursor *frames, struct quic_frame *out)
{
    struct quic_frame frame = { .offset = 0 };
    uint64_t type;
    bool is_good = true;

    memset(out, 0, sizeof(*out));
    while (is_good && cursor_left(frames) != 0) {
        if (!quic_varint(frames, &type))
            return PARSE_BAD;
        switch (type) {
        case FRAME_PADDING:
        case FRAME_PING:
            break;
        case FRAME_ACK:
        case FRAME_ACK_ECN:
            is_good = read_ack(frames, type == FRAME_ACK_ECN);
            break;
        case FRAME_CLOSE:
            is_good = read_close(frames);
            break;
        case FRAME_CRYPTO:
            if (!read_crypto(frames, &frame))
                return PARSE_BAD;
            *out = frame;
            return PARSE_OK;
        default:
            is_good = false;
        }
    }
    return is_good ? PARSE_ABSENT : PARSE_BAD;
}
