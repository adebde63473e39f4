#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What README.md shows is run as it stands there.

cd "$(dirname "$0")/../.." || exit 1
. tests/support/tap.sh
BUILD=$(realpath "${BUILD:-build}")
T=$(mktemp -d)
NS=secctl-readme-$$
GATEWAY=
cleanup() {
    [ -z "$GATEWAY" ] || kill "$GATEWAY" 2>/dev/null
    [ -z "$GATEWAY" ] || wait "$GATEWAY" 2>/dev/null
    ip netns del $NS 2>/dev/null
    rm -rf "$T"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

# block START - the indented block of README.md that has START in it, without its indent
block() {
    awk -v start="$1" '/^    / { text = text substr($0, 5) "\n"; if (index($0, start)) found = 1; next }
        { if (found) { printf "%s", text; exit } text = "" }' README.md
}

# the policy
mkdir "$T/policy"
block 'telemetry.example.org' >"$T/policy/allowlist"
check 'its policy has rules' test "$(grep -vc '^#' "$T/policy/allowlist")" -ge 7
check 'its policy is well formed' "$BUILD/secctl" check --policy "$T/policy"
OUT=$(PATH=$BUILD:$PATH bash -c "$(block 'secctl check --allowlist' | grep '^secctl check')" 2>&1)
status=$?
test $status -eq 1 && grep -q '^allow .*api.anthropic.com' <<<"$OUT" && grep -q '^deny .*example.com' <<<"$OUT"
result $? 'its question to secctl is answered: one allowed, one denied'

# the gateway, in a namespace with interfaces of these names
ip netns add $NS && ip -n $NS link set lo up || exit 1
for n in 0 1; do
    ip -n $NS link add eth$n type veth peer name peer$n
    ip -n $NS addr add 198.18.$n.1/24 dev eth$n
    ip -n $NS link set eth$n up
done
block 'internal = eth1' | sed "s|/etc/secctl/policy|$T/policy|; s|/var/lib/secctl|$T/state|; s|/var/log/secctl.log|$T/log|" \
    >"$T/gateway.conf"
mkdir "$T/state"
cp "$T/policy/allowlist" "$T/allowlist"
commands=$(block 'fwd gateway --config')
# run WORD - the command of the block that begins so, in the namespace
run() {
    ip netns exec $NS env PATH="$BUILD:$PATH" bash -c "cd $T && exec $(grep "^$1" <<<"$commands" | sed 's/ *#.*//')" 2>&1
}
run 'fwd gateway' >"$T/out" &
GATEWAY=$!
is_up() { grep -q '"event":"policy"' "$T/log" 2>/dev/null; }
for _ in $(seq 50); do
    is_up && break
    sleep 0.1
done
check 'its gateway starts' is_up
check_has 'fwd load' 'in force' run 'fwd load'
check 'fwd check' run 'fwd check'
check_has 'fwd show' 'table inet secctl' run 'fwd show'
check_has 'sni-filter --help names --read' '--read CAPTURE --allowlist FILE' "$BUILD/sni-filter" --help
[ "$TAP_FAILED" -eq 0 ]
