/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where secctl's own files are. The home folder holds policy/, .env, agent/, seccomp.json and
 * compose.yaml. It is never looked for in the working directory: an agent could have planted a
 * policy there.
 */
#ifndef CTL_FOLDERS_H
#define CTL_FOLDERS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "common/err.h"

#define FOLDER_PATH_MAX 4096

/** path_join - "folder/name" into out; false with *err when it does not fit */
MUST_CHECK bool path_join(char out[FOLDER_PATH_MAX], const char *folder, const char *name,
                          struct err *err);

/** path_is_folder - is path a folder, links followed? */
bool path_is_folder(const char *path);

/** path_is_within - is path folder itself, or below it? Both are absolute and have no links. */
bool path_is_within(const char *path, const char *folder);

/**
 * path_resolve - realpath() into out, with an error that says what was to be resolved
 *
 * what: such as "WORKSPACE_DIR".
 */
MUST_CHECK bool path_resolve(const char *what, const char *path, char out[FOLDER_PATH_MAX],
                             struct err *err);

/**
 * folder_executable - the folder that this program's file is in, links resolved
 *
 * False where the system does not tell.
 */
MUST_CHECK bool folder_executable(char out[FOLDER_PATH_MAX]);

/** folder_set_home - "--home DIR" of the command line, before anything else; dir is kept */
void folder_set_home(const char *dir);

/**
 * folder_home - the home folder, absolute, links resolved
 *
 * --home DIR, else $SECCTL_HOME, else compose/ beside the build tree that this program is in,
 * else $XDG_CONFIG_HOME/secctl, else ~/.config/secctl. False with *err, which says where it
 * was looked for, when there is none.
 */
MUST_CHECK bool folder_home(char out[FOLDER_PATH_MAX], struct err *err);

#endif
