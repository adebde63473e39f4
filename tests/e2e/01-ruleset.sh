#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The ruleset: what is loaded is what is wanted, "fwd check" finds everything that is not, a stopped
# gateway is closed.
# shellcheck disable=SC2317 # functions that check calls

. "$(dirname "$0")/../support/e2e.sh"
e2e_begin

CONF=$T/policy/gateway.conf
fwd() { in_gw "$BUILD/fwd" "$@"; }
nft() { in_gw nft "$@"; }

# handle CHAIN TEXT - of the first rule in CHAIN that has TEXT
handle() { nft -a list chain inet secctl "$1" 2>/dev/null | grep -F -- "$2" | sed -n '1s/.*# handle //p'; }

# differs SENTENCE TEXT - fwd check exits 3 and names it
differs() {
    local status

    OUT=$(fwd check --config "$CONF" 2>&1)
    status=$?
    [ "$status" -eq 3 ] && case $OUT in *"$2"*) true ;; *) false ;; esac
    result $? "fwd check names $1"
}

# tampered SENTENCE TEXT NFT-COMMAND... - in a fresh ruleset
tampered() {
    local sentence=$1 text=$2

    shift 2
    gw_stop
    gw_start || return
    OUT=$(nft "$@" 2>&1) || {
        not_ok "nft $*: $OUT"
        return
    }
    differs "$sentence" "$text"
}

gw_policy <<<'allowed.test'
if is_plain; then
    gw_start
    in_in ping -c 1 -W 1 "$OUT4" >/dev/null # nothing is expected to leave: the capture must see this
    e2e_end
fi

gw_conf
check_has 'fwd show prints the ruleset' 'chain commit' fwd show --config "$CONF"
differs 'a missing table' 'table inet secctl is missing'
gw_start
check_has 'the ruleset in force is the one that is wanted' 'is the one that is wanted' \
    fwd check --config "$CONF"
check 'forwarding of IPv4 is on' in_gw grep -qx 1 /proc/sys/net/ipv4/ip_forward
check 'forwarding of IPv6 is on' in_gw grep -qx 1 /proc/sys/net/ipv6/conf/all/forwarding
check 'conntrack wants to see the first packet' in_gw grep -qx 0 /proc/sys/net/netfilter/nf_conntrack_tcp_loose
check_fast 'a second gateway in the same place is refused' 2000 fwd gateway --config "$CONF"

nft delete table inet secctl
differs 'a deleted table' 'table inet secctl is missing'
tampered 'a rule added in front' 'chain commit, rule 1 is not wanted' insert rule inet secctl commit accept
tampered 'a rule added at the end' 'chain commit, rule 10 is not wanted' add rule inet secctl commit counter
tampered 'a policy that was changed' 'chain commit: policy accept, wanted drop' \
    'chain inet secctl commit { policy accept; }'
tampered 'a chain that was added' 'chain early is not wanted' \
    'add chain inet secctl early { type filter hook forward priority -1; }'
tampered 'a set that was added' 'set more is not wanted' 'add set inet secctl more { type ipv4_addr; }'
tampered 'a chain that was emptied' 'chain ask, rule 3 is missing' flush chain inet secctl ask

gw_stop && gw_start
nft delete rule inet secctl decide handle "$(handle decide 'goto outbound')"
differs 'a rule that was removed' 'chain decide, rule 4 is missing: iif "gwin" oif "gwout" goto outbound'
gw_stop && gw_start
nft replace rule inet secctl decide handle "$(handle decide 'invalid')" ct state invalid counter accept
differs 'a rule that was edited' 'chain decide, rule 2 is another one'
gw_stop && gw_start
nft delete rule inet secctl decide handle "$(handle decide 'goto inbound')"
nft insert rule inet secctl decide iif gwout oif gwin goto inbound
differs 'rules in another order' 'chain decide, rule 1 is not wanted'

gw_stop && gw_start
nft add table ip other
nft 'add chain ip other watch { type filter hook forward priority -5; }'
check_has 'another table that sees forwarded packets is noted' 'note: chain watch of table other' \
    fwd check --config "$CONF"
nft delete table ip other

gw_stop
check 'a stopped gateway does not forward' in_gw grep -qx 0 /proc/sys/net/ipv4/ip_forward
in_gw sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
check_fast 'and lets nothing through when somebody else switches forwarding on' 3000 \
    in_in ping -c 1 -W 1 "$OUT4"
differs 'a stopped gateway' 'chain decide is missing'

# --- an interface is taken away

ended() { ! is_running "$GW_PID"; }
gw_start
check 'the gateway runs again' in_gw grep -qx 1 /proc/sys/net/ipv4/ip_forward
ip -n "$NS_GW" link del gwin
check 'it ends when an interface is taken away' retry 10 ended
wait "$GW_PID" 2>/dev/null
result $(($? != 1)) 'with status 1'
GW_PID=
check_has 'and says which' 'fwd: interface gwin (index ' grep -a 'is gone' "$T/fwd.err"
check_log 'so does the log' event=stop 'detail~^gwin is gone'
check 'it leaves forwarding off' in_gw grep -qx 0 /proc/sys/net/ipv4/ip_forward
e2e_end
