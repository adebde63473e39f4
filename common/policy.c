/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/policy_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

static bool no_memory(struct err *err)
{
    return err_set(err, ENOMEM, "policy: out of memory");
}

/* The number of an agent, made when new. */
static bool add_agent(struct policy *policy, const struct policy_source *source, uint8_t *agent,
                      struct err *err)
{
    *agent = 0;
    if (source->agent == NULL)
        return true;
    *agent = (uint8_t)policy_agent(policy, source->agent);
    if (*agent)
        return true;
    if (policy->nr_agents == POLICY_AGENTS_MAX)
        return err_set(err, E2BIG, "%s:1:1: too many agents, expected at most %d", source->file,
                       POLICY_AGENTS_MAX);
    if (!policy_add_text(policy, source->agent, strlen(source->agent),
                         &policy->agents[policy->nr_agents]))
        return no_memory(err);
    *agent = (uint8_t)++policy->nr_agents;
    return true;
}

static bool add_file(struct policy *policy, const char *file, struct err *err)
{
    if (!policy_add_text(policy, file, strlen(file), &policy->source_files[policy->nr_sources]))
        return no_memory(err);
    policy->nr_sources++;
    return true;
}

/* What a text is compiled as. */
struct role {
    bool is_ceiling;
    unsigned wanted;             /* rules without these flags are left out */
    const struct policy *within; /* NULL, or the compiled ceiling, from ceiling_file */
    const char *ceiling_file;
};

static bool add_source(struct policy *policy, const struct policy_source *source,
                       const struct role *role, struct err *err)
{
    struct textfile file = {
        .file = source->file, .text = source->text, .len = source->len, .err = err
    };
    uint16_t index = (uint16_t)policy->nr_sources;
    struct parsed_rule rule;
    uint8_t agent;
    int rc;

    if (!add_agent(policy, source, &agent, err) || !add_file(policy, source->file, err))
        return false;
    while ((rc = policy_parse_next(&file, role->is_ceiling, &rule)) == 1) {
        if ((rule.flags & role->wanted) != role->wanted)
            continue;
        if (role->within &&
            !policy_ceiling_covers(role->within, role->ceiling_file, source->file, &rule, err))
            return false;
        if (!policy_add_rule(policy, &rule, index, agent))
            return no_memory(err);
        policy->nr_counted++;
    }
    return rc == 0;
}

static bool hash_bytes(EVP_MD_CTX *hash, const void *bytes, size_t len)
{
    uint8_t size[8];

    for (unsigned i = 0; i < 8; i++)
        size[i] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
    return EVP_DigestUpdate(hash, size, sizeof(size)) && EVP_DigestUpdate(hash, bytes, len);
}

static bool hash_source(EVP_MD_CTX *hash, const struct policy_source *source, const char *role)
{
    const char *agent = source->agent ? source->agent : "";

    return hash_bytes(hash, role, strlen(role)) &&
           hash_bytes(hash, source->file, strlen(source->file)) &&
           hash_bytes(hash, agent, strlen(agent)) &&
           hash_bytes(hash, source->text, source->len);
}

static int by_file(const void *a, const void *b)
{
    const struct policy_source *const *x = a, *const *y = b;
    int order = strcmp((*x)->file, (*y)->file);

    return order ? order : (*x < *y ? -1 : *x > *y);
}

/* The identity does not depend on the order in which the sources were handed over. */
static bool make_id(struct policy *policy, const struct policy_source *sources, size_t nr,
                    const struct policy_source *ceiling)
{
    const struct policy_source **sorted = calloc(nr + 1, sizeof(const struct policy_source *));
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    uint8_t digest[EVP_MAX_MD_SIZE];
    bool is_good = sorted && hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
    char *text = policy->id;

    for (size_t i = 0; is_good && i < nr; i++)
        sorted[i] = &sources[i];
    if (is_good && nr)
        qsort(sorted, nr, sizeof(const struct policy_source *), by_file);
    for (size_t i = 0; is_good && i < nr; i++)
        is_good = hash_source(hash, sorted[i], sorted[i]->agent ? "agent" : "base");
    if (is_good && ceiling)
        is_good = hash_source(hash, ceiling, "ceiling");
    is_good = is_good && EVP_DigestFinal_ex(hash, digest, NULL);
    if (is_good) {
        memcpy(text, "sha256:", 7);
        for (size_t i = 0; i < 32; i++) {
            text[7 + 2 * i] = "0123456789abcdef"[digest[i] >> 4];
            text[8 + 2 * i] = "0123456789abcdef"[digest[i] & 15];
        }
    }
    EVP_MD_CTX_free(hash);
    free(sorted);
    return is_good;
}

static struct policy *allocate(size_t nr_sources)
{
    struct policy *policy = calloc(1, sizeof(*policy));

    if (policy == NULL)
        return NULL;
    policy->source_files = calloc(nr_sources + 1, sizeof(*policy->source_files));
    if (policy->source_files == NULL) {
        free(policy);
        return NULL;
    }
    return policy;
}

/* Compile into policy; the ceiling's "!" rules are in force for everybody. */
static bool build(struct policy *policy, const struct policy_source *sources, size_t nr,
                  const struct policy_source *ceiling, struct err *err)
{
    const struct role bound = { .is_ceiling = true };
    const struct role denied = { .is_ceiling = true, .wanted = RULE_DENY };
    struct role rules = { .ceiling_file = ceiling ? ceiling->file : NULL };
    struct policy *within = NULL;
    bool is_good = true;
    size_t nr_counted;

    if (ceiling) {
        within = allocate(1);
        if (within == NULL)
            return no_memory(err);
        is_good = add_source(within, ceiling, &bound, err);
        rules.within = within;
    }
    for (size_t i = 0; is_good && i < nr; i++)
        is_good = add_source(policy, &sources[i], &rules, err);
    nr_counted = policy->nr_counted;
    if (is_good && ceiling)
        is_good = add_source(policy, ceiling, &denied, err);
    policy->nr_counted = nr_counted;
    policy_free(within);
    if (is_good && !make_id(policy, sources, nr, ceiling))
        is_good = err_set(err, EIO, "policy: SHA-256 over its texts failed in libcrypto");
    return is_good;
}

struct policy *policy_new(const struct policy_source *sources, size_t nr_sources,
                          const struct policy_source *ceiling, struct err *err)
{
    struct policy *policy;

    if (nr_sources >= UINT16_MAX) {
        err_set(err, E2BIG, "policy: %zu files, expected fewer than %d", nr_sources,
                UINT16_MAX);
        return NULL;
    }
    policy = allocate(nr_sources + 1);
    if (policy == NULL) {
        no_memory(err);
        return NULL;
    }
    if (!build(policy, sources, nr_sources, ceiling, err)) {
        policy_free(policy);
        return NULL;
    }
    policy_trim(policy);
    return policy;
}

void policy_free(struct policy *policy)
{
    if (policy == NULL)
        return;
    free(policy->pool.items);
    free(policy->rules.items);
    free(policy->nodes.items);
    free(policy->services.items);
    free(policy->slots);
    free(policy->source_files);
    free(policy);
}

const char *policy_id(const struct policy *policy)
{
    return policy->id;
}

unsigned policy_agent(const struct policy *policy, const char *name)
{
    for (unsigned i = 0; i < policy->nr_agents; i++)
        if (strcmp(policy_text(policy, policy->agents[i]), name) == 0)
            return i + 1;
    return 0;
}

size_t policy_nr_rules(const struct policy *policy)
{
    return policy->nr_counted;
}
