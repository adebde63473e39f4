/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/dns_upstream.h"

#include <string.h>

void dns_upstreams_set(struct dns_upstreams *upstreams, const struct ipc_upstream *list,
                       size_t nr)
{
    *upstreams = (struct dns_upstreams) { .nr = 0 };
    for (size_t i = 0; i < nr && i < IPC_UPSTREAMS_MAX; i++)
        if (list[i].addr.family == ADDR_V4 || list[i].addr.family == ADDR_V6)
            upstreams->list[upstreams->nr++] = list[i];
}

/* Is name the zone itself or below it? "" is above everything. */
static bool is_below(const char *name, size_t name_len, const char *zone, size_t zone_len)
{
    if (zone_len == 0)
        return true;
    if (zone_len > name_len || memcmp(name + name_len - zone_len, zone, zone_len) != 0)
        return false;
    return zone_len == name_len || name[name_len - zone_len - 1] == '.';
}

size_t dns_upstreams_pick(const struct dns_upstreams *upstreams, const char *name,
                          uint64_t now_us, struct dns_server *out, size_t max)
{
    size_t name_len = strlen(name), longest = 0, nr = 0;

    for (size_t i = 0; i < upstreams->nr; i++) {
        size_t len = strlen(upstreams->list[i].name);

        if (len > longest && is_below(name, name_len, upstreams->list[i].name, len))
            longest = len;
    }
    for (int want_dead = 0; want_dead <= 1; want_dead++) {
        for (size_t i = 0; i < upstreams->nr && nr < max; i++) {
            const struct ipc_upstream *server = &upstreams->list[i];
            size_t len = strlen(server->name);

            if (len == longest && is_below(name, name_len, server->name, len) &&
                (upstreams->dead_until_us[i] > now_us) == (want_dead == 1))
                out[nr++] = (struct dns_server) { server->addr, server->port };
        }
    }
    return nr;
}

void dns_upstreams_note(struct dns_upstreams *upstreams, const struct dns_server *server,
                        bool is_alive, uint64_t now_us)
{
    for (size_t i = 0; i < upstreams->nr; i++)
        if (upstreams->list[i].port == server->port &&
            addr_equal(&upstreams->list[i].addr, &server->addr))
            upstreams->dead_until_us[i] = is_alive ? 0 : now_us + DNS_DEAD_US;
}
