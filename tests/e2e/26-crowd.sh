#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# An agent opens more connections than its share of the kernel's table: it gets no new ones, another agent does.
# The share is an eighth of nf_conntrack_max, which is one number for the whole machine: SHARE is what it comes to.
# shellcheck disable=SC2317 # functions that check calls

. "$(dirname "$0")/../support/e2e.sh"

OTHER4=198.18.0.3

e2e_begin
ip -n "$NS_IN" addr add "$OTHER4/24" dev in0 || exit 1
web_up && resolver_up || exit 1
expect_allowed allowed.test 203.0.113.10 2001:db8::10
printf '%s\n' allowed.test '203.0.113.128/25 udp/7000' | gw_policy
expect_out 'ip.dst==203.0.113.128/25 && udp.dstport==7000'
gw_conf "agent.alpha = $IN4" "agent.beta = $OTHER4"
gw_start || exit 1
max=$(cat /proc/sys/net/netfilter/nf_conntrack_max 2>/dev/null || in_gw cat /proc/sys/net/netfilter/nf_conntrack_max)
SHARE=$((max / 8))

raw() { in_in /usr/bin/python3 "$SUPPORT/rawtls.py" --wait 2 "$@"; }
# datagrams COUNT PORT - each a UDP flow of its own, from the first agent's ports from PORT on
datagrams() {
    in_in /usr/bin/python3 -c '
import socket, sys
left, first = int(sys.argv[1]), int(sys.argv[3])
for port in range(first, first + -(-left // 120)):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((sys.argv[2], port))
    for n in range(min(left, 120)):
        try:
            s.sendto(b"x", ("203.0.113.%d" % (130 + n), 7000))
        except OSError:
            pass
    left -= 120
    s.close()' "$1" "$IN4" "$2"
}
dig_as() { in_in dig -b "$1" +short +time=2 +tries=2 "$2" | grep '^203'; }
entries() { in_gw cat /proc/sys/net/netfilter/nf_conntrack_count; }
crowd() { # until the log says that there are too many
    local n

    for ((n = 0; n < 12; n++)); do
        datagrams "$((SHARE / 4))" $((20000 + n * 1000))
        [ "$n" -lt 4 ] || { LOG_WAIT=3 log_has agent=alpha reason=held-limit 'detail~connections at once' && return; }
    done
    return 1
}
served() { raw --source "$1" 203.0.113.10 allowed.test | grep -q served; }

check 'the first agent works' dig_as "$IN4" allowed.test
check 'so does the other' dig_as "$OTHER4" allowed.test
check 'by TLS' raw --source "$IN4" 203.0.113.10 allowed.test
if is_plain; then
    raw 203.0.113.10 denied.test >/dev/null
    e2e_end
fi

head -c 1500000 "$T/www/big" >"$T/www/part"
ip netns exec "$NS_IN" curl -sSk -m 60 --interface "$IN4" --limit-rate 200k https://allowed.test/slow/part -o "$T/got" 2>"$T/got.err" &
download=$!
retry 5 test -s "$T/got"
begin=$(now_ms)
check 'too many connections are seen, and said so' crowd
note "$(entries) of $max, after $(($(now_ms) - begin)) ms"
check 'the table has room left' test "$(entries)" -lt $((max / 2))
check_denied 'a new connection of that agent' 'agent=alpha reason=held-limit dport=443' served "$IN4"
check 'the other one gets new ones' served "$OTHER4"
check 'and answers' dig_as "$OTHER4" allowed.test
wait "$download"
check 'a connection that it had goes on' cmp "$T/got" "$T/www/part"
in_gw conntrack -D -p udp >"$T/ct.log" 2>&1
check 'with fewer connections it gets new ones again' retry 15 served "$IN4"
e2e_end
