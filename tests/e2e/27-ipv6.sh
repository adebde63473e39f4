#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# IPv6 and what stands before a segment: extension headers and IPv4 options are refused, fragments are put together
# before the verdict; an outside whose IPv6 is broken, and one that has none.
# shellcheck disable=SC2317 # functions that check calls

. "$(dirname "$0")/../support/e2e.sh"

e2e_begin
web_up && resolver_up || exit 1
A4=203.0.113.10 A6=2001:db8::10
expect_allowed allowed.test $A4 $A6
expect_allowed www.allowed.test 203.0.113.11 2001:db8::11
# what came in pieces leaves in pieces, all but the last of which are declared here: there tshark has the whole, and
# reads the name
expect_out "ip.dst == $A4 and ip.proto == 6 and (ip.flags.mf == 1 or ip.frag_offset > 0) and not tcp"
expect_out "ipv6.dst == $A6 and ipv6.nxt == 44 and ipv6.fraghdr.nxt == 6 and not tcp"
# a client that is slow with the rest of its hello is helped on
expect_released $A4 443 1700
expect_released $A6 443 1700
gw_policy <<'END'
allowed.test
www.allowed.test
END
gw_start || exit 1

tcp() { in_in /usr/bin/python3 "$SUPPORT/rawtcp.py" "$@"; }
never_served() { # COMMAND... - it ran, and was not served
    local text

    text=$("$@")
    echo "$text"
    [ -n "$text" ] && ! grep -qE 'served|asked-again' <<<"$text"
}
short() { in_in dig +short +tries=1 +time=4 "@$GWIN4" "$@"; }
/usr/bin/python3 "$SUPPORT/rawtcp.py" --rules | in_in nft -f - || exit 1
check_has 'AAAA is answered' $A6 short allowed.test AAAA
check_has 'so is A' $A4 short allowed.test
check 'a hello as it should be' tcp $A6 0:allowed.test
if is_plain; then # what leaves by now is enough
    in_in curl -sk -m 3 https://denied.test/ >/dev/null
    e2e_end
fi

# --- what stands before a segment

# sent KIND OPTION VALUE - a socket of that kind with a header in every packet connects and sends; as root, so that it may
sent() {
    in_in timeout 5 /usr/bin/python3 - "$@" <<'PY'
import socket, struct, sys
kind, option, value, address = sys.argv[1], int(sys.argv[2]), bytes.fromhex(sys.argv[3]), sys.argv[4]
s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6 if ":" in address else socket.IPPROTO_IP, option, value)
s.settimeout(3)
s.connect((address, 443))
while s.send(b"hello"):
    s.recv(100)
PY
}
ROUTE=0002040000000000$(printf '20010db8%024x' 16) # type 4, for $A6
for how in "hop-by-hop options:hop:54:0000010400000000:$A6" "destination options:dst:59:0000010400000000:$A6" \
    "a routing header:route:57:$ROUTE:$A6" "IPv4 options:nop:4:01010101:$A4"; do
    IFS=: read -r what name option value address <<<"$how"
    for kind in tcp udp; do
        log_mark
        check_fast "$what, $kind: refused at once" "${FAST_MS:-1000}" sent $kind "$option" "$value" "$address"
        check_log "$what, $kind: logged" event=packet verdict=deny reason=protocol proto=$kind "dst=$address" \
            'detail~extension headers'
    done
    check "$what before a hello with the allowed name: it is not served" never_served \
        tcp "$address" --wait 1 "header:$name" 0:allowed.test
    check "$what before a hello with another: neither" never_served tcp "$address" --wait 1 "header:$name" 0:blocked.test
done

# --- fragments

for address in $A4 $A6; do
    for size in 24 64 1024 -64; do
        check "a hello in fragments of $size bytes to $address is read and served" tcp "$address" "frag:$size" 0:allowed.test
    done
    for size in 24 -64; do
        log_mark
        check "one for another name is not ($size)" never_served tcp "$address" --wait 2 "frag:$size" 0:blocked.test
        check_log 'its name is read' event=tls verdict=deny name=blocked.test "dst=$address"
    done
done
check 'a first fragment that ends before the TCP header does (RFC 8200 §4.5) leads nowhere' never_served \
    tcp $A6 --wait 1 frag:8 0:allowed.test

# --- an outside whose IPv6 is broken: packets go, and nothing comes

in_out nft -f - <<'END'
table ip6 broken {
    chain input { type filter hook input priority 0; ip6 daddr 2001:db8::11 tcp dport 443 counter drop; }
}
END
was_tried() { ! in_out nft list chain ip6 broken input | grep -q 'packets 0 '; }
falls_back() { # the promise is a time, and the machine may have other things to do: three tries
    local answer

    for _ in 1 2 3; do
        answer=$(in_in curl -sS -m 10 -o /dev/null -w '%{remote_ip} %{time_total}' https://www.allowed.test/) && echo "$answer"
        [[ $answer =~ ^203\.0\.113\.11\ 0\. ]] && return
    done
    return 1
}
check 'a client with both takes IPv4 in under a second' falls_back
note "$(tail -n 1 <<<"$OUT")"
check 'after it had tried IPv6' was_tried

# --- one that has none

gw_stop
ip -n "$NS_GW" addr del "$GWOUT6/64" dev gwout
gw_start || exit 1
check_has 'without IPv6 outside AAAA is empty' 'status: NOERROR' in_in dig +tries=1 +time=4 "@$GWIN4" www.allowed.test AAAA
check_has 'without a record' 'ANSWER: 0' echo "$OUT"
check 'and a client is there at once' falls_back
note "$(tail -n 1 <<<"$OUT")"
e2e_end
