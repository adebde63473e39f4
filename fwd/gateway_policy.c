/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: a new policy is a candidate that has been compiled here. It is sent, and is in
 * force when the filter says so; then it replaces the old one, which until then is what a
 * filter that is started again would get. One is in flight at a time: a SIGHUP meanwhile is
 * remembered, a second request waits in its socket.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "fwd/gateway_internal.h"
#include "fwd/nft_load.h"

/* All texts as one body, the ceiling last: its "!" rules are in force too. */
static uint8_t *pack(const struct policy_dir *dir, size_t *len)
{
    struct policy_source *all = calloc(dir->nr_sources + 1, sizeof(*all));
    size_t nr = dir->nr_sources;
    uint8_t *body;

    if (!all)
        return NULL;
    memcpy(all, dir->sources, nr * sizeof(*all));
    if (dir->ceiling) {
        all[nr] = *dir->ceiling;
        all[nr++].agent = IPC_CEILING;
    }
    body = ipc_policy_pack(all, nr, len);
    free(all);
    return body;
}

static void send_policy(struct gateway *gateway, const struct candidate *candidate)
{
    size_t len;
    uint8_t *body = pack(&candidate->dir, &len);

    gateway->is_policy_sent = body && filter_send(&gateway->filter, IPC_POLICY, body, len);
    free(body);
    if (!gateway->is_policy_sent)
        gateway_kill_filter(gateway, "it does not take its policy");
}

static bool is_pending(const struct gateway *gateway)
{
    return gateway->pending.dir.nr_sources > 0;
}

static void adopt(struct gateway *gateway)
{
    candidate_clear(&gateway->policy);
    gateway->policy = gateway->pending;
    memset(&gateway->pending, 0, sizeof(gateway->pending));
}

/* FROM_START: the policy that is in force here; else the pending one. */
void gateway_send_policy(struct gateway *gateway, enum policy_from from)
{
    gateway->pending_from = from;
    send_policy(gateway, is_pending(gateway) ? &gateway->pending : &gateway->policy);
}

static void refused(struct gateway *gateway, enum policy_from from, const char *why)
{
    gateway_record_start(gateway);
    gateway_record(gateway, EVENT_POLICY, RECORD_DENY, gateway->policy.id, "%s", why);
    log_error("event=policy detail=\"%s; the policy in force stays\"", why);
    if (from == FROM_CONTROL || from == FROM_LINK)
        control_answer(&gateway->control, false, why);
    gateway->pending_from = FROM_START;
}

static void offer(struct gateway *gateway, struct candidate *candidate, enum policy_from from)
{
    gateway->pending = *candidate;
    if (gateway->filter.pid > 0) {
        gateway_send_policy(gateway, from);
        return;
    }
    gateway->pending_from = from;
    gateway_policy_lost(gateway);
}

void gateway_reload(struct gateway *gateway)
{
    struct candidate candidate;
    struct err err = { 0 };

    gateway->is_reload_due = false;
    gateway->kept[0] = 0;
    if (candidate_read(gateway->wanted.conf.policy, &candidate, &err))
        offer(gateway, &candidate, FROM_DISK);
    else
        refused(gateway, FROM_DISK, err.text);
}

void gateway_load(struct gateway *gateway)
{
    const char *dir = gateway->wanted.conf.policy;
    struct candidate candidate;
    struct sections sections;
    struct err err = { 0 };

    gateway->kept[0] = 0;
    if (!sections_parse(gateway->control.text ? gateway->control.text : "",
                        gateway->control.len, &sections, &err) ||
        !candidate_merge(&gateway->policy, dir, &sections, &candidate, &err)) {
        refused(gateway, FROM_CONTROL, err.text);
        return;
    }
    if (!sections_keep_resolv(&sections, gateway->wanted.conf.state, &err)) {
        candidate_clear(&candidate);
        refused(gateway, FROM_CONTROL, err.text);
        return;
    }
    gateway->next_look_ms = 0; /* at the resolv.conf */
    if (!sections_keep(&sections, dir, &err)) {
        snprintf(gateway->kept, sizeof(gateway->kept), "%.255s", err.text);
        log_warn("event=policy detail=\"not kept: %s\"", err.text);
    }
    offer(gateway, &candidate, FROM_CONTROL);
}

static void answer(struct gateway *gateway, const char *how)
{
    char text[900];

    if (gateway->pending_from == FROM_LINK)
        snprintf(text, sizeof(text), "%s%s%s", gateway->link_change,
                 gateway->kept[0] ? "; not kept, lost at the next start: " : "", gateway->kept);
    else
        snprintf(text, sizeof(text), "policy %s %s%s%s", gateway->policy.id, how,
                 gateway->kept[0] ? "; not kept, lost at the next start: " : "", gateway->kept);
    if (gateway->pending_from == FROM_CONTROL || gateway->pending_from == FROM_LINK)
        control_answer(&gateway->control, true, text);
    gateway->pending_from = FROM_START; /* nobody waits for what comes next */
}

void gateway_policy_done(struct gateway *gateway, const struct ipc_policy_done *done)
{
    const enum policy_from from = gateway->pending_from;
    struct err err = { 0 };
    char how[128];

    if (!gateway->is_policy_sent)
        return;
    gateway->is_policy_sent = false;
    if (!done->is_ok) {
        char why[sizeof(done->text) + 32];

        snprintf(why, sizeof(why), "sni-filter refuses the policy: %.*s",
                 (int)sizeof(done->text), done->text);
        candidate_clear(&gateway->pending);
        refused(gateway, from, why);
        return;
    }
    if (is_pending(gateway))
        adopt(gateway);
    gateway_record_start(gateway);
    if (done->nr_revoked > 0 && gateway->rs.has_flowtable &&
        !nft_reoffload(gateway->nft, &gateway->rs, &err))
        log_error("event=policy detail=\"%s\"", err.text);
    gateway_record(gateway, EVENT_POLICY, RECORD_ALLOW, gateway->policy.id,
                   "%s%s%zu rules, %u connections reset",
                   from == FROM_LINK ? gateway->link_change : "", from == FROM_LINK ? "; " : "",
                   gateway->policy.nr_rules, done->nr_revoked);
    log_info("event=policy id=%s rules=%zu reset=%u", gateway->policy.id,
             gateway->policy.nr_rules, done->nr_revoked);
    snprintf(how, sizeof(how), "in force, %zu rules, %u connections reset",
             gateway->policy.nr_rules, done->nr_revoked);
    answer(gateway, how);
}

void gateway_policy_lost(struct gateway *gateway)
{
    gateway->is_policy_sent = false;
    if (gateway->pending_from == FROM_LINK) /* the next filter starts with it */
        answer(gateway, "");
    if (!is_pending(gateway))
        return;
    adopt(gateway); /* it was good: the next filter gets it */
    gateway_record(gateway, EVENT_POLICY, RECORD_ALLOW, gateway->policy.id,
                   "%zu rules, in force when sni-filter runs again", gateway->policy.nr_rules);
    answer(gateway, "accepted, in force when sni-filter runs again");
}
