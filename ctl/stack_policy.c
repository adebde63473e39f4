/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/stack_policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "ctl/policy_hand.h"
#include "ctl/tar_build.h"

#define CONF_SIZE_MAX (1u << 20)
#define CONF_FILE     "gateway.conf"

static bool check_rules(const char *folder, struct stack_policy *policy, struct err *err)
{
    struct err why = { 0 };
    struct policy *rules =
        policy_new(policy->dir.sources, policy->dir.nr_sources, policy->dir.ceiling, &why);

    if (rules == NULL) /* the sentence starts with a file's name inside the folder */
        return err_set(err, why.code, "%s/%s", folder, why.text);
    snprintf(policy->id, sizeof(policy->id), "%s", policy_id(rules));
    policy_free(rules);
    return true;
}

static bool read_conf(const char *folder, struct stack_policy *policy, struct err *err)
{
    char path[FOLDER_PATH_MAX];

    if (!path_join(path, folder, CONF_FILE, err))
        return false;
    policy->gateway_conf = file_read(path, CONF_SIZE_MAX, &policy->gateway_conf_len, err);
    if (policy->gateway_conf == NULL && err->code == ENOENT)
        policy->gateway_conf = calloc(1, 1);
    return policy->gateway_conf != NULL;
}

bool stack_policy_read(const struct settings *settings, bool is_local,
                       struct stack_policy *policy, struct err *err)
{
    memset(policy, 0, sizeof(*policy));
    if (!policy_dir_read(settings->policy, &policy->dir, err) ||
        !check_rules(settings->policy, policy, err) ||
        !read_conf(settings->policy, policy, err))
        return false;
    resolver_choose("", is_local, &policy->resolver);
    return true;
}

void stack_policy_clear(struct stack_policy *policy)
{
    policy_dir_clear(&policy->dir);
    free(policy->gateway_conf);
    memset(policy, 0, sizeof(*policy));
}

static bool add_source(struct tar *tar, const struct policy_source *source, struct err *err)
{
    return tar_add_file(tar, source->file, source->text, source->len, 0644, err);
}

static bool fill(struct tar *tar, const struct stack_policy *policy, struct err *err)
{
    const struct policy_dir *dir = &policy->dir;

    if (!tar_add_folder(tar, "agents", 0755, 0, err))
        return false;
    for (size_t i = 0; i < dir->nr_sources; i++)
        if (!add_source(tar, &dir->sources[i], err))
            return false;
    return (dir->ceiling == NULL || add_source(tar, dir->ceiling, err)) &&
           tar_add_file(tar, CONF_FILE, policy->gateway_conf, policy->gateway_conf_len, 0644,
                        err);
}

/* A file for the state folder's volume: what is handed over later is there at the first start.
 */
static bool put_resolver(struct stack *stack, const char *id, const char *text, struct err *err)
{
    struct tar *tar = tar_new(err);
    const void *bytes;
    size_t len;
    bool is_good = tar && tar_add_file(tar, "resolv.conf", text, strlen(text), 0644, err) &&
                   tar_finish(tar, &bytes, &len, err) &&
                   engine_archive_put(stack->engine, id, STATE_FOLDER, bytes, len, err);

    tar_free(tar);
    return is_good;
}

bool stack_policy_put(struct stack *stack, const char *id, const struct stack_policy *policy,
                      struct err *err)
{
    struct tar *tar = tar_new(err);
    const void *bytes;
    size_t len;
    bool is_good = tar && fill(tar, policy, err) && tar_finish(tar, &bytes, &len, err) &&
                   engine_archive_put(stack->engine, id, POLICY_FOLDER, bytes, len, err);

    tar_free(tar);
    if (is_good && policy->resolver.kind == RESOLVER_HANDED_OVER)
        is_good = put_resolver(stack, id, policy->resolver.text, err);
    return is_good;
}

bool stack_policy_load(struct stack *stack, const struct stack_policy *policy, struct err *err)
{
    char answer[POLICY_ANSWER_MAX];
    enum policy_hand hand;
    size_t len;
    char *text = policy_hand_text(
        &policy->dir,
        policy->resolver.kind == RESOLVER_HANDED_OVER ? policy->resolver.text : NULL, &len);

    if (text == NULL)
        return err_set(err, ENOMEM, "out of memory");
    hand = policy_hand_over(stack->engine, text, len, answer, err);
    free(text);
    if (hand == HAND_TAKEN && answer[0])
        fprintf(stderr, "secctl: %s\n", answer);
    return hand == HAND_TAKEN;
}
