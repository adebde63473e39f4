#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Ways around a filter, each one tried live: what the servers got, and what the capture outside holds, is the verdict.
# ROWS: numbers of the only ones to try. The rows are in tests/evasion, a table of them comes at the end.
# shellcheck disable=SC2317 # functions that a loop calls

. "$(dirname "$0")/../support/e2e.sh"
# shellcheck source=../support/quic.sh
. "$SUPPORT/quic.sh"
UP=198.18.1.54 OTHER4=198.18.0.3
export PLAIN_UPSTREAM=$UP

suite() { /usr/bin/python3 "$ROOT/tests/evasion/suite.py" "$@"; }

# suite_in PHASE... - from the clients' namespace
suite_in() {
    export T IN4 IN6 GWOUT4 OTHER4 NS_GW NS_OUT MODE GW_PID GATEWAY4=$GWIN4 GATEWAY6=$GWIN6
    GATEWAY_MAC=$(in_gw cat /sys/class/net/gwin/address) in_in /usr/bin/python3 "$ROOT/tests/evasion/suite.py" run "$T/results" "$@"
}

http_up() {
    mkdir -p "$T/nginx"
    cat >"$T/nginx/conf" <<END
daemon off;
master_process off;
user root;
pid $T/nginx/pid;
error_log $T/nginx/error.log;
events { worker_connections 1024; }
http {
    log_format served escape=json '{"to":"\$server_addr","host":"\$host","request":"\$request"}';
    access_log $T/nginx/served.log served;
    client_body_temp_path $T/nginx; proxy_temp_path $T/nginx; fastcgi_temp_path $T/nginx; uwsgi_temp_path $T/nginx; scgi_temp_path $T/nginx;
    server {
        listen 80; listen [::]:80;
        server_name _;
        location / { return 200 "served\n"; }
    }
}
END
    spawn "$NS_OUT" nginx -e "$T/nginx/error.log" -c "$T/nginx/conf" -p "$T/nginx/" 2>>"$T/nginx/out"
    retry 60 tcp_answers 203.0.113.121 80
}

quicd() { # ADDRESS OPTION... - one that says what it is asked
    local address=$1

    shift
    spawn "$NS_OUT" gtlsserver "$@" --no-http-dump -d "$T/www" "$address" 443 "$T/server.key" "$T/server.crt" >>"$T/quicd.${address#\*}" 2>&1
}

quic_up() {
    mkdir -p "$T/www"
    echo 'served by QUIC' >"$T/www/quic"
    quicd '*'
    quicd 203.0.113.101 -V
    quicd 203.0.113.102 --groups=-GROUP-ALL:+GROUP-SECP384R1
    quicd 203.0.113.104 --preferred-ipv4-addr=203.0.113.204:443
    retry 60 udp_listens 203.0.113.104 443
}

tls_up() {
    in_out sh -c 'echo 3 >/proc/sys/net/ipv4/tcp_fastopen'
    spawn "$NS_OUT" /usr/bin/python3 "$SUPPORT/tlsd.py" "$T/tlsd.log" "$T/server.crt" "$T/server.key" 443,8443,22,853,2222,1080,3128 \
        203.0.113.57=hrr 203.0.113.58=hrr 203.0.113.71=banner 2>>"$T/tlsd.err"
    retry 60 tcp_answers 203.0.113.41 3128
}

peer_up() { # row 20's: no kernel answers there
    in_out nft -f - <<<'table ip peer { chain in { type filter hook input priority 0; ip daddr 203.0.113.20 drop; }; }' || return 1
    spawn "$NS_OUT" /usr/bin/python3 "$ROOT/tests/evasion/outside.py" split 203.0.113.20 "$T/peer.log" 2>>"$T/peer.err"
    retry 60 grep -qs ready "$T/peer.log"
}

e2e_begin
mapfile -t rules < <(suite rules "$UP")
pki_up && dnsd_up "$T/dnsd.log" "${rules[@]}" || exit 1
for what in tls_up http_up quic_up peer_up; do
    $what || {
        note "$what: $(cat "$T"/*.err)"
        exit 1
    }
done
spawn "$NS_GW" /usr/bin/python3 "$SUPPORT/rawd.py" "$T/gateway.log" 22 7000
ip -n "$NS_IN" addr add $OTHER4/24 dev in0
/usr/bin/python3 "$SUPPORT/rawtcp.py" --rules | in_in nft -f - || exit 1
suite expect "$UP" >>"$T/expected"
gw_policy <<'END'
.good.test   tls/443 quic/443 http/80
listed.test
END
SETTINGS=("dns.upstream = $UP" "agent.one = $IN4, $IN6" "agent.two = $OTHER4")
gw_conf "${SETTINGS[@]}"
gw_start || exit 1
if [ -n "${SECCTL_VM:-}" ]; then
    check 'the rows of live connections were tried' suite_in live machine
elif is_plain; then # what waits for a gateway is left out
    suite_in parallel live
else
    check 'the rows were tried' suite_in parallel live alone
    note "$OUT"
    gw_stop
    gw_conf "${SETTINGS[@]}" 'ech = deny'
    gw_start || exit 1
    check 'the rows of the strict setting were tried' suite_in strict
fi
note "$OUT"
gw_stop
capture_stop
capture_check 100000 >"$T/left"
suite report "$T/results" "$T/left" || TAP_FAILED=$((TAP_FAILED + 1))
e2e_end
