# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Sourced after e2e.sh by scripts whose agents are reached through links. In the clients' place there is a
# switch, which is also a neighbour, with the gateway and two agents at it:
#
#   NS_A un0 198.18.0.3 ─┐
#   NS_B un0 198.18.0.4 ─┼─ br0 198.18.0.9 NS_SW ── gwin 198.18.0.1 NS_GW
#
# The tunnel inside it: gateway 198.18.5.1, agents 198.18.5.3 and .4; 2001:2:0:5::/64 likewise. With plain
# forwarding the agents reach the gateway without a tunnel.
#
# SC2034: read by the scripts. SC2016: the inner shell's. SC2153: NS_GW is net.sh's.
# shellcheck disable=SC2034,SC2016,SC2153

NS_A=$NS_ID-a
NS_B=$NS_ID-b
NS_SW=$NS_ID-sw
NS_MORE=("$NS_A" "$NS_B" "$NS_SW")
OUTER_A=198.18.0.3 OUTER_B=198.18.0.4 NEIGHBOUR=198.18.0.9
ROUTER4=198.18.5.1 INNER_A=198.18.5.3 INNER_B=198.18.5.4
ROUTER6=2001:2:0:5::1 INNER_A6=2001:2:0:5::3 INNER_B6=2001:2:0:5::4
GW_OPTIONS=(--set tunnel=vxlan --set "tunnel.address = $ROUTER4/24, $ROUTER6/64")
FWD_CAPS=-all,+net_admin,+setuid,+setgid,+setpcap

# as_agent NAMESPACE COMMAND... - as an agent's programs run: UID 1000, no capability, none to be had
as_agent() {
    ip netns exec "$1" setpriv --reuid 1000 --regid 1000 --clear-groups --bounding-set -all --inh-caps -all \
        --no-new-privs "${@:2}"
}
in_a() { as_agent "$NS_A" "$@"; }
in_b() { as_agent "$NS_B" "$@"; }
root_a() { ip netns exec "$NS_A" "$@"; }

tunnel_port() { # NAMESPACE INTERFACE ADDRESS
    ip link add "$2" mtu 1600 netns "$1" type veth peer name "p${1##*-}" mtu 1600 netns "$NS_SW" &&
        ip -n "$NS_SW" link set "p${1##*-}" master br0 up &&
        ip -n "$1" addr add "$3/24" dev "$2" && ip -n "$1" link set "$2" up
}

# tunnel_net_up - after e2e_begin
tunnel_net_up() {
    local ns

    chmod a+x "${T%/*}" # agents are not root, and read what is in $T
    ip -n "$NS_GW" link del gwin || return 1
    for ns in "${NS_MORE[@]}"; do
        mkdir -p "/etc/netns/$ns"
        cp "/etc/netns/$NS_IN/"* "/etc/netns/$ns/"
        ip netns add "$ns" && ip -n "$ns" link set lo up || return 1
        ip netns exec "$ns" sh -c 'cd /proc/sys/net/ipv6/conf && for c in all default; do
            echo 0 >$c/accept_dad; echo 0 >$c/accept_ra; done'
        is_plain || echo 'nameserver 127.0.0.11' >"/etc/netns/$ns/resolv.conf"
    done
    ip -n "$NS_SW" link add br0 mtu 1600 type bridge && ip -n "$NS_SW" addr add "$NEIGHBOUR/24" dev br0 &&
        ip -n "$NS_SW" link set br0 up && tunnel_port "$NS_GW" gwin "$GWIN4" &&
        tunnel_port "$NS_A" un0 "$OUTER_A" && tunnel_port "$NS_B" un0 "$OUTER_B"
}

# link_start NAMESPACE INNER4 INNER6 - and wait until it is up; $LINK_PID is its process
link_start() {
    if is_plain; then
        ip -n "$1" route replace default via "$GWIN4"
        return
    fi
    spawn "$1" setpriv --bounding-set "$FWD_CAPS" --no-new-privs "$BUILD/fwd" link --gateway "$GWIN4" \
        --inner "$2/24" --router "$ROUTER4" --inner6 "$3/64" --router6 "$ROUTER6" --resolv-conf /etc/resolv.conf \
        2>"$T/link.err"
    LINK_PID=$!
    if ! retry 10 grep -q 'locked and up' "$T/link.err" || ! link_check "$1" >>"$T/link.err" 2>&1; then
        note "$(cat "$T/link.err")"
        return 1
    fi
}
link_check() { ip netns exec "$1" "$BUILD/fwd" link --check; }

# fwd COMMAND... - speak to the gateway
fwd() {
    is_plain && return 0
    in_gw "$BUILD/fwd" "$1" --config "$T/policy/gateway.conf" "${GW_OPTIONS[@]}" "${@:2}"
}

attach_a() { fwd attach alpha "$OUTER_A" "$INNER_A" "$INNER_A6"; }
attach_b() { fwd attach beta "$OUTER_B" "$INNER_B" "$INNER_B6"; }

# underlay_capture - all that leaves un0 of the first agent; underlay_is_clean: nothing but packets between the
# tunnel's ends, and ARP for the gateway
underlay_capture() {
    : >"$T/under.log"
    spawn "$NS_A" tcpdump -q -U -Z root -n -B 16384 -Q out -i un0 -w "$T/under.pcap" 2>"$T/under.log"
    UNDER_PID=$!
    retry 10 grep -q 'listening on' "$T/under.log"
}
underlay_is_clean() {
    sleep 1.2 # the kernel hands packets over in blocks
    stop_pid "$UNDER_PID"
    tshark -n -r "$T/under.pcap" -Y "not (arp and arp.dst.proto_ipv4 == $GWIN4) and not (udp.srcport == 4789 and
        udp.dstport == 4789 and ip.src == $OUTER_A and ip.dst == $GWIN4)" >"$T/under.txt" 2>>"$T/under.log"
    [ "$(tshark -n -r "$T/under.pcap" 2>/dev/null | wc -l)" -gt 0 ] || return 1
    cat "$T/under.txt"
    [ ! -s "$T/under.txt" ]
}
