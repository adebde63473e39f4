/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Links that come and go while the gateway runs. Attach: the device's entries, then the rules,
 * then the filter; detach: the rules first. The filter gets its setup, the bindings that the
 * agent had, and the policy in force once more: when it says that it has that, it has all
 * three, and has reset what is not allowed any longer. Other agents keep their places, and so
 * all that the kernel knows of them.
 */
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "fwd/gateway_internal.h"
#include "fwd/nft_load.h"

struct of_agent {
    struct gateway *gateway;
    const char *agent;
};

static void send_binding(const struct ipc_binding *binding, void *arg)
{
    const struct of_agent *of = arg;

    if (strcmp(binding->agent, of->agent) == 0 && of->gateway->filter.pid > 0 &&
        !filter_send(&of->gateway->filter, IPC_BINDING, binding, sizeof(*binding)))
        gateway_kill_filter(of->gateway, "it does not take its bindings");
}

static void tell_filter(struct gateway *gateway, const char *agent)
{
    struct of_agent of = { gateway, agent };

    links_setup(&gateway->wanted.links, &gateway->wanted.setup);
    if (gateway->filter.pid > 0) {
        gateway_send_setup(gateway);
        bindings_each(&gateway->bindings, now_wall_us() / 1000000, send_binding, &of);
        gateway_send_policy(gateway, FROM_LINK);
        return;
    }
    gateway->pending_from = FROM_LINK;
    gateway_policy_lost(gateway);
}

static void refuse(struct gateway *gateway, const struct err *err)
{
    log_error("event=link detail=\"%s\"", err->text);
    control_answer(&gateway->control, false, err->text);
}

static bool has_tunnel(struct gateway *gateway)
{
    if (gateway->wanted.conf.has_tunnel)
        return true;
    control_answer(&gateway->control, false,
                   "this gateway has no links: its configuration lacks tunnel = vxlan");
    return false;
}

/* Put next in force in the kernel and keep it; as it was, with *err, when the kernel refuses.
 */
static bool change(struct gateway *gateway, const struct links *next, struct err *err)
{
    struct wanted *wanted = &gateway->wanted;
    const struct links before = wanted->links;

    wanted->links = *next;
    links_setup(&wanted->links, &wanted->setup);
    if (!nft_relink(gateway->nft, &wanted->wish, &gateway->rs, err)) {
        wanted->links = before;
        links_setup(&wanted->links, &wanted->setup);
        return false;
    }
    gateway->kept[0] = 0;
    if (!links_keep(&wanted->links, wanted->conf.state, err)) {
        snprintf(gateway->kept, sizeof(gateway->kept), "%.255s", err->text);
        log_warn("event=link detail=\"not kept: %s\"", err->text);
    }
    return true;
}

static void say_change(struct gateway *gateway, const char *agent, const char *how)
{
    snprintf(gateway->link_change, sizeof(gateway->link_change), "link %.63s %s", agent, how);
    log_info("event=link agent=%s detail=\"%s\"", agent, how);
}

static void answer_same(struct gateway *gateway, const char *agent, const char *how)
{
    char text[160];

    snprintf(text, sizeof(text), "link %.63s %s", agent, how);
    control_answer(&gateway->control, true, text);
}

void gateway_attach(struct gateway *gateway)
{
    struct wanted *wanted = &gateway->wanted;
    struct links next;
    struct err err = { 0 };
    enum links_rc rc = LINKS_BAD;
    struct link link;

    if (!has_tunnel(gateway))
        return;
    next = wanted->links;
    if (links_parse_one(gateway->control.text ? gateway->control.text : "",
                        gateway->control.len, &link, &err))
        rc = links_add(&next, &wanted->conf, &link, false, &err);
    if (rc == LINKS_SAME) {
        answer_same(gateway, link.agent, "is attached already");
    } else if (rc == LINKS_BAD || !tunnel_add_peer(&wanted->wish.internal, &link, &err)) {
        refuse(gateway, &err);
    } else if (!change(gateway, &next, &err)) {
        struct err unused;

        refuse(gateway, &err);
        (void)!tunnel_remove_peer(&wanted->wish.internal, &link, &unused);
    } else {
        say_change(gateway, link.agent, "attached");
        tell_filter(gateway, link.agent);
    }
}

void gateway_detach(struct gateway *gateway)
{
    struct wanted *wanted = &gateway->wanted;
    struct links next;
    struct err err = { 0 };
    char agent[64];
    enum links_rc rc;
    struct link link;
    size_t at;

    if (!has_tunnel(gateway))
        return;
    snprintf(agent, sizeof(agent), "%.*s", (int)gateway->control.len,
             gateway->control.text ? gateway->control.text : "");
    next = wanted->links;
    at = links_find(&next, agent);
    link = at < LINKS_MAX ? next.list[at] : (struct link) { .agent = "" };
    rc = links_remove(&next, agent, &err);
    if (rc == LINKS_SAME) {
        answer_same(gateway, agent, "is not attached");
    } else if (rc == LINKS_BAD || !change(gateway, &next, &err)) {
        refuse(gateway, &err);
    } else {
        if (!tunnel_remove_peer(&wanted->wish.internal, &link, &err))
            log_warn("event=link detail=\"%s\"", err.text);
        say_change(gateway, agent, "detached");
        tell_filter(gateway, agent);
    }
}
