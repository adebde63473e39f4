/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The supervisor's side of the conversation with sni-filter. What it says is not trusted:
 * frames of another size than they must have, or of an unknown type, end it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "fwd/gateway_internal.h"
#include "fwd/net.h"

#define FRAMES_AT_ONCE   512 /* then the other descriptors have their turn */
#define LAST_READS       8   /* times as many: more than the pipe holds */
#define MUTE_PATIENCE_MS 500 /* to end after it closed its pipe */

void gateway_kill_filter(struct gateway *gateway, const char *why)
{
    if (gateway->filter.pid <= 0)
        return;
    log_error("event=filter pid=%d detail=\"killed: %s\"", (int)gateway->filter.pid, why);
    filter_kill(&gateway->filter); /* the rest when its death is seen */
}

void gateway_send_setup(struct gateway *gateway)
{
    struct ipc_setup *setup = &gateway->wanted.setup;
    const struct upstream *upstream = &gateway->wanted.upstream;

    memcpy(setup->upstreams, upstream->list, sizeof(setup->upstreams));
    setup->nr_upstreams = (uint32_t)upstream->nr;
    setup->flows_max = sysctl_flows_max();
    if (!filter_send(&gateway->filter, IPC_SETUP, setup, sizeof(*setup)))
        gateway_kill_filter(gateway, "it does not take its setup");
}

static void send_binding(const struct ipc_binding *binding, void *arg)
{
    struct gateway *gateway = arg;

    if (!filter_send(&gateway->filter, IPC_BINDING, binding, sizeof(*binding)))
        gateway_kill_filter(gateway, "it does not take its bindings");
}

void gateway_start_filter(struct gateway *gateway)
{
    struct err err = { 0 };

    if (!filter_start(&gateway->filter, now_ms(), &err)) {
        log_error("event=filter detail=\"%s\"", err.text);
        gateway->filter.started_ms = now_ms();
        filter_gone(&gateway->filter, now_ms());
        return;
    }
    log_info("event=filter pid=%d detail=\"started\"", (int)gateway->filter.pid);
    gateway_send_setup(gateway);
    bindings_each(&gateway->bindings, now_wall_us() / 1000000, send_binding, gateway);
    gateway_send_policy(gateway, FROM_START);
}

void gateway_filter_died(struct gateway *gateway, int status)
{
    struct filter_proc *filter = &gateway->filter;
    const pid_t pid = filter->pid;
    char how[64];

    for (int i = 0; i < LAST_READS && filter->from.fd >= 0; i++)
        gateway_read_filter(gateway); /* what it said last */
    if (WIFSIGNALED(status))
        snprintf(how, sizeof(how), "killed by signal %d", WTERMSIG(status));
    else
        snprintf(how, sizeof(how), "ended with status %d", WEXITSTATUS(status));
    log_writer_lose(&gateway->log, filter_take_missing(filter));
    filter_gone(filter, now_ms());
    gateway->is_filter_ready = false;
    gateway->mute_ms = 0;
    log_error("event=filter pid=%d detail=\"%s\" restart_ms=%llu", (int)pid, how,
              (unsigned long long)(filter->restart_ms - now_ms()));
    gateway_record_start(gateway);
    gateway_record(gateway, EVENT_DRIFT, RECORD_NO_VERDICT, NULL,
                   "sni-filter %s; nothing new passes until it is back", how);
    gateway_policy_lost(gateway);
}

static void on_ready(struct gateway *gateway)
{
    struct err err = { 0 };

    log_info("event=ready pid=%d", (int)gateway->filter.pid);
    gateway->is_filter_ready = true;
    if (!gateway->is_forwarding) {
        gateway->is_forwarding = sysctl_forwarding(true, &err);
        if (gateway->is_forwarding)
            log_info("event=forwarding detail=\"on\"");
        else
            log_error("event=forwarding detail=\"%s\"", err.text);
    }
    gateway_record_start(gateway);
}

static void on_record(struct gateway *gateway, const struct record *from)
{
    struct record record = *from;

    record.agent[RECORD_AGENT_MAX] = 0;
    record.name[HOSTNAME_MAX] = 0;
    record.rule[RECORD_RULE_MAX] = 0;
    record.policy[RECORD_POLICY_MAX] = 0;
    record.detail[RECORD_DETAIL_MAX] = 0;
    gateway_record_start(gateway);
    gateway->filter.nr_told += (uint64_t)record.lost + record_weight(&record);
    log_writer_put(&gateway->log, &record);
}

/* False: no frame that the filter may send. */
static bool take_frame(struct gateway *gateway, enum ipc_type type, const void *body,
                       size_t len)
{
    switch (type) {
    case IPC_READY:
        if (len != 0)
            return false;
        on_ready(gateway);
        return true;
    case IPC_RECORD:
        if (len != sizeof(struct record))
            return false;
        on_record(gateway, body);
        return true;
    case IPC_BINDING:
        if (len != sizeof(struct ipc_binding))
            return false;
        bindings_put(&gateway->bindings, body, now_wall_us() / 1000000);
        return true;
    case IPC_POLICY_DONE:
        if (len != sizeof(struct ipc_policy_done))
            return false;
        gateway_policy_done(gateway, body);
        return true;
    case IPC_SETUP:
    case IPC_POLICY:
        return false;
    }
    return false;
}

void gateway_read_filter(struct gateway *gateway)
{
    enum ipc_type type;
    const void *body;
    size_t len;
    int rc = 0;

    for (int i = 0; i < FRAMES_AT_ONCE && gateway->filter.from.fd >= 0; i++) {
        rc = ipc_read(&gateway->filter.from, &type, &body, &len);
        if (rc <= 0)
            break;
        if (!take_frame(gateway, type, body, len)) {
            rc = -EPROTO;
            break;
        }
    }
    if (rc >= 0)
        return;
    if (rc == -EPIPE)
        gateway->mute_ms = now_ms() + MUTE_PATIENCE_MS; /* commonly its death, not yet seen */
    else
        gateway_kill_filter(gateway, "it says what is no frame");
    close(gateway->filter.from.fd);
    ipc_reader_clear(&gateway->filter.from);
}
