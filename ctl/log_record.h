/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One line of the verdict log as a reader has it. What is in it came from an agent, in parts:
 * texts may hold any byte and are to be escaped before a terminal sees them. Pure.
 */
#ifndef CTL_LOG_RECORD_H
#define CTL_LOG_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "common/attr.h"
#include "common/err.h"

#define LOG_TS_MAX  sizeof("2026-11-23T14:00:00.123456Z")
#define LOG_RUN_MAX 33

/* Texts are "" when absent, numbers 0 but for port: -1. They live as long as json. */
struct log_record {
    cJSON *json;
    const char *ts, *run, *event, *verdict, *reason, *agent, *proto, *src, *dst, *name, *method,
        *rule, *qtype, *detail, *policy;
    int64_t seq, port, count, lost, line;
};

/** log_record_parse - read a line; false with *err when it is no record. log_record_clear(). */
MUST_CHECK bool log_record_parse(const char *text, size_t len, struct log_record *record,
                                 struct err *err);
void log_record_clear(struct log_record *record);

/* Which records are wanted. */
struct log_filter {
    bool is_denied_only;
    const char *agent;      /* NULL: all */
    char since[LOG_TS_MAX]; /* "": all; else those from this time on */
};

bool log_filter_takes(const struct log_filter *filter, const struct log_record *record);

/* The last record that was shown, so that none is shown twice after a new beginning. */
struct log_place {
    char ts[LOG_TS_MAX], run[LOG_RUN_MAX];
    int64_t seq;
};

/** log_place_passes - is record later than place? Then place becomes it. */
bool log_place_passes(struct log_place *place, const struct log_record *record);

#endif
