/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the fuzz targets for the engine have in common: its ends that no packet comes from, two
 * policies, a clock.
 */
#ifndef TESTS_SUPPORT_FUZZ_ENDS_H
#define TESTS_SUPPORT_FUZZ_ENDS_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/policy.h"
#include "sni-filter/engine.h"
#include "sni-filter/quic_cipher.h"

#define SECONDS UINT64_C(1000000)

#define demand(is_so)                                                                          \
    ((is_so) ? (void)0                                                                         \
             : ((void)fprintf(stderr, "%s:%d: does not hold\n", __FILE__, __LINE__), abort()))

struct fuzz_ends {
    struct engine *engine;
    struct engine_clock now;
    struct policy *policies[2]; /* NULL before fuzz_ends_init */
    struct quic_cipher cipher;
    uint64_t decided, told;
};

extern struct fuzz_ends ends;

/** fuzz_ends_init - once: the two policies */
void fuzz_ends_init(const char *const texts[2]);

/** fuzz_ends_start - a new engine with the first policy. ops: verdict, revoke, reset_server,
 * http_page are the target's; all else is filled in. Every name has one address, 203.0.113.10.
 */
void fuzz_ends_start(const struct engine_limits *limits, struct engine_ops ops);

void fuzz_ends_pass_time(uint64_t us);

/** fuzz_ends_stop - demands that every decision is in a record */
void fuzz_ends_stop(void);

#endif
