/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/ipv6.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/file.h"
#include "common/textfile.h"
#include "ctl/json_get.h"
#include "ctl/stack_spec.h"

#define ROUTES         "/proc/net/ipv6_route"
#define ROUTES_LEN_MAX (4u << 20)
#define SYSCTLS        "/proc/sys/net/ipv6/conf/"
#define DAEMON_CONF    "/etc/docker/daemon.json"
#define DAEMON_MAX     (1u << 20)

#define API_IP6TABLES 46 /* 1.46: Docker 27, which has ip6tables without being asked */

#define ROUTE_UP         0x0001u /* as <linux/ipv6_route.h> and <linux/route.h> number them */
#define ROUTE_REJECT     0x0200u
#define ROUTE_ADVERTISED 0x00040000u

static bool is_zero(struct token token)
{
    return token_has_only(token, "0");
}

/* "TARGET BITS SOURCE BITS NEXT METRIC REFERENCES USE FLAGS DEVICE", numbers in hexadecimal. */
static bool read_route(struct token line, struct ipv6_route *route)
{
    struct token words[10];
    unsigned long flags;
    char text[9];

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (!token_next(&line, &words[i]))
            return false;
    if (!is_zero(words[0]) || !is_zero(words[1]) || !is_zero(words[2]) || !is_zero(words[3]) ||
        words[8].len != 8 || words[9].len >= sizeof(route->device) || token_is(words[9], "lo"))
        return false;
    snprintf(text, sizeof(text), "%.*s", TOKEN_SHOWN(words[8]));
    flags = strtoul(text, NULL, 16);
    if (!(flags & ROUTE_UP) || flags & ROUTE_REJECT)
        return false;
    snprintf(route->device, sizeof(route->device), "%.*s", TOKEN_SHOWN(words[9]));
    route->is_advertised = (flags & ROUTE_ADVERTISED) != 0;
    return true;
}

bool ipv6_route_find(const char *text, size_t len, struct ipv6_route *route)
{
    struct err err;
    struct textfile file = { .file = ROUTES, .text = text, .len = len, .err = &err };
    struct token line;

    while (textfile_next(&file, &line) == 1)
        if (read_route(line, route))
            return true;
    return false;
}

/* --- this machine ------------------------------------------------------------------------ */

/* An address of 2000::/3: what the outside answers to. */
static bool has_global_address(void)
{
    struct ifaddrs *all;
    bool is_found = false;

    if (getifaddrs(&all) != 0)
        return false;
    for (const struct ifaddrs *at = all; at && !is_found; at = at->ifa_next) {
        struct sockaddr_in6 in6;

        if (!at->ifa_addr || at->ifa_addr->sa_family != AF_INET6 || !(at->ifa_flags & IFF_UP))
            continue;
        memcpy(&in6, at->ifa_addr, sizeof(in6));
        is_found = (in6.sin6_addr.s6_addr[0] & 0xe0) == 0x20;
    }
    freeifaddrs(all);
    return is_found;
}

static bool find_route(struct ipv6_route *route)
{
    struct err err;
    size_t len;
    char *text = file_read(ROUTES, ROUTES_LEN_MAX, &len, &err);
    bool is_found = text && ipv6_route_find(text, len, route);

    free(text);
    return is_found;
}

/* A setting's first character; '\0' when it cannot be read. */
static char setting(const char *device, const char *name)
{
    char path[160], *text, first = '\0';
    struct err err;
    size_t len;

    snprintf(path, sizeof(path), SYSCTLS "%s/%s", device, name);
    text = file_read(path, 64, &len, &err);
    if (text)
        first = text[0];
    free(text);
    return first;
}

static void host_obstacle(char why[IPV6_WHY_MAX])
{
    struct ipv6_route route;

    if (!find_route(&route) || !has_global_address())
        snprintf(why, IPV6_WHY_MAX, "this machine has no IPv6 way to the internet");
    else if (route.is_advertised && setting("all", "forwarding") == '0' &&
             setting(route.device, "accept_ra") == '1')
        /* the kernel forgets such a route, and hears of no other, once it forwards */
        snprintf(why, IPV6_WHY_MAX,
                 "with IPv6 forwarding, which the engine would switch on, this machine would "
                 "lose its route by %s (sysctl net.ipv6.conf.%s.accept_ra=2 keeps it)",
                 route.device, route.device);
}

/* --- the engine -------------------------------------------------------------------------- */

bool ipv6_daemon_masquerades(unsigned api, const char *conf, size_t len)
{
    const bool is_new = api >= API_IP6TABLES;
    bool has_ip6tables = is_new, is_experimental = is_new, is_good = false;
    struct err err;
    cJSON *document = conf ? json_parse(DAEMON_CONF, conf, len, &err) : NULL;

    if (document)
        is_good = json_bool_or(document, "ip6tables", is_new, &has_ip6tables, &err) &&
                  json_bool_or(document, "experimental", is_new, &is_experimental, &err);
    cJSON_Delete(document);
    return is_good ? has_ip6tables && (is_new || is_experimental) : is_new;
}

/* The network of a rootless engine is in user space, and commonly without IPv6. */
static bool is_rootless(struct engine *engine)
{
    const cJSON *options, *option;
    bool is_found = false;
    cJSON *info = NULL;
    struct err err;

    if (!engine_call(engine, "GET", "/info", NULL, &info, &err, "the engine's state") ||
        !json_array_or_null(info, "SecurityOptions", &options, &err))
        options = NULL;
    cJSON_ArrayForEach(option, options)
    {
        is_found = is_found || (cJSON_IsString(option) &&
                                strstr(option->valuestring, "name=rootless") != NULL);
    }
    cJSON_Delete(info);
    return is_found;
}

static void engine_obstacle(struct engine *engine, char why[IPV6_WHY_MAX])
{
    struct err err;
    size_t len = 0;
    char *conf = file_read(DAEMON_CONF, DAEMON_MAX, &len, &err);

    if (!ipv6_daemon_masquerades(engine_api(engine), conf, len)) {
        if (engine_api(engine) >= API_IP6TABLES)
            snprintf(why, IPV6_WHY_MAX,
                     "the engine does not masquerade IPv6 (ip6tables is off in " DAEMON_CONF
                     ")");
        else
            snprintf(why, IPV6_WHY_MAX,
                     "the engine does not masquerade IPv6: before Docker 27 it needs "
                     "\"experimental\" and \"ip6tables\" in " DAEMON_CONF);
    } else if (is_rootless(engine)) {
        snprintf(why, IPV6_WHY_MAX, "the engine is rootless");
    }
    free(conf);
}

void ipv6_obstacle(struct engine *engine, char why[IPV6_WHY_MAX])
{
    why[0] = '\0';
    if (!engine_is_local(engine)) {
        snprintf(why, IPV6_WHY_MAX,
                 "the engine is on another machine, whose IPv6 cannot be looked at");
        return;
    }
    host_obstacle(why);
    if (why[0] == '\0')
        engine_obstacle(engine, why);
}

/* --- the choice -------------------------------------------------------------------------- */

/* What proxy-external has, and whether anybody is on it; both false when it is not there. */
static bool look_at_network(struct engine *engine, bool *has_ipv6, bool *is_used,
                            struct err *err)
{
    const cJSON *containers;
    cJSON *answer = NULL;
    bool is_good;

    *has_ipv6 = *is_used = false;
    if (!engine_call(engine, "GET", "/networks/" STACK_EXTERNAL, NULL, &answer, err,
                     "look at network " STACK_EXTERNAL))
        return err->code == ENOENT;
    is_good = json_bool_or(answer, "EnableIPv6", false, has_ipv6, err) &&
              json_object_or_null(answer, "Containers", &containers, err);
    if (is_good)
        *is_used = containers && containers->child;
    else
        err_wrap(err, "look at network " STACK_EXTERNAL);
    cJSON_Delete(answer);
    return is_good;
}

bool ipv6_choose(struct engine *engine, const struct settings *settings, struct ipv6 *choice,
                 struct err *err)
{
    bool has_ipv6, is_used;

    memset(choice, 0, sizeof(*choice));
    if (settings->external_ipv6 != EXTERNAL_IPV6_AUTO) {
        choice->is_wanted = settings->external_ipv6 == EXTERNAL_IPV6_ON;
        snprintf(choice->why, sizeof(choice->why), "EXTERNAL_IPV6=%s",
                 choice->is_wanted ? "on" : "off");
        return true;
    }
    if (!look_at_network(engine, &has_ipv6, &is_used, err))
        return false;
    if (has_ipv6) {
        choice->is_wanted = true;
        snprintf(choice->why, sizeof(choice->why), "network " STACK_EXTERNAL " has it");
        return true;
    }
    ipv6_obstacle(engine, choice->why);
    if (choice->why[0])
        return true;
    choice->is_wanted = !is_used;
    snprintf(choice->why, sizeof(choice->why), "%s",
             is_used ? "network " STACK_EXTERNAL " was made without it, and is in use: "
                       "\"secctl stop\", then start again"
                     : "this machine and the engine have it");
    return true;
}
