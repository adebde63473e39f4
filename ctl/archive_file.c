/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/archive_file.h"

#include <errno.h>
#include <string.h>

#include "ctl/tar_read.h"

struct file {
    struct tar_read tar;
    const char *path;
    char *out;
    size_t size, len;
};

static bool take(void *arg, const void *bytes, size_t len, struct err *err)
{
    struct file *file = arg;
    const uint8_t *at = bytes;
    struct tar_part part;

    while (len) {
        if (!tar_read_next(&file->tar, &at, &len, &part, err))
            return false;
        if (part.len > file->size - file->len)
            return err_set(err, EFBIG, "%s has more than %zu bytes", file->path, file->size);
        if (part.len)
            memcpy(file->out + file->len, part.bytes, part.len);
        file->len += part.len;
    }
    return true;
}

bool archive_file_get(struct engine *engine, const char *container, const char *path, char *out,
                      size_t size, size_t *len, struct err *err)
{
    struct file file = { .path = path, .out = out, .size = size };
    bool is_good = engine_archive_get(engine, container, path, take, &file, err);

    *len = file.len;
    return is_good;
}
