/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The first plain file of a tar archive that comes in pieces. Pure.
 */
#ifndef CTL_TAR_READ_H
#define CTL_TAR_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/err.h"

#define TAR_BLOCK 512

/* Zeroed: at the archive's start. */
struct tar_read {
    uint8_t head[TAR_BLOCK];
    size_t head_len;
    uint64_t left;    /* bytes of the present member's body */
    uint64_t padding; /* and behind it, up to a whole block */
    bool is_wanted;   /* the present member is the one */
    bool is_done;     /* it is over: whatever follows is dropped */
};

/* A piece of the file; empty when the bytes brought none. */
struct tar_part {
    const uint8_t *bytes;
    size_t len;
};

/**
 * tar_read_next - cut the next piece of the file off *bytes
 *
 * Call it until *len is 0. False with *err when a member's head is none.
 */
MUST_CHECK bool tar_read_next(struct tar_read *tar, const uint8_t **bytes, size_t *len,
                              struct tar_part *part, struct err *err);

#endif
