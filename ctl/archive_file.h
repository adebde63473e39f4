/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One file of a container, in memory.
 */
#ifndef CTL_ARCHIVE_FILE_H
#define CTL_ARCHIVE_FILE_H

#include "common/attr.h"
#include "ctl/engine.h"

/**
 * archive_file_get - the bytes of a plain file
 *
 * out, size: where to; more is an error (EFBIG). len: out, 0 also when path is no plain file.
 * ENOENT when there is none.
 */
MUST_CHECK bool archive_file_get(struct engine *engine, const char *container, const char *path,
                                 char *out, size_t size, size_t *len, struct err *err);

#endif
