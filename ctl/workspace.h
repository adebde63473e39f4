/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which folder of the host the agent may have. What the agent can write it owns: so its folder
 * must not hold its own policy, keys, this program, a Docker socket or a part of the system.
 */
#ifndef CTL_WORKSPACE_H
#define CTL_WORKSPACE_H

#include "common/attr.h"
#include "common/err.h"
#include "ctl/folders.h"
#include "ctl/settings.h"

/**
 * workspace_check - may WORKSPACE_DIR be mounted?
 *
 * socket: the engine's socket in use, NULL when it is none of this machine. path: out, the
 * folder with links resolved, "" when WORKSPACE_DIR is not set. False with *err, which says
 * what it contains or lies in. Folders are compared by what they are, not by how they are
 * spelt: links, other mounts and other spellings lead to the same one.
 */
MUST_CHECK bool workspace_check(const struct settings *settings, const char *socket,
                                char path[FOLDER_PATH_MAX], struct err *err);

/**
 * workspace_has_socket - is a program of this machine bound to a socket in the folder?
 *
 * An agent can talk to whoever listens there. folder: links resolved. socket: out, the first
 * one that the kernel lists, "" when there is none, and where it lists none (other than Linux).
 */
bool workspace_has_socket(const char *folder, char socket[FOLDER_PATH_MAX]);

#endif
