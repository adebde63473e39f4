/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tar archives in memory: for build contexts and for files put into containers. The same files
 * give the same bytes: owners are 0 unless said otherwise, times are 0.
 */
#ifndef CTL_TAR_BUILD_H
#define CTL_TAR_BUILD_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "common/err.h"

#define TAR_FILE_MAX (1u << 30)

struct tar;

struct tar *tar_new(struct err *err);
void tar_free(struct tar *tar);

/** tar_add_file - name: relative. bytes: borrowed. mode: permission bits. */
MUST_CHECK bool tar_add_file(struct tar *tar, const char *name, const void *bytes, size_t len,
                             unsigned mode, struct err *err);

/** tar_add_folder - an entry for a folder; unpacking it sets the owner of one that exists */
MUST_CHECK bool tar_add_folder(struct tar *tar, const char *name, unsigned mode, unsigned owner,
                               struct err *err);

/**
 * tar_add_path - a file or link, or a folder with all that is in it, in the order of the names
 *
 * path: on this machine. name: in the archive. Sockets, pipes and devices are an error. Of
 * modes only "executable" is kept. A folder is entered, a link kept as one.
 */
MUST_CHECK bool tar_add_path(struct tar *tar, const char *path, const char *name,
                             struct err *err);

/** tar_finish - the archive; borrowed, it lives as long as tar */
MUST_CHECK bool tar_finish(struct tar *tar, const void **bytes, size_t *len, struct err *err);

/**
 * tar_digest - sha256 over the names and contents of the files that were added
 *
 * That of "find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum" in a folder with the
 * same files.
 */
MUST_CHECK bool tar_digest(const struct tar *tar, char hex[65], struct err *err);

#endif
