#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The gateway is stopped, killed, replaced while a link stays: the agent is closed meanwhile, and open to the
# same names after, by the addresses that it was given before.
# shellcheck disable=SC2317 # functions that check calls

. "$(dirname "$0")/../support/e2e.sh"
. "$(dirname "$0")/../support/tunnel.sh"

e2e_begin
web_up && resolver_up && tunnel_net_up || exit 1
expect_allowed allowed.test 203.0.113.10 2001:db8::10
expect_allowed other.test 203.0.113.12 2001:db8::12
gw_policy <<<'allowed.test'
GW_OPTIONS+=(--set external=auto --set "link.beta = $OUTER_B $INNER_B $INNER_B6")
gw_start || exit 1
link_start "$NS_A" "$INNER_A" "$INNER_A6" && link_start "$NS_B" "$INNER_B" "$INNER_B6" || exit 1
attach_a >/dev/null || exit 1

known() { in_a curl -sS -m "${1:-10}" -o /dev/null --resolve allowed.test:443:203.0.113.10 https://allowed.test/; }
named() { in_a curl -sS -m 10 https://allowed.test/; }
static() { in_b curl -sS -m 10 https://allowed.test/; }
fails() { ! "$@"; }

check_has 'a link of the configuration works' 'served-name: allowed.test' static
check_has 'an attached one too' 'served-name: allowed.test' named
check_has 'a static link attached again is left alone' 'attached already' attach_b
check_has 'and cannot be detached' 'expected one that was attached' fails fwd detach beta
check_has 'status tells them apart' '"static":true' fwd status --json

# --- stopped

gw_stop
if ! is_plain; then
    check_fast 'with the gateway stopped the agent is closed' 8000 known 2
    check 'its device is gone' fails ip -n "$NS_GW" link show sec0
    check 'the namespace is closed' bash -c "ip netns exec $NS_GW nft list table inet secctl | grep -q 'policy drop'"
fi
gw_start || exit 1
check 'started again: open, by an address that was given out before' known
check_has 'and by name' 'served-name: allowed.test' named
check 'the kernel has what is wished for' fwd check

# --- killed

if ! is_plain; then
    kill -KILL "$GW_PID"
    wait "$GW_PID" 2>/dev/null
    check_fast 'with the gateway killed nothing new passes' 8000 known 2
fi
gw_start || exit 1
check 'started over what it left: open' known
check 'the kernel has what is wished for again' fwd check

# --- replaced: another network namespace in its place, as a new container is

if ! is_plain; then
    gw_stop
    ip -n "$NS_GW" link del gwin
    check_fast 'with the gateway gone the agent is closed' 8000 known 2
    gw_spawn # before its network is connected
    sleep 1
    tunnel_port "$NS_GW" gwin "$GWIN4" || exit 1
    check 'a gateway waits for its networks' retry 30 fwd status
    check 'and is open to the same addresses' known
    check_has 'the static link too' 'served-name: allowed.test' static
    check 'and healthy' fwd check
fi

# --- the filter

if ! is_plain; then
    filter=$(ip netns pids "$NS_GW" | while read -r pid; do
        [ "$(cat "/proc/$pid/comm")" != sni-packets ] || echo "$pid"
    done)
    kill -KILL "$filter"
    check 'with the filter killed: open again soon' retry 10 known
fi

# --- policies, handed over whole

load() { printf '%s\n' "$@" | in_gw "$BUILD/fwd" load --config "$T/policy/gateway.conf" "${GW_OPTIONS[@]}" -; }
if ! is_plain; then
    check 'a whole policy is taken' load '%% whole' '%% allowlist' 'allowed.test' '%% agents/alpha' 'other.test'
    check_has 'the agent reaches a name of its own list' 'served-name: other.test' in_a curl -sS -m 10 https://other.test/
    check 'without its file' load '%% whole' '%% allowlist' 'allowed.test'
    check_fast 'it does not' "${FAST_MS:-3000}" in_a curl -sS -m 5 https://other.test/
    check 'a resolv.conf is kept' load '%% resolv.conf' "nameserver $RESOLVER"
    check_has 'in the state directory' "nameserver $RESOLVER" cat "$T/state/resolv.conf"
    check_has 'fwd log prints the records' '"event":"policy"' "$BUILD/fwd" log --file "$LOG" -n 3
fi

# --- IPv6 off the underlay, and the interface that carries it all

if ! is_plain; then
    log_mark
    ip -n "$NS_GW" link del gwin
    LOG_WAIT=20 check_log 'without its underlay the gateway ends' event=stop 'detail~sec0 is gone'
    check_fast 'and the agent is closed' 8000 known 2
    wait "$GW_PID"
    GW_PID=
fi
in_a curl -sk -m 3 https://203.0.113.66/ >/dev/null
e2e_end
