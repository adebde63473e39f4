#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What each process may do, read from /proc while it works.
# shellcheck disable=SC2317 # functions that check calls

. "$(dirname "$0")/../support/e2e.sh"

e2e_begin
web_up && resolver_up || exit 1
expect_allowed allowed.test 203.0.113.10 2001:db8::10
gw_policy <<<'allowed.test'
gw_start || exit 1
check 'the gateway works' in_in curl -sS -m 5 https://allowed.test/
in_in curl -sSk -m 5 --resolve denied.test:443:203.0.113.10 https://denied.test/ >/dev/null 2>&1

pid_of() {
    local pid

    for pid in $(ip netns pids "$NS_GW"); do
        [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != "$1" ] || echo "$pid"
    done | head -n 1
}
status_of() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }

# is PROCESS FIELD VALUE - of its /proc status
is() {
    OUT=$(status_of "$PID" "$2")
    [ "$OUT" = "$3" ]
    result $? "$1: $2 is $3"
}
# fd_targets PID - what its descriptors are, but for standard error, which this script has put into a file
fd_targets() { find "/proc/$1/fd" -type l -printf '%l\n' | grep -vxF "$T/fwd.err"; }
tcp_sockets() { # sockets of a process by inode, that are network ones
    local inode

    for inode in $(fd_targets "$1" | sed -n 's/^socket:\[\([0-9]*\)\]$/\1/p'); do
        grep -hs " $inode " "/proc/$1/net/"{tcp,tcp6,udp,udp6,raw,raw6,packet} && echo "inode $inode"
    done
}

NONE=0000000000000000 NET_ADMIN=0000000000001000
if is_plain; then
    in_in curl -sk -m 3 https://203.0.113.66/ >/dev/null
    e2e_end
fi

for name in sni-packets sni-inspector sni-dns; do
    PID=$(pid_of "$name")
    check "$name runs" test -n "$PID"
    [ -n "$PID" ] || continue
    case $name in
    sni-packets) caps=$NET_ADMIN ;;
    *) caps=$NONE ;;
    esac
    for field in CapEff CapPrm; do is "$name" "$field" "$caps"; done
    for field in CapInh CapAmb; do is "$name" "$field" "$NONE"; done
    is "$name" CapBnd "$NONE"
    is "$name" Uid "13	13	13	13"
    is "$name" Gid "13	13	13	13"
    is "$name" NoNewPrivs 1
    is "$name" Seccomp 2
    check "$name: has no supplementary groups" test -z "$(status_of "$PID" Groups | tr -d ' ')"
done

PID=$(pid_of sni-inspector)
fds=$(fd_targets "$PID")
OUT=$fds
! grep -q '^socket:' <<<"$fds"
result $? 'sni-inspector: has no socket'
! grep -qE "^/(etc|root|home|proc|sys)|$T" <<<"$fds"
result $? 'sni-inspector: has no file open'

PID=$(pid_of sni-dns)
OUT=$(fd_targets "$PID")
! grep -qE "$T" <<<"$OUT"
result $? 'sni-dns: has no file of the gateway open'

PID=$GW_PID
OUT=$(status_of "$PID" CapEff)
# NET_ADMIN, SETUID, SETGID, SETPCAP
[ "$OUT" = 00000000000011c0 ]
result $? 'fwd: does with the four capabilities that its container leaves it'
is fwd NoNewPrivs 1

PID=$(pid_of sni-packets)
OUT=$(tcp_sockets "$PID")
check 'sni-packets: has netlink to the kernel' grep -q . "/proc/$PID/net/netfilter/nfnetlink_queue"

check 'the gateway works still' in_in curl -sS -m 5 https://allowed.test/
e2e_end
