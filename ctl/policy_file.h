/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The files of the policy folder: one changes it at a time, and each is there as it was or as
 * it will be, never in between.
 */
#ifndef CTL_POLICY_FILE_H
#define CTL_POLICY_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "common/err.h"

/**
 * policy_lock - keep other secctl commands from changing the folder
 *
 * Waits up to wait_ms for one that is at it. Returns a descriptor, which policy_unlock() takes;
 * -1 with *err.
 */
int policy_lock(const char *folder, unsigned wait_ms, struct err *err);
void policy_unlock(int fd);

/**
 * policy_file_write - put text in the place of file, which may not be there yet
 *
 * file: "allowlist" or "agents/NAME", below folder. A link is followed; owner and mode are
 * kept. False with *err, and the file as it was, when that cannot be.
 */
MUST_CHECK bool policy_file_write(const char *folder, const char *file, const char *text,
                                  size_t len, struct err *err);

/** policy_file_remove - remove a file that was not there before, and agents/ when it is empty
 */
MUST_CHECK bool policy_file_remove(const char *folder, const char *file, struct err *err);

#endif
