/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/policy_texts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/exact.h"

static void end(const char *why)
{
    fprintf(stderr, "policy_texts: %s\n", why);
    abort();
}

struct policy *policy_texts_try(const char *base, size_t len, const char *agent,
                                const char *ceiling, struct err *err)
{
    char *copy = (char *)exact(base, len);
    struct policy_source sources[] = {
        { .file = "allowlist", .text = copy, .len = len },
        { .file = "agents/claude", .agent = "claude", .text = agent },
    };
    struct policy_source top = { .file = "ceiling", .text = ceiling };
    struct policy *policy;

    sources[1].len = agent ? strlen(agent) : 0;
    top.len = ceiling ? strlen(ceiling) : 0;
    policy = policy_new(sources, agent ? 2 : 1, ceiling ? &top : NULL, err);
    free(copy);
    return policy;
}

struct policy *policy_texts(const char *base, const char *agent, const char *ceiling)
{
    struct err err = { 0 };
    struct policy *policy = policy_texts_try(base, strlen(base), agent, ceiling, &err);

    if (policy == NULL)
        end(err.text);
    return policy;
}

const char *policy_texts_show(struct policy_answer answer)
{
    static const char *const words[] = { "unknown", "allow", "deny", "other" };
    static char text[400];

    if (answer.result != POLICY_UNKNOWN)
        snprintf(text, sizeof(text), "%s%s %s %s:%u", words[answer.result],
                 answer.is_intranet ? " intranet" : "", answer.rule, answer.file, answer.line);
    else if (answer.rule || answer.file || answer.line || answer.is_intranet)
        end("an answer without a rule has a rule");
    else
        return words[POLICY_UNKNOWN];
    return text;
}

const char *policy_texts_name(const struct policy *policy, const char *agent, const char *name,
                              enum service_kind kind, uint16_t port)
{
    return policy_texts_show(
        policy_name(policy, policy_agent(policy, agent), name, kind, port));
}

const char *policy_texts_addr(const struct policy *policy, const char *agent, const char *text,
                              enum service_kind kind, uint16_t port)
{
    struct addr addr;

    if (!addr_parse(text, strlen(text), &addr))
        end(text);
    return policy_texts_show(
        policy_addr(policy, policy_agent(policy, agent), &addr, kind, port));
}
