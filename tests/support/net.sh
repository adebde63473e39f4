# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Three network namespaces in a row: clients, gateway, internet.
#
#   NS_IN in0 198.18.0.2 ── gwin 198.18.0.1 NS_GW gwout 198.18.1.1 ── out0 198.18.1.2 NS_OUT
#
# The last owns every "internet" address (203.0.113.0/24, 198.51.100.0/24, 2001:db8::/64) and
# the resolvers 198.18.1.53 to .59. The gateway's default route ends there, so that whatever
# slips through is seen on gwout; an accomplice there has a route back to the clients. Nothing in any of
# the three leads to the network of the machine itself.
# Names carry the shell's process number: any number of tests run side by side.

NS_ID=secctl-$$
NS_IN=$NS_ID-in
NS_GW=$NS_ID-gw
NS_OUT=$NS_ID-out
NS_FAR=$NS_ID-far # only where a test asks for it: far_up
NS_MORE=()        # what tunnel.sh adds
IN4=198.18.0.2 IN6=2001:2:0:1::2
GWIN4=198.18.0.1 GWIN6=2001:2:0:1::1
GWOUT4=198.18.1.1 GWOUT6=2001:2:0:2::1
OUT4=198.18.1.2 OUT6=2001:2:0:2::2
# shellcheck disable=SC2034 # for servers.sh
RESOLVER=198.18.1.53 RESOLVER6=2001:2:0:2::53
PIDS=()

in_in() { ip netns exec "$NS_IN" "$@"; }
in_gw() { ip netns exec "$NS_GW" "$@"; }
in_out() { ip netns exec "$NS_OUT" "$@"; }

# spawn NAMESPACE COMMAND... - in the background, ended at cleanup; $! is its process
spawn() {
    ip netns exec "$@" &
    PIDS+=($!)
}

# established NAMESPACE src|dst ADDRESS - lists what is connected from or to it
established() {
    local address=$3

    case $address in *:*) address="[$address]" ;; esac
    ip netns exec "$1" ss -Htn state established "$2" "$address"
}

# is_connected, is_closed NAMESPACE src|dst ADDRESS
is_connected() { established "$@" | grep .; }
is_closed() {
    local list

    list=$(established "$@") || return 1
    echo "$list"
    [ -z "$list" ]
}

# is_running PID - it is there, and not only waiting to be collected
is_running() {
    local stat

    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    case $stat in *') Z '*) return 1 ;; esac
}

# stop_pid PID [SIGNAL] - end one process of ours and wait for it, at most 5 s
stop_pid() {
    local i

    kill -"${2:-TERM}" "$1" 2>/dev/null || return 0
    for ((i = 0; i < 250; i++)); do
        is_running "$1" || break
        sleep 0.02
    done
    kill -KILL "$1" 2>/dev/null
    wait "$1" 2>/dev/null
    return 0
}

net_etc() { # what programs in a namespace find in /etc
    local ns

    for ns in "$NS_IN" "$NS_OUT"; do
        mkdir -p "/etc/netns/$ns"
        echo "127.0.0.1 localhost $(hostname)" >"/etc/netns/$ns/hosts"
        [ ! -e /etc/nsswitch.conf ] || {
            grep -v '^hosts:' /etc/nsswitch.conf
            echo 'hosts: files dns'
        } >"/etc/netns/$ns/nsswitch.conf"
    done
    echo "nameserver $GWIN4" >"/etc/netns/$NS_IN/resolv.conf"
    echo "nameserver $RESOLVER" >"/etc/netns/$NS_OUT/resolv.conf"
}

net_links() {
    local ns

    for ns in "$NS_IN" "$NS_GW" "$NS_OUT"; do
        ip netns add "$ns" || return 1
        # shellcheck disable=SC2016 # the inner shell's
        ip netns exec "$ns" sh -c 'cd /proc/sys/net/ipv6/conf || exit 0
            for c in all default; do echo 0 >$c/accept_dad; echo 0 >$c/accept_ra; done' || return 1
        ip -n "$ns" link set lo up || return 1
    done
    ip link add in0 netns "$NS_IN" type veth peer name gwin netns "$NS_GW" &&
        ip link add gwout netns "$NS_GW" type veth peer name out0 netns "$NS_OUT"
}

net_addresses() {
    ip -n "$NS_IN" -b - <<END &&
addr add $IN4/24 dev in0
addr add $IN6/64 dev in0 nodad
link set in0 up
route add default via $GWIN4
route add default via $GWIN6
END
        ip -n "$NS_GW" -b - <<END &&
addr add $GWIN4/24 dev gwin
addr add $GWIN6/64 dev gwin nodad
addr add $GWOUT4/24 dev gwout
addr add $GWOUT6/64 dev gwout nodad
link set gwin up
link set gwout up
route add default via $OUT4
route add default via $OUT6
END
        ip -n "$NS_OUT" -b - <<END
addr add $OUT4/24 dev out0
addr add $OUT6/64 dev out0 nodad
link set out0 up
route add 198.18.0.0/24 via $GWOUT4
route add 2001:2:0:1::/64 via $GWOUT6
route add local 203.0.113.0/24 dev lo
route add local 198.51.100.0/24 dev lo
route add local 2001:db8::/64 dev lo
END
}

net_resolvers() {
    local n

    in_out sh -c 'echo 1 >/proc/sys/net/ipv6/ip_nonlocal_bind' || return 1
    for n in 53 54 55 56 57 58 59; do
        ip -n "$NS_OUT" addr add "198.18.1.$n/32" dev out0 &&
            ip -n "$NS_OUT" addr add "2001:2:0:2::$n/128" dev out0 nodad || return 1
    done
}

# net_up - build it all; the caller has net_down in its EXIT trap
net_up() {
    [ "$(id -u)" -eq 0 ] || {
        echo 'tests need root: they build network namespaces' >&2
        return 1
    }
    net_etc && net_links && net_addresses && net_resolvers
}

# net_down - end every process in our namespaces, then the namespaces; may be called at any moment, twice too
net_down() {
    local ns pid

    for pid in ${PIDS[@]+"${PIDS[@]}"}; do
        kill -CONT "$pid" 2>/dev/null
        kill -TERM "$pid" 2>/dev/null
    done
    for ns in "$NS_IN" "$NS_GW" "$NS_OUT" "$NS_FAR" ${NS_MORE[@]+"${NS_MORE[@]}"}; do
        [ -e "/run/netns/$ns" ] || continue
        for pid in $(ip netns pids "$ns"); do
            kill -KILL "$pid" 2>/dev/null
        done
    done
    for pid in ${PIDS[@]+"${PIDS[@]}"}; do
        kill -KILL "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    PIDS=()
    for ns in "$NS_IN" "$NS_GW" "$NS_OUT" "$NS_FAR" ${NS_MORE[@]+"${NS_MORE[@]}"}; do
        if [ -e "/run/netns/$ns" ]; then
            rm -f "/run/secctl.$(stat -L -c %i "/run/netns/$ns")."* # what fwd keeps of a namespace
            ip netns del "$ns"
        fi
        rm -rf "/etc/netns/$ns"
    done
    rmdir /etc/netns 2>/dev/null
    return 0
}
