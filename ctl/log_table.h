/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Records as rows for a terminal. Pure but for the time zone.
 */
#ifndef CTL_LOG_TABLE_H
#define CTL_LOG_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/log_record.h"

#define LOG_ROW_MAX   1024
#define LOG_WIDTH_MIN 50
#define LOG_WIDTH_MAX 400

struct log_table {
    size_t width; /* columns of the terminal; taken as LOG_WIDTH_MIN to LOG_WIDTH_MAX */
    bool has_color;
};

/** log_table_head - the line with the columns' names; no newline */
void log_table_head(const struct log_table *table, char row[LOG_ROW_MAX]);

/**
 * log_table_row - time, agent, verdict, event, name or address with its port, reason, count
 *
 * Fits the width; what is cut ends in "...". Bytes that are not printable ASCII are escaped. No
 * newline.
 */
void log_table_row(const struct log_table *table, const struct log_record *record,
                   char row[LOG_ROW_MAX]);

#endif
