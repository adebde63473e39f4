/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Promises: a text is a configuration or an error with its place; every text in it ends, every
 * list is within its bounds, and what must be there is.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void promise(bool is_kept)
{
    if (!is_kept)
        abort();
}

#define ENDS(text) promise(memchr((text), '\0', sizeof(text)) != NULL)

static void check(const struct conf *conf)
{
    ENDS(conf->internal);
    ENDS(conf->external);
    ENDS(conf->policy);
    ENDS(conf->state);
    ENDS(conf->resolv_conf);
    ENDS(conf->log);
    ENDS(conf->user);
    promise(conf->internal[0] && conf->external[0] && conf->policy[0] && conf->log[0]);
    promise(conf->user[0] && strcmp(conf->user, "root") != 0);
    promise(conf->dns_keep_s >= 1 && conf->queues == 1);
    promise(conf->nr_upstreams <= CONF_LIST_MAX && conf->nr_agents <= CONF_LIST_MAX);
    promise(conf->nr_private_allowed <= CONF_LIST_MAX);
    promise(conf->nr_private_denied <= CONF_LIST_MAX && conf->nr_links <= LINKS_MAX);
    promise(conf->nr_tunnel_addresses <= ARRAY_LEN(conf->tunnel_addresses));
    promise(!conf->has_tunnel || (conf->nr_tunnel_addresses >= 1 && conf->nr_agents == 0));
    promise(conf->log_max >= 65536);
    for (size_t i = 0; i < conf->nr_links; i++) {
        ENDS(conf->links[i].link.agent);
        promise(conf->links[i].link.outer.family == ADDR_V4);
        promise(conf->links[i].link.inner4.family == ADDR_V4);
    }
    promise(conf->resolv_conf[0] || conf->nr_upstreams);
    for (size_t i = 0; i < conf->nr_upstreams; i++) {
        ENDS(conf->upstreams[i].name);
        promise(conf->upstreams[i].port && conf->upstreams[i].addr.family != ADDR_NONE);
    }
    for (size_t i = 0; i < conf->nr_agents; i++) {
        ENDS(conf->agents[i].name);
        promise(conf_agent_name_is_valid(conf->agents[i].name, strlen(conf->agents[i].name)));
        promise(conf->agents[i].prefix.bits > 0);
    }
    for (size_t i = 0; i < conf->nr_private_allowed; i++)
        promise(conf->private_allowed[i].bits > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct conf conf;
    struct err err = { .code = 0 };

    if (conf_parse("d/f", (const char *)data, size, &conf, &err))
        check(&conf);
    else
        promise(strncmp(err.text, "d/f:", 4) == 0 && strstr(err.text, "expected"));
    return 0;
}
