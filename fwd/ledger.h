/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One number in memory that fwd shares with sni-filter: how many decisions were recorded since
 * it was started. It outlives the process that counts, so that fwd, which writes the log, knows
 * of how many no record came.
 */
#ifndef FWD_LEDGER_H
#define FWD_LEDGER_H

#include <stdint.h>

#include "common/attr.h"

struct ledger {
    int fd;         /* for sni-filter --ledger, which maps it */
    uint64_t *page; /* what it says; NULL: there is none */
};

/**
 * ledger_open - a page that says 0; 0 or -errno
 *
 * Its size is sealed: whoever has the descriptor cannot take it away from the others.
 */
MUST_CHECK int ledger_open(struct ledger *ledger);
void ledger_close(struct ledger *ledger);

/** ledger_missing - how many more were decided than told; never fewer than none */
uint64_t ledger_missing(const struct ledger *ledger, uint64_t told);

#endif
