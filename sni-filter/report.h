/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_REPORT_H
#define SNI_FILTER_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/ipc.h"
#include "common/record.h"

#define REPORT_LEN (1u << 20)

/* Frames on their way to fwd, through a pipe that may be full. Records are the first to give
 * way; the next one that fits says how many were lost. */
struct report {
    int fd;          /* non-blocking */
    uint32_t lost;   /* decisions */
    size_t off, len; /* written, filled */
    uint8_t buf[REPORT_LEN];
};

void report_record(struct report *report, const struct record *record);

/** report_put - any other frame; false when there is no room even in what records leave free */
MUST_CHECK bool report_put(struct report *report, enum ipc_type type, const void *body,
                           size_t len);

/** report_flush - write what the pipe takes; 0, or -errno when the pipe is broken */
MUST_CHECK int report_flush(struct report *report);

/** report_is_waiting - is there something left to write? */
bool report_is_waiting(const struct report *report);

#endif
