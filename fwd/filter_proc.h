/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sni-filter as a child: its two pipes, its life, and when to start it again.
 */
#ifndef FWD_FILTER_PROC_H
#define FWD_FILTER_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/attr.h"
#include "common/err.h"
#include "common/ipc.h"
#include "fwd/ledger.h"

struct filter_proc {
    char program[512];
    char user[64];
    uid_t uid;         /* the user's number */
    uint32_t internal; /* interface index: set it before the first start */
    pid_t pid;         /* 0: not running */
    int to_fd;
    struct ipc_reader from;
    struct ledger ledger; /* decisions of the one that runs */
    uint64_t nr_told;     /* of them: in records, or as lost */
    uint8_t *out;         /* not yet written to to_fd */
    size_t out_len, out_at, out_size;
    uint64_t started_ms, restart_ms; /* restart_ms: when, 0: not to be */
    unsigned backoff_ms;
};

/** filter_init - find the program: SECCTL_SNI_FILTER, else beside fwd's own */
MUST_CHECK bool filter_init(struct filter_proc *filter, const char *user, uid_t uid,
                            struct err *err);

MUST_CHECK bool filter_start(struct filter_proc *filter, uint64_t now_ms, struct err *err);

/** filter_send - queue a frame and write what the pipe takes; false: too much is waiting */
MUST_CHECK bool filter_send(struct filter_proc *filter, enum ipc_type type, const void *body,
                            size_t len);
void filter_flush(struct filter_proc *filter);

/**
 * filter_gone - it has ended: close the pipes, set restart_ms
 *
 * 50 ms after the first death, twice as long after each further one, 5 s at most; from the
 * start again when it lived for 10 s.
 */
void filter_gone(struct filter_proc *filter, uint64_t now_ms);

/** filter_take_missing - decisions of which neither a record nor a count came; each is reported
 * once */
uint64_t filter_take_missing(struct filter_proc *filter);

/** filter_kill - SIGKILL, also without CAP_KILL: for a moment as the filter's own user */
void filter_kill(const struct filter_proc *filter);

/** filter_close_input - tell it to end */
void filter_close_input(struct filter_proc *filter);

/** filter_stop - close its pipes, wait up to 1 s for its end, then kill it */
void filter_stop(struct filter_proc *filter);

#endif
