#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What is refused ends at both ends: its server is told, without a byte of payload, and the same ports are good
# for another connection at once. So do hellos that do not come, and those that a new policy cannot allow.
# shellcheck disable=SC2317 # functions that check calls

. "$(dirname "$0")/../support/e2e.sh"

e2e_begin
web_up && resolver_up || exit 1
expect_allowed allowed.test 203.0.113.10 2001:db8::10
expect_allowed other.test 203.0.113.12 2001:db8::12
# the first part of a hello that did not go on
expect_released 203.0.113.10 443 1448
expect_released 203.0.113.12 443 1448
expect_released 2001:db8::12 443 1448
gw_policy <<'END'
allowed.test
other.test
END
gw_start || exit 1

alerted() { check_has "$1" 'alert 49' raw_of "${@:2}"; } # SENTENCE ADDRESS NAME OPTIONS...
raw_of() { raw "$@" || true; }
raw() { in_in /usr/bin/python3 "$SUPPORT/rawtls.py" "$@"; }
# both_ends SENTENCE ADDRESS - no connection to it is left at either end, at once
both_ends() {
    check "$1: its client is told at once" retry "$AT_ONCE" is_closed "$NS_IN" dst "$2"
    check "$1: its server is told at once" retry "$AT_ONCE" is_closed "$NS_OUT" src "$2"
}
AT_ONCE=$((${FAST_MS:-1000} / 1000))

for name in allowed other; do
    check "$name.test is looked up" in_in dig +short "$name.test" A "$name.test" AAAA
done

# a hello that does not go on is given up after 10 s, though nothing more of it comes
in_in /usr/bin/python3 "$SUPPORT/rawtls.py" 203.0.113.10 allowed.test --pq --cuts 700 --pause 60 >"$T/slow" 2>&1 &
slow=$!
check 'a hello begins' retry 5 is_connected "$NS_IN" dst 203.0.113.10
begin=$(now_ms)

# --- refused by its name

PORT=41000
for address in 203.0.113.12 2001:db8::12; do
    alerted "a denied name at $address is refused by an alert" "$address" denied.test --sport $((++PORT))
    both_ends "a denied name at $address" "$address"
    check "an allowed name between the same ports is served at once" raw "$address" other.test --sport $PORT
    alerted 'so is a denied one in many segments' "$address" denied.test --pq --cuts 100,700 --sport $((++PORT))
    check 'and again an allowed one between the same ports' raw "$address" other.test --sport $PORT
done
is_plain && e2e_end

# --- a policy that cannot allow what is half read, and what is idle or stuck

# stuck ADDRESS COUNT - asks for COUNT bytes that do not fit into what the client and its kernel take, and reads nothing
stuck() {
    in_in /usr/bin/python3 -c 'import socket, ssl, sys, time
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 20000)
s.connect((sys.argv[1], 443))
context = ssl.create_default_context()
s = context.wrap_socket(s, server_hostname="other.test")
s.sendall(("GET /" + sys.argv[2] + " HTTP/1.1\r\nHost: other.test\r\n\r\n").encode() if sys.argv[2] else b"G")
print("begun", flush=True)
time.sleep(60)' "$1" "$2"
}
is_full() { # ADDRESS
    local address=$1

    [[ $address != *:* ]] || address="[$address]"
    in_out ss -Htno state established src "$address" | grep -q 'timer:(persist'
}

for address in 203.0.113.12 2001:db8::12; do
    stuck "$address" big >"$T/stuck.$address" 2>&1 &
    half+=($!)
    stuck "$address" '' >"$T/idle.$address" 2>&1 &
    half+=($!)
    check "an idle connection to $address" retry 5 grep -q begun "$T/idle.$address"
    check 'and one whose window is full' retry 5 is_full "$address"
done
for address in 203.0.113.12 2001:db8::12; do
    in_in /usr/bin/python3 "$SUPPORT/rawtls.py" "$address" other.test --pq --cuts 700 --pause 60 >"$T/half" 2>&1 &
    half+=($!)
    check "a hello to $address is half read" retry 5 is_connected "$NS_IN" dst "$address"
done
sleep 0.2 # its first part is released
gw_policy <<<'allowed.test'
gw_reload
for address in 203.0.113.12 2001:db8::12; do
    both_ends "a half-read hello to $address that nothing can allow any more, an idle and a stuck connection" "$address"
    check_log 'that is logged' event=tls verdict=deny reason=policy-changed "dst=$address"
done

# --- the one from above

check 'a hello that does not go on ends' retry 30 is_closed "$NS_IN" dst 203.0.113.10
check 'after its time' test $(($(now_ms) - begin)) -ge 8000
both_ends 'a hello that does not go on' 203.0.113.10
# shellcheck disable=SC2034 # read by check_log
LOG_MARK=0 # wherever it is
check_log 'that is logged' event=tls verdict=deny reason=hello-timeout dst=203.0.113.10
kill "$slow" "${half[@]}" 2>/dev/null
wait "$slow" "${half[@]}" 2>/dev/null
e2e_end
