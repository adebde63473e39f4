/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the parts of the supervisor share.
 */
#ifndef FWD_GATEWAY_INTERNAL_H
#define FWD_GATEWAY_INTERNAL_H

#include "fwd/bindings.h"
#include "fwd/control.h"
#include "fwd/filter_proc.h"
#include "fwd/gateway.h"
#include "fwd/log_writer.h"
#include "fwd/policy_store.h"

/* Where a policy in flight came from: who is to hear how it went. */
enum policy_from { FROM_START, FROM_DISK, FROM_CONTROL, FROM_LINK };

struct gateway {
    const struct config *config; /* borrowed */
    struct wanted wanted;
    struct ruleset rs;
    struct mnl_socket *nft;
    struct log_writer log;
    struct bindings bindings;
    struct filter_proc filter;
    struct control control;
    int signal_fd;
    int claim_fd; /* holds the network namespace */

    struct candidate policy;  /* in force, or to be as soon as the filter runs */
    struct candidate pending; /* sent, not yet answered; empty at start: policy itself was */
    enum policy_from pending_from;
    bool is_policy_sent; /* one POLICY at a time waits for its POLICY_DONE */
    bool is_reload_due;
    char kept[256]; /* for the answer: why the policy was not written to disk; "" it was */

    char link_change[160]; /* what the policy in flight follows from */

    bool is_filter_ready;
    uint64_t started_us; /* since 1970 */
    bool is_started;     /* the record "start" is written */
    bool is_forwarding;
    bool is_over;                  /* SIGTERM, or what the gateway stands between is gone */
    const struct ruleset_if *lost; /* that interface, or NULL */
    uint64_t mute_ms;      /* when a filter that closed its pipe is killed; 0: not to be */
    uint64_t next_look_ms; /* at the resolv.conf and the interfaces */
};

uint64_t now_ms(void);
uint64_t now_wall_us(void);

/* gateway_record: a record of fwd's own. format: the detail. */
void gateway_record(struct gateway *gateway, enum record_event event,
                    enum record_verdict verdict, const char *policy, const char *format, ...)
    PRINTF_LIKE(5, 6);

/* gateway_record_start: once, when the filter is ready, but before any other record. */
void gateway_record_start(struct gateway *gateway);

/* gateway_filter.c */
void gateway_start_filter(struct gateway *gateway);
void gateway_read_filter(struct gateway *gateway);
void gateway_filter_died(struct gateway *gateway, int status);
void gateway_kill_filter(struct gateway *gateway, const char *why);
void gateway_send_setup(struct gateway *gateway);

/* gateway_policy.c */
void gateway_send_policy(struct gateway *gateway, enum policy_from from);
void gateway_reload(struct gateway *gateway);
void gateway_load(struct gateway *gateway);
void gateway_policy_done(struct gateway *gateway, const struct ipc_policy_done *done);
void gateway_policy_lost(struct gateway *gateway); /* the filter died with one in flight */

/* gateway_start.c */
bool gateway_prepare(struct gateway *gateway, struct err *err);
bool gateway_open_up(struct gateway *gateway, struct err *err);
bool gateway_close_down(struct gateway *gateway);
void gateway_finish(struct gateway *gateway);

/* gateway_control.c: what the control socket was asked for */
void gateway_request(struct gateway *gateway);

/* gateway_link.c */
void gateway_attach(struct gateway *gateway);
void gateway_detach(struct gateway *gateway);

/* gateway_status.c: answers with the state of everything */
void gateway_status(struct gateway *gateway);

#endif
