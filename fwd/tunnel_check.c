/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The kernel's device, forwarding table, neighbours and routes against the wish.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdarg.h>
#include <string.h>

#include "fwd/net.h"
#include "fwd/offload.h"
#include "fwd/rtnl.h"
#include "fwd/tunnel.h"

struct check {
    const struct tunnel_end *end;
    const struct link *peers;
    size_t nr_peers;
    const struct addr *routers;
    size_t nr_routers;
    uint32_t index; /* the device's */
    bool is_fdb_seen[LINKS_MAX], is_neighbour_seen[LINKS_MAX][2];
    bool is_address_seen[2], is_route_seen[2];
    FILE *out;
    int nr;
};

static void differs(struct check *check, const char *format, ...) PRINTF_LIKE(2, 3);
static void differs(struct check *check, const char *format, ...)
{
    va_list args;

    fputs(TUNNEL_DEVICE ": ", check->out);
    va_start(args, format);
    vfprintf(check->out, format, args);
    va_end(args);
    fputc('\n', check->out);
    check->nr++;
}

/* --- the device -------------------------------------------------------------------------- */

struct attrs {
    const struct nlattr *list[64];
};

static int take_attr(const struct nlattr *attr, void *arg)
{
    struct attrs *attrs = arg;
    const uint16_t type = mnl_attr_get_type(attr);

    if (type < ARRAY_LEN(attrs->list))
        attrs->list[type] = attr;
    return MNL_CB_OK;
}

static bool has_bytes(const struct nlattr *attr, const void *bytes, size_t len)
{
    return attr && mnl_attr_get_payload_len(attr) == len &&
           memcmp(mnl_attr_get_payload(attr), bytes, len) == 0;
}

static void check_vxlan(struct check *check, const struct nlattr *data)
{
    const struct ifla_vxlan_port_range ports = { htons(TUNNEL_PORT), htons(TUNNEL_PORT + 1) };
    const uint32_t vni = TUNNEL_VNI, underlay = check->end->underlay.index;
    const uint16_t port = htons(TUNNEL_PORT);
    const uint8_t no = 0;
    const struct {
        uint16_t type;
        const char *what;
        const void *bytes;
        size_t len;
    } wanted[] = {
        { IFLA_VXLAN_ID, "VNI", &vni, sizeof(vni) },
        { IFLA_VXLAN_LINK, "underlay", &underlay, sizeof(underlay) },
        { IFLA_VXLAN_LOCAL, "outer address", check->end->outer.bytes, 4 },
        { IFLA_VXLAN_PORT, "port", &port, sizeof(port) },
        { IFLA_VXLAN_PORT_RANGE, "source port", &ports, sizeof(ports) },
        { IFLA_VXLAN_LEARNING, "learning", &no, sizeof(no) },
    };
    struct attrs attrs = { 0 };

    mnl_attr_parse_nested(data, take_attr, &attrs);
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        if (!has_bytes(attrs.list[wanted[i].type], wanted[i].bytes, wanted[i].len))
            differs(check, "the %s is another one than wanted", wanted[i].what);
    if (attrs.list[IFLA_VXLAN_GROUP] || attrs.list[IFLA_VXLAN_GROUP6])
        differs(check, "has a remote, none is wanted");
}

static int on_link(const struct nlmsghdr *nlh, void *arg)
{
    const struct ifinfomsg *head = mnl_nlmsg_get_payload(nlh);
    struct check *check = arg;
    struct attrs attrs = { 0 }, info = { 0 };
    uint8_t mac[6];

    if ((uint32_t)head->ifi_index != check->index)
        return MNL_CB_OK;
    mnl_attr_parse(nlh, sizeof(*head), take_attr, &attrs);
    link_mac(&check->end->inner[0].addr, mac);
    if (!(head->ifi_flags & IFF_UP))
        differs(check, "is down");
    if (!has_bytes(attrs.list[IFLA_ADDRESS], mac, sizeof(mac)))
        differs(check, "the MAC is another one than wanted");
    if (attrs.list[IFLA_LINKINFO])
        mnl_attr_parse_nested(attrs.list[IFLA_LINKINFO], take_attr, &info);
    if (info.list[IFLA_INFO_KIND] && info.list[IFLA_INFO_DATA] &&
        strcmp(mnl_attr_get_str(info.list[IFLA_INFO_KIND]), "vxlan") == 0)
        check_vxlan(check, info.list[IFLA_INFO_DATA]);
    else
        differs(check, "is no VXLAN device");
    return MNL_CB_OK;
}

static struct addr addr_of_attr(const struct nlattr *attr)
{
    const size_t len = attr ? mnl_attr_get_payload_len(attr) : 0;

    if (len == 4 || len == 16)
        return addr_from_bytes(len == 4 ? ADDR_V4 : ADDR_V6, mnl_attr_get_payload(attr));
    return (struct addr) { .family = ADDR_NONE };
}

static int on_address(const struct nlmsghdr *nlh, void *arg)
{
    const struct ifaddrmsg *head = mnl_nlmsg_get_payload(nlh);
    struct check *check = arg;
    struct attrs attrs = { 0 };
    struct addr addr;
    char text[ADDR_TEXT_MAX];

    if (head->ifa_index != check->index)
        return MNL_CB_OK;
    mnl_attr_parse(nlh, sizeof(*head), take_attr, &attrs);
    addr =
        addr_of_attr(attrs.list[IFA_LOCAL] ? attrs.list[IFA_LOCAL] : attrs.list[IFA_ADDRESS]);
    for (size_t i = 0; i < check->end->nr_inner; i++) {
        if (addr_equal(&addr, &check->end->inner[i].addr) &&
            head->ifa_prefixlen == check->end->inner[i].bits) {
            check->is_address_seen[i] = true;
            return MNL_CB_OK;
        }
    }
    differs(check, "address %s/%u is not wanted", addr_format(&addr, text),
            head->ifa_prefixlen);
    return MNL_CB_OK;
}

/* --- peers and routes -------------------------------------------------------------------- */

static bool mac_is(const struct nlattr *attr, const struct link *peer)
{
    uint8_t mac[6];

    link_mac(&peer->inner4, mac);
    return has_bytes(attr, mac, sizeof(mac));
}

static int on_fdb(const struct nlmsghdr *nlh, void *arg)
{
    const struct ndmsg *head = mnl_nlmsg_get_payload(nlh);
    struct check *check = arg;
    struct attrs attrs = { 0 };
    struct addr dst;
    char text[ADDR_TEXT_MAX];

    if (head->ndm_family != AF_BRIDGE || (uint32_t)head->ndm_ifindex != check->index)
        return MNL_CB_OK;
    mnl_attr_parse(nlh, sizeof(*head), take_attr, &attrs);
    dst = addr_of_attr(attrs.list[NDA_DST]);
    for (size_t i = 0; i < check->nr_peers; i++) {
        if (check->peers[i].agent[0] && mac_is(attrs.list[NDA_LLADDR], &check->peers[i]) &&
            addr_equal(&dst, &check->peers[i].outer)) {
            check->is_fdb_seen[i] = true;
            return MNL_CB_OK;
        }
    }
    differs(check, "frames to %s are not wanted", addr_format(&dst, text));
    return MNL_CB_OK;
}

static bool is_no_neighbour(const struct addr *addr, unsigned state)
{
    /* what multicast and failed look-ups leave behind */
    return (addr->family == ADDR_V6 && addr->bytes[0] == 0xff) ||
           (addr->family == ADDR_V4 && addr->bytes[0] >= 224) ||
           !(state & (NUD_PERMANENT | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE));
}

static int on_neighbour(const struct nlmsghdr *nlh, void *arg)
{
    const struct ndmsg *head = mnl_nlmsg_get_payload(nlh);
    struct check *check = arg;
    struct attrs attrs = { 0 };
    struct addr addr;
    char text[ADDR_TEXT_MAX];

    if ((uint32_t)head->ndm_ifindex != check->index)
        return MNL_CB_OK;
    mnl_attr_parse(nlh, sizeof(*head), take_attr, &attrs);
    addr = addr_of_attr(attrs.list[NDA_DST]);
    if (is_no_neighbour(&addr, head->ndm_state))
        return MNL_CB_OK;
    for (size_t i = 0; i < check->nr_peers; i++) {
        const struct link *peer = &check->peers[i];
        const bool is_v6 = addr.family == ADDR_V6;

        if (peer->agent[0] && addr_equal(&addr, is_v6 ? &peer->inner6 : &peer->inner4) &&
            mac_is(attrs.list[NDA_LLADDR], peer) && (head->ndm_state & NUD_PERMANENT)) {
            check->is_neighbour_seen[i][is_v6] = true;
            return MNL_CB_OK;
        }
    }
    differs(check, "neighbour %s is not wanted", addr_format(&addr, text));
    return MNL_CB_OK;
}

static int on_route(const struct nlmsghdr *nlh, void *arg)
{
    const struct rtmsg *head = mnl_nlmsg_get_payload(nlh);
    struct check *check = arg;
    struct attrs attrs = { 0 };
    struct addr gateway;

    if (head->rtm_dst_len != 0 || head->rtm_table != RT_TABLE_MAIN ||
        head->rtm_type != RTN_UNICAST)
        return MNL_CB_OK;
    mnl_attr_parse(nlh, sizeof(*head), take_attr, &attrs);
    gateway = addr_of_attr(attrs.list[RTA_GATEWAY]);
    for (size_t i = 0; i < check->nr_routers; i++)
        if (addr_equal(&gateway, &check->routers[i]) &&
            has_bytes(attrs.list[RTA_OIF], &check->index, sizeof(check->index)))
            check->is_route_seen[i] = true;
    return MNL_CB_OK;
}

static bool look(struct check *check, struct err *err)
{
    static const struct {
        uint16_t type;
        uint8_t family;
        size_t head;
        mnl_cb_t each;
        const char *what;
    } parts[] = {
        { RTM_GETLINK, AF_UNSPEC, sizeof(struct ifinfomsg), on_link, "interfaces" },
        { RTM_GETADDR, AF_UNSPEC, sizeof(struct ifaddrmsg), on_address, "addresses" },
        { RTM_GETNEIGH, AF_BRIDGE, sizeof(struct ndmsg), on_fdb, "forwarding tables" },
        { RTM_GETNEIGH, AF_INET, sizeof(struct ndmsg), on_neighbour, "neighbours" },
        { RTM_GETNEIGH, AF_INET6, sizeof(struct ndmsg), on_neighbour, "neighbours" },
        { RTM_GETROUTE, AF_INET, sizeof(struct rtmsg), on_route, "routes" },
        { RTM_GETROUTE, AF_INET6, sizeof(struct rtmsg), on_route, "routes" },
    };
    struct rtnl rtnl;
    int rc = 0;

    if (!rtnl_open(&rtnl, err))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(parts) && rc == 0; i++) {
        rc = rtnl_dump(&rtnl, parts[i].type, parts[i].family, parts[i].head, parts[i].each,
                       check);
        if (rc != 0)
            err_set(err, -rc, "list the kernel's %s: %s", parts[i].what, strerror(-rc));
    }
    rtnl_close(&rtnl);
    return rc == 0;
}

static void note_missing(struct check *check)
{
    char text[ADDR_TEXT_MAX];

    for (size_t i = 0; i < check->end->nr_inner; i++)
        if (!check->is_address_seen[i])
            differs(check, "address %s/%u is missing",
                    addr_format(&check->end->inner[i].addr, text), check->end->inner[i].bits);
    for (size_t i = 0; i < check->nr_peers; i++) {
        const struct link *peer = &check->peers[i];

        if (!peer->agent[0])
            continue;
        if (!check->is_fdb_seen[i])
            differs(check, "where frames to %s go is missing: %s", peer->agent,
                    addr_format(&peer->outer, text));
        if (!check->is_neighbour_seen[i][0])
            differs(check, "neighbour %s is missing", addr_format(&peer->inner4, text));
        if (peer->inner6.family != ADDR_NONE && !check->is_neighbour_seen[i][1])
            differs(check, "neighbour %s is missing", addr_format(&peer->inner6, text));
    }
    for (size_t i = 0; i < check->nr_routers; i++)
        if (!check->is_route_seen[i])
            differs(check, "the default route through %s is missing",
                    addr_format(&check->routers[i], text));
}

int tunnel_check(const struct tunnel_end *end, const struct link *peers, size_t nr_peers,
                 const struct addr *routers, size_t nr_routers, FILE *out, struct err *err)
{
    struct check check = { .end = end,
                           .peers = peers,
                           .nr_peers = nr_peers < LINKS_MAX ? nr_peers : LINKS_MAX,
                           .routers = routers,
                           .nr_routers = nr_routers < 2 ? nr_routers : 2,
                           .out = out };
    struct err missing = { 0 };
    struct ruleset_if device;

    if (!net_interface(TUNNEL_DEVICE, &device, &missing)) {
        differs(&check, "the device is missing");
        return check.nr;
    }
    check.index = device.index;
    if (!look(&check, err))
        return -1;
    note_missing(&check);
    if (end->is_alone && offload_udp_is_on(TUNNEL_DEVICE) != 0)
        differs(&check, "UDP segmentation offload is on");
    return check.nr;
}
