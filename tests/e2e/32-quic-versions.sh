#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# QUIC version 2 (RFC 9369): from the first packet on, by agreement after a hello in version 1 (RFC 9368), with a
# Retry, and refused by a server that knows only version 1. ngtcp2 of a newer Debian release.
# shellcheck disable=SC2317 # functions that check calls

. "$(dirname "$0")/../support/e2e.sh"
# shellcheck source=../support/quic.sh
. "$SUPPORT/quic.sh"

FOLDER=$("$ROOT/tests/clients.sh" ngtcp2)
e2e_begin
pki_up && resolver_up || exit 1
gw_policy <<'END'
allowed.test
.allowed.test
other.test
END
gw_start || exit 1
if [ -z "$FOLDER" ]; then
    skip 'QUIC version 2 to its end' 'its package cannot be had'
    raw 203.0.113.10 hello=denied.test
    e2e_end
fi
SERVER=("$FOLDER/run" gtlsserver) CLIENT=("$FOLDER/run" gtlsclient)
for n in 10 11 12; do
    case $n in # what the server knows, in the order of its preference
    10) options='--preferred-versions=v2,v1' ;;
    11) options='--preferred-versions=v2,v1 -V' name=www.allowed.test ;; # -V: sends a Retry
    12) options='--preferred-versions=v1 --available-versions=v1' ;;
    esac
    # shellcheck disable=SC2086 # several options
    quicd_up 203.0.113.$n $options && quicd_up 2001:db8::$n $options || exit 1
done
while read -r name n; do
    expect_dns "$name"
    for address in 203.0.113.$n 2001:db8::$n; do expect_quic "$name" "$address"; done
done <<'END'
allowed.test 10
www.allowed.test 11
other.test 12
END

BOTH='--preferred-versions=v2,v1 --available-versions=v2,v1' # what the client knows
FRAME=0 # up to here the capture was looked at
# said VERSIONS - these, in order, are in the long headers since then; the capture may lag behind
said() {
    local seen

    seen=$(tshark -n -r "$T/out.pcap" -d udp.port==443,quic -Y "frame.number > $FRAME && quic.version" \
        -T fields -e frame.number -e quic.version 2>/dev/null)
    OUT=$(cut -f 2 <<<"$seen" | tr ',' '\n' | sed 's/0x00000001/1/; s/0x6b3343cf/2/' | uniq | paste -sd ' ')
    LAST=$(tail -n 1 <<<"$seen" | cut -f 1)
    [ "$OUT" = "$1" ]
}
# goes SENTENCE VERSIONS NAME OPTION... - the page comes, and these are the versions of its packets
goes() {
    local sentence=$1 versions=$2 name=$3

    shift 3
    log_mark
    check_has "$sentence" 'served by QUIC' quic_get "$name" "$@"
    check_log "$sentence: logged" event=quic verdict=allow reason=rule "name=$name"
    is_plain || retry 5 said "$versions"
    result $? "$sentence: its packets say $versions"
    FRAME=${LAST:-$FRAME}
}

# shellcheck disable=SC2086 # several options
{
    goes 'version 2 from the first packet on' 2 allowed.test -v v2
    goes 'version 1, then 2 as the server prefers' '1 2' allowed.test -v v1 $BOTH
    goes 'version 1 and no other' 1 allowed.test -v v1 --preferred-versions=v1 --available-versions=v1
    goes 'version 2 after a Retry' 2 www.allowed.test -v v2
    goes 'version 2, which the server does not know, then 1' '2 1' other.test -v v2 $BOTH
}
# denied NAME OPTION... - asked for at the address of allowed.test. The client does not look at ICMP errors
in_in getent ahostsv4 allowed.test >/dev/null
for name in shared other; do echo "203.0.113.10 $name.test" >>"/etc/netns/$NS_IN/hosts"; done
denied() {
    local sentence=$1

    log_mark
    QUIC_SECONDS=3 quic_get "$2" -v v2 >/dev/null 2>&1
    result $((! $?)) "$sentence is not served"
    check_log "$sentence: the log says why" event=quic verdict=deny "$3" "name=$2"
}
denied 'a denied name in version 2' shared.test reason=name-not-allowed
denied 'a name of another address in version 2' other.test reason=name-address-mismatch
e2e_end
