#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# "make start-test": "make start" where there is nothing: a Debian system of its own with git, make and a clean clone,
# no compiler, no Docker. It installs them, starts the engine, builds both images, and runs a command in the
# interactive agent's place behind the gateway. Minutes, and some hundred MB of packages: no part of "make test".
#
# The system is a folder (debootstrap, kept by base-image.sh) that is the root of a machine of its own (machine.sh).
# Packages come through relay.py, which leads to the package mirror and to npm's registry only; there is no image
# registry. What the machine sends otherwise is captured, as in the other end-to-end tests.
#
# SC2317: functions that check and e2e.sh call
# shellcheck disable=SC2317


. "$(dirname "$0")/support/e2e.sh"
. "$(dirname "$0")/support/machine.sh"

SECCTL_CACHE=${SECCTL_CACHE:-/var/cache/secctl-dev}
DEBIAN=$SECCTL_CACHE/run/$NS_ID # its root
RELAYS=198.51.100.2             # the first three numbers and a digit of the addresses of what is relayed
START_MS=1800000

# debian COMMAND... - as root on the machine
debian() {
    nsenter -t "$MACHINE_PID" -n -m -p -r -w env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        HOME=/root LANG=C.UTF-8 CA_FILE=/root/ca.pem "$@" </dev/null
}

# debian_init - becomes the first process of the machine. Its root is that of its mount namespace: runc enters those
# of containers, and would leave a chroot by it
debian_init() {
    mount --bind "$DEBIAN" "$DEBIAN" && mount -t proc proc "$DEBIAN/proc" && mount --rbind /sys "$DEBIAN/sys" &&
        mount --rbind /dev "$DEBIAN/dev" && mount -t tmpfs -o mode=755 tmpfs "$DEBIAN/run" && mkdir -p "$DEBIAN/run/lock" &&
        cd "$DEBIAN" && : >"$T/machine/ready" && pivot_root . mnt || exit 1
    # shellcheck disable=SC2016 # the inner shell's
    exec chroot . /bin/bash -c 'umount -l /mnt; while :; do sleep 3600 & wait $!; done' </dev/null >/dev/null 2>&1
}

debian_boot() {
    export T DEBIAN
    nsenter --net="/run/netns/$NS_GW" unshare --mount --pid --fork --propagation private --kill-child=KILL \
        bash -c "$(declare -f debian_init); debian_init" </dev/null >"$T/machine/log" 2>&1 &
    PIDS+=($!)
    retry 10 test -e "$T/machine/ready" || {
        cat "$T/machine/log" >&2
        return 1
    }
    MACHINE_PID=$(pgrep -P "${PIDS[-1]}" | head -n 1)
}

# debian_root - what somebody has who has installed Debian, git and make
debian_root() {
    local tar

    tar=$SECCTL_CACHE/base-bookworm-$(dpkg --print-architecture).tar
    mkdir -p "$DEBIAN" "$T/machine"
    "$ROOT/compose/base-image.sh" --tar "$tar" && tar -C "$DEBIAN" --numeric-owner --xattrs -xf "$tar" || return 1
    rm -f "$DEBIAN/usr/sbin/policy-rc.d" # an image's: services start here
    echo debian >"$DEBIAN/etc/hostname"
    printf '127.0.0.1 localhost debian %s\n' "$(hostname)" >"$DEBIAN/etc/hosts"
    echo "nameserver $RESOLVER" >"$DEBIAN/etc/resolv.conf"
    mkdir -p "$DEBIAN/etc/docker" # its containers' cgroups are to be found
    echo "{\"cgroup-parent\": \"/$NS_ID\", \"exec-opts\": [\"native.cgroupdriver=cgroupfs\"]}" >"$DEBIAN/etc/docker/daemon.json"
}

# relays_up - the hosts that packages come from, each at an address of the test's internet
relays_up() {
    local host hosts port registry ways=() n=0

    registry=$(npm config get registry) || return 1
    mapfile -t hosts < <({
        grep -oE 'https?://[^/ ]+' "$DEBIAN/etc/apt/sources.list"
        echo "$registry"
    } | sed 's|^https*://||; s|/.*||' | sort -u)
    RESOLVER_MORE=$(printf '    local-zone: "%s." static\n' org com net io)
    for host in "${hosts[@]}"; do
        RESOLVER_MORE+=$'\n'"    local-data: \"$host. 60 IN A $RELAYS$n\""
        for port in 80 443; do ways+=("$RELAYS$n:$port=$host:$port"); done
        expect_out "ip.dst == $RELAYS$n && (tcp.port == 80 || tcp.port == 443)"
        n=$((n + 1))
    done
    expect_out "ip.dst == $RESOLVER && dns"
    python3 "$SUPPORT/relay.py" "/run/netns/$NS_OUT" "${ways[@]}" >"$T/relay.log" 2>&1 &
    PIDS+=($!)
    retry 10 grep -qs ready "$T/relay.log"
    note "packages come from ${hosts[*]}"
}

start_up() { net_etc && machine_links && net_resolvers && debian_root && debian_boot; }
start_down() {
    machine_down
    rm -rf "$DEBIAN"
}

# clean_clone - of what is committed
clean_clone() {
    git clone -q --bare --no-hardlinks "$ROOT" "$DEBIAN/srv/secctl.git" && debian git clone -q /srv/secctl.git /root/secctl &&
        cat "$T/ca.crt" /etc/ssl/certs/ca-certificates.crt >"$DEBIAN/root/ca.pem" &&
        echo www.allowed.test >>"$DEBIAN/root/secctl/compose/policy/allowlist"
}

# make_start COMMAND
make_start() {
    debian timeout "$((START_MS / 1000))" make -C /root/secctl --no-print-directory start CMD="$1" >"$T/start.out" 2>&1
    local status=$?

    cat "$T/start.out"
    return "$status"
}
said() { grep -F "$1" "$T/start.out"; }
absent() { ! debian sh -c "command -v $1"; }

[ "$(id -u)" -eq 0 ] || {
    echo 'start-test: needs root: it makes a machine' >&2
    exit 1
}
E2E_UP=start_up E2E_DOWN=start_down
e2e_begin
relays_up && web_up && resolver_up || exit 1
expect_allowed www.allowed.test 203.0.113.11
check 'git and make can be installed' debian sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends git make'
note "$MS ms"
check 'a clean clone' clean_clone
for program in cc dockerd docker debootstrap; do check "there is no $program" absent $program; done

FETCH='id -un; curl -sS -m 20 https://www.allowed.test/'
check_has 'make start installs, builds, starts, and runs the command behind the gateway' 'served-name: www.allowed.test' make_start "$FETCH"
note "$((MS / 1000)) s"
tail -n 40 "$T/start.out" >"$T/last"
for line in 'deps: installing ' 'start: building the programs' 'the base image is made with debootstrap' \
    'images: building claude-secure-gateway:latest' 'images: building claude-secure-claude:latest' 'secctl: starting the gateway'; do
    check "it said: $line" said "$line"
done
for program in cc dockerd docker debootstrap; do check "there is a $program now" debian sh -c "command -v $program"; done
check_fast 'what is not allowed fails' "$START_MS" make_start 'exec curl -sS -m 20 https://denied.test/'
check_has 'the agent is Claude Code' '(Claude Code)' make_start 'claude --version'
note "$((MS / 1000)) s"
check 'secctl finds all as asked' debian /root/secctl/build/secctl status

# shellcheck disable=SC2016 # the inner shell's
engine_stop() { debian sh -c 'kill $(cat /run/docker.pid) && while [ -e /run/docker.pid ]; do sleep 0.2; done'; }
engine_stop
check_has 'with the engine stopped it is started' 'served-name: www.allowed.test' make_start "$FETCH"
check 'it said so' said 'start: starting the Docker engine'
check 'the stack goes down' debian /root/secctl/build/secctl stop
engine_stop
e2e_end
