/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Whole files: read, and written so that they survive a power cut.
 */
#ifndef COMMON_FILE_H
#define COMMON_FILE_H

#include <stddef.h>

#include "common/attr.h"
#include "common/err.h"

/** file_read - a whole file, NUL-terminated, malloc'd and given; NULL with *err. max: bytes */
char *file_read(const char *path, size_t max, size_t *len, struct err *err);

/** file_write_synced - all of text, on disk when it returns; 0 or -errno */
MUST_CHECK int file_write_synced(int fd, const char *text, size_t len);

/** file_sync_name - a new or renamed file's name is in force on disk only when its folder is;
 * as far as that can be had */
void file_sync_name(const char *path);

#endif
