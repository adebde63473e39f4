/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What of the host an agent's container is given: by default nothing but volumes.
 */
#ifndef CTL_MOUNTS_H
#define CTL_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "common/err.h"
#include "ctl/folders.h"
#include "ctl/settings.h"

#define VOLUME_WORKSPACE "claude-secure-workspace"
#define VOLUME_CONFIG    "claude-secure-config"
#define MOUNT_WORKSPACE  "/workspace"
#define MOUNT_CONFIG     "/home/claude/.claude" /* CLAUDE_CONFIG_DIR of the agent image */
#define MOUNT_CA         "/etc/secctl/ca.pem"
#define MOUNTS_MAX       3

struct mount {
    char source[FOLDER_PATH_MAX]; /* a volume's name, or an absolute path */
    const char *target;
    bool is_volume, is_read_only;
    bool is_new; /* of a volume: volumes_look() */
};

struct mounts {
    struct mount list[MOUNTS_MAX];
    size_t nr;
    const char *const *env; /* "NAME=VALUE" that go with them, NULL at the end */
};

/** ca_file_check - is path a readable PEM file of certificates, and nothing else? */
MUST_CHECK bool ca_file_check(const char *path, struct err *err);

/**
 * mounts_agent - the mounts of an agent's container
 *
 * socket: the engine's socket in use; NULL when the engine is not on this machine, whose
 * folders it cannot mount: WORKSPACE_DIR and CA_FILE are errors then. False with *err when the
 * workspace is refused (see workspace.h) or CA_FILE is none.
 */
MUST_CHECK bool mounts_agent(const struct settings *settings, const char *socket,
                             struct mounts *mounts, struct err *err);

#endif
