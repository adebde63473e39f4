/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which names were refused most often, and the command that would allow each. Pure.
 */
#ifndef CTL_LOG_HINT_H
#define CTL_LOG_HINT_H

#include <stddef.h>
#include <stdint.h>

#include "common/hostname.h"
#include "ctl/log_record.h"

#define LOG_HINT_NAMES 256 /* names that are counted; later ones are left out */
#define LOG_HINT_SHOWN 3
#define LOG_HINT_MAX   ((size_t)LOG_HINT_SHOWN * (HOSTNAME_MAX + 160))

struct log_hint {
    struct log_hint_name {
        char name[HOSTNAME_MAX + 1];
        char service[16]; /* "" or "tcp/22" */
        int64_t count;
    } names[LOG_HINT_NAMES];
    size_t nr;
};

/** log_hint_count - count a record, if a rule for its name would have allowed it */
void log_hint_count(struct log_hint *hint, const struct log_record *record);

/** log_hint_text - up to LOG_HINT_SHOWN lines, the commonest first; "" for none. agent: NULL
 * for all */
void log_hint_text(const struct log_hint *hint, const char *agent, char out[LOG_HINT_MAX]);

#endif
