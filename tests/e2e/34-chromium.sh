#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Chromium, by TLS over TCP and by HTTP/3: allowed pages come, denied ones fail at once with an error of its own that
# says so; what it asks for by itself (updates, accounts) stays inside. Its first hello is post-quantum, longer than a
# datagram, and its bytes are shuffled.
# shellcheck disable=SC2317 # functions that check calls

. "$(dirname "$0")/../support/e2e.sh"
# shellcheck source=../support/quic.sh
. "$SUPPORT/quic.sh"

FOLDER=$("$ROOT/tests/clients.sh" chromium)
e2e_begin
web_up && resolver_up || exit 1
for address in 203.0.113.10 2001:db8::10 203.0.113.12 2001:db8::12; do quicd_up $address || exit 1; done
echo 'served by TCP' >"$T/www/page"
expect_allowed allowed.test 203.0.113.10 2001:db8::10
for address in 203.0.113.10 2001:db8::10; do expect_quic allowed.test $address; done
expect_dns other.test
gw_policy <<'END'
allowed.test
other.test   tls/443
END
gw_start || exit 1
PIN=$(openssl x509 -in "$T/server.crt" -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64)
H3=--origin-to-force-quic-on=allowed.test:443,shared.test:443,other.test:443
AT_SHARED='--host-resolver-rules=MAP shared.test 203.0.113.10' # an allowed name's address

# chromium [OPTION...] URL - prints the page and "0 MS URL", or "NUMBER ERR_NAME MS URL"
chromium() {
    rm -rf "$T/profile" "$T/netlog"
    in_in timeout 60 "$FOLDER/run" chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
        --user-data-dir="$T/profile" --ignore-certificate-errors-spki-list="$PIN" --log-net-log="$T/netlog" \
        --dump-dom "$@" 2>"$T/chromium.err" </dev/null
    /usr/bin/python3 "$SUPPORT/clients/netlog.py" "$T/netlog"
}
# fails SENTENCE ERROR "KEY=VALUE..." OPTION... - with this error, within a second of its own time; the reason is in the log
fails() {
    local sentence=$1 error=$2 line ms
    local -a want

    read -r -a want <<<"$3"
    shift 3
    log_mark
    OUT=$(chromium "$@" 2>&1)
    line=$(grep -E -- " $error " <<<"$OUT")
    ms=$(cut -d' ' -f3 <<<"$line")
    [ -n "$line" ] && [ "$ms" -lt "${FAST_MS:-1000}" ]
    result $? "$sentence: $error at once"
    note "${ms:-?} ms"
    check_log "$sentence: the log says why" verdict=deny "${want[@]}"
}

if [ -z "$FOLDER" ]; then
    skip 'Chromium gets what is allowed and nothing else' 'its package cannot be had'
    in_in /usr/bin/python3 "$SUPPORT/rawtls.py" 203.0.113.10 denied.test
    e2e_end
fi

if is_plain; then # each start takes seconds; what it asks for by itself is enough
    chromium https://denied.test/page
    e2e_end
fi

check_has 'an allowed page' 'served by TCP' chromium https://allowed.test/page
check_log 'comes by TLS' event=tls verdict=allow name=allowed.test dport=443
served=$(wc -l <"$T/nginx/access.log")
check_has 'an allowed page by HTTP/3' 'served by QUIC' chromium "$H3" https://allowed.test/quic
check_log 'comes by QUIC' event=quic verdict=allow name=allowed.test proto=udp dport=443
check_log 'with ECH that says nothing, as browsers send it' event=quic verdict=allow name=allowed.test ech=True
check 'and not by TCP' test "$(wc -l <"$T/nginx/access.log")" -eq "$served"
is_shuffled() { # the capture may lag behind
    OUT=$(tshark -n -r "$T/out.pcap" -Y 'quic.long.packet_type == 0' -T fields -e quic.crypto.offset 2>/dev/null)
    awk '$1 != "" { datagrams++; n = split($1, at, ","); for (i = 2; i <= n; i++) if (at[i] < at[i - 1]) shuffled = 1 }
        END { exit !(datagrams > 1 && shuffled) }' <<<"$OUT"
}
retry 5 is_shuffled
result $? 'its hello went over several datagrams, shuffled'

# what README.md says that it says
IFS=$'\t' read -r FOR_NAME FOR_ADDRESS FOR_HELLO < <(
    sed -n 's/^| Chromium | \([A-Z_]*\) | \([A-Z_]*\) | \([A-Z_]*\) |.*/\1\t\2\t\3/p' "$ROOT/README.md"
)
fails 'a denied name' "$FOR_NAME" 'event=dns reason=name-not-allowed name=denied.test' https://denied.test/page
fails 'an address that was never given out' "$FOR_ADDRESS" \
    'event=connect reason=address-not-bound dst=203.0.113.66 proto=tcp' https://203.0.113.66/page
fails "a denied name at an allowed one's address" "$FOR_HELLO" \
    'event=tls reason=name-not-allowed name=shared.test' "$AT_SHARED" https://shared.test/page
fails 'the same by HTTP/3' 'ERR_QUIC_[A-Z_]*' \
    'event=quic reason=name-not-allowed name=shared.test' "$AT_SHARED" "$H3" https://shared.test/page
fails 'HTTP/3 where only TLS is allowed' 'ERR_QUIC_[A-Z_]*' \
    'event=connect reason=service-not-allowed name=other.test proto=udp' "$H3" https://other.test/page
# shellcheck disable=SC2034 # for log_has
LOG_MARK=0
check_log 'what it asks for by itself is refused' event=dns verdict=deny reason=name-not-allowed 'name~google'
e2e_end
