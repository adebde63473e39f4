/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: the kernel knows a limited number of connections, of all agents together. Three
 * quarters of it are shared out equally, no more than an eighth to any. Each list of them is
 * counted by agent; one that has more than its share is crowded: its new
 * connections are refused, here, since its addresses are not in the kernel's set then, until
 * another list finds clearly fewer. Connections that have ended do not count: the kernel gives
 * them up when it needs their place.
 */
#include <stdio.h>
#include <string.h>

#include "common/marks.h"
#include "sni-filter/engine_internal.h"

#define MOST_PART 8 /* of what the kernel has room for, for one agent */

void engine_crowd_share(struct engine *e, uint32_t nr_agents)
{
    const uint32_t all = e->setup.flows_max / 4 * 3;
    const uint32_t equal = nr_agents > 0 ? all / nr_agents : all;
    const uint32_t most = e->setup.flows_max / MOST_PART;

    e->flows_share = equal < most ? equal : most;
    if (e->flows_share == 0 && e->setup.flows_max > 0)
        e->flows_share = 1;
}

void engine_crowd_count(struct engine *e, uint32_t source_tag, const struct engine_live *live)
{
    if (source_tag != 0 && !live->is_ended)
        e->crowd[source_tag].nr++;
}

bool engine_is_crowded(const struct engine *e, uint32_t source_tag)
{
    return e->crowd[source_tag].is_crowded;
}

static void record_crowded(struct engine *e, uint32_t source_tag, uint32_t nr)
{
    struct record record = { .event = EVENT_CONNECT,
                             .verdict = RECORD_DENY,
                             .reason = REASON_HELD_LIMIT,
                             .wall_us = e->now->wall_us };

    engine_text(record.agent, sizeof(record.agent), engine_agent_name(e, source_tag));
    snprintf(record.detail, sizeof(record.detail),
             "%u connections at once, expected at most %u: new ones are refused", nr,
             e->flows_share);
    engine_record_each(e, &record);
}

bool engine_list_done(struct engine *e, const struct engine_clock *now)
{
    const uint32_t most = e->flows_share;
    bool is_other = false;

    e->now = now;
    for (uint32_t tag = 1; tag < e->nr_agents; tag++) {
        struct crowd *crowd = &e->crowd[tag];
        const bool was_crowded = crowd->is_crowded;

        crowd->is_crowded =
            most != 0 && (was_crowded ? crowd->nr > most - most / 4 : crowd->nr > most);
        if (crowd->is_crowded && !was_crowded)
            record_crowded(e, tag, crowd->nr);
        is_other |= crowd->is_crowded != was_crowded;
        crowd->nr = 0;
    }
    return is_other;
}
