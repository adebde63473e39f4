/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What this kernel can do, tried in this network namespace: rules as a trial that the kernel
 * keeps nothing of, the tunnel's device made and removed. For a namespace of its own.
 */
#include <libmnl/libmnl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fwd/cmdline.h"
#include "fwd/commands.h"
#include "fwd/net.h"
#include "fwd/nft_load.h"
#include "fwd/nft_sock.h"
#include "fwd/tunnel.h"

struct found {
    bool has_nftables, has_flowtable, has_vxlan, has_ipv6;
    const char *queue; /* native, target or none */
};

/* The ruleset of a gateway between loopback and loopback. */
static bool try_rules(struct mnl_socket *sock, bool is_native, bool has_flowtable)
{
    static struct ipc_setup setup;
    struct ruleset_wish wish = { .internal = { 1, "lo" },
                                 .external = { 1, "lo" },
                                 .setup = &setup,
                                 .is_queue_native = is_native,
                                 .has_flowtable = has_flowtable };
    struct err unused = { 0 };
    struct ruleset rs;

    if (!nft_load(sock, &wish, NULL, 0, true, &rs, &unused))
        return false;
    ruleset_clear(&rs);
    return wish.is_queue_native == is_native && wish.has_flowtable == has_flowtable;
}

static void probe_rules(struct found *found)
{
    struct err unused = { 0 };
    struct mnl_socket *sock = nft_sock_open(&unused);

    found->queue = "none";
    if (!sock)
        return;
    found->has_nftables = nft_probe(sock);
    if (try_rules(sock, true, false))
        found->queue = "native";
    else if (try_rules(sock, false, false))
        found->queue = "target";
    found->has_flowtable = try_rules(sock, strcmp(found->queue, "native") == 0, true);
    mnl_socket_close(sock);
}

static void probe_tunnel(struct found *found)
{
    const struct addr own = { ADDR_V4, { 127, 0, 0, 1 } };
    struct tunnel_end end = { .underlay = { 1, "lo" }, .outer = own, .nr_inner = 0 };
    struct ruleset_if there, made;
    struct err unused = { 0 };

    if (net_interface(TUNNEL_DEVICE, &there, &unused)) { /* a gateway's or a link's: not ours */
        found->has_vxlan = true;
        return;
    }
    found->has_vxlan = tunnel_make(&end, &made, &unused);
    (void)!tunnel_remove(&unused);
}

int cmd_probe(int argc, char **argv)
{
    struct found found = { .queue = "none" };
    int first;

    if (!cmdline_read(argc, argv, NULL, NULL, "no option", &first))
        return EXIT_USAGE;
    if (first < argc) {
        fprintf(stderr, "fwd: probe: \"%.80s\", expected no argument\n", argv[first]);
        return EXIT_USAGE;
    }
    if (geteuid() != 0) {
        fprintf(stderr, "fwd: probe: uid %u, expected root with CAP_NET_ADMIN\n",
                (unsigned)geteuid());
        return EXIT_FAILED;
    }
    probe_rules(&found);
    probe_tunnel(&found);
    found.has_ipv6 = access("/proc/sys/net/ipv6", F_OK) == 0;
    printf("{\"queue\":\"%s\",\"vxlan\":%s,\"nftables\":%s,\"ipv6\":%s,\"flowtable\":%s}\n",
           found.queue, found.has_vxlan ? "true" : "false",
           found.has_nftables ? "true" : "false", found.has_ipv6 ? "true" : "false",
           found.has_flowtable ? "true" : "false");
    return EXIT_DONE;
}
