/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CTL_AGENT_ENV_H
#define CTL_AGENT_ENV_H

#include "ctl/options.h"
#include "ctl/settings.h"

#define AGENT_ENV_MAX (OPTION_LIST_MAX + 8)

/* "NAME=VALUE" texts of an agent's environment, NULL behind the last. */
struct agent_env {
    const char *all[AGENT_ENV_MAX + 1];
    size_t nr;
};

/**
 * agent_env_make - the keys of settings, the terminal's kind, and what the user asks for
 *
 * extra: KEY=VALUE or KEY, which takes secctl's own. has_terminal: pass TERM and COLORTERM.
 * Clear it also after a failure.
 */
MUST_CHECK bool agent_env_make(const struct settings *settings, const struct option_list *extra,
                               bool has_terminal, struct agent_env *env, struct err *err);
void agent_env_clear(struct agent_env *env);

#endif
