/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fwd/net.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#define AGENT_OF_ALL "agent"

_Static_assert(CONF_LIST_MAX <= IPC_PREFIXES_MAX, "what is configured fits the setup");

/* The address in a sockaddr, ADDR_NONE for other families. */
static struct addr addr_of(const struct sockaddr *sa)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (sa && sa->sa_family == AF_INET) {
        memcpy(&v4, sa, sizeof(v4));
        return addr_from_bytes(ADDR_V4, (const uint8_t *)&v4.sin_addr);
    }
    if (sa && sa->sa_family == AF_INET6) {
        memcpy(&v6, sa, sizeof(v6));
        return addr_from_bytes(ADDR_V6, (const uint8_t *)&v6.sin6_addr);
    }
    return (struct addr) { .family = ADDR_NONE };
}

/* The interface that has addr; an empty name when none has. */
static void name_by_address(const struct addr *addr, char name[IFNAMSIZ])
{
    struct ifaddrs *all = NULL;

    name[0] = 0;
    if (getifaddrs(&all) != 0)
        return;
    for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
        const struct addr has = addr_of(one->ifa_addr);

        if (has.family != ADDR_NONE && addr_equal(&has, addr))
            snprintf(name, IFNAMSIZ, "%s", one->ifa_name);
    }
    freeifaddrs(all);
}

bool net_interface(const char *which, struct ruleset_if *interface, struct err *err)
{
    struct ruleset_if found = { 0 };
    struct addr addr;

    if (addr_parse(which, strlen(which), &addr))
        name_by_address(&addr, found.name);
    else if (strlen(which) < IFNAMSIZ)
        snprintf(found.name, IFNAMSIZ, "%s", which);
    found.index = found.name[0] ? if_nametoindex(found.name) : 0;
    if (found.index == 0)
        return err_set(err, ENODEV,
                       "find interface \"%s\": no interface of this network namespace has that "
                       "name or address",
                       which);
    *interface = found;
    return true;
}

static bool is_link_local(const struct addr *addr)
{
    return addr->family == ADDR_V6 && addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80;
}

/* The subnet that an address with its mask stands in. */
static struct prefix subnet_of(const struct addr *addr, const struct addr *mask)
{
    struct prefix prefix = { .addr = *addr };

    for (size_t i = 0; i < sizeof(addr->bytes); i++) {
        prefix.addr.bytes[i] &= mask->bytes[i];
        prefix.bits = (uint8_t)(prefix.bits + __builtin_popcount(mask->bytes[i]));
    }
    return prefix;
}

bool net_towards(const struct addr *addr, struct ruleset_if *interface, struct addr *own,
                 struct err *err)
{
    struct ifaddrs *all = NULL;
    char text[ADDR_TEXT_MAX], name[IFNAMSIZ] = "";

    if (getifaddrs(&all) != 0)
        return err_set(err, errno, "list the addresses of this network namespace: %s",
                       strerror(errno));
    for (const struct ifaddrs *one = all; one && !name[0]; one = one->ifa_next) {
        const struct addr has = addr_of(one->ifa_addr), mask = addr_of(one->ifa_netmask);
        struct prefix subnet;

        if (has.family != addr->family || mask.family != has.family ||
            strcmp(one->ifa_name, TUNNEL_DEVICE) == 0)
            continue;
        subnet = subnet_of(&has, &mask);
        if (!prefix_contains(&subnet, addr) || addr_equal(&has, addr))
            continue;
        *own = has;
        snprintf(name, sizeof(name), "%s", one->ifa_name);
    }
    freeifaddrs(all);
    if (!name[0])
        return err_set(err, ENETUNREACH,
                       "find the way to %s: no interface of this network namespace has an "
                       "address in its network",
                       addr_format(addr, text));
    return net_interface(name, interface, err);
}

/* Could it be the way out? Not loopback, not one of those, with an address that leads further.
 */
static bool is_candidate(const struct ifaddrs *one, const struct ruleset_if *internal)
{
    const struct addr addr = addr_of(one->ifa_addr);

    return addr.family != ADDR_NONE && !is_link_local(&addr) &&
           !(one->ifa_flags & IFF_LOOPBACK) && (one->ifa_flags & IFF_UP) &&
           strcmp(one->ifa_name, internal->name) != 0 &&
           strcmp(one->ifa_name, TUNNEL_DEVICE) != 0;
}

bool net_external(const struct ruleset_if *internal, struct ruleset_if *external,
                  struct err *err)
{
    struct ifaddrs *all = NULL;
    char name[IFNAMSIZ] = "";
    bool is_clear = true;

    if (getifaddrs(&all) != 0)
        return err_set(err, errno, "list the addresses of this network namespace: %s",
                       strerror(errno));
    for (const struct ifaddrs *one = all; one && is_clear; one = one->ifa_next) {
        if (!is_candidate(one, internal) || strcmp(one->ifa_name, name) == 0)
            continue;
        is_clear = name[0] == 0;
        if (is_clear)
            snprintf(name, sizeof(name), "%s", one->ifa_name);
        else
            err_set(err, ENOTUNIQ,
                    "external = auto: %s and %s have addresses, expected one interface beside "
                    "%s",
                    name, one->ifa_name, internal->name);
    }
    freeifaddrs(all);
    if (!is_clear)
        return false;
    if (name[0] == 0)
        return err_set(err, ENODEV,
                       "external = auto: no interface beside %s has an address, expected one",
                       internal->name);
    return net_interface(name, external, err);
}

bool net_user(const char *name, uint32_t *uid, struct err *err)
{
    const struct passwd *entry;
    unsigned long number;
    char *end;

    errno = 0;
    number = strtoul(name, &end, 10);
    if (name[0] >= '0' && name[0] <= '9' && *end == 0 && errno == 0 && number < UINT32_MAX) {
        *uid = (uint32_t)number;
        return true;
    }
    entry = getpwnam(name);
    if (!entry)
        return err_set(err, ENOENT, "find user \"%s\": no such user, expected a name or a UID",
                       name);
    *uid = entry->pw_uid;
    return true;
}

static void take_address(const struct ifaddrs *one, const struct ruleset_if *internal,
                         const struct ruleset_if *external, bool has_agents,
                         struct ipc_setup *setup)
{
    const struct addr addr = addr_of(one->ifa_addr), mask = addr_of(one->ifa_netmask);

    if (addr.family == ADDR_NONE)
        return;
    if (setup->nr_own < IPC_PREFIXES_MAX)
        setup->own[setup->nr_own++] = addr;
    if (is_link_local(&addr))
        return;
    if (addr.family == ADDR_V6 && strcmp(one->ifa_name, external->name) == 0)
        setup->has_outside_v6 = true;
    if (!has_agents && mask.family == addr.family &&
        strcmp(one->ifa_name, internal->name) == 0 && setup->nr_sources < IPC_PREFIXES_MAX) {
        struct ipc_source *source = &setup->sources[setup->nr_sources++];

        source->prefix = subnet_of(&addr, &mask);
        snprintf(source->agent, sizeof(source->agent), "%s", AGENT_OF_ALL);
    }
}

static void take_conf(const struct conf *conf, struct ipc_setup *setup)
{
    for (size_t i = 0; i < conf->nr_agents && i < ARRAY_LEN(conf->agents); i++) {
        struct ipc_source *source = &setup->sources[setup->nr_sources++];

        source->prefix = conf->agents[i].prefix;
        snprintf(source->agent, sizeof(source->agent), "%s", conf->agents[i].name);
    }
    for (size_t i = 0; i < conf->nr_private_allowed && i < ARRAY_LEN(conf->private_allowed);
         i++)
        setup->private_allowed[setup->nr_private_allowed++] = conf->private_allowed[i];
    for (size_t i = 0; i < conf->nr_private_denied && i < ARRAY_LEN(conf->private_denied); i++)
        setup->private_denied[setup->nr_private_denied++] = conf->private_denied[i];
    setup->dns_keep_s = conf->dns_keep_s;
    setup->dns_min_ttl_s = conf->dns_min_ttl_s;
    setup->is_ech_allowed = conf->is_ech_allowed;
    setup->is_learning = conf->mode == CONF_LEARN;
}

static bool has_inner_v6(const struct conf *conf)
{
    for (size_t i = 0; i < conf->nr_tunnel_addresses; i++)
        if (conf->tunnel_addresses[i].addr.family == ADDR_V6)
            return true;
    return false;
}

bool net_setup(const struct conf *conf, const struct ruleset_if *internal,
               const struct ruleset_if *external, struct ipc_setup *setup, struct err *err)
{
    struct ifaddrs *all = NULL;

    memset(setup, 0, sizeof(*setup));
    take_conf(conf, setup);
    if (getifaddrs(&all) != 0)
        return err_set(err, errno, "list the addresses of this network namespace: %s",
                       strerror(errno));
    for (const struct ifaddrs *one = all; one; one = one->ifa_next)
        take_address(one, internal, external, conf->nr_agents > 0 || conf->has_tunnel, setup);
    freeifaddrs(all);
    if (conf->has_tunnel && !has_inner_v6(conf)) /* no agent could use the answer */
        setup->has_outside_v6 = false;
    if (setup->nr_sources == 0 && !conf->has_tunnel)
        return err_set(err, EADDRNOTAVAIL,
                       "find the agents: interface %s has no address, and gateway.conf no "
                       "\"agent.NAME = ADDRESS\"",
                       internal->name);
    return true;
}

bool net_is_there(const struct ruleset_if *interface)
{
    char name[IF_NAMESIZE];

    return if_indextoname(interface->index, name) != NULL;
}
