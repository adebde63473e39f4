/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: the device has no remote and does not learn, so its forwarding table (FDB)
 * alone says where a frame goes, and a frame to an address that is not in it goes nowhere. The
 * range of source ports holds one port, which the device's own socket is bound to: what other
 * programs send has another one, and the rules of both ends tell them apart by it.
 */
#include "fwd/tunnel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fwd/net.h"
#include "fwd/offload.h"
#include "fwd/rtnl.h"

static bool failed(int rc, struct err *err, const char *what, const char *on)
{
    if (rc == -EPERM)
        return err_set(err, EPERM, "%s %s: %s, expected CAP_NET_ADMIN", what, on,
                       strerror(-rc));
    if (rc == -EOPNOTSUPP && strcmp(on, TUNNEL_DEVICE) == 0)
        return err_set(err, -rc, "%s %s: %s, expected a kernel with VXLAN (module vxlan)", what,
                       on, strerror(-rc));
    if (rc == -EACCES && strchr(on, ':'))
        return err_set(err, -rc,
                       "%s %s: %s, expected sysctl net.ipv6.conf.default.disable_ipv6 to be 0",
                       what, on, strerror(-rc));
    return err_set(err, -rc, "%s %s: %s", what, on, strerror(-rc));
}

static int family_of(const struct addr *addr)
{
    return addr->family == ADDR_V4 ? AF_INET : AF_INET6;
}

/* One request on a socket of its own. */
static int send_alone(struct rtnl_request *request)
{
    struct err unused = { 0 };
    struct rtnl rtnl;
    int rc;

    if (!rtnl_open(&rtnl, &unused))
        return -unused.code;
    rc = rtnl_send(&rtnl, request);
    rtnl_close(&rtnl);
    return rc;
}

bool tunnel_underlay(struct tunnel_end *end, struct err *err)
{
    struct ifaddrs *all = NULL;
    struct sockaddr_in v4;
    bool is_found = false;

    if (getifaddrs(&all) != 0)
        return err_set(err, errno, "list the addresses of this network namespace: %s",
                       strerror(errno));
    for (const struct ifaddrs *one = all; one && !is_found; one = one->ifa_next) {
        if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET ||
            strcmp(one->ifa_name, end->underlay.name) != 0)
            continue;
        memcpy(&v4, one->ifa_addr, sizeof(v4));
        end->outer = addr_from_bytes(ADDR_V4, (const uint8_t *)&v4.sin_addr);
        is_found = true;
    }
    freeifaddrs(all);
    return is_found || err_set(err, EADDRNOTAVAIL,
                               "interface %s has no IPv4 address, expected one: it carries the "
                               "tunnel",
                               end->underlay.name);
}

static bool mtu_of(const struct ruleset_if *interface, uint32_t *mtu, struct err *err)
{
    struct ifreq request = { 0 };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int rc;

    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface->name);
    rc = fd < 0 || ioctl(fd, SIOCGIFMTU, &request) != 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    if (rc != 0 || request.ifr_mtu < 1280 + TUNNEL_OVER)
        return err_set(err, rc, "MTU of interface %s is %d, expected at least %d",
                       interface->name, request.ifr_mtu, 1280 + TUNNEL_OVER);
    *mtu = (uint32_t)request.ifr_mtu - TUNNEL_OVER;
    if (*mtu > TUNNEL_MTU_MAX) /* what the outside commonly has: nothing has to be cut there */
        *mtu = TUNNEL_MTU_MAX;
    return true;
}

static int create(const struct tunnel_end *end, uint32_t mtu)
{
    const struct ifla_vxlan_port_range ports = { htons(TUNNEL_PORT), htons(TUNNEL_PORT + 1) };
    struct rtnl_request request;
    struct nlattr *info, *data;
    struct nlmsghdr *nlh;
    uint8_t mac[6];

    link_mac(&end->inner[0].addr, mac);
    rtnl_begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
    nlh = request.nlh;
    mnl_attr_put_strz(nlh, IFLA_IFNAME, TUNNEL_DEVICE);
    mnl_attr_put(nlh, IFLA_ADDRESS, sizeof(mac), mac);
    mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
    info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
    mnl_attr_put_str(nlh, IFLA_INFO_KIND, "vxlan");
    data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
    mnl_attr_put_u32(nlh, IFLA_VXLAN_ID, TUNNEL_VNI);
    mnl_attr_put_u32(nlh, IFLA_VXLAN_LINK, end->underlay.index);
    rtnl_put_addr(&request, IFLA_VXLAN_LOCAL, &end->outer);
    mnl_attr_put_u16(nlh, IFLA_VXLAN_PORT, htons(TUNNEL_PORT));
    mnl_attr_put(nlh, IFLA_VXLAN_PORT_RANGE, sizeof(ports), &ports);
    mnl_attr_put_u8(nlh, IFLA_VXLAN_LEARNING, 0);
    mnl_attr_nest_end(nlh, data);
    mnl_attr_nest_end(nlh, info);
    return send_alone(&request);
}

/* No address that the kernel makes up, and so nothing that it says by itself. A kernel without
 * IPv6 refuses, and needs it not. */
static void make_quiet(uint32_t index)
{
    struct rtnl_request request;
    struct ifinfomsg *head = rtnl_begin(&request, RTM_NEWLINK, 0, sizeof(*head));
    struct nlattr *spec, *v6;

    head->ifi_index = (int)index;
    spec = mnl_attr_nest_start(request.nlh, IFLA_AF_SPEC);
    v6 = mnl_attr_nest_start(request.nlh, AF_INET6);
    mnl_attr_put_u8(request.nlh, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    mnl_attr_nest_end(request.nlh, v6);
    mnl_attr_nest_end(request.nlh, spec);
    (void)!send_alone(&request);
}

static int add_address(uint32_t index, const struct conf_tunnel_address *inner, bool is_alone)
{
    struct rtnl_request request;
    struct ifaddrmsg *head =
        rtnl_begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*head));

    head->ifa_family = (uint8_t)family_of(&inner->addr);
    head->ifa_prefixlen = inner->bits;
    head->ifa_index = index;
    mnl_attr_put_u32(request.nlh, IFA_FLAGS,
                     IFA_F_NODAD | (is_alone ? IFA_F_NOPREFIXROUTE : 0));
    rtnl_put_addr(&request, IFA_LOCAL, &inner->addr);
    rtnl_put_addr(&request, IFA_ADDRESS, &inner->addr);
    return send_alone(&request);
}

bool tunnel_make(const struct tunnel_end *end, struct ruleset_if *made, struct err *err)
{
    uint32_t mtu = 0;
    int rc;

    if (!tunnel_remove(err) || !mtu_of(&end->underlay, &mtu, err))
        return false;
    rc = create(end, mtu);
    if (rc != 0)
        return failed(rc, err, "make the VXLAN device", TUNNEL_DEVICE);
    if (!net_interface(TUNNEL_DEVICE, made, err))
        return false;
    make_quiet(made->index);
    rc = end->is_alone ? offload_udp_off(made->name) : 0;
    if (rc != 0)
        return failed(rc, err, "switch off UDP segmentation offload of", TUNNEL_DEVICE);
    for (size_t i = 0; i < end->nr_inner; i++) {
        char text[ADDR_TEXT_MAX];

        rc = add_address(made->index, &end->inner[i], end->is_alone);
        if (rc != 0)
            return failed(rc, err, "give " TUNNEL_DEVICE " the address",
                          addr_format(&end->inner[i].addr, text));
    }
    return true;
}

bool tunnel_up(const struct ruleset_if *device, struct err *err)
{
    struct rtnl_request request;
    struct ifinfomsg *head = rtnl_begin(&request, RTM_NEWLINK, 0, sizeof(*head));
    int rc;

    head->ifi_index = (int)device->index;
    head->ifi_flags = head->ifi_change = IFF_UP;
    rc = send_alone(&request);
    return rc == 0 || failed(rc, err, "set up", device->name);
}

bool tunnel_remove(struct err *err)
{
    struct rtnl_request request;
    int rc;

    rtnl_begin(&request, RTM_DELLINK, 0, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(request.nlh, IFLA_IFNAME, TUNNEL_DEVICE);
    rc = send_alone(&request);
    return rc == 0 || rc == -ENODEV || failed(rc, err, "remove", TUNNEL_DEVICE);
}

/* --- peers ------------------------------------------------------------------------------- */

/* An entry of the FDB (family AF_BRIDGE, dst: the outer address) or of the neighbours. */
static int change_neighbour(const struct ruleset_if *device, uint16_t type, int family,
                            const struct addr *dst, const uint8_t mac[6])
{
    struct rtnl_request request;
    const bool is_new = type == RTM_NEWNEIGH;
    struct ndmsg *head =
        rtnl_begin(&request, type, is_new ? NLM_F_CREATE | NLM_F_REPLACE : 0, sizeof(*head));

    head->ndm_family = (uint8_t)family;
    head->ndm_ifindex = (int)device->index;
    head->ndm_state = NUD_PERMANENT;
    if (family == AF_BRIDGE) {
        head->ndm_state = NUD_NOARP | NUD_PERMANENT;
        head->ndm_flags = NTF_SELF;
    }
    rtnl_put_addr(&request, NDA_DST, dst);
    mnl_attr_put(request.nlh, NDA_LLADDR, 6, mac);
    return send_alone(&request);
}

static bool change_peer(const struct ruleset_if *device, uint16_t type, const struct link *peer,
                        struct err *err)
{
    const bool is_new = type == RTM_NEWNEIGH;
    const struct {
        int family;
        const struct addr *dst;
    } entries[] = { { AF_BRIDGE, &peer->outer },
                    { AF_INET, &peer->inner4 },
                    { AF_INET6, &peer->inner6 } };
    uint8_t mac[6];

    link_mac(&peer->inner4, mac);
    for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
        char text[ADDR_TEXT_MAX];
        int rc;

        if (entries[i].dst->family == ADDR_NONE)
            continue;
        rc = change_neighbour(device, type, entries[i].family, entries[i].dst, mac);
        if (rc != 0 && (is_new || rc != -ENOENT))
            return failed(rc, err,
                          entries[i].family == AF_BRIDGE ? "set where frames go to, by"
                                                         : "set the neighbour",
                          addr_format(entries[i].dst, text));
    }
    return true;
}

bool tunnel_add_peer(const struct ruleset_if *device, const struct link *peer, struct err *err)
{
    return change_peer(device, RTM_NEWNEIGH, peer, err);
}

bool tunnel_remove_peer(const struct ruleset_if *device, const struct link *peer,
                        struct err *err)
{
    return change_peer(device, RTM_DELNEIGH, peer, err);
}

void tunnel_greet(const struct tunnel_end *end, const struct link *peer)
{
    struct rtnl_request request;
    struct ndmsg *head =
        rtnl_begin(&request, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*head));

    head->ndm_family = AF_INET;
    head->ndm_ifindex = (int)end->underlay.index;
    head->ndm_flags = NTF_USE;
    rtnl_put_addr(&request, NDA_DST, &peer->outer);
    (void)!send_alone(&request); /* without it the peer finds out by itself */
}

/* --- routes ------------------------------------------------------------------------------ */

/* gateway NULL: to host alone, straight through the device */
static int add_route(const struct ruleset_if *device, const struct addr *host,
                     const struct addr *gateway, const struct addr *source)
{
    struct rtnl_request request;
    struct rtmsg *head =
        rtnl_begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*head));

    head->rtm_family = (uint8_t)family_of(source);
    head->rtm_table = RT_TABLE_MAIN;
    head->rtm_protocol = RTPROT_BOOT;
    head->rtm_type = RTN_UNICAST;
    head->rtm_scope = gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    if (host) {
        head->rtm_dst_len = host->family == ADDR_V4 ? 32 : 128;
        rtnl_put_addr(&request, RTA_DST, host);
    }
    if (gateway)
        rtnl_put_addr(&request, RTA_GATEWAY, gateway);
    rtnl_put_addr(&request, RTA_PREFSRC, source);
    mnl_attr_put_u32(request.nlh, RTA_OIF, device->index);
    return send_alone(&request);
}

bool tunnel_route(const struct ruleset_if *device, const struct addr *router,
                  const struct addr *source, struct err *err)
{
    char text[ADDR_TEXT_MAX];
    int rc = add_route(device, router, NULL, source);

    if (rc == 0)
        rc = add_route(device, NULL, router, source);
    return rc == 0 || failed(rc, err, "set the route through", addr_format(router, text));
}
