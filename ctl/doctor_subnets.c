/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Do the stack's two networks collide with others?
 */
#include "ctl/doctor.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/conf.h"
#include "common/file.h"
#include "common/textfile.h"
#include "ctl/json_get.h"
#include "ctl/stack_spec.h"

#define ROUTES         "/proc/net/route"
#define ROUTES_LEN_MAX (1u << 20)
#define ADVICE         "set it in .env to another private /24, then \"secctl stop\" and start"

static bool overlaps(const struct prefix *a, const struct prefix *b)
{
    return prefix_contains(a, &b->addr) || prefix_contains(b, &a->addr);
}

/* other: a network in use; level: what a collision with it means. */
static void compare(struct doctor *doctor, const struct prefix *other, enum finding_level level,
                    const char *whose, const char *name)
{
    const struct {
        const char *key;
        const struct prefix *subnet;
    } own[] = { { "INTERNAL_SUBNET", &doctor->settings.internal_subnet },
                { "TUNNEL_SUBNET", &doctor->settings.tunnel_subnet } };
    char ours[PREFIX_TEXT_MAX], theirs[PREFIX_TEXT_MAX];

    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (overlaps(own[i].subnet, other))
            doctor_add(doctor, level, "subnets", ADVICE, "%s %s overlaps %s, %s %.80s",
                       own[i].key, prefix_format(own[i].subnet, ours),
                       prefix_format(other, theirs), whose, name);
}

/* --- the engine's ------------------------------------------------------------------------ */

static void check_pool(struct doctor *doctor, const cJSON *pool, const char *name)
{
    struct prefix prefix;
    const char *subnet;
    struct err err;

    if (json_string_or(pool, "Subnet", "", &subnet, &err) &&
        prefix_parse(subnet, strlen(subnet), &prefix))
        compare(doctor, &prefix, FINDING_PROBLEM, "the engine's network", name);
}

static void check_networks(struct doctor *doctor)
{
    const cJSON *network, *pools, *pool;
    cJSON *answer = NULL;
    struct err err;

    if (!engine_call(doctor->engine, "GET", "/networks", NULL, &answer, &err,
                     "list networks")) {
        doctor_add(doctor, FINDING_PROBLEM, "subnets", "", "%s", err.text);
        return;
    }
    cJSON_ArrayForEach(network, answer)
    {
        const char *name;

        if (!json_string(network, "Name", &name, &err) ||
            !json_array_or_null(network, "IPAM/Config", &pools, &err)) {
            doctor_add(doctor, FINDING_PROBLEM, "subnets", "", "list networks: %s", err.text);
            break;
        }
        if (strcmp(name, STACK_INTERNAL) == 0)
            continue;
        cJSON_ArrayForEach(pool, pools)
        {
            check_pool(doctor, pool, name);
        }
    }
    cJSON_Delete(answer);
}

/* --- this machine's ---------------------------------------------------------------------- */

static unsigned count_bits(uint32_t mask)
{
    unsigned bits = 0;

    for (; mask & 0x80000000u; mask <<= 1)
        bits++;
    return bits;
}

static struct prefix make_prefix(uint32_t addr, uint32_t mask)
{
    const uint32_t network = addr & mask;
    const uint8_t bytes[4] = { (uint8_t)(network >> 24), (uint8_t)(network >> 16),
                               (uint8_t)(network >> 8), (uint8_t)network };

    return (struct prefix) { .addr = addr_from_bytes(ADDR_V4, bytes),
                             .bits = (uint8_t)count_bits(mask) };
}

static uint32_t address_of(const struct sockaddr *sa)
{
    struct sockaddr_in in;

    memcpy(&in, sa, sizeof(in));
    return ntohl(in.sin_addr.s_addr);
}

static void check_interfaces(struct doctor *doctor)
{
    struct ifaddrs *all;

    if (getifaddrs(&all) != 0)
        return;
    for (const struct ifaddrs *at = all; at; at = at->ifa_next) {
        struct prefix prefix;

        if (!at->ifa_addr || !at->ifa_netmask || at->ifa_addr->sa_family != AF_INET ||
            at->ifa_flags & IFF_LOOPBACK)
            continue;
        prefix = make_prefix(address_of(at->ifa_addr), address_of(at->ifa_netmask));
        compare(doctor, &prefix, FINDING_WARNING, "the network of interface", at->ifa_name);
    }
    freeifaddrs(all);
}

/* Eight hexadecimal digits, the address in this machine's order of bytes. */
static bool read_hex(struct token token, uint32_t *out)
{
    char text[9], *end;

    if (token.len != 8)
        return false;
    memcpy(text, token.text, 8);
    text[8] = '\0';
    *out = ntohl((uint32_t)strtoul(text, &end, 16));
    return *end == '\0';
}

/* Routes of a VPN have no interface in their network. Where the system has no such file, there
 * are the interfaces' networks only. */
static void check_routes(struct doctor *doctor)
{
    struct token line, interface, target, skipped, mask;
    struct err err;
    struct textfile file = { .file = ROUTES, .err = &err };
    size_t len;
    char *text = file_read(ROUTES, ROUTES_LEN_MAX, &len, &err);

    if (text == NULL)
        return;
    file.text = text;
    file.len = len;
    while (textfile_next(&file, &line) == 1) {
        uint32_t addr = 0, bits = 0;
        struct prefix prefix;
        char name[32];
        bool is_whole = token_next(&line, &interface) && token_next(&line, &target);

        for (int i = 0; is_whole && i < 5; i++)
            is_whole = token_next(&line, &skipped);
        if (!is_whole || !token_next(&line, &mask) || !read_hex(target, &addr) ||
            !read_hex(mask, &bits) || bits == 0 || interface.len >= sizeof(name))
            continue;
        memcpy(name, interface.text, interface.len);
        name[interface.len] = '\0';
        prefix = make_prefix(addr, bits);
        compare(doctor, &prefix, FINDING_WARNING, "a route by", name);
    }
    free(text);
}

void doctor_networks(struct doctor *doctor)
{
    char internal[PREFIX_TEXT_MAX], tunnel[PREFIX_TEXT_MAX];
    size_t before = doctor->nr;

    if (doctor->engine)
        check_networks(doctor);
    if (!doctor->engine || engine_is_local(doctor->engine)) {
        check_interfaces(doctor);
        if (doctor->nr == before) /* an interface's network is a route too */
            check_routes(doctor);
    }
    if (doctor->nr == before)
        doctor_add(doctor, FINDING_OK, "subnets", "", "%s and %s collide with none",
                   prefix_format(&doctor->settings.internal_subnet, internal),
                   prefix_format(&doctor->settings.tunnel_subnet, tunnel));
}
