#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The container engine's resolver at 127.0.0.11 as upstream: it listens in the gateway's namespace behind a NAT
# rule, and asks from there, as root. Only while it is an upstream may root ask anybody.
# shellcheck disable=SC2317 # functions that check calls

. "$(dirname "$0")/../support/e2e.sh"

e2e_begin
web_up && resolver_up || exit 1
expect_allowed allowed.test 203.0.113.10 2001:db8::10
expect_dns other.test
gw_policy <<<'allowed.test'

# what the engine does in a container
ip -n "$NS_GW" addr add 127.0.0.11/8 dev lo
in_gw nft -f - <<'END'
table ip docker {
    chain out {
        type nat hook output priority -100
        ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:33333
        ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:33334
    }
    chain back {
        type nat hook postrouting priority 100
        ip saddr 127.0.0.11 udp sport 33333 snat to :53
        ip saddr 127.0.0.11 tcp sport 33334 snat to :53
    }
}
END
spawn "$NS_GW" /usr/bin/python3 -c 'import socket, sys, threading
tcp = socket.create_server(("127.0.0.11", 33334))
threading.Thread(target=lambda: [tcp.accept()[0].close() for _ in iter(int, 1)], daemon=True).start()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.11", 33333))
print("ready", flush=True)
while True:
    question, client = s.recvfrom(4096)
    up = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    up.settimeout(2)
    try:
        up.sendto(question, (sys.argv[1], 53))
        s.sendto(up.recv(4096), client)
    except OSError as e:
        print(e, flush=True)
    up.close()' "$RESOLVER" >"$T/engine.log"
retry 10 grep -q ready "$T/engine.log" || exit 1
echo 'nameserver 127.0.0.11' >"$T/resolv.conf"
export PLAIN_UPSTREAM=$RESOLVER
gw_conf "dns.upstream = $T/resolv.conf"
gw_start || exit 1

check_has 'a name is resolved through it' 'served-name: allowed.test' in_in curl -sS -m 10 https://allowed.test/
fwd_check() { in_gw "$BUILD/fwd" check --config "$T/policy/gateway.conf"; }
is_plain || check 'the kernel has the rules that are wished for' fwd_check
root_asks() { in_gw dig +noedns +short +tries=1 +time=1 "@$RESOLVER" other.test | grep -q '^203'; }
check 'root may ask, for it does' root_asks
check_fast 'another user may not' 8000 in_gw setpriv --reuid 1000 --clear-groups dig +noedns +short +tries=1 +time=1 "@$RESOLVER" denied.test

echo "nameserver $RESOLVER" >"$T/resolv.conf"
closed() { ! root_asks; }
is_plain || check 'with another upstream root may not' retry 10 closed
is_plain || check 'and the rules say so' fwd_check
check_has 'names are resolved' 'served-name: allowed.test' in_in curl -sS -m 10 https://allowed.test/
in_in curl -sk -m 3 https://203.0.113.66/ >/dev/null
e2e_end
