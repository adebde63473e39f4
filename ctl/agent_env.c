/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/agent_env.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool add(struct agent_env *env, const char *name, size_t name_len, const char *value,
                struct err *err)
{
    size_t size = name_len + strlen(value) + 2;
    char *text = malloc(size);

    if (text == NULL || env->nr == AGENT_ENV_MAX) {
        free(text);
        return err_set(err, ENOMEM, "out of memory");
    }
    snprintf(text, size, "%.*s=%s", (int)name_len, name, value);
    env->all[env->nr++] = text;
    return true;
}

static bool is_name(const char *text, size_t len)
{
    static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

    return len > 0 && strspn(text, set) >= len && !(text[0] >= '0' && text[0] <= '9');
}

static bool add_asked(struct agent_env *env, const char *text, struct err *err)
{
    const char *equals = strchr(text, '='), *value = equals ? equals + 1 : getenv(text);
    size_t len = equals ? (size_t)(equals - text) : strlen(text);

    if (!is_name(text, len))
        return err_set(err, EINVAL, "-e: \"%.80s\", expected KEY=VALUE or KEY", text);
    if (value == NULL)
        return err_set(err, EINVAL, "-e %.80s: it is not set here, expected %.80s=VALUE", text,
                       text);
    return add(env, text, len, value, err);
}

static bool add_own(struct agent_env *env, const char *name, const char *value, struct err *err)
{
    return value == NULL || value[0] == '\0' || add(env, name, strlen(name), value, err);
}

bool agent_env_make(const struct settings *settings, const struct option_list *extra,
                    bool has_terminal, struct agent_env *env, struct err *err)
{
    memset(env, 0, sizeof(*env));
    if (!add_own(env, "ANTHROPIC_API_KEY", settings->anthropic_api_key, err) ||
        !add_own(env, "CLAUDE_CODE_OAUTH_TOKEN", settings->claude_code_oauth_token, err))
        return false;
    if (has_terminal && (!add_own(env, "TERM", getenv("TERM"), err) ||
                         !add_own(env, "COLORTERM", getenv("COLORTERM"), err)))
        return false;
    for (size_t i = 0; i < extra->nr; i++)
        if (!add_asked(env, extra->all[i], err))
            return false;
    return true;
}

void agent_env_clear(struct agent_env *env)
{
    for (size_t i = 0; i < env->nr; i++)
        free((char *)env->all[i]); /* made by add() */
    memset(env, 0, sizeof(*env));
}
