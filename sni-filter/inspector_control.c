/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/inspector_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Live connections are listed every two seconds, or, when there are many, so that it takes a
 * twentieth of the time. */
#define LIST_EVERY_US UINT64_C(2000000)
#define LIST_MOST_US  UINT64_C(10000000)
#define LIST_PART     20

static void put_upstreams(struct inspector *ins)
{
    /* The ring holds far more than one list; only a dns process that stands still leaves no
     * room. */
    if (!channel_put(&ins->io.to_dns, WIRE_UPSTREAMS, ins->setup.upstreams,
                     ins->setup.nr_upstreams * sizeof(ins->setup.upstreams[0]), NULL, 0))
        inspector_stop(ins, 1, "hand the upstream resolvers over", -ENOBUFS);
}

static void on_setup(struct inspector *ins, const void *body, size_t len)
{
    struct ipc_setup *setup = &ins->setup;
    const bool is_first = ins->engine == NULL;

    if (len != sizeof(*setup)) {
        inspector_stop(ins, 1, "read the setup", -EPROTO);
        return;
    }
    memcpy(setup, body, len);
    if (setup->nr_sources > IPC_PREFIXES_MAX || setup->nr_own > IPC_PREFIXES_MAX ||
        setup->nr_private_allowed > IPC_PREFIXES_MAX ||
        setup->nr_private_denied > IPC_PREFIXES_MAX ||
        setup->nr_upstreams > IPC_UPSTREAMS_MAX) {
        inspector_stop(ins, 1, "read the setup's numbers", -EPROTO);
        return;
    }
    if (is_first && inspector_make_engine(ins) < 0) {
        inspector_stop(ins, 1, "make the engine", -ENOMEM);
        return;
    }
    if (!is_first)
        engine_set_setup(ins->engine, setup);
    put_upstreams(ins);
}

void inspector_list(struct inspector *ins, const struct engine_clock *now)
{
    inspector_order(ins, WIRE_DUMP, NULL, 0, NULL, 0);
    ins->is_listing = true;
    ins->nr_revoked = 0;
    ins->done_due = ins->done_next;
    ins->done_next = 0;
    ins->listed_us = now->mono_us;
}

static void tell_done(struct inspector *ins, bool is_ok, const char *why)
{
    struct ipc_policy_done done = { .is_ok = is_ok, .nr_revoked = is_ok ? ins->nr_revoked : 0 };

    snprintf(done.text, sizeof(done.text), "%s", why);
    if (!report_put(&ins->report, IPC_POLICY_DONE, &done, sizeof(done)))
        inspector_stop(ins, 1, "tell that a policy is in force", -ENOBUFS);
}

static void use_policy(struct inspector *ins, struct policy *policy)
{
    struct engine_clock now = inspector_clock();
    struct policy *old = ins->policy;

    engine_set_policy(ins->engine, &now, policy);
    ins->policy = policy;
    policy_free(old);
    inspector_order(ins, WIRE_BOUND_FLUSH, NULL, 0, NULL, 0);
    engine_rebind(ins->engine, &now);
    ins->done_next++;
    if (!ins->is_listing)
        inspector_list(ins, &now);
    if (!ins->is_ready && !report_put(&ins->report, IPC_READY, NULL, 0))
        inspector_stop(ins, 1, "tell that the filter is ready", -ENOBUFS);
    ins->is_ready = true;
}

static void on_policy(struct inspector *ins, const void *body, size_t len)
{
    struct policy_source *sources = NULL;
    const struct policy_source *ceiling = NULL;
    struct policy *policy;
    struct err err = { 0 };
    size_t nr = 0;

    if (ins->engine == NULL || !ipc_policy_unpack(body, len, &sources, &nr)) {
        inspector_stop(ins, 1, "read the policy", -EPROTO);
        return;
    }
    if (nr > 1 && sources[nr - 1].agent != NULL &&
        strcmp(sources[nr - 1].agent, IPC_CEILING) == 0) {
        sources[--nr].agent = NULL;
        ceiling = &sources[nr];
    }
    policy = policy_new(sources, nr, ceiling, &err);
    free(sources);
    if (policy == NULL)
        tell_done(ins, false, err.text);
    else
        use_policy(ins, policy);
}

static void on_binding(struct inspector *ins, const void *body, size_t len)
{
    struct engine_clock now = inspector_clock();
    struct ipc_binding binding;

    if (ins->engine == NULL || len != sizeof(binding)) {
        inspector_stop(ins, 1, "read a kept binding", -EPROTO);
        return;
    }
    memcpy(&binding, body, len);
    binding.name[sizeof(binding.name) - 1] = '\0';
    binding.agent[sizeof(binding.agent) - 1] = '\0';
    engine_restore(ins->engine, &now, &binding);
}

void inspector_take_control(struct inspector *ins)
{
    const void *body;
    enum ipc_type type;
    size_t len;
    int rc;

    while (!ins->is_over && (rc = ipc_read(&ins->control, &type, &body, &len)) != 0) {
        if (rc == -EPIPE)
            inspector_stop(ins, 0, "", 0);
        else if (rc < 0)
            inspector_stop(ins, 1, "read from fwd", rc);
        else if (type == IPC_SETUP)
            on_setup(ins, body, len);
        else if (type == IPC_BINDING)
            on_binding(ins, body, len);
        else if (type == IPC_POLICY)
            on_policy(ins, body, len);
        else
            inspector_stop(ins, 1, "read from fwd: unknown frame", -EPROTO);
    }
}

void inspector_list_done(struct inspector *ins)
{
    struct engine_clock now = inspector_clock();

    const uint64_t pause_us = LIST_PART * (now.mono_us - ins->listed_us);

    ins->is_listing = false;
    ins->next_list_us = now.mono_us + (pause_us < LIST_EVERY_US  ? LIST_EVERY_US
                                       : pause_us > LIST_MOST_US ? LIST_MOST_US
                                                                 : pause_us);
    if (engine_list_done(ins->engine, &now)) {
        inspector_order(ins, WIRE_BOUND_FLUSH, NULL, 0, NULL, 0);
        engine_rebind(ins->engine, &now);
    }
    for (; ins->done_due != 0; ins->done_due--)
        tell_done(ins, true, "");
    if (ins->done_next != 0)
        inspector_list(ins, &now);
}
