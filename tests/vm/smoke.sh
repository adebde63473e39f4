#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The kernel has what the others lack: the native queue expression and flowtables.

HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/../support/tap.sh"
. "$HERE/../support/net.sh"

cleanup() {
    net_down
    rm -rf "$T"
}

queue_rule() { # $1: more flags
    in_gw nft -f - <<END
table inet t
delete table inet t
table inet t {
    chain forward {
        type filter hook forward priority 0; policy accept;
        tcp dport 8080 queue $1 num 13
    }
}
END
}

flowtable() {
    in_gw nft -f - <<END
table inet t
delete table inet t
table inet t {
    flowtable f {
        hook ingress priority 0; devices = { gwin, gwout };
    }
    chain forward {
        type filter hook forward priority 0; policy accept;
        ct state established flow add @f
    }
}
END
}

server_up() {
    mkdir "$T/www"
    head -c 300000 /dev/urandom >"$T/www/blob"
    truncate -s 64M "$T/www/big" # more than all buffers hold
    spawn "$NS_OUT" /usr/bin/python3 -m http.server -b 203.0.113.10 -d "$T/www" 8080 >"$T/http.log" 2>&1
    retry 20 in_out curl -s -o /dev/null http://203.0.113.10:8080/
}

fetch() {
    in_in curl -sS --max-time "$1" -o "$T/got" http://203.0.113.10:8080/blob && cmp "$T/got" "$T/www/blob"
}

offloaded() { # while a transfer runs, conntrack has the flow as taken over by the flowtable
    local status

    ip netns exec "$NS_IN" curl -sS --limit-rate 50k --max-time 20 -o /dev/null http://203.0.113.10:8080/big &
    retry 10 in_gw sh -c 'conntrack -L 2>/dev/null | grep OFFLOAD'
    status=$?
    kill $!
    wait $!
    return "$status"
}

T=$(mktemp -d "${TMPDIR:-/tmp}/secctl-smoke.XXXXXX") || exit 1
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
net_up || exit 1
in_gw sysctl -qw net.ipv4.ip_forward=1 && ip -n "$NS_OUT" route add "$IN4" via "$GWOUT4" || exit 1
check 'a server starts' server_up
check 'curl reaches it through the gateway' fetch 20
note "curl: $MS ms"
check 'the native queue expression loads' queue_rule ''
check_has 'and is listed as such' 'queue to 13' in_gw nft list ruleset
check_fast 'with nobody on the queue, nothing passes' 6000 fetch 3
check 'the same with bypass loads' queue_rule 'flags bypass'
check 'and passes' fetch 20
check 'a flowtable on two interfaces loads' flowtable
check 'a connection passes' fetch 20
check 'and is taken over by the flowtable' offloaded
[ "$TAP_FAILED" -eq 0 ]
