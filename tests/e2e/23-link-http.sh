#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# HTTP from behind a link: requests, bodies, and the page that says why one is refused, through the tunnel.
# shellcheck disable=SC2317 # functions that check calls

. "$(dirname "$0")/../support/e2e.sh"
. "$(dirname "$0")/../support/tunnel.sh"

e2e_begin
web_up && resolver_up && tunnel_net_up || exit 1
expect_dns allowed.test
expect_http allowed.test 203.0.113.10
expect_http allowed.test 2001:db8::10
expect_never EVIL
gw_policy <<'END'
allowed.test http/80
END
gw_start || exit 1

link_start "$NS_A" "$INNER_A" "$INNER_A6"
result $? 'the link comes up'
check 'it is attached' attach_a

curl_a() { in_a curl -sS -m 20 "$@"; }
head -c 4194304 "$T/www/big" >"$T/www/mid"
for proto in 4 6; do
    check_has "a request over IPv$proto" 'host: allowed.test' curl_a -$proto http://allowed.test/
    check "an upload over IPv$proto" curl_a -$proto -f -T "$T/www/mid" "http://allowed.test/put/link$proto"
    is_plain || check 'it arrived' cmp "$T/www/put/link$proto" "$T/www/mid"
    check "a download over IPv$proto" eval "curl_a -$proto http://allowed.test/mid | cmp - $T/www/mid"
    log_mark
    check_has "the page of a refused one over IPv$proto" 'secctl allow denied.test http/80' \
        curl_a -$proto -H 'Host: denied.test' http://allowed.test/EVIL
    check_log 'the log names agent and host' event=http verdict=deny agent=alpha reason=name-not-allowed name=denied.test
done
e2e_end
