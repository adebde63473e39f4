/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/engine_frames.h"

#include <errno.h>
#include <string.h>

static size_t less(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Returns false when the head is whole and bad. */
static bool read_head(struct frames *frames, const uint8_t **bytes, size_t *len)
{
    size_t n = less(*len, FRAME_HEAD_LEN - frames->head_len);

    memcpy(frames->head + frames->head_len, *bytes, n);
    frames->head_len += n;
    *bytes += n;
    *len -= n;
    if (frames->head_len < FRAME_HEAD_LEN)
        return true;
    if (frames->head[0] > FRAME_SYSTEM || frames->head[1] || frames->head[2] || frames->head[3])
        return false;
    frames->left = (uint32_t)frames->head[4] << 24 | (uint32_t)frames->head[5] << 16 |
                   (uint32_t)frames->head[6] << 8 | frames->head[7];
    if (frames->left == 0)
        frames->head_len = 0;
    return true;
}

bool frames_next(struct frames *frames, const uint8_t **bytes, size_t *len,
                 struct frames_part *part, struct err *err)
{
    *part = (struct frames_part) { .len = 0 };
    while (*len && frames->left == 0)
        if (!read_head(frames, bytes, len))
            return err_set(err, EPROTO,
                           "the engine's stream has a frame that starts with %02x %02x %02x "
                           "%02x, expected 01 or 02 and three zero bytes",
                           frames->head[0], frames->head[1], frames->head[2], frames->head[3]);
    if (*len == 0)
        return true;
    part->stream = frames->head[0] == FRAME_INPUT ? FRAME_OUTPUT : frames->head[0];
    part->bytes = *bytes;
    part->len = less(*len, frames->left);
    *bytes += part->len;
    *len -= part->len;
    frames->left -= (uint32_t)part->len;
    if (frames->left == 0)
        frames->head_len = 0;
    return true;
}

bool frames_is_whole(const struct frames *frames)
{
    return frames->head_len == 0;
}
