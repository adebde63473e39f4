#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What an agent behind a link cannot do: reach neighbours, the other agent, the gateway itself, Docker's
# resolver; send from an address that is not its own; make VXLAN frames. And what the gateway takes from
# nobody, when a link has no lock.
# shellcheck disable=SC2317 # functions that check calls

. "$(dirname "$0")/../support/e2e.sh"
. "$(dirname "$0")/../support/tunnel.sh"

FAST=${FAST_MS:-3000} # for what fails at once

e2e_begin
web_up && resolver_up && tunnel_net_up || exit 1
expect_allowed allowed.test 203.0.113.10 2001:db8::10
gw_policy <<<'allowed.test'
gw_start || exit 1
link_start "$NS_A" "$INNER_A" "$INNER_A6" && link_start "$NS_B" "$INNER_B" "$INNER_B6" || exit 1
attach_a >/dev/null && attach_b >/dev/null || exit 1
underlay_capture || exit 1

# listeners that nobody must reach: the neighbour, the other agent, and one where Docker's resolver would be
listen() { # NAMESPACE ADDRESS PORT FILE
    spawn "$1" /usr/bin/python3 -c 'import socket, sys, threading
def udp():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((sys.argv[1], int(sys.argv[2])))
    while True:
        print("udp", s.recvfrom(2000), flush=True)
threading.Thread(target=udp, daemon=True).start()
s = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("ready", flush=True)
while True:
    print("tcp", s.accept()[1], flush=True)' "$2" "$3" >"$T/$4"
    retry 10 grep -q ready "$T/$4"
}
listen "$NS_SW" "$NEIGHBOUR" 8080 got.neighbour || exit 1
listen "$NS_B" 0.0.0.0 8080 got.other || exit 1
listen "$NS_GW" 0.0.0.0 8080 got.gateway || exit 1
ip -n "$NS_A" addr add 127.0.0.11/8 dev lo
listen "$NS_A" 127.0.0.11 33333 got.resolver || exit 1
root_a nft -f - <<'END'
table ip docker {
    chain out {
        type nat hook output priority -100
        ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:33333
        ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:33333
    }
}
END

check_has 'the allowed name works' 'served-name: allowed.test' in_a curl -sS -m 10 https://allowed.test/

say() { /usr/bin/python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.9)
s.connect((sys.argv[1], int(sys.argv[2])))
s.send(b"hello")
s.send(b"again")
s.recv(100)' "$@"; }
export -f say
udp() { in_a bash -c "say $1 $2"; }
# ends by itself, too late for check_fast: with plain forwarding nobody refuses
tcp() { in_a timeout "$((FAST / 1000 + 2))" bash -c "exec 3<>/dev/tcp/$1/$2"; }

for to in "a neighbour:$NEIGHBOUR" "the gateway's outer address:$GWIN4" "the other agent's outer address:$OUTER_B" \
    "the other agent:$INNER_B" "the gateway's inner address:$ROUTER4" 'the metadata address:169.254.169.254'; do
    check_fast "${to%%:*} by TCP" "$FAST" tcp "${to#*:}" 8080
    check_fast "${to%%:*} by UDP" "$FAST" udp "${to#*:}" 8080
done
check_fast "Docker's resolver by TCP" "$FAST" tcp 127.0.0.11 53
check_fast "Docker's resolver by UDP" "$FAST" udp 127.0.0.11 53
check_fast 'and past its NAT' "$FAST" tcp 127.0.0.11 33333
check_fast 'by UDP too' "$FAST" udp 127.0.0.11 33333
check_log 'the log names the other agent' verdict=deny agent=alpha "dst=$INNER_B"
check_log 'and the gateway' verdict=deny agent=alpha "dst=$ROUTER4" dport=8080
check_fast 'an address outside' "$FAST" tcp 203.0.113.66 443
for file in neighbour other gateway resolver; do
    OUT=$(grep -v ready "$T/got.$file")
    [ -z "$OUT" ]
    result $? "nothing reached the $file"
done

# --- by hand

mac() { printf '02:53:%02x:%02x:%02x:%02x' "${1%%.*}" "$(cut -d. -f2 <<<"$1")" "$(cut -d. -f3 <<<"$1")" "${1##*.}"; }
in_a /usr/bin/python3 "$SUPPORT/forge.py" "$GWIN4" $OUTER_A "$(mac $ROUTER4)" "$(mac $INNER_A)" $INNER_A $INNER_B 203.0.113.66 >"$T/forged"
OUT=$(wc -l <"$T/forged")
[ "$OUT" -gt 400 ]
result $? 'frames were made by hand, from every socket'
OUT=$(grep -c 'Operation not permitted' "$T/forged") # what the kernel would have sent
[ "$OUT" -gt 20 ]
result $? 'and the rules met some of them'
check_has 'route changes are refused' 'not permitted' bash -c "! ip netns exec $NS_A setpriv --reuid 1000 --clear-groups \
    --bounding-set -all ip route add 203.0.113.0/24 dev un0 2>&1"
check_has 'and rules' 'not permitted' bash -c "! ip netns exec $NS_A setpriv --reuid 1000 --clear-groups \
    --bounding-set -all nft flush ruleset 2>&1"
check 'only the tunnel, and ARP for the gateway, are on the underlay' underlay_is_clean
OUT=$(grep -ac FORGED "$T/under.pcap")
[ "$OUT" = 0 ]
result $? 'none of what was made by hand is'

# --- the gateway by itself: the first agent has no lock any more

if ! is_plain; then
    spoofed() { # SENTENCE SOURCE: root sends through sec0 from that address
        log_mark
        root_a /usr/bin/python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(*((socket.SOL_IP, 19, 1) if ":" not in sys.argv[1] else (socket.IPPROTO_IPV6, 75, 1))) # transparent
s.bind((sys.argv[1], 0))
s.sendto(b"FORGED", ("2001:db8::66" if ":" in sys.argv[1] else "203.0.113.66", int(sys.argv[2])))' "$2" "$3"
        check_log "$1: dropped and logged" verdict=deny reason=spoofed "src=$2"
    }
    root_a nft flush ruleset
    spoofed "without a lock, the other agent's address" $INNER_B 9999
    spoofed 'to port 53 too' $INNER_B 53
    spoofed "the other agent's IPv6 address" $INNER_B6 9999
    spoofed 'an address of nobody' 198.18.5.77 9999
    mac_is() { # a change of the device's forgets its neighbours
        ip -n "$NS_A" link set sec0 address "$(mac "$1")" &&
            ip -n "$NS_A" neigh replace $ROUTER4 lladdr "$(mac $ROUTER4)" dev sec0 nud permanent
    }
    mac_is $INNER_B
    spoofed "the other agent's MAC and address" $INNER_B 9999
    spoofed "the own address with the other's MAC" $INNER_A 9999
    mac_is $INNER_A
    # into a connection of the other agent, which the kernel may have in its flowtable
    : >"$T/big"
    chmod 666 "$T/big"
    in_b curl -4 -sS -m 120 -o "$T/big" --local-port 45000 --limit-rate 500K https://allowed.test/big >"$T/big.log" 2>&1 &
    big=$!
    retry 20 test -s "$T/big"
    log_mark
    root_a /usr/bin/python3 -c 'import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
payload = b"FORGED into it"
tcp = struct.pack("!HHIIBBHHH", 45000, 443, 1, 1, 0x50, 0x18, 500, 0, 0) + payload
pseudo = socket.inet_aton(sys.argv[1]) + socket.inet_aton(sys.argv[2]) + struct.pack("!HH", 6, len(tcp))
total = sum(struct.unpack("!%dH" % ((len(pseudo) + len(tcp)) // 2), pseudo + tcp))
while total >> 16: total = (total & 0xffff) + (total >> 16)
tcp = tcp[:16] + struct.pack("!H", ~total & 0xffff) + tcp[18:]
head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 7, 0, 64, 6, 0, *map(socket.inet_aton, sys.argv[1:3]))
s.sendto(head + tcp, (sys.argv[2], 0))' $INNER_B 203.0.113.10
    check_log "a segment for the other agent's connection is dropped and logged" verdict=deny reason=spoofed \
        "src=$INNER_B" sport=45000
    OUT=$(cat "$T/big.log")
    is_running "$big"
    result $? 'which goes on'
    kill "$big" 2>/dev/null
    outer=$(in_gw nft list chain inet secctl outer | grep -c 'counter packets 0')
    root_a ip addr add 198.18.0.77/24 dev un0
    root_a /usr/bin/python3 "$SUPPORT/forge.py" "$GWIN4" $OUTER_A "$(mac $ROUTER4)" "$(mac $INNER_A)" $INNER_A $INNER_B 203.0.113.66 >/dev/null
    root_a ip link set sec0 down # its port is free now
    root_a /usr/bin/python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("198.18.0.77", 4789))
s.sendto(bytes.fromhex("08000000001d7b00") + b"\xff" * 60, (sys.argv[1], 4789))' "$GWIN4"
    counted() { [ "$(in_gw nft list chain inet secctl outer | grep -c 'counter packets 0')" -lt "$outer" ]; }
    check 'frames from an outer address of no link are dropped and counted' retry 5 counted
    check_has 'the other agent works all the same' 'served-name: allowed.test' in_b curl -sS -m 10 https://allowed.test/
fi
in_a curl -sk -m 3 https://203.0.113.66/ >/dev/null
capture_stop
OUT=$(grep -ac FORGED "$T/out.pcap")
[ "$OUT" = 0 ]
result $? 'nothing that was forged left the gateway'
e2e_end
