/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CTL_LOG_SINCE_H
#define CTL_LOG_SINCE_H

#include <stdbool.h>
#include <time.h>

#include "common/attr.h"
#include "common/err.h"
#include "ctl/log_record.h"

/**
 * log_since_parse - read the value of --since
 *
 * text: an age, such as 90s, 10m, 2h, 1d; or YYYY-MM-DD[THH:MM[:SS]][Z], in local time without
 * "Z", a blank may stand for "T". now: the present. out: the time as records have it.
 */
MUST_CHECK bool log_since_parse(const char *text, time_t now, char out[LOG_TS_MAX],
                                struct err *err);

#endif
