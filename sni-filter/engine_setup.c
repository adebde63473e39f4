/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Agents that come and go. Tables are sized for all that there can be; their shares follow
 * those that there are.
 */
#include <string.h>

#include "sni-filter/engine_internal.h"

static bool is_first_of_agent(const struct ipc_setup *setup, uint32_t at)
{
    if (setup->sources[at].agent[0] == '\0')
        return false;
    for (uint32_t i = 0; i < at; i++)
        if (strcmp(setup->sources[i].agent, setup->sources[at].agent) == 0)
            return false;
    return true;
}

void engine_share_out(struct engine *e)
{
    uint32_t nr = 0;

    for (uint32_t i = 0; i < e->setup.nr_sources; i++)
        nr += is_first_of_agent(&e->setup, i);
    binding_table_share(&e->bindings, nr);
    flow_table_share(&e->flows, nr);
    quic_table_share(&e->quic, nr);
    engine_crowd_share(e, nr);
}

void engine_set_setup(struct engine *e, const struct ipc_setup *setup)
{
    const struct ipc_setup *old = &e->setup;

    for (uint32_t i = 0; i < old->nr_sources; i++)
        if (strcmp(old->sources[i].agent, setup->sources[i].agent) != 0) {
            binding_drop_agent(&e->bindings, i + 1);
            e->crowd[i + 1] = (struct crowd) { 0 };
            e->policy_agents[i + 1] = 0; /* the common list, until the policy follows */
        }
    e->setup = *setup;
    if (e->nr_agents < setup->nr_sources + 1)
        e->nr_agents = setup->nr_sources + 1;
    engine_share_out(e);
}
