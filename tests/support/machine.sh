# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A machine with a Docker engine of its own, and an internet: two network namespaces.
#
#   NS_GW  the machine: dockerd, its bridges  gwout 198.18.1.1 ── out0 198.18.1.2 NS_OUT  the internet
#
# How it works: the machine is a set of namespaces (network, process, mount) with a small init. Its /run,
# /etc/resolv.conf and the folders of its engine are its own; when the init is killed, everything in it
# is gone. The capture (capture.sh) and the servers (servers.sh) are the ones of the other end-to-end tests:
# gwout is what the machine sends through. Nothing in it leads to the network of the real machine.
# An engine's data root is a copy, by hard links, of one that has the images already (docker.sh).

MACHINE_PID= # its init, as seen from outside
MACHINE_PATH=
MACHINE_HOME=

# in_machine COMMAND... - as root on the machine. Containers' processes have the numbers that docker tells
in_machine() {
    nsenter -t "$MACHINE_PID" -n -m -p --wd="$PWD" env PATH="$MACHINE_PATH" HOME="$MACHINE_HOME" \
        XDG_CONFIG_HOME="$MACHINE_HOME/.config" "$@"
}

machine_links() {
    local ns

    for ns in "$NS_GW" "$NS_OUT"; do
        ip netns add "$ns" || return 1
        # shellcheck disable=SC2016 # the inner shell's
        ip netns exec "$ns" sh -c 'cd /proc/sys/net/ipv6/conf || exit 0
            for c in all default; do echo 0 >$c/accept_dad; echo 0 >$c/accept_ra; done' || return 1
        ip -n "$ns" link set lo up || return 1
    done
    ip link add gwout netns "$NS_GW" type veth peer name out0 netns "$NS_OUT" &&
        ip -n "$NS_GW" -b - <<END1 && ip -n "$NS_OUT" -b - <<END2
addr add $GWOUT4/24 dev gwout
addr add $GWOUT6/64 dev gwout nodad
link set gwout up
route add default via $OUT4
route add default via $OUT6
END1
addr add $OUT4/24 dev out0
addr add $OUT6/64 dev out0 nodad
link set out0 up
route add local 203.0.113.0/24 dev lo
route add local 198.51.100.0/24 dev lo
route add local 2001:db8::/64 dev lo
END2
}

# machine_init - becomes the first process of the machine: mounts, then collects what is orphaned
machine_init() {
    local file path

    mount -t proc proc /proc
    mount -t tmpfs -o mode=755 tmpfs /run
    for file in resolv.conf hosts; do
        path=$(realpath -m "/etc/$file") # it may lead into /run
        mkdir -p "${path%/*}"
        : >>"$path"
        mount --bind "$T/machine/$file" "$path"
    done
    : >"$T/machine/ready"
    while :; do
        sleep 3600 &
        wait $!
    done
}

# machine_boot [COMMAND...] - start the init, by COMMAND, which enters a network namespace
machine_boot() {
    MACHINE_HOME=$T/home
    MACHINE_PATH=$PATH
    mkdir -p "$MACHINE_HOME"
    export T
    "$@" unshare --mount --pid --fork --propagation private --kill-child=KILL \
        bash -c "$(declare -f machine_init); machine_init" </dev/null >"$T/machine/log" 2>&1 &
    PIDS+=($!)
    retry 10 test -e "$T/machine/ready" || {
        cat "$T/machine/log" >&2
        return 1
    }
    MACHINE_PID=$(pgrep -P "${PIDS[-1]}" | head -n 1)
}

# machine_up [NF_CALL] - NF_CALL: bridge-nf-call-iptables, where the kernel has it (1)
machine_up() {
    [ "$(id -u)" -eq 0 ] || {
        echo 'tests need root: they build network namespaces' >&2
        return 1
    }
    mkdir -p "$T/machine"
    echo "nameserver $RESOLVER" >"$T/machine/resolv.conf"
    printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$(hostname)" >"$T/machine/hosts"
    net_etc && machine_links && net_resolvers || return 1
    machine_boot nsenter --net="/run/netns/$NS_GW" || return 1
    nf_call "${1:-1}"
}

# nf_call 0|1 - do the rules for routed packets see the bridged ones?
nf_call() {
    # shellcheck disable=SC2016 # the inner shell's
    in_machine sh -c 'f=/proc/sys/net/bridge/bridge-nf-call-iptables; [ ! -e $f ] || echo "$1" >$f' sh "$1"
}

# machine_down - kill the init, and with it all that runs there; what the cgroups leave behind
machine_down() {
    [ -z "$MACHINE_PID" ] || kill -KILL "$MACHINE_PID" 2>/dev/null
    net_down
    MACHINE_PID=
    # a folder of a process that is just going is busy for a moment
    retry 5 no_cgroups || true
}

no_cgroups() {
    local d status=0

    for d in /sys/fs/cgroup/"$NS_ID" /sys/fs/cgroup/*/"$NS_ID"; do
        [ -d "$d" ] || continue
        find "$d" -depth -type d -exec rmdir {} + 2>/dev/null || status=1
    done
    return "$status"
}
