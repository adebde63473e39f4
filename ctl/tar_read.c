/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/tar_read.h"

#include <errno.h>
#include <string.h>

/* Fields of a member's head (POSIX ustar). */
#define SIZE_AT      124
#define SIZE_LEN     12
#define CHECKSUM_AT  148
#define CHECKSUM_LEN 8
#define TYPE_AT      156

static size_t least(uint64_t a, size_t b)
{
    return a < b ? (size_t)a : b;
}

/* Octal digits up to a NUL or blank; GNU's binary form for what does not fit. */
static bool read_number(const uint8_t *field, size_t len, uint64_t *out)
{
    uint64_t value = 0;
    size_t i = 0;

    if (field[0] & 0x80) {
        value = field[0] & 0x7f;
        for (i = 1; i < len; i++) {
            if (value >> 48)
                return false;
            value = value << 8 | field[i];
        }
        *out = value;
        return true;
    }
    while (i < len && field[i] == ' ')
        i++;
    for (; i < len && field[i] != '\0' && field[i] != ' '; i++) {
        if (field[i] < '0' || field[i] > '7')
            return false;
        value = value << 3 | (uint64_t)(field[i] - '0');
    }
    *out = value;
    return true;
}

static bool is_sound(const uint8_t head[TAR_BLOCK])
{
    uint64_t sum = 0, expected;

    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += i >= CHECKSUM_AT && i < CHECKSUM_AT + CHECKSUM_LEN ? ' ' : head[i];
    return read_number(head + CHECKSUM_AT, CHECKSUM_LEN, &expected) && sum == expected;
}

static bool is_end(const uint8_t head[TAR_BLOCK])
{
    for (size_t i = 0; i < TAR_BLOCK; i++)
        if (head[i])
            return false;
    return true;
}

static bool read_head(struct tar_read *tar, struct err *err)
{
    tar->head_len = 0;
    if (is_end(tar->head)) {
        tar->is_done = true;
        return true;
    }
    if (!is_sound(tar->head) || !read_number(tar->head + SIZE_AT, SIZE_LEN, &tar->left))
        return err_set(err, EPROTO, "the engine's archive is no tar archive");
    tar->padding = (TAR_BLOCK - tar->left % TAR_BLOCK) % TAR_BLOCK;
    tar->is_wanted = tar->head[TYPE_AT] == '0' || tar->head[TYPE_AT] == '\0';
    if (tar->is_wanted && tar->left == 0)
        tar->is_done = true;
    return true;
}

static void skip(const uint8_t **bytes, size_t *len, size_t n)
{
    *bytes += n;
    *len -= n;
}

bool tar_read_next(struct tar_read *tar, const uint8_t **bytes, size_t *len,
                   struct tar_part *part, struct err *err)
{
    size_t n;

    *part = (struct tar_part) { *bytes, 0 };
    if (tar->is_done) {
        skip(bytes, len, *len);
    } else if (tar->left) {
        n = least(tar->left, *len);
        if (tar->is_wanted)
            *part = (struct tar_part) { *bytes, n };
        tar->left -= n;
        tar->is_done = tar->is_wanted && tar->left == 0;
        skip(bytes, len, n);
    } else if (tar->padding) {
        n = least(tar->padding, *len);
        tar->padding -= n;
        skip(bytes, len, n);
    } else {
        n = least(TAR_BLOCK - tar->head_len, *len);
        memcpy(tar->head + tar->head_len, *bytes, n);
        tar->head_len += n;
        skip(bytes, len, n);
        return tar->head_len < TAR_BLOCK || read_head(tar, err);
    }
    return true;
}
