#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# http rules: every request of a connection is read and judged, and what is refused says why.
# shellcheck disable=SC2317 # functions that check calls

. "$(dirname "$0")/../support/e2e.sh"

e2e_begin
web_up && resolver_up || exit 1
for name in allowed other www.allowed; do expect_dns "$name.test"; done
expect_http allowed.test 203.0.113.10
expect_http allowed.test 2001:db8::10
expect_http other.test 203.0.113.12
expect_http other.test 2001:db8::12
expect_http www.allowed.test 203.0.113.11
expect_http www.allowed.test 2001:db8::11
expect_never EVIL
expect_never denied.test
gw_policy <<'END'
allowed.test      http/80
www.allowed.test  http/80
other.test        http/80
END
gw_start || exit 1

curl_in() { in_in curl -sS -m 20 "$@"; }
denied_page() { curl_in -m 5 "$@" | tee "$T/page" | grep -q "refused by the network policy"; }

# --- clients without any setting

check_has 'curl fetches an allowed name' 'host: allowed.test' curl_in http://allowed.test/
check_log 'it is logged' event=http verdict=allow reason=rule name=allowed.test dport=80
check_has 'over IPv6 too' 'host: allowed.test' curl_in -6 http://allowed.test/
check_has 'a name through CNAMEs' 'host: www.allowed.test' curl_in http://www.allowed.test/
check_has 'another name on the list at its Host' 'host: other.test' curl_in http://other.test/
check_has 'upper case and a trailing dot' 'host: allowed.test' curl_in http://ALLOWED.test./
log_mark
check_has 'a refused name gets a page' 'HTTP/1.1 403 Forbidden' curl_in -m 5 -i -H 'Host: denied.test' http://allowed.test/EVIL
note "$OUT"
check_log 'it is logged' event=http verdict=deny reason=name-not-allowed name=denied.test
check 'the page says what to do' grep -q 'secctl allow denied.test http/80' <<<"$OUT"
e2e_end
