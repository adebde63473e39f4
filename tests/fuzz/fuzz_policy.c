/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Promises: a text is a policy or an error with its place; what a policy answers fits together;
 * a text under itself as ceiling, without "!" rules, is under it. Input: the policy's text,
 * NUL, the name asked for (without a NUL, a name of its own).
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/hostname.h"
#include "common/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void promise(bool is_kept)
{
    if (!is_kept)
        abort();
}

static bool is_subset(const struct policy *policy, unsigned agent, const char *name,
                      const struct policy_service *service)
{
    struct policy_answer first =
        policy_name(policy, agent, name, service->kind, service->port_first);
    struct policy_answer last =
        policy_name(policy, agent, name, service->kind, service->port_last);

    return service->port_first <= service->port_last && first.result == POLICY_ALLOWED &&
           last.result == POLICY_ALLOWED && (first.is_intranet || !service->is_intranet);
}

static void ask(const struct policy *policy, unsigned agent, const char *name)
{
    struct policy_service services[32];
    size_t nr = policy_services(policy, agent, name, services, 32);
    struct policy_answer answer;
    bool has_child;

    promise(nr <= 32);
    for (size_t i = 0; i < nr; i++)
        promise(is_subset(policy, agent, name, &services[i]));
    answer = policy_dns(policy, agent, name, &has_child);
    promise((answer.result == POLICY_ALLOWED) == (nr > 0));
    promise((answer.result == POLICY_UNKNOWN) == (answer.rule == NULL));
    for (unsigned kind = 0; kind < NR_SERVICE_KINDS; kind++) {
        struct policy_answer other;

        answer = policy_name(policy, agent, name, (enum service_kind)kind, 443);
        promise(answer.result != POLICY_ALLOWED || nr > 0);
        promise((answer.result == POLICY_DENIED) ==
                policy_denies_name(policy, agent, name, (enum service_kind)kind, 443, &other));
    }
    policy_nearest(policy, agent, name);
}

static void ask_addresses(const struct policy *policy, const uint8_t *data, size_t size)
{
    uint8_t bytes[16] = { 10 };
    struct addr addr;

    memcpy(bytes, data, size < 16 ? size : 16);
    addr = addr_from_bytes(size % 2 ? ADDR_V4 : ADDR_V6, bytes);
    promise(policy_addr(policy, 0, &addr, SERVICE_TLS, 443).result <= POLICY_OTHER_SERVICE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    size_t len = nul ? (size_t)(nul - data) : size;
    struct policy_source source = { .file = "f", .text = (const char *)data, .len = len };
    struct policy_source agent = source;
    char name[HOSTNAME_MAX + 1] = "a.b.example";
    struct err err = { .code = 0 };
    struct policy *policy = policy_new(&source, 1, NULL, &err), *under;

    if (policy == NULL) {
        promise(strncmp(err.text, "f:", 2) == 0 && strstr(err.text, "expected"));
        return 0;
    }
    if (nul && hostname_canonical(nul + 1, size - len - 1, name) == 0)
        strcpy(name, "a.b.example");
    ask(policy, 0, name);
    ask_addresses(policy, data, size);
    policy_free(policy);
    agent.agent = "x";
    policy = policy_new(&agent, 1, NULL, &err);
    promise(policy != NULL);
    ask(policy, policy_agent(policy, "x"), name);
    ask(policy, 0, name);
    policy_free(policy);
    under = policy_new(&source, 1, &source, &err);
    promise(under != NULL || (len && memchr(data, '!', len)));
    policy_free(under);
    return 0;
}
