#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# fwd and sni-filter on bad input: one sentence, the exit status, and nothing that has changed.
# shellcheck disable=SC2317 # functions that check calls
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/tap.sh
BUILD=$(realpath "${BUILD:-build}")
FWD=$BUILD/fwd FILTER=$BUILD/sni-filter
T=$(mktemp -d "${TMPDIR:-/tmp}/secctl-errors.XXXXXX") || exit 1
NS=secctl-errors-$$
GATEWAY='' KEPT=''
end_gateway() {
    [ -z "$GATEWAY" ] || kill "$GATEWAY" 2>/dev/null
    [ -z "$GATEWAY" ] || wait "$GATEWAY" 2>/dev/null
    GATEWAY=
}
trap 'end_gateway; ip netns del $NS 2>/dev/null; rm -rf "$T" "$KEPT"' EXIT
trap 'exit 130' INT TERM HUP

in_ns() { exec ip netns exec "$NS" "$@"; }

# fails SENTENCE STATUS TEXT COMMAND... - one line on standard error that has TEXT, none on the other
fails() {
    local sentence=$1 expected=$2 text=$3 status

    shift 3
    timeout 10 "$@" >"$T/out" 2>"$T/err" </dev/null # what does not fail would stay
    status=$?
    OUT="status $status, expected $expected: $(cat "$T/err" "$T/out")"
    [ "$status" -eq "$expected" ] && [ ! -s "$T/out" ] && [ "$(wc -l <"$T/err")" -eq 1 ] && grep -qF -- "$text" "$T/err"
    result $? "$sentence"
}

# --- command lines

for program in fwd sni-filter; do
    fails "$program: an unknown command" 2 'frobnicate", expected' "$BUILD/$program" frobnicate
    check_has "$program --help prints the usage" 'usage:' "$BUILD/$program" --help
    "$BUILD/$program" >"$T/out" 2>"$T/err"
    test $? -eq 2 && [ ! -s "$T/out" ] && [ -s "$T/err" ]
    result $? "$program: no command at all prints the usage on the error stream"
    "$BUILD/$program" --help >/dev/full 2>"$T/err"
    test $? -eq 1 && grep -q 'write to standard output' "$T/err"
    result $? "$program: an output that cannot be written is a failure"
done
fails 'a slip of the pen is understood' 2 'unknown command "gatewya", expected "gateway"?' "$FWD" gatewya
for command in gateway load show check; do
    check_has "fwd $command --help says what it takes" "fwd $command" "$FWD" $command --help
    fails "fwd $command: an unknown option" 2 "fwd: $command: unknown option \"--bogus\", expected --config" "$FWD" $command --bogus
    fails "fwd $command: no value" 2 "fwd: $command: no value after \"--config\"" "$FWD" $command --config
done
for command in gateway show check; do
    fails "fwd $command: no configuration" 2 "fwd: $command: no configuration, expected --config FILE" "$FWD" $command
    fails "fwd $command: an argument too many" 2 'argument "x", expected options only' "$FWD" $command --config f x
done
fails 'fwd version takes no argument' 2 'fwd: version: "x", expected no argument' "$FWD" version x
fails 'fwd load: a file' 2 'argument "f", expected "-"' "$FWD" load f
fails 'fwd load: nothing' 2 '0 arguments, expected "-"' "$FWD" load
for command in link attach detach status log probe; do
    check_has "fwd $command --help says what it takes" "fwd $command" "$FWD" $command --help
    fails "fwd $command: an unknown option" 2 "fwd: $command: unknown option \"--bogus\", expected " "$FWD" $command --bogus
done
fails 'fwd attach: too little' 2 'fwd: attach: 2 arguments, expected NAME OUTER INNER4 [INNER6]' "$FWD" attach a 10.1.1.3
fails 'fwd attach: a bad name' 2 'bad agent name "A", expected 1 to 63' "$FWD" attach A 10.1.1.3 10.1.2.3
fails 'fwd attach: a bad address' 2 'link a: "10.1.1.3 10.1.2", expected OUTER INNER4' "$FWD" attach a 10.1.1.3 10.1.2
fails 'fwd detach: nothing' 2 'no name, or more than one, expected NAME' "$FWD" detach
fails 'fwd detach: a bad name' 2 'bad name, expected NAME' "$FWD" detach ../x
fails 'fwd status: an argument' 2 'argument "x", expected options only' "$FWD" status x
fails 'fwd log: no lines' 2 'log: -n "0", expected a number of lines from 1' "$FWD" log -n 0
fails 'fwd log: no time' 2 'log: --since "soon", expected a time such as 2026' "$FWD" log --since soon
fails 'fwd log: no file' 1 "read verdict log $T/none: No such file" "$FWD" log --file "$T/none"
fails 'fwd probe: an argument' 2 'fwd: probe: "x", expected no argument' "$FWD" probe x
fails 'fwd link: nothing' 2 'no --gateway, expected --gateway, --inner and --router' "$FWD" link
fails 'fwd link: no size' 2 '--inner "10.1.2.3", expected an address such as' \
    "$FWD" link --gateway 10.1.1.1 --inner 10.1.2.3 --router 10.1.2.1
fails 'fwd gateway: a setting that is none' 1 '--set:1:1: unknown key "intrenal", expected "internal"?' \
    "$FWD" gateway --set intrenal=eth0
fails 'fwd gateway: a tunnel without addresses' 1 'expected tunnel.address = ADDRESS/BITS in it' \
    "$FWD" gateway --set internal=a --set external=auto --set tunnel=vxlan
check_has 'sni-filter live --help' '--internal IFINDEX' "$FILTER" live --help
check_has 'sni-filter --read --help' '--allowlist FILE' "$FILTER" --read --help
fails 'sni-filter live by hand' 2 'started by fwd' "$FILTER" live
fails 'sni-filter live: an unknown option' 2 'unknown option "--bogus"' "$FILTER" live --bogus
fails 'sni-filter live: no descriptor' 2 '--in "a": expected a number' "$FILTER" live --in a
fails 'sni-filter --read: no value' 2 'nothing after "--read"' "$FILTER" --read

# --- configuration and surroundings

if [ "$(id -u)" -ne 0 ]; then
    not_ok 'root, for a network namespace'
    exit 1
fi
ip netns add "$NS" && ip -n "$NS" link set lo up || exit 1
for n in 0 1; do
    ip -n "$NS" link add eth$n type veth peer name peer$n
    ip -n "$NS" addr add 198.18.$n.1/24 dev eth$n
    ip -n "$NS" link set eth$n up
    ip -n "$NS" link set peer$n up
done
mkdir -p "$T/policy" "$T/broken" "$T/state" "$T/program"
echo allowed.test >"$T/policy/allowlist"
echo 'a.test tsl/443' >"$T/broken/allowlist"

# conf [KEY VALUE] - the configuration, with another value
conf() {
    {
        printf '%s\n' 'internal = eth1' 'external = eth0' "policy = $T/policy" "state = $T/state" "log = $T/log" |
            grep -v "^${1:-none} ="
        [ $# -lt 2 ] || echo "$1 = $2"
    } >"$T/conf"
}

# untouched SENTENCE STATUS TEXT COMMAND... - and the namespace is as it was
untouched() {
    local before after

    before=$(ip netns exec "$NS" nft list ruleset 2>/dev/null; ip netns exec "$NS" sysctl -n net.ipv4.ip_forward; ls "$T/state")
    fails "$1" "$2" "$3" ip netns exec "$NS" "${@:4}"
    after=$(ip netns exec "$NS" nft list ruleset 2>/dev/null; ip netns exec "$NS" sysctl -n net.ipv4.ip_forward; ls "$T/state")
    OUT=$after
    [ "$before" = "$after" ]
    result $? "$1: nothing is left behind"
}

untouched 'a configuration that is not there' 1 "read $T/none: No such file" "$FWD" gateway --config "$T/none"
conf intenal eth1
untouched 'an unknown key' 1 "$T/conf:6:1: unknown key \"intenal\", expected \"internal\"?" "$FWD" gateway --config "$T/conf"
conf internal
untouched 'a key that is missing' 1 'expected internal = INTERFACE or ADDRESS' "$FWD" gateway --config "$T/conf"
conf internal eth9
for command in gateway show check; do
    untouched "$command: an interface that is missing" 1 'find interface "eth9": no interface' "$FWD" $command --config "$T/conf"
done
conf internal eth0
untouched 'one interface for both sides' 1 'the same interface eth0' "$FWD" gateway --config "$T/conf"
conf policy "$T/none"
untouched 'a policy that is not there' 1 "read $T/none/allowlist: No such file" "$FWD" gateway --config "$T/conf"
conf policy "$T/broken"
untouched 'an error in the policy' 1 "$T/broken/allowlist:1:8: unknown service \"tsl/443\", expected" "$FWD" gateway --config "$T/conf"
conf log "$T/none/log"
untouched 'a log that cannot be written' 1 "open verdict log $T/none/log: No such file" "$FWD" gateway --config "$T/conf"
conf state "$T/none"
untouched 'a state directory that is not there' 1 "open state directory $T/none: No such file or directory, expected a directory" \
    "$FWD" gateway --config "$T/conf"
KEPT=/run/secctl.$(stat -L -c %i "/run/netns/$NS").link
printf '%s\n' 'gateway 198.18.0.9' 'inner 10.1.2.3/24' 'router 10.1.2.1' >"$KEPT"
fails 'fwd link: no way to the gateway' 1 'find the way to 10.1.1.1: no interface' \
    ip netns exec "$NS" "$FWD" link --gateway 10.1.1.1 --inner 10.1.2.3/24 --router 10.1.2.1
check_has 'it leaves the namespace locked' 'policy drop' ip netns exec "$NS" nft list chain inet secctl last
fails 'fwd link --check: there is none, what another namespace of that number kept is gone' 1 \
    'find the link of this network namespace' ip netns exec "$NS" "$FWD" link --check
fails 'fwd link: no such user' 1 'find user "nobody-here"' ip netns exec "$NS" "$FWD" link --gateway 198.18.0.9 \
    --inner 10.1.2.3/24 --router 10.1.2.1 --user nobody-here
check_has 'it leaves the namespace locked too' 'policy drop' ip netns exec "$NS" nft list chain inet secctl last
check_has 'but everything is set up' 'the lock and the tunnel are' ip netns exec "$NS" "$FWD" link --check
ip netns exec "$NS" nft flush ruleset
ip -n "$NS" link del sec0
check_has 'fwd probe says what the kernel can do' '"nftables":true' ip netns exec "$NS" "$FWD" probe
OUT=$(ip netns exec "$NS" nft list ruleset; ip -n "$NS" link show sec0 2>&1)
[ "$OUT" = 'Device "sec0" does not exist.' ]
result $? 'and leaves nothing behind'
conf user nobody-here
untouched 'an unknown user' 1 'find user "nobody-here": no such user' "$FWD" gateway --config "$T/conf"
conf user 0
untouched 'root for the filter' 1 'expected a user other than root' "$FWD" gateway --config "$T/conf"
conf
untouched 'a filter that is not there' 1 "find $T/none: No such file" \
    env SECCTL_SNI_FILTER="$T/none" "$FWD" gateway --config "$T/conf"
cp "$FWD" "$FILTER" "$T/program" && chmod 755 "$T" "$T/program"
untouched 'no root' 1 'uid 65534, expected root with CAP_NET_ADMIN' \
    setpriv --reuid 65534 --regid 65534 --clear-groups "$T/program/fwd" gateway --config "$T/conf"
untouched 'a check without a capability' 1 'expected CAP_NET_ADMIN' \
    setpriv --reuid 65534 --regid 65534 --clear-groups "$T/program/fwd" check --config "$T/conf"
# shellcheck disable=SC2016 # the inner shell's
LOAD='printf "%s\n" "$2" | "$0" load --config "$1" -'
fails 'fwd load without a gateway' 1 "reach the running gateway at $T/state/control: No such file" \
    ip netns exec "$NS" bash -c "$LOAD" "$FWD" "$T/conf" a.test

# --- a second one

(in_ns "$FWD" gateway --config "$T/conf") >"$T/gateway.out" 2>&1 &
GATEWAY=$!
is_up() { grep -qs '"event":"policy"' "$T/log"; }
check 'the gateway starts' retry 10 is_up
records=$(grep -c '"event":"policy"' "$T/log")
untouched 'a second gateway' 1 'another gateway runs in this network namespace, expected none' "$FWD" gateway --config "$T/conf"
mkdir "$T/state2"
cp "$T/conf" "$T/conf.first"
conf state "$T/state2"
untouched 'a second gateway with a state directory of its own' 1 'another gateway runs in this network namespace' \
    "$FWD" gateway --config "$T/conf"
cp "$T/conf.first" "$T/conf"
untouched 'fwd load of nothing' 1 'standard input is empty, expected rules' "$FWD" load --config "$T/conf" -
# a client that goes away before it has said all, and one that only looks
PROBE='import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(sys.argv[2].encode())'
for said in '' 'policy 99' $'policy 99\nother.test\n'; do
    check 'a client goes away before it has said all' /usr/bin/python3 -c "$PROBE" "$T/state/control" "$said"
done
fails 'fwd load of a broken policy' 1 'allowlist:1:8: unknown service' ip netns exec "$NS" bash -c "$LOAD" "$FWD" "$T/conf" 'a.test tsl/443'
OUT=$(cat "$T/policy/allowlist")
test "$OUT" = allowed.test
result $? 'the policy on disk is the first one'
OUT=$(grep '"event":"policy"' "$T/log")
test "$(grep '"event":"policy"' "$T/log" | grep -c '"verdict":"allow"')" -eq "$records"
result $? 'the policy in force is the first one'
check 'the ruleset is the first one' ip netns exec "$NS" "$FWD" check --config "$T/conf"
end_gateway
check_has 'its end leaves the namespace closed' 'policy drop' ip netns exec "$NS" nft list table inet secctl
: >"$T/log"
(in_ns "$FWD" gateway --config "$T/conf") >"$T/gateway.out" 2>&1 &
GATEWAY=$!
check 'and free for the next gateway' retry 10 is_up
[ "$TAP_FAILED" -eq 0 ]
