/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * From the log's bytes to lines on standard output: records are read, chosen, and shown as rows
 * of a table or as they are.
 */
#ifndef CTL_LOG_VIEW_H
#define CTL_LOG_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "common/err.h"
#include "ctl/log_hint.h"
#include "ctl/log_lines.h"
#include "ctl/log_record.h"
#include "ctl/log_table.h"

struct log_view {
    struct log_filter filter;
    bool is_table;
    struct log_table table;
    size_t tail; /* 0: show all; else keep that many until log_view_flush() */

    struct log_lines lines;
    struct log_place place;
    struct log_hint hint;
    char **kept; /* tail texts, the oldest at next; NULL where none is yet */
    size_t next;
    size_t nr_shown, nr_bad;
    bool is_headed; /* the table's head is printed */
};

/** log_view_take - an http_sink; arg: the view */
bool log_view_take(void *arg, const void *bytes, size_t len, struct err *err);

/** log_view_flush - print what was kept; from now on all is shown */
MUST_CHECK bool log_view_flush(struct log_view *view, struct err *err);

void log_view_clear(struct log_view *view);

#endif
