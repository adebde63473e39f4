/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What an engine says while it builds, pulls or loads: lines of JSON. Pure.
 */
#ifndef CTL_BUILD_LOG_H
#define CTL_BUILD_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "common/err.h"

#define BUILD_LINE_MAX (1u << 20) /* bytes of one line of JSON */
#define BUILD_TAIL_MAX 8192       /* bytes kept of the step in progress */
#define BUILD_STEP_MAX 200

struct build_log {
    char *line; /* one that is not whole yet */
    size_t line_len, line_size;
    char step[BUILD_STEP_MAX];     /* "Step 3/9 : RUN make" */
    char last[BUILD_STEP_MAX];     /* the last line of output, or of a pull's progress */
    char tail[BUILD_TAIL_MAX + 1]; /* the end of the step's output, NUL-terminated */
    size_t tail_len;
    char error[400]; /* "" while there is none */
    /* called after each change; is_step: a new step has begun */
    void (*told)(const struct build_log *log, bool is_step, void *arg);
    void *arg;
};

/** build_log_take - bytes of the stream, cut anywhere */
MUST_CHECK bool build_log_take(struct build_log *log, const char *bytes, size_t len,
                               struct err *err);

/** build_log_end - at the end of the stream; false with *err = the error that the engine told
 */
MUST_CHECK bool build_log_end(const struct build_log *log, struct err *err);
void build_log_clear(struct build_log *log);

#endif
