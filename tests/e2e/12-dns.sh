#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# DNS: only allowed names leave, in the gateway's own words; and only true answers to them count.
# shellcheck disable=SC2317 # functions that check calls

. "$(dirname "$0")/../support/e2e.sh"
UP=198.18.1.54 DEAD=198.18.1.55
export PLAIN_UPSTREAM=$UP

e2e_begin
web_up || exit 1
rules=(
    'allowed.test=203.0.113.10,2001:db8::10'
    'www.allowed.test=cname:edge.cdn.test' 'edge.cdn.test=cname:lb.cdn.test' 'lb.cdn.test=203.0.113.11'
    'loop.allowed.test=cname:loop2.allowed.test' 'loop2.allowed.test=cname:loop.allowed.test'
    'self.allowed.test=cname:self.allowed.test'
    'tc.allowed.test=truncate,203.0.113.21'
    'slow.allowed.test=delay:700,203.0.113.22'
    'forged.allowed.test=forge:203.0.113.66,delay:100,203.0.113.23'
    'port.allowed.test=otherport,203.0.113.66'
    'extra.allowed.test=extra:other.test/203.0.113.66,203.0.113.24'
    'fail.allowed.test=servfail' 'silent.allowed.test=drop' 'none.allowed.test=nxdomain'
    'dead.test=203.0.113.12'
    'r1.allowed.test=127.0.0.1' 'r2.allowed.test=10.1.2.3' 'r3.allowed.test=169.254.169.254' 'r4.allowed.test=192.168.1.1'
    'r5.allowed.test=172.17.0.1' 'r6.allowed.test=198.18.1.1' 'r7.allowed.test=100.64.0.1' 'r8.allowed.test=0.0.0.0'
    'r9.allowed.test=224.0.0.1'
    'v1.allowed.test=::1' 'v2.allowed.test=::ffff:127.0.0.1' 'v3.allowed.test=fe80::1' 'v4.allowed.test=fd00::1'
    'other.test=203.0.113.12' 'denied.test=203.0.113.66' '*=203.0.113.60'
)
dnsd_up "$T/dnsd.log" "${rules[@]/#/$UP/}" "$DEAD/dead.test=drop" "$DEAD/*=drop" || exit 1

for name in allowed www.allowed loop.allowed self.allowed tc.allowed slow.allowed forged.allowed port.allowed extra.allowed \
    fail.allowed silent.allowed none.allowed other {r1,r2,r3,r4,r5,r6,r7,r8,r9,v1,v2,v3,v4}.allowed n{1..60}.allowed; do
    expect_dns "$name.test" "$UP"
done
expect_dns dead.test "$UP" "$DEAD"
expect_tls allowed.test 203.0.113.10
expect_tls allowed.test 2001:db8::10
expect_tls www.allowed.test 203.0.113.11
expect_tls tc.allowed.test 203.0.113.21
expect_tls forged.allowed.test 203.0.113.23
expect_tls dead.test 203.0.113.12
gw_policy <<'END'
.allowed.test
other.test
dead.test
deep.under.test
END
gw_conf "dns.upstream = $UP" "dns.upstream.dead.test = $DEAD, $UP"
gw_start || exit 1

dig_in() { in_in dig +tries=1 +time=4 "$@"; }
short() { dig_in +short "@$GWIN4" "$@"; }
dns() { in_in /usr/bin/python3 "$SUPPORT/clients/dns.py" "$@"; }
curl_in() { in_in curl -sSk -m 6 "$@"; }
raw() { in_in /usr/bin/python3 "$SUPPORT/rawtls.py" "$@"; }
# no_address COMMAND... - it prints no address; answered_empty: and there was an answer
no_address() { ! "$@" | grep -E '^[0-9a-f:.]+$'; }
answered_empty() { "$@" >/dev/null && no_address "$@"; }

# --- what leaves

check_has 'an allowed name is answered' 203.0.113.10 short allowed.test
check_has 'in the spelling of the question' 'AlLoWeD.tEsT.' dig_in "@$GWIN4" +noall +answer AlLoWeD.tEsT
check_has 'IPv6 addresses too' 2001:db8::10 short allowed.test AAAA
dns sequence "$GWIN4" n{1..60}.allowed.test >"$T/sequence"
check 'sixty questions from one socket with one ID' test "$(grep -c ' 0 203' "$T/sequence")" -eq 60

own_words() { # what dnsd heard of the sixty: own IDs, ports, letter case, nothing added
    /usr/bin/python3 - "$T/dnsd.log" <<'END'
import json, sys
asked = [r for r in map(json.loads, open(sys.argv[1])) if r.get("name", "").lower().startswith("n")
         and r["name"].lower().endswith(".allowed.test") and r["name"].lower()[1:2].isdigit()]
ids = {r["id"] for r in asked}
ports = {r["port"] for r in asked}
cases = {r["name"][2:].translate(str.maketrans("", "", "0123456789.")) for r in asked}
print(len(asked), "questions,", len(ids), "IDs,", len(ports), "ports,", len(cases), "spellings")
assert len(asked) >= 60 and len(ids) > 50 and len(ports) > 50 and len(cases) > 40
assert 5555 not in ports
assert sum(r["id"] == 0x1234 for r in asked) <= 1
assert all(r["edns"] == 0 or r["rest"].endswith("0000") for r in asked), "EDNS options"
END
}
check 'they leave with own IDs, ports and letter case' own_words
check_has 'a client cookie does not' 203.0.113.10 short +cookie=0123456789abcdef allowed.test
check_has 'nor a client subnet' 203.0.113.10 short +subnet=198.18.0.2/32 allowed.test
check_has 'nor a padding' 203.0.113.10 short +padding=400 allowed.test
check_has 'a server of its own choice answers' 203.0.113.10 dig_in +short @203.0.113.99 allowed.test
check_has 'an IPv6 server of its own choice answers' 203.0.113.10 dig_in +short @2001:db8::99 allowed.test
check_has 'and over TCP' 203.0.113.10 dig_in +short +tcp @203.0.113.99 allowed.test
check_has 'TCP over IPv6' 203.0.113.10 dig_in +short +tcp @2001:db8::99 allowed.test
check_has 'a denied name over TCP is refused' 'status: NXDOMAIN' dig_in +tcp "@$GWIN4" secret.denied.test
check_log 'and logged' event=dns verdict=deny name=secret.denied.test

# --- refusals

log_mark
check_has 'a denied name does not exist' 'status: NXDOMAIN' dig_in "@$GWIN4" data.denied.test
check_log 'the log says why' event=dns verdict=deny reason=name-not-allowed name=data.denied.test
check_has 'the refusal says so itself' 'EDE: 15 (Blocked)' dig_in +edns "@$GWIN4" denied.test
check_has 'its SOA lets an allow take effect' 'SOA' dig_in +noall +authority "@$GWIN4" denied.test
check 'without EDNS it has no OPT record' test -z "$(dig_in +noedns "@$GWIN4" denied.test | grep -i 'EDNS:')"
check_has 'a name above an allowed one exists, empty' 'status: NOERROR' dig_in "@$GWIN4" under.test
for type in HTTPS SVCB; do
    check_has "$type of an allowed name: no error" 'status: NOERROR' dig_in "@$GWIN4" allowed.test "$type"
    check "$type of an allowed name: no record" test -z "$(short allowed.test "$type")"
done
for type in TXT MX SRV NS ANY CNAME PTR NULL; do
    log_mark
    check_has "$type is refused" 'status: REFUSED' dig_in +notcp "@$GWIN4" allowed.test "$type"
    check_log "$type is logged" event=dns verdict=deny reason=qtype name=allowed.test
done
check_has 'after a refused question the same socket gets the next answer' 'allowed.test 0 203.0.113.10' \
    dns sequence "$GWIN4" denied.test allowed.test denied.test allowed.test
log_mark
header=123401000001000000000000
for bad in 00 "${header}07616c6c6f776564" "${header}c00c00010001" 123481800001000000000000"07616c6c6f776564047465737400"00010001 \
    123401000002000000000000"07616c6c6f776564047465737400"0001000107616c6c6f77656404746573740000010001 \
    "${header}07616c6c6f77656404746573740000010003" "${header}ff" "${header}07616c6c6f776564047465737400000100017365637265742d62797465"; do
    check "a question that is none gets no address (${bad:24:20}...)" \
        test -z "$(dns raw "$GWIN4" "$bad" | grep -i cb00710a)"
done
check_log 'they are logged' event=dns reason=dns-malformed verdict=deny

# --- answers

check_has 'a CNAME chain is followed' 'served-name: www.allowed.test' curl_in https://www.allowed.test/
log_mark
check 'a CNAME loop ends without an address' answered_empty short loop.allowed.test
check 'a CNAME on itself ends without an address' answered_empty short self.allowed.test
check_has 'a truncated answer is asked again over TCP' 203.0.113.21 short tc.allowed.test
check 'that was over TCP' grep -q '"tcp".*"name": "[tT][cC]\.' "$T/dnsd.log"
check 'its address is bound' curl_in https://tc.allowed.test/
check_has 'a dead first upstream: the next answers' 203.0.113.12 short dead.test
check 'the dead one was asked' grep -qi "\"server\": \"$DEAD\".*dead.test" "$T/dnsd.log"
check 'its address is bound' curl_in https://dead.test/
check_has 'an upstream that fails' SERVFAIL dig_in "@$GWIN4" fail.allowed.test
check_has 'a name that there is not' NXDOMAIN dig_in "@$GWIN4" none.allowed.test

for name in r1 r2 r3 r4 r5 r6 r7 r8 r9; do
    log_mark
    check "rebinding: $name has no address" answered_empty short "$name.allowed.test"
    check_log "rebinding: $name is logged" reason=rebinding "name=$name.allowed.test"
done
for name in v1 v2 v3 v4; do
    log_mark
    check "rebinding: $name has no IPv6 address" answered_empty short "$name.allowed.test" AAAA
    check_log "rebinding: $name is logged" reason=rebinding "name=$name.allowed.test"
done

# --- forgeries

flood() { # one second of forged answers from the upstream and from the server that the agent asked
    local source

    for source in "$UP" "$GWIN4" 203.0.113.99; do
        in_out /usr/bin/python3 "$SUPPORT/clients/dns.py" flood "$source" "$1" 5555 slow.allowed.test 203.0.113.66 1.5 &
        FLOODS+=($!)
    done
}
FLOODS=()
flood "$GWOUT4"
flood "$IN4"
sleep 0.3
OUT=$(dns sequence "$GWIN4" slow.allowed.test 2>&1)
test "$OUT" = 'slow.allowed.test 0 203.0.113.22'
result $? "an accomplice's answers with the agent's ID and port do not reach it"
wait "${FLOODS[@]}"
check_denied 'what they say binds nothing' 'event=connect reason=address-not-bound dst=203.0.113.66' \
    raw 203.0.113.66 slow.allowed.test
check_has 'answers with a wrong ID, question or letter case are not taken' 203.0.113.23 short forged.allowed.test
check 'the true one is bound' curl_in https://forged.allowed.test/
check 'an answer from another port is not taken' no_address short port.allowed.test
check_has 'a record beside the question' 203.0.113.24 short extra.allowed.test
check_has 'the name it was about has its own address' 203.0.113.12 short other.test
for name in other.test extra.allowed.test forged.allowed.test port.allowed.test; do
    check_denied "a forged address is not bound to $name" 'event=connect reason=address-not-bound dst=203.0.113.66' \
        raw 203.0.113.66 "$name"
done
check 'all is well after that' curl_in https://allowed.test/
e2e_end
