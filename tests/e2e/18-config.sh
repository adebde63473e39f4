#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What an admin configures: agents with lists of their own, deny rules, intranet names, a
# resolv.conf that changes, ECH, and what a restart keeps.
# shellcheck disable=SC2317 # functions that check calls

. "$(dirname "$0")/../support/e2e.sh"
FIRST=198.18.1.54 SECOND=198.18.1.56
IN4_B=198.18.0.3
export PLAIN_UPSTREAM=$FIRST

e2e_begin
web_up && ip -n "$NS_IN" addr add "$IN4_B/24" dev in0 || exit 1
# an address of the inside, reached through the outside
ip -n "$NS_OUT" route add local 10.9.8.7/32 dev lo
dnsd_up "$T/first.log" "$FIRST/allowed.test=203.0.113.10" "$FIRST/other.test=203.0.113.12" \
    "$FIRST/shared.test=10.9.8.7" "$FIRST/rr.test=10.9.8.7" "$FIRST/git.test=203.0.113.30" || exit 1
dnsd_up "$T/second.log" "$SECOND/far.test=203.0.113.11" "$SECOND/allowed.test=203.0.113.10" || exit 1
expect_allowed allowed.test 203.0.113.10
expect_allowed other.test 203.0.113.12
for name in allowed other shared rr git far; do expect_dns "$name.test" "$FIRST" "$SECOND"; done
expect_tls far.test 203.0.113.11
expect_out 'ip.dst==10.9.8.7 && tcp.dstport==443 && tcp.flags.syn==1'
gw_policy <<'END'
allowed.test
far.test
rr.test
shared.test intranet
*.wild.test
!no.wild.test
END
mkdir -p "$T/policy/agents"
echo 'other.test' >"$T/policy/agents/second"
echo '!allowed.test' >"$T/policy/agents/third"
echo "nameserver $FIRST" >"$T/resolv.conf"
gw_conf "dns.upstream = $T/resolv.conf" "agent.first = $IN4" "agent.second = $IN4_B" 'ech = deny'
gw_start || exit 1

ask() { in_in dig +short +tries=1 +time=4 -b "$1" "@$GWIN4" "$2"; }
# curl's own resolver takes no source address: look up first, then connect to what was given out
fetch() { # ADDRESS NAME IP
    local got

    got=$(ask "$1" "$2")
    [ "$got" = "$3" ] && in_in curl -sS -m 5 -o /dev/null --interface "$1" --resolve "$2:443:$3" "https://$2/"
}
not() { ! "$@"; }

# --- agents

check 'the first agent reaches a name of the common list' fetch "$IN4" allowed.test 203.0.113.10
check 'the second one too' fetch $IN4_B allowed.test 203.0.113.10
check 'the second one reaches a name of its own' fetch $IN4_B other.test 203.0.113.12
check_log 'and the log names it' event=tls verdict=allow agent=second name=other.test
check 'the first one is not given its address' not fetch "$IN4" other.test 203.0.113.12
check_log 'nor told of it' event=dns verdict=deny agent=first name=other.test
log_mark
check 'nor let to it' not in_in curl -sS -m 5 -o /dev/null --interface "$IN4" --resolve other.test:443:203.0.113.12 https://other.test/
check_log 'by its address' event=connect verdict=deny agent=first reason=address-not-bound dst=203.0.113.12
log_mark
check 'an address of no agent gets no answer' not in_in sh -c "ip addr add 198.18.0.9/24 dev in0 && dig +short +tries=1 +time=1 -b 198.18.0.9 @$GWIN4 allowed.test | grep -q 203"
check_log 'and is logged' verdict=deny reason=spoofed src=198.18.0.9

# --- names that lead inside

check 'a public name that leads inside is emptied' not fetch "$IN4" rr.test 10.9.8.7
check_log 'as rebinding' event=answer verdict=deny reason=rebinding name=rr.test
check_has 'an intranet name may lead inside' 10.9.8.7 ask "$IN4" shared.test

# --- ECH: the extension alone, as browsers send it in every hello

greased() { in_in /usr/bin/python3 "$SUPPORT/rawtls.py" 203.0.113.10 allowed.test --ech --wait 2 || true; }
check_has 'ech = deny refuses a hello with the extension' 'alert 49' greased
check_log 'with its reason' event=tls verdict=deny reason=ech name=allowed.test
greased_quic() { in_in /usr/bin/python3 "$SUPPORT/rawquic.py" 203.0.113.10 hello=allowed.test,ech; }
check_has 'and one by QUIC' 'refused EHOSTUNREACH' greased_quic
check_log 'with its reason' event=quic verdict=deny reason=ech name=allowed.test

# --- a resolv.conf that changes

check 'a name that only the second resolver knows' not fetch "$IN4" far.test 203.0.113.11
echo "nameserver $SECOND" >"$T/resolv.conf"
follows() { retry 5 fetch "$IN4" far.test 203.0.113.11; }
check 'another resolv.conf is followed within 5 s' follows

# --- what a restart keeps

gw_stop
sed -i '/^ech = /d' "$T/policy/gateway.conf"
gw_start || exit 1
check_has 'without that line its outer name is judged' served greased
again() { in_in curl -sS -m 5 -o /dev/null --interface "$IN4" --resolve allowed.test:443:203.0.113.10 https://allowed.test/; }
check 'an address that was given out before a restart is good after it' again
fwd_check() { in_gw "$BUILD/fwd" check --config "$T/policy/gateway.conf"; }
is_plain || check 'the kernel has the rules that are wished for' fwd_check

# --- a ceiling

echo '.test intranet' >"$T/policy/ceiling"
echo 'github.com' >>"$T/policy/allowlist"
log_mark
is_plain || kill -HUP "$GW_PID"
check_log 'a rule above the ceiling is refused' event=policy verdict=deny 'detail~allowlist:7:1: .*ceiling'
check 'and changes nothing' fetch "$IN4" allowed.test 203.0.113.10
sed -i '/^github/d' "$T/policy/allowlist"
printf '%s\n' '.test intranet' '!yes.wild.test' >"$T/policy/ceiling"
gw_reload
check "the ceiling's own refusals hold for all" not fetch $IN4_B yes.wild.test 203.0.113.12
check_log 'and the log names them' event=dns verdict=deny reason=name-denied name=yes.wild.test 'rule=!yes.wild.test'
e2e_end
