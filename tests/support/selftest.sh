#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The tests' own tools: a network leaves nothing behind, and the capture check sees what it must.
# no counter-check: there is no gateway in it

. "$(dirname "$0")/e2e.sh"

# --- what is left after a script that ended in one way or another

# ended SIGNAL - a network is built, the script that has it ends by SIGNAL ("" its own end); what is left, if anything
ended() {
    /usr/bin/python3 - "$SUPPORT/e2e.sh" "$1" <<'END'
import os, signal, subprocess, sys, time

# bash would start a background script with SIGINT ignored
script = '. "$1"; e2e_begin; spawn "$NS_IN" sleep 99; echo "$T $NS_ID"; [ -n "$2" ] || exit 0; sleep 99'
child = subprocess.Popen(["bash", "-c", script, "selftest", *sys.argv[1:]], stdout=subprocess.PIPE, text=True,
                         start_new_session=True)
folder, name = child.stdout.readline().split()
spaces = [f"{name}-{end}" for end in ("in", "gw", "out")]
time.sleep(0.2)
if sys.argv[2]:
    os.killpg(child.pid, getattr(signal, "SIG" + sys.argv[2]))
child.wait(timeout=20)
left = [p for p in [folder, *(f"/run/netns/{s}" for s in spaces), *(f"/etc/netns/{s}" for s in spaces)]
        if os.path.exists(p)]
time.sleep(0.1)
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        if os.getsid(int(pid)) == child.pid and ") Z " not in open(f"/proc/{pid}/stat").read():
            left.append(f"process {pid} {open(f'/proc/{pid}/cmdline').read()!r}")
    except OSError:
        pass
sys.exit(f"left behind: {left}" if left else 0)
END
}

for signal in '' INT TERM HUP; do
    check "a network leaves nothing behind when its script ends${signal:+ by SIG$signal}" ended "$signal"
done

# --- the capture check

e2e_begin
CAPTURE_OPTIONS=--immediate-mode # few packets, many captures
web_up && resolver_up && rawd_up || exit 1
MODE=plain gw_start || exit 1

# verdict_on DECLARATIONS COMMAND... - what the capture check says when COMMAND's packets are all that left
verdict_on() {
    local text status

    capture_stop
    capture_up
    printf '%s\n' "$1" >"$T/expected"
    shift
    "$@" >/dev/null 2>&1
    capture_stop
    text=$(capture_check 40)
    status=$?
    echo "$text"
    return "$status"
}

# finds SENTENCE TEXT DECLARATIONS COMMAND... - the check fails with TEXT
finds() {
    local sentence=$1 text=$2

    shift 2
    OUT=$(verdict_on "$@")
    [ $? -eq 42 ] && grep -qF "$text" <<<"$OUT"
    result $? "$sentence"
}

# passes SENTENCE DECLARATIONS COMMAND...
passes() {
    local sentence=$1

    shift
    OUT=$(verdict_on "$@")
    result $? "$sentence"
}

curl_to() { in_in curl -sk -m 4 --resolve "$1:443:$2" "https://$1/"; }
dig_in() { in_in dig +tries=1 +time=2 "@$GWIN4" "$@"; }
dig_bare() { dig_in +noedns +noadflag "$@"; }
# shellcheck disable=SC2317 # called by finds
talk() { in_in timeout 2 bash -c "exec 3<>/dev/tcp/$1/$2; printf '$3' >&3; sleep 0.3"; }
# shellcheck disable=SC2317
padded_query() { # a good question with bytes after it
    in_in /usr/bin/python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b"\0\1\1\0\0\1\0\0\0\0\0\0\7allowed\4test\0\0\1\0\1" + b"secret", (sys.argv[1], 53))' "$GWIN4"
}
TLS='tls allowed.test 203.0.113.10 443'
DNS="dns allowed.test $RESOLVER"

passes 'declared TLS passes' "$TLS" curl_to allowed.test 203.0.113.10
finds 'a name that is not declared is found' 'ClientHello for denied.test' "$TLS" curl_to denied.test 203.0.113.10
finds 'a declared name at another address is found' 'TCP to 203.0.113.12' "$TLS" curl_to allowed.test 203.0.113.12
finds 'TLS without a name is found' 'without a name' "$TLS" in_in curl -sk -m 4 https://203.0.113.10/
finds 'bytes without a ClientHello are found' 'without a ClientHello' "$TLS" talk 203.0.113.10 443 'SSH-2.0-x\n'
finds 'a part of a ClientHello is found' 'without a ClientHello' "$TLS" talk 203.0.113.10 443 '\x16\x03\x01\x02\x00\x01'
passes 'a declared few first bytes pass' 'released 203.0.113.10 443 6' talk 203.0.113.10 443 '\x16\x03\x01\x02\x00\x01'
finds 'more than the declared few are found' 'without a ClientHello' 'released 203.0.113.10 443 5' \
    talk 203.0.113.10 443 '\x16\x03\x01\x02\x00\x01'
finds 'another port is found' 'port 7000' "$TLS" talk 203.0.113.10 7000 x
finds 'ping is found' 'not declared' "$TLS" in_in ping -c 1 -W 1 203.0.113.10
finds 'an IPv6 ping is found' 'not declared' "$TLS" in_in ping -c 1 -W 1 2001:db8::10
finds 'UDP is found' 'not declared' "$TLS" in_in /usr/bin/python3 "$SUPPORT/clients/udp.py" 203.0.113.10 443
passes 'a display filter declares' 'out icmp && ip.dst==203.0.113.10' in_in ping -c 1 -W 1 203.0.113.10
passes 'a declared question passes' "$DNS" dig_bare allowed.test
passes 'its letter case does not matter' "$DNS" dig_bare aLLowed.TEST
passes 'a declared question passes over TCP' "$DNS" dig_bare +tcp allowed.test
passes 'an empty OPT record passes' "$DNS" dig_in +noadflag +nocookie +noedns +bufsize=1232 allowed.test
finds 'a question that is not declared is found' 'question for secret.denied.test' "$DNS" dig_bare secret.denied.test
finds 'a question that is not declared is found over TCP' 'question for secret.denied.test' "$DNS" \
    dig_bare +tcp secret.denied.test
finds 'a question of another type is found' 'type 16' "$DNS" dig_bare allowed.test TXT
finds 'an EDNS option is found' 'question needs' "$DNS" dig_in +cookie allowed.test
finds 'bytes after a question are found' 'question needs' "$DNS" padded_query
finds 'another server is found' 'not declared' "dns allowed.test 198.18.1.54" dig_bare allowed.test
served_check >/dev/null
result $((42 - $?)) 'a served name that is not declared is found'

net_down
ENDED=1
[ "$TAP_FAILED" -eq 0 ]
