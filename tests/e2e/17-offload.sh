#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Where the kernel has flowtables: accepted connections are taken over, counted all the same, and lost at once
# by a policy that forbids them; a new connection between the same ports is not taken along.
# shellcheck disable=SC2317 # functions that check calls

. "$(dirname "$0")/../support/e2e.sh"

e2e_begin
web_up && resolver_up && rawd_up || exit 1
expect_allowed allowed.test 203.0.113.10 2001:db8::10
expect_allowed other.test 203.0.113.12 2001:db8::12
expect_dns raw.test
expect_out 'ip.dst==203.0.113.40 && tcp.dstport==7000'
gw_policy <<'END'
allowed.test
other.test
raw.test tcp/7000
END
gw_start || exit 1

never() { ! "$@"; }
is_offloaded() { in_gw sh -c "conntrack -L; conntrack -L -f ipv6" 2>/dev/null | grep "OFFLOAD" | grep "dst=$1 "; }
AT_ONCE=$((${FAST_MS:-1000} / 1000))
since() { echo $(($(now_ms) - $1)); }

# fetch FAMILY NAME - a download that takes 12 s, into $T/get-NAME-FAMILY
fetch() { in_in curl -sS "$1" -m 60 "https://$2/slow/part" -o "$T/get-$2$1" 2>"$T/get-$2$1.err"; }

# bulk ADDRESS - to and fro, until it is thrown out; then how and when
bulk() {
    in_in /usr/bin/python3 -c '
import socket, sys, threading, time
s = socket.create_connection((sys.argv[1], 7000), 5)
begin = time.monotonic()
def fill():
    try:
        while time.monotonic() - begin < 30:
            s.sendall(bytes(16384))
            time.sleep(0.1)
    except OSError:
        pass
threading.Thread(target=fill, daemon=True).start()
try:
    while time.monotonic() - begin < 30 and s.recv(65536):
        pass
    print("still there")
except OSError as e:
    print(type(e).__name__, time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000000)' "$1" >"$T/bulk"
}

if is_plain; then
    in_in /usr/bin/python3 "$SUPPORT/rawtls.py" 203.0.113.10 denied.test
    e2e_end
fi
[ -z "${SECCTL_VM:-}" ] || check_log 'the native queue and the flowtable are in use' event=start 'detail~queue native, flowtable yes'
if ! in_gw nft list flowtables 2>/dev/null | grep -q flowtable; then
    skip 'accepted connections are taken over by the flowtable' 'this kernel has none'
    e2e_end
fi

# --- taken over, and thrown out

head -c 3145728 "$T/www/big" >"$T/www/part"
check 'raw.test is looked up' in_in dig +short raw.test
declare -A stays gone
fetch -4 allowed.test &
stays[4]=$!
fetch -6 allowed.test &
stays[6]=$!
fetch -4 other.test &
gone[4]=$!
fetch -6 other.test &
gone[6]=$!
bulk 203.0.113.40 &
bulk=$!
for address in 203.0.113.10 2001:db8::10 203.0.113.12 2001:db8::12 203.0.113.40; do
    check "a connection to $address is taken over by the flowtable" retry 10 is_offloaded "$address"
done
gw_policy <<<'allowed.test'
log_mark
begin=$(now_ms)
kill -HUP "$GW_PID"
for v in 4 6; do
    wait "${gone[$v]}"
    status=$? ms=$(since "$begin")
    OUT="curl's status $status after $ms ms"
    [ "$status" -ne 0 ] && [ "$ms" -le "${FAST_MS:-1000}" ]
    result $? "a download that is no longer allowed (IPv$v) is reset at the client at once"
done
check 'and at the server' retry "$AT_ONCE" is_closed "$NS_OUT" src 203.0.113.12
check 'and at the server (IPv6)' retry "$AT_ONCE" is_closed "$NS_OUT" src 2001:db8::12
wait "$bulk"
read -r how when <"$T/bulk"
OUT="$how $((${when:-0} - begin)) ms"
[[ $how == Connection* ]] && [ $((when - begin)) -le "${FAST_MS:-1000}" ]
result $? 'a connection that sends is reset at the client at once'
check_has 'and at the server, which sees a reset' ConnectionResetError retry "$AT_ONCE" grep -m 1 ConnectionResetError "$T/rawd.log"
OUT="$(since "$begin") ms"
[ "$(since "$begin")" -le $((${FAST_MS:-1000} * 2)) ]
result $? 'all of it at once'
check_log 'that is logged' reason=policy-changed verdict=deny name=other.test
for address in 203.0.113.10 2001:db8::10; do
    check "what is still allowed is taken over again ($address)" retry 5 is_offloaded "$address"
done
for v in 4 6; do
    wait "${stays[$v]}"
    result $? "what is still allowed is fetched to its end (IPv$v)"
done
check 'and is whole' cmp "$T/www/part" "$T/get-allowed.test-4"
check 'and is whole (IPv6)' cmp "$T/www/part" "$T/get-allowed.test-6"

# --- counted

counted() { # all bytes of a big download are in conntrack's books
    in_gw conntrack -L -d 203.0.113.10 2>/dev/null |
        sed 's/.* bytes=\([0-9]*\).* bytes=\([0-9]*\).*/\2/' | awk '$1 > 33554432 { found = 1 } END { exit !found }'
}
check 'a big download' in_in curl -sS -4 -m 60 -o /dev/null https://allowed.test/big
check 'has all its bytes counted' retry 3 counted

# --- the same ports again

silent_loss() { # the server forgets its connections, and tells nobody
    in_out nft -f - <<'END' && in_out ss -Ktn "sport = 443" >/dev/null && in_out nft delete table inet silent
table inet silent {
    chain out {
        type filter hook output priority 0
        tcp sport 443 tcp flags & rst == rst drop
    }
}
END
}
# reused ADDRESS [TTL] - a second connection between the same ports, which names another host, is not served
reused() {
    local reuse port

    mkfifo "$T/go" && : >"$T/reuse"
    ip netns exec "$NS_IN" /usr/bin/python3 "$SUPPORT/clients/reuse.py" "$1" allowed.test shared.test "${@:2}" \
        <"$T/go" >"$T/reuse" 2>&1 &
    reuse=$!
    exec 9>"$T/go"
    check "same ports ($*): an allowed connection" retry 10 grep -q open "$T/reuse"
    port=$(sed -n 's/open //p' "$T/reuse")
    check "same ports ($*): it is taken over" retry 5 is_offloaded "$1 sport=$port"
    check "same ports ($*): the server forgets it" silent_loss
    check "same ports ($*): nothing of it is there" never in_out sh -c "ss -Htn state established dport = $port | grep ."
    log_mark
    exec 9>&-
    wait "$reuse"
    # shellcheck disable=SC2034 # shown by result
    status=$? OUT=$(cat "$T/reuse")
    result "$status" "same ports ($*): a second one, which names another host, is not served"
    check_log "same ports ($*): that is logged" verdict=deny "sport=$port"
    rm -f "$T/go"
}
/usr/bin/python3 "$SUPPORT/rawtcp.py" --rules | in_in nft -f - || exit 1
reused 203.0.113.10
reused 2001:db8::10
reused 203.0.113.10 1
e2e_end
