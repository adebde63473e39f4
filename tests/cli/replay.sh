#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# sni-filter --read on captures made here: the exact records, and what it says of bad input.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/support/tap.sh
. tests/support/tap.sh
FILTER=${BUILD:-build}/sni-filter
D=$(mktemp -d "${TMPDIR:-/tmp}/secctl-replay.XXXXXX") || exit 1
trap 'rm -rf "$D"' EXIT
chmod 755 "$D"
tests/cli/make_captures.py "$D" || exit 1
printf '%s\n' 'allowed.test' '203.0.113.77 tcp/22' >"$D/allowlist"

# replay CAPTURE [OPTION...] - one line a record; standard error in $D/err
replay() {
    local capture=$1

    shift
    "$FILTER" --read "$D/$capture" --allowlist "$D/allowlist" "$@" 2>"$D/err" >"$D/records" || return
    tests/cli/make_captures.py show <"$D/records"
}

# gives SENTENCE EXPECTED CAPTURE [OPTION...]
gives() {
    local sentence=$1 expected=$2 got status=0

    shift 2
    got=$(replay "$@") || status=1
    OUT=$(diff <(printf '%s\n' "$expected") <(printf '%s\n' "$got"); cat "$D/err")
    [ "$expected" = "$got" ] || status=1
    result "$status" "$sentence"
}

# fails SENTENCE STATUS TEXT COMMAND...
fails() {
    local sentence=$1 expected=$2 text=$3 status

    shift 3
    OUT=$("$@" 2>&1 >/dev/null)
    status=$?
    case $status:$OUT in
    "$expected":*"$text"*) result 0 "$sentence" ;;
    *)
        OUT="expected status $expected and \"$text\", got status $status: $OUT"
        result 1 "$sentence"
        ;;
    esac
}

judged='dns allow rule allowed.test 5353
answer allow rule allowed.test 5353
dns allow rule allowed.test 5354
answer allow rule allowed.test 5354
dns deny name-not-allowed denied.test 5355
tls allow rule allowed.test 40001
tls allow rule allowed.test 40002
tls deny name-not-allowed denied.test 40003
connect deny address-not-bound - 40004
tls deny no-sni - 40005
quic deny malformed - 40007'

gives 'names count at the addresses that the capture itself says were given out' "$judged" judged.pcap
gives 'pcapng gives the same records' "$judged" judged.pcapng
gives 'so do VLAN-tagged Ethernet frames' "$judged" ethernet.pcap
check 'frames without IP are counted' grep -q '  1 frames that carry no IP' "$D/err"
gives 'without bindings the name alone decides' "${judged/connect deny address-not-bound - 40004/tls allow rule allowed.test 40004}" \
    judged.pcap --binding off
gives 'a hello that never becomes whole is refused at the end' 'tls allow released - 40001
tls deny hello-timeout - 40001' \
    half.pcap --binding off
gives 'after a HelloRetryRequest the same name is allowed' 'tls allow rule allowed.test 40001' retry-same.pcap --binding off
gives 'after a HelloRetryRequest another name is refused' 'tls allow rule allowed.test 40001
tls deny name-not-allowed denied.test 40001' retry-other.pcap --binding off
gives 'DNS over TCP is judged and its answers are taken' 'dns allow rule allowed.test 40001
dns deny name-not-allowed denied.test 40001
answer allow rule allowed.test 40001
tls allow rule allowed.test 40002' dns-tcp.pcap
gives 'an address rule opens its port alone' 'connect allow rule - 40001
connect deny service-not-allowed - 40002' plain.pcap
gives 'without bindings a port that no rule names is refused, as it is live' 'connect deny service-not-allowed - 40001
connect deny service-not-allowed - 40002
connect deny service-not-allowed - 40003
connect deny service-not-allowed - 40004
quic deny malformed - 40005' ports.pcap --binding off
printf '%s\n' 'allowed.test' 'git.test tcp/22' 'ntp.test udp/123' '10.0.0.1 udp/5060' >"$D/allowlist"
gives 'and one that is some name'"'"'s passes' 'connect allow rule - 40001
connect deny service-not-allowed - 40002
connect allow rule - 40003
connect deny service-not-allowed - 40004
quic deny malformed - 40005' ports.pcap --binding off
printf '%s\n' 'allowed.test' '203.0.113.77 tcp/22' >"$D/allowlist"
gives 'fragments are put together' 'tls deny name-not-allowed denied.test 40001' fragments.pcap --binding off
gives 'a connection whose SYN is missing is judged by its hello' 'tls deny name-not-allowed denied.test 40001' late.pcap --binding off
check 'one that began before the capture is counted' grep -q '  1 flows that began before the capture' "$D/err"
gives 'only hosts of the internal network are agents, and have the name that was given' \
    'tls deny name-not-allowed denied.test 40002 agent=claude' \
    outside.pcap --binding off --internal 198.18.0.0/15 --internal 2001:db8:1::/64 --agent claude
check 'packets of others are counted' grep -q 'packets to and from hosts that are no agents' "$D/err"

check 'records have the numbers 1, 2, 3 and one run' /usr/bin/python3 -c '
import json, sys
records = [json.loads(line) for line in open(sys.argv[1])]
assert [r["seq"] for r in records] == list(range(1, len(records) + 1)), records
assert len({r["run"] for r in records}) == 1
assert records[0]["ts"].startswith("2023-11-14T22:13:2"), records[0]' "$D/records"
replay judged.pcap >/dev/null
cp "$D/records" "$D/before"
replay judged.pcap >/dev/null
check 'the same capture gives the same lines' cmp "$D/before" "$D/records"
if [ "$(id -u)" -eq 0 ]; then
    mkdir "$D/program" && cp "$FILTER" "$D/program/" && chmod -R a+rX "$D"
    check_has 'no privilege is needed' '"seq":11' setpriv --reuid=65534 --clear-groups --inh-caps=-all \
        --bounding-set=-all --no-new-privs "$D/program/sni-filter" --read "$D/judged.pcap" --allowlist "$D/allowlist"
fi

with() { "$FILTER" --read "$@" --allowlist "$D/allowlist"; }
fails 'a file that is not there' 1 'nothing.pcap": No such file' with "$D/nothing.pcap"
fails 'a file that is no capture' 1 'expected a pcap or pcapng file' with "$D/text.pcap"
fails 'a directory' 1 'sni-filter: ' with "$D"
fails 'a link type that is not known' 1 'link type 189 (USB_LINUX) is not known' with "$D/unknown.pcap"
fails 'a truncated capture' 1 'truncated' with "$D/truncated.pcap"
check_has 'what a truncated capture holds is judged' "$(printf 'no-sni')" cat <(with "$D/truncated.pcap" 2>/dev/null)
printf '%s\n' 'allowed.test' 'bad..name' >"$D/bad"
fails 'a bad allowlist' 1 "$D/bad:2:" "$FILTER" --read "$D/judged.pcap" --allowlist "$D/bad"
fails 'an allowlist that is not there' 1 "$D/no-list" "$FILTER" --read "$D/judged.pcap" --allowlist "$D/no-list"
fails 'no allowlist' 2 '--allowlist' "$FILTER" --read "$D/judged.pcap"
fails 'no capture' 2 'no capture, expected --read CAPTURE' "$FILTER" --allowlist --read
fails 'a bad --binding' 2 'expected on or off' with "$D/judged.pcap" --binding maybe
fails 'a bad --internal' 2 'expected a network such as' with "$D/judged.pcap" --internal 10.0.0.1/8
fails 'an empty --agent' 2 'expected 1 to 63 of' with "$D/judged.pcap" --agent ''
fails 'an unknown option' 2 'unknown option "--fast", expected' with "$D/judged.pcap" --fast
fails 'an argument too many' 2 'expected options only' with "$D/judged.pcap" more
if [ -e /dev/full ]; then
    full() { with "$D/judged.pcap" 2>"$D/err" >/dev/full; }
    full
    check 'records that cannot be written are an error' test "$?" -eq 1
fi
[ "$TAP_FAILED" -eq 0 ]
