/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The frames in which an engine mixes standard output and standard error of a command that has
 * no terminal: a byte 1 (output) or 2 (errors), three zero bytes, the length (32 bits, big
 * endian), that many bytes.
 */
#ifndef CTL_ENGINE_FRAMES_H
#define CTL_ENGINE_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/err.h"

enum { FRAME_INPUT = 0, FRAME_OUTPUT = 1, FRAME_ERRORS = 2, FRAME_SYSTEM = 3 };

#define FRAME_HEAD_LEN 8

/* Where in the stream of frames a reader is. Zeroed: at its start. */
struct frames {
    uint8_t head[FRAME_HEAD_LEN];
    size_t head_len; /* bytes of it that came */
    uint32_t left;   /* of the frame's body */
};

struct frames_part {
    int stream; /* FRAME_OUTPUT, FRAME_ERRORS or FRAME_SYSTEM (the engine's own message) */
    const uint8_t *bytes; /* points into what was given to frames_next() */
    size_t len;           /* 0: nothing more in these bytes */
};

/**
 * frames_next - cut the next piece of one stream off *bytes
 *
 * Call it until part->len is 0; then *len is 0 too. Returns false with *err for a head that
 * no frame has.
 */
MUST_CHECK bool frames_next(struct frames *frames, const uint8_t **bytes, size_t *len,
                            struct frames_part *part, struct err *err);

/** frames_is_whole - did the stream end where a frame ends? */
bool frames_is_whole(const struct frames *frames);

#endif
