/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reads pcap and pcapng files with libpcap; nothing is captured, no privilege is needed.
 */
#ifndef SNI_FILTER_CAPTURE_H
#define SNI_FILTER_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/err.h"
#include "sni-filter/cursor.h"

struct capture;

/** capture_open - given, capture_close() it; NULL with *err for what is no capture or has an
 * unknown link type */
MUST_CHECK struct capture *capture_open(const char *path, struct err *err);
void capture_close(struct capture *capture); /* accepts NULL */

struct capture_packet {
    uint64_t ts_us;   /* since 1970; 0 for a time before that */
    bool has_ip;      /* false: another protocol */
    bool is_bad;      /* the frame ends inside its own headers; has_ip is false */
    struct cursor ip; /* borrowed, until the next call */
};

/**
 * capture_next - the next frame's IP packet
 *
 * Returns 1 (*out is set), 0 at the end of the file, -1 with *err when the rest of the file
 * cannot be read (it ends inside a packet, or a block is broken).
 */
MUST_CHECK int capture_next(struct capture *capture, struct capture_packet *out,
                            struct err *err);

#endif
