#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A name counts only at an address that was given out for it; and it must be a name.
# shellcheck disable=SC2317 # functions that check calls

. "$(dirname "$0")/../support/e2e.sh"

e2e_begin
web_up && resolver_up && rawd_up || exit 1
expect_allowed allowed.test 203.0.113.10 2001:db8::10
expect_allowed other.test 203.0.113.12 2001:db8::12
expect_allowed www.allowed.test 203.0.113.11 2001:db8::11
gw_policy <<'END'
allowed.test
other.test
.allowed.test
!bad.allowed.test
END
gw_start || exit 1

curl_in() { in_in curl -sSk -m 5 "$@"; }
raw() { in_in /usr/bin/python3 "$SUPPORT/rawtls.py" "$@"; }
nc_in() { printf '%b' "$3" | in_in timeout 3 nc -w 2 "$1" "$2" | grep -q .; }

# bind the addresses: allowed.test has .10, other.test has .12
check 'allowed.test is reached' curl_in https://allowed.test/
check 'allowed.test is reached over IPv6' curl_in -6 https://allowed.test/
check 'other.test is reached' curl_in https://other.test/
check 'other.test is reached over IPv6' curl_in -6 https://other.test/

MISMATCH='event=tls reason=name-address-mismatch'
check_denied "an allowed name at another allowed name's address" "$MISMATCH name=allowed.test dst=203.0.113.12" \
    curl_in --resolve allowed.test:443:203.0.113.12 https://allowed.test/
check_denied "an allowed name at another allowed name's IPv6 address" "$MISMATCH name=allowed.test dst=2001:db8::12" \
    curl_in --resolve 'allowed.test:443:[2001:db8::12]' https://allowed.test/
check_denied 'an allowed name at an address nobody was given' 'event=connect reason=address-not-bound dst=203.0.113.66' \
    curl_in --resolve allowed.test:443:203.0.113.66 https://allowed.test/
check_denied 'an allowed name that was never asked for' "$MISMATCH name=never.allowed.test" \
    curl_in --resolve never.allowed.test:443:203.0.113.10 https://never.allowed.test/
check_denied "a denied name at an allowed name's address" 'event=tls reason=name-not-allowed name=denied.test dst=203.0.113.10' \
    curl_in --resolve denied.test:443:203.0.113.10 https://denied.test/
check_denied "a denied name at an allowed name's IPv6 address" 'event=tls reason=name-not-allowed dst=2001:db8::10' \
    curl_in --resolve 'denied.test:443:[2001:db8::10]' https://denied.test/
check_denied 'a name that a ! rule takes out' 'event=tls reason=name-denied name=bad.allowed.test' \
    curl_in --resolve bad.allowed.test:443:203.0.113.10 https://bad.allowed.test/
check_denied 'a denied name that resolves to an allowed address is not resolved' \
    'event=dns reason=name-not-allowed name=shared.test' curl_in https://shared.test/
check_denied 'a name that ends like an allowed one' 'event=tls reason=name-not-allowed name=notallowed.test' \
    raw 203.0.113.10 notallowed.test
check_denied 'an allowed name as the beginning of another' 'event=tls reason=name-not-allowed' \
    raw 203.0.113.10 allowed.test.denied.test
check_denied 'the domain above an allowed name' 'event=tls reason=name-not-allowed name=test' raw 203.0.113.10 test

check_denied 'no name' 'event=tls reason=no-sni dst=203.0.113.10' raw 203.0.113.10 x --no-sni
check_denied 'curl by address sends no name' 'event=tls reason=no-sni dst=203.0.113.10' curl_in https://203.0.113.10/
for name in 203.0.113.10 '[2001:db8::10]' 2001:db8::10 3405803786 0xcb00710a; do
    check_denied "the address as name: $name" 'event=tls reason~^(malformed|name-not-allowed|no-sni)$' raw 203.0.113.10 "$name"
done
for name in 'allowed.test\x00.denied.test' 'allowed.test\n' ' allowed.test' 'allowed.test/' 'a@allowed.test' 'allowed..test' \
    '.allowed.test' '*.allowed.test' 'allowed.test:443' '\xc3\xa4.allowed.test' ''; do
    check_denied "no name at all: \"$name\"" 'event=tls reason~^(malformed|no-sni|name-not-allowed)$' raw 203.0.113.10 "$name"
done
check_denied 'a label of 64 letters' 'event=tls reason~^(malformed|name-not-allowed)$' \
    raw 203.0.113.10 "$(printf 'a%.0s' {1..64}).allowed.test"

check 'upper case is the same name' raw 203.0.113.10 ALLOWED.Test
check_log 'it is logged in lower case' event=tls verdict=allow name=allowed.test
check 'curl with upper case' curl_in https://ALLOWED.TEST/
check_denied 'a denied name in upper case' 'event=tls reason=name-not-allowed name=denied.test' raw 203.0.113.10 DENIED.TEST
check 'curl with a trailing dot' curl_in https://allowed.test./
check_denied 'a denied name with a trailing dot' 'event=tls reason~^(malformed|name-not-allowed)$' raw 203.0.113.10 denied.test.

check_denied 'an SSH banner on 443' 'event=tls reason=not-tls dst=203.0.113.10 dport=443' nc_in 203.0.113.10 443 'SSH-2.0-OpenSSH_9\r\n'
check_denied 'HTTP on 443' 'event=tls reason=not-tls' nc_in 203.0.113.10 443 'GET / HTTP/1.0\r\n\r\n'
check_denied 'CONNECT before TLS' 'event=tls reason=not-tls' raw 203.0.113.10 x --raw 'CONNECT allowed.test:443 HTTP/1.1\r\n\r\n'
check_denied 'a PROXY header before TLS' 'event=tls reason=not-tls' raw 203.0.113.10 x --raw 'PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n'
check_denied 'an SSLv2 hello' 'event=tls reason~^(not-tls|malformed)$' \
    raw 203.0.113.10 x --raw '\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10\x00\x00\x35'
check_denied 'application data first' 'event=tls reason~^(not-tls|malformed)$' raw 203.0.113.10 x --raw '\x17\x03\x03\x00\x05hello'
check_denied 'an alert first' 'event=tls reason~^(not-tls|malformed)$' raw 203.0.113.10 x --raw '\x15\x03\x03\x00\x02\x01\x00'
check_denied 'one NUL' 'event=tls reason=not-tls' raw 203.0.113.10 x --raw '\x00'

# the answers to all that have not opened anything
check 'allowed.test is still reached' curl_in https://allowed.test/
check_has 'a name through CNAMEs is reached by its own name' 'served-name: www.allowed.test' curl_in https://www.allowed.test/
check_denied "but not by the CNAME's" 'event=tls reason=name-not-allowed name=edge.cdn.test' raw 203.0.113.11 edge.cdn.test

e2e_end
