/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How many records of each agent are written one by one: the log has room for a while, and no
 * agent may use it up. Pure.
 */
#ifndef SNI_FILTER_QUOTA_H
#define SNI_FILTER_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/ipc.h"
#include "common/record.h"

/* Refusals cost an agent nothing, names below an allowed one neither: each kind has its own. */
enum quota_kind { QUOTA_CONNECTION, QUOTA_NAME, QUOTA_REFUSAL, NR_QUOTA_KINDS };

struct quota_limit {
    uint32_t burst; /* records that may be written at once */
    uint32_t per_s; /* and later, again and again */
};
extern const struct quota_limit quota_limits[NR_QUOTA_KINDS];

#define QUOTA_TELL_US UINT64_C(1000000) /* one record about what was counted, of each agent */
#define QUOTA_CROWD   128               /* records of one agent that wait for the writer */

struct quota_agent {
    bool is_used;
    char name[RECORD_AGENT_MAX + 1];
    uint64_t levels[NR_QUOTA_KINDS]; /* millionths of a record */
    uint64_t seen_us, tell_us;       /* last record; when what was counted is told */
    uint32_t round, nr_waiting;
    uint64_t nr_counted;
    uint32_t counts[NR_EVENTS][NR_RECORD_VERDICTS][NR_REASONS];
};

struct quota {
    struct quota_agent *agents; /* [0]: packets of nobody */
    uint32_t round;
    uint64_t nr_counted; /* not told yet, of all agents */
};

#define QUOTA_AGENTS (IPC_AGENTS_MAX + 1)

MUST_CHECK bool quota_init(struct quota *quota);
void quota_clear(struct quota *quota);

/**
 * quota_take - true: write the record; false: it was counted, and quota_due() will tell
 *
 * Every decision is written or counted: with record->count it stands for so many.
 */
MUST_CHECK bool quota_take(struct quota *quota, const struct record *record, uint64_t now_us);

/** quota_calm - no record waits for the writer any more */
void quota_calm(struct quota *quota);

/**
 * quota_due - a record of what was counted: event, verdict, reason, agent and how many
 *
 * At most one of each agent in QUOTA_TELL_US, its most frequent kind; now_us UINT64_MAX: all of
 * them, one a call. False: none is due.
 */
MUST_CHECK bool quota_due(struct quota *quota, uint64_t now_us, uint64_t wall_us,
                          struct record *out);

#endif
