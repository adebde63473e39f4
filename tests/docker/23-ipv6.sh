#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# IPv6 for agents: where the outside has it, AAAA is answered, an allowed name is reached over it, and nothing else is,
# whatever an agent's programs try; without it AAAA gets an empty answer. ENGINE: sid (the default), whose engine
# masquerades IPv6 by itself, or system, which has to be told to.

export ENGINE=${ENGINE:-sid} EXTERNAL_IPV6=auto
. "$(dirname "$0")/../support/attacks.sh"

stack_begin <<'POLICY'
www.allowed.test
POLICY
expect_allowed www.allowed.test 203.0.113.11 2001:db8::11

ROUTER6=fd73:6563:ad5:4d00::1 INNER_A6=fd73:6563:ad5:4d00::3 INNER_B6=fd73:6563:ad5:4d00::4
BRIDGE6=fd73:6563:ad5:4d01::1

run() { secctl run "$@" </dev/null; }
short() { agent dig +short +tries=1 +time=5 "$@"; }
# setting VALUE - EXTERNAL_IPV6 in .env
setting() {
    sed -i "s/^EXTERNAL_IPV6=.*/EXTERNAL_IPV6=$1/" "$STACK_HOME/.env"
    export EXTERNAL_IPV6=$1
}
# says_why TEXT - status and doctor; the latter has other things to find too
says_why() {
    check_has "status says \"$1\"" "$1" sh_or 3 secctl status
    check_has 'doctor too' "$1" sh_or 3 secctl doctor
}
sh_or() { # STATUS COMMAND... - that status is fine as well
    local status

    "${@:2}"
    status=$?
    [ "$status" -eq 0 ] || [ "$status" -eq "$1" ]
}
# empty_and_fast - run in an agent: AAAA exists and is empty, and curl is there at once
# shellcheck disable=SC2016 # the container's shell
EMPTY_AND_FAST='dig AAAA www.allowed.test | grep "NOERROR" && [ -z "$(dig +short AAAA www.allowed.test | grep :)" ] &&
    curl -sS -m 10 -o /dev/null -w "%{remote_ip} %{time_total}\n" https://www.allowed.test/'
ipv4_at_once() {
    local answer

    answer=$(run -- bash -c "$EMPTY_AND_FAST") || return 1
    tail -n 1 <<<"$answer"
    [[ $(tail -n 1 <<<"$answer") =~ ^203\.0\.113\.11\ 0\. ]]
}

if [ "$ENGINE" = system ]; then
    check 'where the engine does not masquerade IPv6, AAAA is empty and IPv4 is taken at once' ipv4_at_once
    says_why 'the engine does not masquerade IPv6: before Docker 27 it needs "experimental" and "ip6tables" in'
    secctl stop >/dev/null 2>&1
    engine_stop TERM
    engine_start --ip-forward=true --experimental --ip6tables
    setting on
fi

attacks_up
EXTERNAL6=$(docker inspect --format '{{(index .NetworkSettings.Networks "proxy-external").GlobalIPv6Address}}' claude-secure-gateway-1)

# --- what works

check_has 'AAAA is answered' 2001:db8::11 short AAAA www.allowed.test
six() { agent curl -6 -sS -m 20 "$@"; }
check_has 'an allowed name is reached over IPv6' 'addr: 2001:db8::11' six https://www.allowed.test/
check_log 'and logged' event=tls verdict=allow agent=claude name=www.allowed.test dst=2001:db8::11 "src=$INNER_A6"
check_has 'by the other agent too' 'served-name: www.allowed.test' docker exec "$AGENT_B" curl -6 -sS -m 20 https://www.allowed.test/
check_log 'as itself' event=tls verdict=allow agent=other "src=$INNER_B6"
check_denied 'a name off the list' 'agent=claude event=dns name=denied.test' six https://denied.test/
check_denied 'an address that no name led to' 'agent=claude dst=2001:db8::66 dport=443' \
    six -k --resolve www.allowed.test:443:2001:db8::66 https://www.allowed.test/
check_denied "a denied name at the allowed one's address" 'agent=claude event=tls name=denied.test' \
    six -k --resolve denied.test:443:2001:db8::11 https://denied.test/
! is_plain || e2e_end # that has left by now is enough
if [ "$ENGINE" = system ]; then
    check_has 'status has it' 'ipv6     yes: EXTERNAL_IPV6=on' secctl status
else
    check_has 'status has it' 'ipv6     yes: network proxy-external has it' secctl status
fi
check_has 'the underlay has none' 1 netns_of "$AGENT_A" cat /proc/sys/net/ipv6/conf/eth0/disable_ipv6
sec0_is_plain() { # one address, no router of its own finding
    netns_of "$AGENT_A" ip -6 -o addr show dev sec0 | grep -v "inet6 $INNER_A6/64 " && return 1
    netns_of "$AGENT_A" ip -6 route show default
    [ "$(netns_of "$AGENT_A" ip -6 route show default | cut -d' ' -f1-5)" = "default via $ROUTER6 dev sec0" ]
}
check 'the tunnel has one address and one way' sec0_is_plain

# --- what does not

GLOBAL6="$GWOUT6,$BRIDGE6"
is_plain || log_mark
as_claude part=ipv6 global6="$GLOBAL6" own6="$INNER_A6" other6="$INNER_B6" router6="$ROUTER6" gw_external6="$EXTERNAL6"
for address in ${GLOBAL6/,/ } "$INNER_B6" "$EXTERNAL6" 2001:db8::66; do
    logged_attack "TCP to $address" proto=tcp "dst=$address" dport="$LISTEN"
    logged_attack "UDP to $address" proto=udp "dst=$address" dport="$LISTEN"
done
for address in 2001:db8::11 2001:db8::66; do
    logged_attack "a routing header to $address" reason=protocol proto=tcp "dst=$address" 'detail~extension headers'
    logged_attack "the same, UDP" reason=protocol proto=udp "dst=$address" 'detail~extension headers'
done
not_logged 'nothing with a foreign source came to the gateway' reason=spoofed
check_has 'the allowed name works after them' 'addr: 2001:db8::11' six https://www.allowed.test/
[ "$ENGINE" = system ] || neighbour_attacks
OUT=$(tcpdump -n -r "$T/proxy-external.pcap" "ip6 and src host $EXTERNAL6 and not (tcp port 443 and dst host 2001:db8::11) and
    not (icmp6 and ip6[40] >= 135 and ip6[40] <= 136)" 2>/dev/null | head -n 5)
[ -z "$OUT" ]
result $? 'the gateway sends nothing but that over IPv6, to the machine neither'
OUT=$(tcpdump -n -r "$T/proxy-external.pcap" "ip6 and src host $EXTERNAL6 and tcp port 443" 2>/dev/null | wc -l)
[ "$OUT" -gt 10 ]
result $? 'and that it sends by itself'

if [ "$ENGINE" = sid ]; then
    # --- what is there stays while somebody is on it; else the machine decides anew
    ip -n "$NS_GW" -6 route del default
    check 'a gateway that runs stays as it is when the machine loses its IPv6' \
        test "$(docker inspect --format '{{.Id}}' claude-secure-gateway-1)" = "$(run -- true && docker inspect --format '{{.Id}}' claude-secure-gateway-1)"
    check_has 'doctor says what is missing' 'but this machine has no IPv6 way to the internet' sh_or 3 secctl doctor
fi
attacks_end
