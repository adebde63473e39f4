/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the ruleset, the tunnel and the filter's setup are made from.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fwd/gateway.h"
#include "fwd/net.h"
#include "fwd/nft_check.h"

bool wanted_conf(const struct config *config, struct wanted *wanted, struct err *err)
{
    const struct conf *conf = &wanted->conf;
    struct tunnel_end *end = &wanted->end;

    memset(wanted, 0, sizeof(*wanted));
    if (!config_read(config, &wanted->conf, err) || !links_load(&wanted->links, conf, err) ||
        !net_user(conf->user, &wanted->wish.user, err))
        return false;
    wanted->upstream.conf = conf;
    wanted->wish.setup = &wanted->setup;
    wanted->wish.is_queue_native = wanted->wish.has_flowtable = true;
    if (!conf->has_tunnel)
        return true;
    wanted->wish.links = wanted->links.list;
    memcpy(end->inner, conf->tunnel_addresses, sizeof(end->inner));
    end->nr_inner = conf->nr_tunnel_addresses;
    return true;
}

/* The device of a tunnel is made later, or by a gateway that does not run. */
static bool tunnel_interfaces(struct wanted *wanted, struct err *err)
{
    struct ruleset_wish *wish = &wanted->wish;
    struct err missing = { 0 };

    if (!net_interface(wanted->conf.internal, &wish->underlay, err))
        return false;
    if (!net_interface(TUNNEL_DEVICE, &wish->internal, &missing))
        wish->internal = (struct ruleset_if) { 0, TUNNEL_DEVICE };
    wanted->end.underlay = wish->underlay;
    return tunnel_underlay(&wanted->end, err);
}

bool wanted_interfaces(struct wanted *wanted, struct err *err)
{
    const struct conf *conf = &wanted->conf;
    struct ruleset_wish *wish = &wanted->wish;
    const struct ruleset_if *inside = conf->has_tunnel ? &wish->underlay : &wish->internal;

    if (conf->has_tunnel ? !tunnel_interfaces(wanted, err)
                         : !net_interface(conf->internal, &wish->internal, err))
        return false;
    if (strcmp(conf->external, "auto") == 0
            ? !net_external(inside, &wish->external, err)
            : !net_interface(conf->external, &wish->external, err))
        return false;
    return inside->index != wish->external.index ||
           err_set(err, EINVAL, "internal and external are the same interface %s",
                   inside->name);
}

bool wanted_net(struct wanted *wanted, struct err *err)
{
    struct ruleset_wish *wish = &wanted->wish;

    if (!wanted_interfaces(wanted, err) ||
        !net_setup(&wanted->conf, &wish->internal, &wish->external, &wanted->setup, err))
        return false;
    if (wanted->conf.has_tunnel)
        links_setup(&wanted->links, &wanted->setup);
    upstream_refresh(&wanted->upstream);
    wish->asks_docker = upstream_has_docker(&wanted->upstream);
    return true;
}

bool wanted_read(const struct config *config, struct wanted *wanted, struct err *err)
{
    return wanted_conf(config, wanted, err) && wanted_net(wanted, err);
}

int wanted_check(struct mnl_socket *sock, struct wanted *wanted, FILE *out, struct err *err)
{
    int nr = nft_check(sock, &wanted->wish, out, err), more = 0;

    if (nr >= 0 && wanted->conf.has_tunnel)
        more = tunnel_check(&wanted->end, wanted->links.list, LINKS_MAX, NULL, 0, out, err);
    return nr < 0 || more < 0 ? -1 : nr + more;
}

size_t wanted_endpoints(const struct upstream *upstream,
                        struct nft_endpoint endpoints[IPC_UPSTREAMS_MAX])
{
    for (size_t i = 0; i < upstream->nr; i++)
        endpoints[i] = (struct nft_endpoint) { upstream->list[i].addr, upstream->list[i].port };
    return upstream->nr;
}
