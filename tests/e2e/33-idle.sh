#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Connections on which nobody says a word for three minutes go on: QUIC and TLS, both without keep-alive.
#
# beside the others: it sleeps
# shellcheck disable=SC2317 # functions that check calls

. "$(dirname "$0")/../support/e2e.sh"
# shellcheck source=../support/quic.sh
. "$SUPPORT/quic.sh"

REST=${REST:-195} # seconds

e2e_begin
pki_up && resolver_up && quicd_up 203.0.113.10 --timeout=600s && quicd_up 2001:db8::10 --timeout=600s || exit 1
spawn "$NS_OUT" openssl s_server -quiet -rev -accept 203.0.113.12:443 -key "$T/server.key" -cert "$T/server.crt" 2>"$T/s_server.err"
retry 10 tcp_answers 203.0.113.12 443 || exit 1
expect_allowed other.test 203.0.113.12
expect_dns allowed.test
for address in 203.0.113.10 2001:db8::10; do expect_quic allowed.test $address; done
printf '%s\n' allowed.test other.test | gw_policy
gw_start || exit 1
if is_plain; then
    raw 203.0.113.10 hello=denied.test
    e2e_end
fi

# tls - two lines, each answered backwards
tls() {
    { echo first && sleep "$REST" && echo second && sleep 3; } |
        in_in openssl s_client -quiet -no_ign_eof -connect 203.0.113.12:443 -servername other.test 2>&1
}
# rests FILTER STREAM-FIELD - the seconds of the longest silence in the one stream that matches
rests() {
    tshark -n -r "$T/out.pcap" -Y "$1" -T fields -e "$2" -e frame.time_epoch 2>/dev/null | awk -v rest=$((REST - 15)) '
        !($1 in last) { nr++ }
        ($1 in last) && $2 - last[$1] > most { most = $2 - last[$1] }
        { last[$1] = $2 }
        END { printf "%d stream, silent for %d s\n", nr, most; exit !(nr == 1 && most > rest) }'
}

in_in getent ahostsv4 other.test >/dev/null
tls >"$T/tls" &
tls=$!
QUIC_SECONDS=$((REST + 60)) quic_get allowed.test --timeout=600s --delay-stream="${REST}s" >"$T/quic" 2>&1 &
quic=$!
wait "$tls"
check_has 'TLS: the first line is answered' tsrif cat "$T/tls"
check_has 'TLS: the second line is, too' dnoces cat "$T/tls"
wait "$quic"
check_has 'QUIC: the page comes' 'served by QUIC' cat "$T/quic"
# shellcheck disable=SC2034 # for log_has
LOG_MARK=0
check_log 'one hello each: QUIC' event=quic verdict=allow name=allowed.test
check_log 'one hello each: TLS' event=tls verdict=allow name=other.test
check 'TLS: there was silence, in one connection' retry 5 rests 'ip.dst == 203.0.113.12 && tcp.dstport == 443' tcp.stream
note "$(tail -n 1 <<<"$OUT")"
check 'QUIC: there was silence, in one connection' retry 5 rests 'udp.dstport == 443' udp.stream
note "$(tail -n 1 <<<"$OUT")"
! LOG_WAIT=0 log_has verdict=deny >/dev/null 2>&1
result $? 'nothing was refused'
e2e_end
