/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_QUIC_FRAME_H
#define SNI_FILTER_QUIC_FRAME_H

#include <stdint.h>

#include "common/attr.h"
#include "sni-filter/cursor.h"
#include "sni-filter/parse.h"

struct quic_frame {
    uint64_t offset; /* in the CRYPTO stream */
    struct cursor data;
};

/**
 * quic_frame_next - the next CRYPTO frame of an Initial packet
 *
 * frames: moved behind it; PADDING, PING, ACK and CONNECTION_CLOSE before it are read and left.
 * Returns PARSE_OK; PARSE_ABSENT: no other is there, and what was left over was well formed;
 * PARSE_BAD: a frame that is cut, that counts below packet 0 or beyond 2^62, or that may not
 * stand in an Initial packet (RFC 9000 §12.4, §17.2.2). Never PARSE_MORE. Unless PARSE_OK, *out
 * is all zero. Spec: RFC 9000 §19.1 to §19.3, §19.6, §19.19. More lenient than it may be: a
 * frame's type may be written longer than need be (§12.4: MAY be refused).
 */
MUST_CHECK enum parse_rc quic_frame_next(struct cursor *frames, struct quic_frame *out);

#endif
