/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Policies on their way into force: read from the directory, or put together from what is in
 * force and what somebody handed in; checked before anything else sees them.
 */
#ifndef FWD_POLICY_STORE_H
#define FWD_POLICY_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "common/conf.h"
#include "common/err.h"
#include "common/policy.h"

#define SECTIONS_MAX     66
#define SECTION_FILE_MAX 80
#define SECTION_RESOLV   "resolv.conf" /* no policy: goes to the state directory */
#define POLICY_INPUT_MAX (16u << 20)

struct candidate {
    struct policy_dir dir;
    char id[POLICY_ID_MAX];
    size_t nr_rules;
};

/* A part of what was handed in: the whole text of one file of the directory. */
struct section {
    char file[SECTION_FILE_MAX]; /* "allowlist", "agents/NAME" or SECTION_RESOLV */
    const char *agent;           /* in file; NULL for the allowlist */
    const char *text;            /* borrowed from the input */
    size_t len;
};

struct sections {
    struct section list[SECTIONS_MAX];
    size_t nr;
    bool is_whole; /* agents' files that are not in it are to go */
};

/**
 * sections_parse - split "%% allowlist", "%% agents/NAME", "%% resolv.conf" sections; a text
 * without such lines is an allowlist; "%% whole" in the first line sets is_whole
 *
 * The ceiling is not to be had here: it is an admin's, on disk. Pure.
 */
MUST_CHECK bool sections_parse(const char *text, size_t len, struct sections *sections,
                               struct err *err);

/** candidate_read - the directory as it is; false with *err when it is no valid policy */
MUST_CHECK bool candidate_read(const char *path, struct candidate *candidate, struct err *err);

/** candidate_merge - base with sections in place of its files, under the ceiling that is in
 * path now */
MUST_CHECK bool candidate_merge(const struct candidate *base, const char *path,
                                const struct sections *sections, struct candidate *candidate,
                                struct err *err);

/** sections_keep - write the policy's to the directory, each file at once or not at all; one
 * that has that text already is left alone */
MUST_CHECK bool sections_keep(const struct sections *sections, const char *path,
                              struct err *err);

/** sections_keep_resolv - write SECTION_RESOLV, if it is among them, to the state directory */
MUST_CHECK bool sections_keep_resolv(const struct sections *sections, const char *state,
                                     struct err *err);

void candidate_clear(struct candidate *candidate);

#endif
