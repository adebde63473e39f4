/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the user has set: the .env of the home folder, and the environment, which wins (a
 * variable that is set to nothing too).
 */
#ifndef CTL_SETTINGS_H
#define CTL_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/addr.h"
#include "common/attr.h"
#include "common/err.h"
#include "ctl/folders.h"

#define SETTINGS_SECRET_MAX   1024
#define SETTINGS_IMAGE_MAX    256
#define SETTINGS_WARNINGS_MAX 2048

enum external_ipv6 { EXTERNAL_IPV6_AUTO, EXTERNAL_IPV6_ON, EXTERNAL_IPV6_OFF };

struct settings {
    char home[FOLDER_PATH_MAX];     /* see folder_home() */
    char policy[FOLDER_PATH_MAX];   /* home/policy */
    char env_file[FOLDER_PATH_MAX]; /* home/.env, whether there is one or not */

    /* One field a key; "" when it is not set, unless a default is named. */
    char anthropic_api_key[SETTINGS_SECRET_MAX];       /* ANTHROPIC_API_KEY */
    char claude_code_oauth_token[SETTINGS_SECRET_MAX]; /* CLAUDE_CODE_OAUTH_TOKEN */
    char workspace_dir[FOLDER_PATH_MAX]; /* WORKSPACE_DIR: absolute, to be checked by
                                            workspace_check(); "": the volume */
    char ca_file[FOLDER_PATH_MAX];       /* CA_FILE: absolute, checked by ca_file_check() */
    struct prefix internal_subnet;    /* INTERNAL_SUBNET: a private IPv4 /24; 10.213.76.0/24 */
    struct prefix tunnel_subnet;      /* TUNNEL_SUBNET: another; 10.213.77.0/24 */
    enum external_ipv6 external_ipv6; /* EXTERNAL_IPV6; auto */
    char gateway_image[SETTINGS_IMAGE_MAX]; /* GATEWAY_IMAGE; claude-secure-gateway:latest */
    char agent_image[SETTINGS_IMAGE_MAX];   /* AGENT_IMAGE; claude-secure-claude:latest */
    int64_t agent_pids;                     /* AGENT_PIDS: processes and threads; 4096 */
    int64_t agent_memory;    /* AGENT_MEMORY: bytes; 0, as in the next: no limit */
    int64_t agent_nano_cpus; /* AGENT_CPUS: billionths of a CPU; 0 */

    char warnings[SETTINGS_WARNINGS_MAX]; /* lines, each with its newline; what was passed over
                                           */
};

/** settings_defaults - every key as if it were not set; folders empty */
void settings_defaults(struct settings *settings);

/**
 * settings_parse - take the pairs of a .env text over what is in *settings. Pure.
 *
 * file: its name, for errors. base: what relative paths start at. user_home: for "~/"; may be
 * NULL. Unknown keys become a warning; a bad value or a repeated key is an error, "FILE:LINE:
 * COLUMN: ...".
 */
MUST_CHECK bool settings_parse(struct settings *settings, const char *file, const char *text,
                               size_t len, const char *base, const char *user_home,
                               struct err *err);

/**
 * settings_set - take one value from the environment
 *
 * key: one that settings_key() gives. base, user_home: as above. Pure.
 */
MUST_CHECK bool settings_set(struct settings *settings, const char *key, const char *value,
                             const char *base, const char *user_home, struct err *err);

/** settings_key - the name of the i-th key, from 0; NULL after the last */
const char *settings_key(size_t i);

/** settings_check - what concerns several keys: the subnets must not be the same. Pure. */
MUST_CHECK bool settings_check(const struct settings *settings, struct err *err);

/** settings_folders - home, policy and env_file alone, for what needs no more: a slip in .env
 * is no reason not to deny a name */
MUST_CHECK bool settings_folders(struct settings *settings, struct err *err);

/**
 * settings_read - home folder, .env, environment
 *
 * Warnings are written to stderr. False with *err when the home folder is not there, or a value
 * is bad. WORKSPACE_DIR and CA_FILE are only read here: they are looked at when mounted (see
 * mounts.h).
 */
MUST_CHECK bool settings_read(struct settings *settings, struct err *err);

#endif
