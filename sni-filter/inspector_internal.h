/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the two halves of the inspector share: inspector.c has the loop and the rings,
 * inspector_control.c what fwd asks for.
 */
#ifndef SNI_FILTER_INSPECTOR_INTERNAL_H
#define SNI_FILTER_INSPECTOR_INTERNAL_H

#include "common/policy.h"
#include "sni-filter/inspector.h"
#include "sni-filter/quota.h"
#include "sni-filter/report.h"
#include "sni-filter/wire.h"

#define REFUSED_MAX 256

struct inspector {
    struct inspector_io io;
    struct ipc_reader control;
    struct report report;
    struct quota quota;
    struct ipc_setup setup;
    struct policy *policy;
    struct engine *engine; /* NULL before SETUP */
    bool is_ready;         /* a policy from fwd is in force */
    bool is_listing;
    unsigned done_due, done_next; /* POLICY_DONEs to send after this list, after the next */
    uint32_t nr_revoked;
    uint64_t listed_us, next_list_us;
    uint32_t refused[REFUSED_MAX]; /* tickets of questions that did not fit */
    size_t nr_refused;
    bool is_over;
    int status;
};

/** inspector_stop - end the loop; status 0 says nothing, another is printed with what was
 * attempted */
void inspector_stop(struct inspector *ins, int status, const char *what, int rc);

struct engine_clock inspector_clock(void);

/** inspector_order - append for the packet side; waits for room as long as that side lives */
void inspector_order(struct inspector *ins, uint32_t type, const void *a, size_t a_len,
                     const void *b, size_t b_len);

/** inspector_make_engine - with a policy that allows nothing; -ENOMEM or another -errno */
MUST_CHECK int inspector_make_engine(struct inspector *ins);

/** inspector_closed_policy - a policy that allows nothing, for the time before the first */
struct policy *inspector_closed_policy(struct err *err);

/** inspector_take_control - carry out the frames that wait in the control pipe */
void inspector_take_control(struct inspector *ins);

/** inspector_list - have live connections listed and judged again */
void inspector_list(struct inspector *ins, const struct engine_clock *now);

/** inspector_list_done - the list is over: tell fwd, begin the next if one was asked for */
void inspector_list_done(struct inspector *ins);

#endif
