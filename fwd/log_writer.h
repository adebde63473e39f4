/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The one writer of the verdict log: numbers the records of this run and writes their lines.
 */
#ifndef FWD_LOG_WRITER_H
#define FWD_LOG_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/attr.h"
#include "common/err.h"
#include "common/record.h"

#define LOG_OLDER   ".1" /* the suffix of the file before */
#define LOG_RUN_MAX 17   /* 16 hex digits, NUL */

struct log_writer {
    const char *path; /* kept; "-": standard output */
    uint64_t max;     /* bytes of a file, then it is moved to PATH.1 */
    uint64_t size;    /* of the file so far */
    int fd;
    bool is_file;  /* regular: a torn line can be taken back */
    bool is_stuck; /* the last record could not be written */
    char run[LOG_RUN_MAX];
    uint64_t seq;  /* of the next record; the first is 1 */
    uint32_t lost; /* decisions since the last one that was written */
};

MUST_CHECK bool log_writer_open(struct log_writer *writer, const char *path, uint64_t max,
                                struct err *err);

/** log_writer_reopen - after the file was moved away; when that fails the old one stays */
MUST_CHECK bool log_writer_reopen(struct log_writer *writer, struct err *err);

/**
 * log_writer_put - write one record; what cannot be written is counted in the next one's "lost"
 *
 * Never waits longer than 50 ms for a reader of the pipe, and not at all while it is stuck.
 */
void log_writer_put(struct log_writer *writer, const struct record *record);

/** log_writer_lose - nr decisions of which no record will come: told by the next one */
void log_writer_lose(struct log_writer *writer, uint64_t nr);
void log_writer_close(struct log_writer *writer);

#endif
