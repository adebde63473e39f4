#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# http rules: every request of a connection is read and judged; what is refused says why, and nothing of it leaves.
# shellcheck disable=SC2317 # functions that check calls

. "$(dirname "$0")/../support/e2e.sh"

e2e_begin
web_up && resolver_up && git_repository && mirror_up || exit 1
for name in allowed other www.allowed; do expect_dns "$name.test"; done
expect_http allowed.test 203.0.113.10
expect_http allowed.test 2001:db8::10
expect_http other.test 203.0.113.12
expect_http other.test 2001:db8::12
expect_http www.allowed.test 203.0.113.11
expect_http www.allowed.test 2001:db8::11
expect_released 203.0.113.10 80 600
expect_never EVIL
expect_never denied.test
policy='allowed.test      http/80
www.allowed.test  http/80
other.test        http/80'
gw_policy <<<"$policy"
gw_start || exit 1

GOOD='GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n'
LAST='GET / HTTP/1.1\r\nHost: allowed.test\r\nConnection: close\r\n\r\n'

curl_in() { in_in curl -sS -m 60 "$@"; }
raw() { in_in /usr/bin/python3 "$SUPPORT/rawhttp.py" "$@"; }
page() { # ARGUMENT... - curl shows a page of ours and its connection is over
    local got

    got=$(curl_in -m 5 -i "$@") && grep -q '^HTTP/1.1 403' <<<"$got" && grep -q 'refused by the network policy' <<<"$got"
}
never_200() { ! "$@"; } # its output says more
never_403() { ! "$@"; }
apt_in() { # with nothing of the machine's own
    (
        cd "$T" && in_in timeout 30 env APT_CONFIG="$T/apt/conf" apt-get -q "$@"
    )
}
head -c 4194304 "$T/www/big" >"$T/www/mid"
same_big() { cmp - "$T/www/big"; }
put_is_same() { retry 5 cmp "$T/www/put/$1" "$T/www/mid"; }

# --- clients without any setting

check_has 'curl fetches an allowed name' 'host: allowed.test' curl_in http://allowed.test/
check_log 'it is logged' event=http verdict=allow reason=rule name=allowed.test method=GET dport=80
check_has 'over IPv6 too' 'host: allowed.test' curl_in -6 http://allowed.test/
check_has 'a name through CNAMEs' 'host: www.allowed.test' curl_in http://www.allowed.test/
check_has 'another name on the list' 'host: other.test' curl_in http://other.test/
check 'it is looked up for IPv6' curl_in -6 http://other.test/
check_has 'upper case and a trailing dot' 'host: allowed.test' curl_in http://ALLOWED.test./
check_has 'wget' 'host: allowed.test' in_in wget -q -O - --tries=1 --timeout=5 http://allowed.test/
check_has 'python' 'host: allowed.test' in_in /usr/bin/python3 -c \
    'import urllib.request as u; print(u.urlopen("http://allowed.test/", timeout=5).read().decode())'
check 'git clones over http' in_in timeout 30 git clone -q http://allowed.test/repo.git "$T/clone"
check 'apt updates from a mirror' apt_in update
check 'apt fetches a package from it' apt_in download secctl-test-package
check 'it is the same' cmp "$T/secctl-test-package_1.0_all.deb" "$T/www/mirror/secctl-test-package_1.0_all.deb"
check 'many requests on one connection' curl_in -f -o /dev/null 'http://allowed.test/small?[1-200]'
check_has 'an absolute URI that says what Host says' '200 OK' raw 203.0.113.10 \
    'GET http://allowed.test/ HTTP/1.1\r\nHost: ALLOWED.test:80\r\nConnection: close\r\n\r\n'
check_has 'HTTP/1.0 with a Host' '200 OK' raw 203.0.113.10 'GET / HTTP/1.0\r\nHost: allowed.test\r\n\r\n'
check_has 'pipelined requests' '200 OK' raw 203.0.113.10 "$GOOD$GOOD$GOOD$LAST"

# --- bodies

for proto in 4 6; do
    check "a big download over IPv$proto" eval "curl_in -$proto http://allowed.test/big | same_big"
    check "a big upload with its length over IPv$proto" curl_in "-$proto" -f -T "$T/www/mid" "http://allowed.test/put/length$proto"
    is_plain || check 'it arrived' put_is_same "length$proto"
    check "a big chunked upload over IPv$proto" eval \
        "cat $T/www/mid | curl_in -$proto -f -T - http://allowed.test/put/chunked$proto"
    is_plain || check 'it arrived whole' put_is_same "chunked$proto"
done
check 'a body that is announced by 100-continue' curl_in -f -H 'Expect: 100-continue' -T "$T/www/small" http://allowed.test/put/continue
check_has 'small chunks in one segment' '20' raw 203.0.113.10 \
    'PUT /put/chunks HTTP/1.1\r\nHost: allowed.test\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\na\r\n2\r\nbc\r\n00\r\n\r\n'
check 'a request after a body' raw 203.0.113.10 --wait 5 \
    'POST / HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 10\r\n\r\n0123' '456789' answer "$LAST"

# --- slow clients

check 'a head in pieces' raw 203.0.113.10 'GET / HT' sleep:0.2 'TP/1.1\r\nHost: allo' sleep:0.2 'wed.test\r\n' \
    sleep:0.2 'Connection: close\r\n\r\n'
check 'a head byte by byte' raw 203.0.113.10 --wait 20 "each:1:$LAST"
check 'a later one byte by byte' raw 203.0.113.10 --wait 20 "$GOOD" answer "each:1:$LAST"
check 'a pause between requests' raw 203.0.113.10 "$GOOD" answer sleep:2 "$LAST"
check 'the client ends first' raw 203.0.113.10 "$GOOD" half

# --- refused: a page

log_mark
check_has 'a refused name gets a page' 'secctl allow denied.test http/80' \
    curl_in -m 5 -i -H 'Host: denied.test' http://allowed.test/EVIL
is_plain || note "$OUT"
check_log 'it is logged' event=http verdict=deny reason=name-not-allowed name=denied.test method=GET
check 'over IPv6 too' page -6 -H 'Host: denied.test' http://allowed.test/EVIL
check 'for HEAD it has no body' curl_in -m 5 -I -H 'Host: denied.test' http://allowed.test/EVIL
check 'for an upload too' page -H 'Host: denied.test' -H 'Expect:' -d EVIL http://allowed.test/EVIL
log_mark
check 'an allowed name at the address of another' page --resolve allowed.test:80:203.0.113.12 http://allowed.test/EVIL
check_log 'the log says so' event=http reason=name-address-mismatch name=allowed.test dst=203.0.113.12
log_mark
check 'the address as name' page http://203.0.113.10/EVIL
check_log 'the log says so ' event=http reason=name-not-allowed name=203.0.113.10
check_denied 'an address nobody was given' 'event=connect reason=address-not-bound dst=203.0.113.66' \
    curl_in -m 5 -f --resolve allowed.test:80:203.0.113.66 http://allowed.test/EVIL
check_denied 'TLS where http is allowed' 'event=tls reason=service-not-allowed name=allowed.test' \
    curl_in -m 5 --connect-to allowed.test:443:allowed.test:80 https://allowed.test/EVIL
check_denied 'http where nothing is allowed' 'event=connect reason=service-not-allowed dport=443' \
    curl_in -m 5 -f http://allowed.test:443/EVIL

# --- refused: what could be read in two ways

BAD=('two Hosts' 'GET /EVIL HTTP/1.1\r\nHost: allowed.test\r\nHost: denied.test\r\n\r\n'
    'the same Host twice' 'GET /EVIL HTTP/1.1\r\nHost: allowed.test\r\nHost: allowed.test\r\n\r\n'
    'obs-fold' 'GET /EVIL HTTP/1.1\r\nHost: allowed.test\r\n .denied.test\r\n\r\n'
    'a bare LF' 'GET /EVIL HTTP/1.1\r\nX: a\nHost: denied.test\r\nHost: allowed.test\r\n\r\n'
    'bare LFs only' 'GET /EVIL HTTP/1.1\nHost: allowed.test\n\n'
    'a bare CR' 'GET /EVIL HTTP/1.1\r\nX: a\rHost: denied.test\r\nHost: allowed.test\r\n\r\n'
    'NUL' 'GET /EVIL HTTP/1.1\r\nX: a\x00b\r\nHost: allowed.test\r\n\r\n'
    'space before the colon' 'GET /EVIL HTTP/1.1\r\nHost : denied.test\r\nHost: allowed.test\r\n\r\n'
    'an absolute URI against Host' 'GET http://denied.test/EVIL HTTP/1.1\r\nHost: allowed.test\r\n\r\n'
    'Host against an absolute URI' 'GET http://allowed.test/EVIL HTTP/1.1\r\nHost: denied.test\r\n\r\n'
    'CL.TE' 'POST /EVIL HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
    'TE.CL' 'POST /EVIL HTTP/1.1\r\nHost: allowed.test\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n'
    'a hidden Transfer-Encoding' 'POST /EVIL HTTP/1.1\r\nHost: allowed.test\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'
    'two lengths' 'POST /EVIL HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 1\r\nContent-Length: 30\r\n\r\n'
    'a list of lengths' 'POST /EVIL HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 1, 1\r\n\r\n'
    'a signed length' 'POST /EVIL HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: +1\r\n\r\n'
    'another port in Host' 'GET /EVIL HTTP/1.1\r\nHost: allowed.test:8080\r\n\r\n'
    'no Host' 'GET /EVIL HTTP/1.1\r\n\r\n'
    'HTTP/1.0 without Host' 'GET /EVIL HTTP/1.0\r\n\r\n'
    'HTTP/0.9' 'GET /EVIL\r\n'
    'HTTP/2' 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nEVIL'
    'CONNECT' 'CONNECT EVIL.allowed.test:443 HTTP/1.1\r\nHost: allowed.test\r\n\r\n'
    'h2c' 'GET /EVIL HTTP/1.1\r\nHost: allowed.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n'
    'a line end before the request' '\r\nGET /EVIL HTTP/1.1\r\nHost: allowed.test\r\n\r\n'
    'another protocol' 'SSH-2.0-EVIL_1\r\n')
for ((i = 0; i < ${#BAD[@]}; i += 2)); do
    log_mark
    check_has "${BAD[i]}: a page" '403' never_200 raw 203.0.113.10 "${BAD[i + 1]}"
    check_log "${BAD[i]}: the log says why" event=http verdict=deny 'reason~^(http-malformed|name-not-allowed)$'
    check_has "${BAD[i]}, after a good request: a reset" 'reset' never_403 raw 203.0.113.10 "$GOOD" answer "${BAD[i + 1]}"
done
CHUNKED='POST / HTTP/1.1\r\nHost: allowed.test\r\nTransfer-Encoding: chunked\r\n\r\n'
BODIES=('an extension' '5;EVIL=a\r\n' 'a sign' '+5\r\nEVIL' 'a line of LF' '5\nEVIL' 'no size' '\r\nEVIL'
    'a size of 9 digits' '000000005\r\nEVIL' 'more than it says' '1\r\naEVIL\r\n' 'a Host in the trailer' '0\r\nHost: denied.test\r\n\r\n'
    'another request in the trailer' '0\r\nGET /EVIL HTTP/1.1\r\nHost: denied.test\r\n\r\n')
for ((i = 0; i < ${#BODIES[@]}; i += 2)); do
    log_mark
    check_has "chunks with ${BODIES[i]}: a reset" 'reset' never_403 raw 203.0.113.10 "$CHUNKED" sleep:0.1 "${BODIES[i + 1]}"
    check_log "chunks with ${BODIES[i]}: the log says why" event=http verdict=deny reason=http-malformed
done
log_mark
check_has 'a pipelined request to another host: a reset' 'reset' never_403 raw 203.0.113.10 \
    "$GOOD" answer "$GOOD"'GET /EVIL HTTP/1.1\r\nHost: denied.test\r\n\r\n'
check_log 'the log names it' event=http verdict=deny reason=name-not-allowed name=denied.test
check_has 'a request to an allowed host of another address: a reset' 'reset' never_403 raw 203.0.113.10 \
    "$GOOD" answer 'GET /EVIL HTTP/1.1\r\nHost: other.test\r\n\r\n'
check_has 'a request behind a body: a reset' 'reset' never_403 raw 203.0.113.10 \
    'POST / HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 3\r\n\r\nabcGET /EVIL HTTP/1.1\r\nHost: denied.test\r\n\r\n'
check 'allowed.test is still reached' curl_in -f http://allowed.test/

# --- segments by hand: order, copies, overlaps

/usr/bin/python3 "$SUPPORT/rawtcp.py" --rules | in_in nft -f - || exit 1
tcp() { in_in /usr/bin/python3 "$SUPPORT/rawtcp.py" 203.0.113.10 --port 80 --wait "${TCP_WAIT:-3}" "$@"; }
at() { printf '%s=%s' "$1" "$(printf '%b' "$2" | od -An -v -tx1 | tr -d ' \n')"; } # OFFSET TEXT - a step
# ends SENTENCE HOW STEP... - the connection ends like this
ends() {
    local sentence=$1 how=$2

    shift 2
    OUT=$(tcp "$@")
    [ "$OUT" = "$how" ]
    result $? "$sentence"
}
first='GET / HTTP/1.1\r\nHost: all' second='owed.test\r\nConnection: close\r\n\r\n' # 25 bytes and more
served='strange 485454502f312e31' # what does not begin as a ServerHello: HTTP/1.1
log_mark
ends 'a request whose end comes first is served' "$served" "$(at 25 "$second")" "$(at 0 "$first")"
ends 'so is one with copies of its parts' "$served" "$(at 0 "$first")" "$(at 0 "$first")" "$(at 10 "${first:10}")" "$(at 25 "$second")"
check_log 'and logged' event=http verdict=allow name=allowed.test
ends 'a copy with other bytes ends it' reset "$(at 0 "$first")" "$(at 0 "GET /EVIL HTTP")"
ends 'so does an overlap with other bytes' reset "$(at 5 "EVIL HTTP/1.1\r\n")" "$(at 0 "$first")"
put='PUT /put/copy HTTP/1.1\r\nHost: allowed.test\r\nConnection: close\r\nContent-Length: 8\r\n\r\n' # 84 bytes
ends 'content may come in any order' "$served" "$(at 0 "$put")" sleep:0.2 "$(at 88 efgh)" "$(at 84 abcd)"
ends 'another request in an overlap with content is none of it' reset \
    "$(at 0 "$put")" sleep:0.2 "$(at 84 abcd)" "$(at 84 'abcdefghGET /EVIL HTTP/1.1\r\nHost: denied.test\r\n\r\n')"

# --- a new policy

in_in curl -sS -m 60 -o "$T/slow" http://other.test/slow/big 2>"$T/slow.err" &
slow=$!
check 'a long download begins' retry 5 test -s "$T/slow"
gw_policy <<<"${policy%other*}"
gw_reload
if is_plain; then
    kill "$slow" 2>/dev/null
else
    wait "$slow"
    check 'it ends when the policy takes its name out' [ $? -ne 0 ]
fi
e2e_end
