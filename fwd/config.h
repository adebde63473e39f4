/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where the configuration comes from: files and single settings, in the order in which they
 * were given. A running gateway keeps that list beside its control socket, so that other
 * commands find it.
 */
#ifndef FWD_CONFIG_H
#define FWD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "common/conf.h"
#include "common/err.h"

#define CONFIG_SOURCES_MAX 32
#define CONFIG_FILE_MAX    (1u << 20)
#define STATE_DEFAULT      "/var/lib/secctl"

struct config_source {
    bool is_setting;  /* text is KEY=VALUE; else a path */
    const char *text; /* kept */
};

struct config {
    struct config_source list[CONFIG_SOURCES_MAX];
    size_t nr;
    char *owned; /* what the texts stand in, when they were recalled */
};

/** config_add - one more source; false when there are too many, or it cannot be kept */
MUST_CHECK bool config_add(struct config *config, bool is_setting, const char *text,
                           struct err *err);

/** config_read - the configuration that they make */
MUST_CHECK bool config_read(const struct config *config, struct conf *conf, struct err *err);

/** config_keep - write the list for config_recall(), relative paths made absolute */
MUST_CHECK bool config_keep(const struct config *config, const char *state, struct err *err);

/** config_forget - remove what was kept outside of a state directory */
void config_forget(const char *state);

/**
 * config_recall - the list that the gateway with this state directory keeps
 *
 * state: NULL: of the gateway of this network namespace without one, else of the one in
 * STATE_DEFAULT. False with *err when there is none. config_clear() frees it.
 */
MUST_CHECK bool config_recall(const char *state, struct config *config, struct err *err);
void config_clear(struct config *config);

/** config_parse - the kept list's text, which *config then borrows and whose line ends are
 * overwritten; false when it is none. Pure. */
MUST_CHECK bool config_parse(char *text, struct config *config);

/** run_path - STATE/WHAT, or with no state directory /run/secctl.NETNS.WHAT */
MUST_CHECK bool run_path(const char *state, const char *what, char *path, size_t size,
                         struct err *err);

#endif
