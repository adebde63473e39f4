#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# QUIC is let through after its hello was read, and so is UDP that a rule names; nothing else is.
# shellcheck disable=SC2317 # functions that check calls

. "$(dirname "$0")/../support/e2e.sh"
# shellcheck source=../support/quic.sh
. "$SUPPORT/quic.sh"

e2e_begin
pki_up && resolver_up || exit 1
for address in 203.0.113.10 2001:db8::10 203.0.113.66; do quicd_up $address || exit 1; done
for address in 203.0.113.12 2001:db8::12; do quicd_up $address -V || exit 1; done
for address in 203.0.113.50 2001:db8::50; do
    quicd_up $address --groups=-GROUP-ALL:+GROUP-SECP384R1 || exit 1
done
udpd_up 7000 7001 || exit 1
for name in allowed shared other hrr raw; do expect_dns "$name.test"; done
for address in 203.0.113.10 2001:db8::10; do
    expect_quic allowed.test $address
    expect_quic shared.test $address
done
for address in 203.0.113.12 2001:db8::12; do expect_quic other.test $address; done
for address in 203.0.113.50 2001:db8::50; do expect_quic hrr.test $address; done
expect_out 'ip.dst==203.0.113.40 && udp.dstport==7000'
expect_out 'ip.dst==198.51.100.7 && udp.dstport==7001'
gw_policy <<'END'
allowed.test
shared.test
other.test
hrr.test
raw.test        udp/7000
198.51.100.0/24 udp/7001-7005
END
gw_start || exit 1

A=203.0.113.10
# flow_of - the conntrack entries of UDP to an address
flow_of() { in_gw conntrack -L -p udp -d "$1" 2>/dev/null; }
# check_raw SENTENCE OUTCOME ADDRESS STEP... - the last step's outcome
check_raw() {
    local sentence=$1 want=$2 last

    shift 2
    OUT=$(raw "$@" 2>&1)
    last=$(tail -n 1 <<<"$OUT")
    case $last in *" $want") true ;; *) false ;; esac
    result $? "$sentence"
}
# refused_raw SENTENCE "KEY=VALUE..." ADDRESS STEP... - the last step gets an ICMP error at once, and is logged
refused_raw() {
    local sentence=$1
    local -a want

    read -r -a want <<<"$2"
    shift 2
    log_mark
    check_raw "$sentence is refused at once" 'refused EHOSTUNREACH' --wait 10 "$@"
    check_log "$sentence: the log says why" event=quic verdict=deny proto=udp "${want[@]}"
}
# unseen_raw - the same on a flow that was accepted: nothing is said to the client
unseen_raw() {
    local sentence=$1
    local -a want

    read -r -a want <<<"$2"
    shift 2
    log_mark
    check_raw "$sentence is not answered" nothing "$@"
    check_log "$sentence: the log says why" event=quic verdict=deny proto=udp "${want[@]}"
}

# --- a client without any setting

check_has 'ngtcp2 gets a page from an allowed name' 'served by QUIC' quic_get allowed.test
check_log 'it is logged' event=quic verdict=allow reason=rule name=allowed.test dport=443
check_has 'from a server that sends a Retry' 'served by QUIC' quic_get other.test
check_has 'from a server that asks for a second hello' 'served by QUIC' quic_get hrr.test
check_has 'a connection goes on after some rest' 'served by QUIC' quic_get allowed.test --delay-stream=3s
if ! is_plain; then
    OUT=$(flow_of "$A"; in_gw conntrack -L -f ipv6 -p udp -d 2001:db8::10 2>/dev/null)
    awk '$3 > most { most = $3 } END { exit most > 185 ? 0 : 1 }' <<<"$OUT"
    result $? 'a silent one is known for more than three minutes'
    in_gw grep -qx 600 /proc/sys/net/netfilter/nf_conntrack_udp_timeout_stream
    result $? 'and for ten once it is older than two seconds'
fi
check_denied 'ngtcp2, denied name' 'event=dns reason=name-not-allowed name=denied.test' quic_get denied.test
in_in getent ahostsv4 allowed.test >/dev/null
in_in getent ahostsv4 shared.test >/dev/null
in_in getent ahostsv4 other.test >/dev/null

# --- by hand

check_raw 'a hello over two datagrams is served' served "$A" hello=allowed.test,pq
check_raw 'in pieces out of order' served "$A" hello=allowed.test,gap
check_raw 'over two packets in one datagram' served "$A" hello=allowed.test,joined
check_raw 'with ECH, by its outer name' served "$A" hello=allowed.test,ech
log_mark
OUT=$(raw "$A" hello=allowed.test,pq,back 2>&1) # this server asks for a Retry then
grep -Eq ' (served|retry)$' <<<"$OUT"
result $? 'the second datagram first: answered'
if ! is_plain; then
    OUT=$(flow_of "$A")
    ! grep 'mark=0 ' <<<"$OUT"
    result $? 'of several datagrams that were held none lost the mark'
fi
check_raw 'version 2 reaches the server' versions "$A" hello=allowed.test,v2
check_raw 'the same datagrams again' served "$A" hello=allowed.test again
check_raw 'a second connection between the same ports' served "$A" hello=allowed.test hello=allowed.test
check_raw 'to another allowed name of the same address' served "$A" hello=allowed.test hello=shared.test

refused_raw 'a denied name' 'reason=name-not-allowed name=denied.test' "$A" hello=denied.test
refused_raw 'a denied name in version 2' 'reason=name-not-allowed name=denied.test' "$A" hello=denied.test,v2
refused_raw 'a denied name with ECH' 'reason=name-not-allowed name=denied.test ech=True' "$A" hello=denied.test,ech
refused_raw "another connection's packet behind it" reason=malformed "$A" hello=allowed.test,behind=denied.test
refused_raw 'an allowed name at another address' 'reason=name-address-mismatch name=other.test' "$A" hello=other.test
refused_raw 'an unknown version' reason=quic-version "$A" hello=allowed.test,version=0a1a2a3a
refused_raw 'a draft version' reason=quic-version "$A" hello=allowed.test,version=ff00001d
refused_raw 'an Initial packet of 1199 bytes' reason=malformed "$A" hello=allowed.test,size=1199
refused_raw 'an Initial packet that nobody can open' reason=quic-undecryptable "$A" hello=allowed.test,sealed-by=0102030405060708
refused_raw '0-RTT with nothing before it' reason=malformed "$A" early
refused_raw 'a short header with nothing before it' reason=malformed "$A" short
refused_raw 'what is no QUIC' reason=malformed "$A" noise
log_mark
check_raw 'an address that was never given out is refused at once' 'refused EHOSTUNREACH' 203.0.113.66 hello=allowed.test
check_log 'and the log says why' event=connect verdict=deny reason=address-not-bound proto=udp dst=203.0.113.66

# --- on a flow that was accepted

DENIED='reason=name-not-allowed name=denied.test'
unseen_raw 'a second connection to a denied name' "$DENIED" "$A" hello=allowed.test hello=denied.test
unseen_raw 'to a name of another address' 'reason=name-address-mismatch name=other.test' "$A" hello=allowed.test hello=other.test
check_raw 'the first one lives on' served "$A" hello=allowed.test hello=denied.test short hello=allowed.test
unseen_raw 'behind a short header, in one packet that leaves as two' "$DENIED" "$A" hello=allowed.test hide=denied.test
log_mark
check_raw 'behind a short header in one datagram: no server looks there' nothing "$A" hello=allowed.test tail=denied.test
unseen_raw '0-RTT of nobody' reason=malformed "$A" hello=allowed.test early
unseen_raw 'an unknown version' reason=quic-version "$A" hello=allowed.test hello=allowed.test,version=0a1a2a3a

# --- udp rules

udp() { in_in /usr/bin/python3 "$SUPPORT/clients/udp.py" "$@"; }
check_has 'UDP by a rule with a name' datagram udp raw.test 7000
check_log 'it is logged' event=connect verdict=allow reason=rule proto=udp name=raw.test dport=7000
check_has 'UDP by a rule with a range of addresses and ports' datagram udp 198.51.100.7 7001
check_log 'it is logged' event=connect verdict=allow reason=rule proto=udp dst=198.51.100.7 dport=7001
check_denied 'UDP, another port' 'event=connect reason=service-not-allowed proto=udp dst=203.0.113.40' udp raw.test 7001
check_denied 'UDP, an address outside the range' 'event=connect reason=address-not-bound proto=udp dst=203.0.113.7' udp 203.0.113.7 7001

# --- a new policy

if ! is_plain; then
    raw "$A" hello=allowed.test short "until=$T/changed" short hello=allowed.test >"$T/raw" 2>&1 &
    client=$!
    retry 10 grep -q '^short sent' "$T/raw"
    gw_policy <<<'other.test'
    gw_reload
    check_log 'a new policy ends a live connection' event=connect verdict=deny reason=policy-changed proto=udp "dst=$A"
    touch "$T/changed"
    wait "$client"
    OUT=$(tail -n 2 "$T/raw")
    [ "$(grep -c 'refused EHOSTUNREACH$' <<<"$OUT")" -eq 2 ]
    result $? 'its next packets, short and long, are refused at once'
fi
e2e_end
