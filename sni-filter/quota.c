/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: each agent has a bucket for each kind of record, which fills up slowly and is
 * emptied by what is written; a long record counts as several. What finds it empty is counted
 * by event, verdict and reason. Apart from that an agent may have QUOTA_CROWD records waiting
 * for the writer, so that a burst of one does not take the place of the others' records.
 */
#include "sni-filter/quota.h"

#include <stdlib.h>
#include <string.h>

#define MILLION     UINT64_C(1000000)
#define COST_BYTES  512         /* of text that an agent chose */
#define ESCAPED_LEN ((size_t)6) /* \u0000 */

const struct quota_limit quota_limits[NR_QUOTA_KINDS] = {
    [QUOTA_CONNECTION] = { 16384, 5 },
    [QUOTA_NAME] = { 8192, 2 },
    [QUOTA_REFUSAL] = { 2048, 2 },
};

bool quota_init(struct quota *quota)
{
    *quota = (struct quota) { .agents = calloc(QUOTA_AGENTS, sizeof(*quota->agents)) };
    return quota->agents != NULL;
}

void quota_clear(struct quota *quota)
{
    free(quota->agents);
    *quota = (struct quota) { 0 };
}

static void begin(struct quota_agent *agent, const char *name)
{
    *agent = (struct quota_agent) { .is_used = true };
    memcpy(agent->name, name, strnlen(name, RECORD_AGENT_MAX));
    for (size_t i = 0; i < NR_QUOTA_KINDS; i++)
        agent->levels[i] = quota_limits[i].burst * MILLION;
}

/* The agent of that name; a place that is free, or else the one that was silent for longest, is
 * made its own. */
static struct quota_agent *find(struct quota *quota, const char *name)
{
    struct quota_agent *agents = quota->agents, *place = NULL;

    if (!agents[0].is_used)
        begin(&agents[0], "");
    if (name[0] == '\0')
        return &agents[0];
    for (size_t i = 1; i < QUOTA_AGENTS; i++) {
        if (!agents[i].is_used) {
            place = &agents[i];
            break;
        }
        if (strncmp(agents[i].name, name, RECORD_AGENT_MAX) == 0)
            return &agents[i];
        if (agents[i].nr_counted == 0 && (place == NULL || agents[i].seen_us < place->seen_us))
            place = &agents[i];
    }
    if (place == NULL)
        return &agents[0];
    begin(place, name);
    return place;
}

static enum quota_kind kind_of(const struct record *record)
{
    if (record->verdict == RECORD_DENY)
        return QUOTA_REFUSAL;
    return record->event == EVENT_DNS || record->event == EVENT_ANSWER ? QUOTA_NAME
                                                                       : QUOTA_CONNECTION;
}

static uint64_t cost_of(const struct record *record)
{
    size_t len = 0;

    for (const char *c = record->name; *c != '\0' && c < record->name + HOSTNAME_MAX; c++)
        len += *c >= ' ' && *c <= '~' && *c != '"' && *c != '\\' ? 1 : ESCAPED_LEN;
    return (1 + (len + ESCAPED_LEN * record->alpn_len) / COST_BYTES) * MILLION;
}

static bool pay(struct quota_agent *agent, const struct record *record, uint64_t now_us)
{
    const uint64_t cost = cost_of(record), passed_us = now_us - agent->seen_us;
    uint64_t *level = &agent->levels[kind_of(record)];

    for (size_t i = 0; i < NR_QUOTA_KINDS; i++) {
        const uint64_t full = quota_limits[i].burst * MILLION;
        const uint64_t missing = full - agent->levels[i];

        agent->levels[i] = passed_us > missing / quota_limits[i].per_s
                               ? full
                               : agent->levels[i] + passed_us * quota_limits[i].per_s;
    }
    agent->seen_us = now_us;
    if (*level < cost)
        return false;
    *level -= cost;
    return true;
}

static bool is_crowd(const struct quota *quota, struct quota_agent *agent)
{
    if (agent->round != quota->round)
        agent->nr_waiting = 0;
    agent->round = quota->round;
    return agent->nr_waiting >= QUOTA_CROWD;
}

static uint32_t add(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static void count(struct quota *quota, struct quota_agent *agent, const struct record *record,
                  uint64_t now_us)
{
    uint32_t *counter = &agent->counts[record->event][record->verdict][record->reason];
    const uint32_t before = *counter;

    *counter = add(*counter, record_weight(record));
    if (agent->nr_counted == 0)
        agent->tell_us = now_us + QUOTA_TELL_US;
    agent->nr_counted += *counter - before;
    quota->nr_counted += *counter - before;
}

bool quota_take(struct quota *quota, const struct record *record, uint64_t now_us)
{
    struct quota_agent *agent = find(quota, record->agent);

    if (!is_crowd(quota, agent) && pay(agent, record, now_us)) {
        agent->nr_waiting++;
        return true;
    }
    count(quota, agent, record, now_us);
    return false;
}

void quota_calm(struct quota *quota)
{
    quota->round++;
}

/* The kind that was counted most often. */
static uint32_t *most(struct quota_agent *agent, struct record *out)
{
    uint32_t *found = NULL;

    for (unsigned event = 0; event < NR_EVENTS; event++)
        for (unsigned verdict = 0; verdict < NR_RECORD_VERDICTS; verdict++)
            for (unsigned reason = 0; reason < NR_REASONS; reason++) {
                uint32_t *counter = &agent->counts[event][verdict][reason];

                if (*counter == 0 || (found != NULL && *counter <= *found))
                    continue;
                found = counter;
                out->event = (enum record_event)event;
                out->verdict = (enum record_verdict)verdict;
                out->reason = (enum reason)reason;
            }
    return found;
}

static bool tell(struct quota *quota, struct quota_agent *agent, uint64_t wall_us,
                 struct record *out)
{
    uint32_t *counter;

    *out = (struct record) { .wall_us = wall_us,
                             .detail = "counted only: too many for a record each" };
    counter = most(agent, out);
    if (counter == NULL)
        return false;
    memcpy(out->agent, agent->name, sizeof(out->agent));
    out->count = *counter;
    agent->nr_counted -= *counter;
    quota->nr_counted -= *counter;
    *counter = 0;
    return true;
}

bool quota_due(struct quota *quota, uint64_t now_us, uint64_t wall_us, struct record *out)
{
    for (size_t i = 0; i < QUOTA_AGENTS && quota->nr_counted > 0; i++) {
        struct quota_agent *agent = &quota->agents[i];

        if (agent->nr_counted == 0 || now_us < agent->tell_us)
            continue;
        if (now_us != UINT64_MAX)
            agent->tell_us = now_us + QUOTA_TELL_US;
        return tell(quota, agent, wall_us, out);
    }
    return false;
}
