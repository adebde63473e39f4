#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Two agents behind links: each with a list of its own, attached and detached while others work.
# shellcheck disable=SC2317 # functions that check calls

. "$(dirname "$0")/../support/e2e.sh"
. "$(dirname "$0")/../support/tunnel.sh"

e2e_begin
web_up && resolver_up && tunnel_net_up || exit 1
expect_allowed allowed.test 203.0.113.10 2001:db8::10
expect_allowed other.test 203.0.113.12 2001:db8::12
gw_policy <<'END'
allowed.test
END
mkdir -p "$T/policy/agents"
echo other.test >"$T/policy/agents/beta"
gw_start || exit 1

a_fetches() { in_a bash -c "curl -sS -m 10 ${2:-} https://$1/"; }
b_fetches() { in_b bash -c "curl -sS -m 10 ${2:-} https://$1/"; }

# --- before anything is attached

link_start "$NS_A" "$INNER_A" "$INNER_A6"
result $? 'the first link comes up'
LINK_A=$LINK_PID
link_start "$NS_B" "$INNER_B" "$INNER_B6"
result $? 'the second one too'
LINK_B=$LINK_PID
check_fast 'a link that the gateway does not know leads nowhere' 8000 in_a curl -sS -m 2 https://allowed.test/
is_plain || check_has 'resolv.conf names the gateway' "nameserver $ROUTER4" root_a cat /etc/resolv.conf

# --- attached

check_has 'attach answers when it is in force' 'link alpha attached' attach_a
check_has 'the agent reaches a name of the common list at once' 'served-name: allowed.test' a_fetches allowed.test
check_log 'the log names it' event=tls verdict=allow agent=alpha name=allowed.test
check_has 'over IPv6 as well' '2001:db8::10' a_fetches allowed.test -6
check_has 'attached again it stays' 'attached already' attach_a
check 'the second agent is attached' attach_b
check_has 'a name of its own list' 'served-name: other.test' b_fetches other.test
check_log 'as itself' event=tls verdict=allow agent=beta name=other.test
check_denied 'the first one does not get it' 'event=dns agent=alpha reason=name-not-allowed' a_fetches other.test
check_has 'status has both' 'beta 198.18.0.4 198.18.5.4 2001:2:0:5::4' fwd status
check_has 'and is healthy, in JSON too' '"healthy":true' fwd status --json
check 'the kernel has what is wished for' fwd check

fails() { ! "$@"; }
check_has 'another link with an address that is taken is refused' "$INNER_A is link alpha's too" \
    fails fwd attach gamma 198.18.0.5 "$INNER_A"
check_has 'a name that is taken too' 'link alpha is there already, with other addresses' \
    fails fwd attach alpha 198.18.0.5 198.18.5.5
check_has 'and an address outside the tunnel' 'expected one in the network of tunnel.address' \
    fails fwd attach gamma 198.18.0.5 198.18.6.5
check_has "and the gateway's own" "and not the gateway's own" fails fwd attach gamma 198.18.0.5 "$ROUTER4"

# --- one packet of a TLS connection is read in user space

before=$(queued)
in_a curl -sS -m 5 -o /dev/null --resolve allowed.test:443:203.0.113.10 https://allowed.test/
OUT="$(queued) - $before"
[ $((OUT)) -eq 1 ]
result $? 'user space reads one packet of a TLS connection'

# --- others work while links come and go

slow() { in_a curl -sS -m 60 -o /dev/null --limit-rate 4M -w '%{size_download}\n' https://allowed.test/big; }
slow >"$T/slow" 2>&1 &
slow=$!
for _ in 1 2 3 4 5; do
    if ! fwd detach beta >/dev/null || ! attach_b >/dev/null; then
        not_ok 'detach and attach, five times'
    fi
done
check_has 'the agent that comes and goes still works' 'served-name: other.test' b_fetches other.test
wait "$slow"
check_has 'the download of the other one goes on' 33554432 cat "$T/slow"

# --- detached

mkdir -m 777 "$T/part"

in_b curl -sS -m 100 --speed-time 2 --speed-limit 1000 -o "$T/part/big" --limit-rate 300K \
    https://allowed.test/big >"$T/closed" 2>&1 &
slow=$!
retry 10 test -s "$T/part/big"
check 'detach' fwd detach beta
check_log 'is in the log' event=policy 'detail~link beta detached'
if ! is_plain; then
    check_fast 'closes the agent' 8000 in_b curl -sS -m 2 https://allowed.test/
    check_fast 'by its address too' 8000 in_b curl -sS -m 2 --resolve allowed.test:443:203.0.113.10 https://allowed.test/
    wait "$slow"
    OUT="status $?: $(cat "$T/closed")"
    case $OUT in 'status 28'* | 'status 56'*) true ;; *) false ;; esac
    result $? 'and what it was downloading ends'
fi
kill "$slow" 2>/dev/null
check_has 'detached again it stays away' 'not attached' fwd detach beta
check_has 'the other one works' 'served-name: allowed.test' a_fetches allowed.test

# --- what the link's process may do

if ! is_plain; then
    status_of() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$LINK_A/status"; }
    for want in 'CapEff 0000000000000000' 'CapPrm 0000000000000000' 'CapBnd 0000000000000000' 'NoNewPrivs 1'; do
        OUT=$(status_of "${want% *}")
        [ "$OUT" = "${want#* }" ]
        result $? "link: $want"
    done
    OUT=$(status_of Uid)
    [ "$OUT" = "13	13	13	13" ]
    result $? 'link: UID 13'
    stop_pid "$LINK_B"
    check 'SIGTERM ends a link' fails is_running "$LINK_B"
    check_fast 'its namespace stays locked' "${FAST_MS:-3000}" in_b curl -sS -m 2 "http://$NEIGHBOUR/"
    link_start "$NS_B" "$INNER_B" "$INNER_B6"
    result $? 'a link begins again in the same namespace'
    ip -n "$NS_B" link set sec0 address 02:53:00:00:00:01
    check_has 'link --check names what differs' 'the MAC is another one than wanted' fails link_check "$NS_B"
    ip netns exec "$NS_B" ethtool -K sec0 tx-udp-segmentation on
    check_has 'packets that are several datagrams' 'UDP segmentation offload is on' fails link_check "$NS_B"
    ip netns exec "$NS_B" nft flush chain inet secctl last
    check_has 'a rule that is missing too' 'chain last, rule 1 is missing' fails link_check "$NS_B"
    ip -n "$NS_GW" link set sec0 down
    check_has 'status is not healthy without the device' 'sec0: is down' fails fwd status
    ip -n "$NS_GW" link set sec0 up
    bridge -n "$NS_GW" fdb append 02:53:00:00:00:09 dev sec0 dst "$OUTER_B"
    check_has 'check names a frame too many' "frames to $OUTER_B are not wanted" fails fwd check
fi
if ! is_plain; then # the outside has IPv6 all the same
    gw_stop
    GW_OPTIONS=(--set tunnel=vxlan --set "tunnel.address = $ROUTER4/24")
    gw_start && fwd attach alpha "$OUTER_A" "$INNER_A" >/dev/null
    check_has 'a tunnel without IPv6: the name has IPv4' 203.0.113.10 in_a dig +short +tries=1 +time=5 "@$ROUTER4" allowed.test
    check_has 'AAAA is empty' 'status: NOERROR' in_a dig +tries=1 +time=5 "@$ROUTER4" allowed.test AAAA
    check_has 'without a record' 'ANSWER: 0' echo "$OUT"
fi
in_a curl -sk -m 3 https://203.0.113.66/ >/dev/null
e2e_end
