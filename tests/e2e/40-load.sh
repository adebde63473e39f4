#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# One agent does its worst, then processes are killed, the disk is full, nobody reads the log; another agent works all the
# while. Nothing leaks, the other is served, memory and descriptors stay as they are, and every decision is in the
# log or counted there as lost.
#
# SOAK_SECONDS: how long the floods go on, and a sixth of it the killing ("make soak"); by default each flood comes twice.
# shellcheck disable=SC2317 # functions that check calls

. "$(dirname "$0")/../support/e2e.sh"

GOOD=198.18.0.3
CROWD=(198.18.0.11 198.18.0.12 198.18.0.13 198.18.0.14 198.18.0.15 198.18.0.16)
SOAK=${SOAK_SECONDS:-0}
MOST_MS=${MOST_MS:-3000} # the slowest that the good agent's connections may be
if [ "$SOAK" -gt 0 ]; then
    FLOWS=100000 NAMES=20000 KILLING=$((SOAK / 6))
else
    FLOWS=3000 NAMES=3000 KILLING=5
fi
HELD=10000
TARGETS=(203.0.113.40@7000 203.0.113.40@7001)

load_down() {
    net_down
    ! mountpoint -q "$T/small" || umount -l "$T/small"
}
E2E_DOWN=load_down

# Left out, for there are too many of them: bare segments to where the floods go; in an hour, all that may go.
# shellcheck disable=SC2034 # for capture.sh
CAPTURE_OPTIONS='-B 65536 not (tcp and dst host 203.0.113.40 and less 75 and tcp[tcpflags]&tcp-syn=0)'
# shellcheck disable=SC2034
[ "$SOAK" -eq 0 ] || CAPTURE_OPTIONS='-B 65536 not (tcp and (dst host 203.0.113.10 or dst host 203.0.113.40))
    and not (udp and dst port 53)'
e2e_begin
for address in "$GOOD" "${CROWD[@]}"; do ip -n "$NS_IN" addr add "$address/24" dev in0 || exit 1; done
web_up && resolver_up || exit 1
flood() { in_in /usr/bin/python3 "$SUPPORT/clients/flood.py" "$@"; }
SINK=
sink_up() { # a new one: the one before still has the connections of earlier floods
    [ -z "$SINK" ] || stop_pid "$SINK"
    : >"$T/sink"
    spawn "$NS_OUT" /usr/bin/python3 "$SUPPORT/clients/flood.py" sink 7000 7001 >"$T/sink"
    SINK=$!
    retry 30 grep -q ready "$T/sink"
}
sink_up || exit 1
expect_allowed allowed.test 203.0.113.10 2001:db8::10
expect_dns raw.test
expect_tls raw.test 203.0.113.40 7000
expect_tls raw.test 203.0.113.40 7001
expect_released 203.0.113.10 443 1448 # the rest came after the filter was killed, or was slow to come
expect_released 203.0.113.40 7000 700
expect_released 203.0.113.40 7001 700
printf '%s\n' allowed.test 'raw.test tls/7000 tls/7001' | gw_policy
agents=("agent.alpha = $IN4" "agent.good = $GOOD")
for n in "${!CROWD[@]}"; do agents+=("agent.crowd$n = ${CROWD[n]}"); done
gw_conf "${agents[@]}" "dns.keep = 24h"
gw_start || exit 1

monotonic() { /usr/bin/python3 -c 'import time; print(time.monotonic())'; }
pid_of() {
    local pid

    for pid in $(ip netns pids "$NS_GW"); do
        [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != "$1" ] || echo "$pid"
    done | head -n 1
}
window() { /usr/bin/python3 "$SUPPORT/window.py" "$T/load" "$@"; }
logsum() { /usr/bin/python3 "$SUPPORT/logsum.py" "$@"; }
of() { sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" <<<"$2"; }
works() { in_in curl -sSk -m 8 -o /dev/null --interface "$GOOD" https://allowed.test/; }
# shellcheck disable=SC2016 # awk's
queue_field() { in_gw awk -v f="$1" '{ n += $f } END { print n + 0 }' /proc/net/netfilter/nfnetlink_queue; }

# load_start, load_stop - the good agent's connections, one after the other, in $T/load
load_start() {
    : >"$T/load"
    spawn "$NS_IN" /usr/bin/python3 "$SUPPORT/clients/load.py" "$T/load" 203.0.113.10 allowed.test denied.test "$GOOD"
    LOAD_PID=$!
    retry 5 grep -q served "$T/load"
}
load_stop() { stop_pid "$LOAD_PID"; }

# figures - for each process: its name, kB of its own and its share of what is shared, descriptors
figures() {
    local name pid

    for name in fwd sni-packets sni-inspector sni-dns; do
        pid=$(pid_of "$name")
        echo "$name $(sed -n 's/^Pss: *\([0-9]*\) kB/\1/p' "/proc/$pid/smaps_rollup") $(find "/proc/$pid/fd" -type l | wc -l)"
    done
}
total_mb() { awk '{ kb += $2 } END { print int((kb + 1023) / 1024) }' <<<"$1"; }
# are_flat BEFORE AFTER - no process has more than 4 MB (pages of its tables that were not used before) or 2
# descriptors more
are_flat() {
    paste -d' ' <(echo "$1") <(echo "$2") | awk '{ print } $5 > $2 + 4096 || $6 > $3 + 2 || NF != 6 { bad = 1 } END { exit bad }'
}

# meanwhile SENTENCE COMMAND... - COMMAND succeeds, and the good agent does not suffer from it
meanwhile() {
    local sentence=$1 begin

    begin=$(monotonic)
    shift
    check "$sentence" "$@"
    note "${OUT##*$'\n'}"
    # some reuse a port that a refused one had just before: those are reset
    check "$sentence: the other agent is served" window "$begin" "$MOST_MS" 99
    note "$OUT"
}

flood_names() {
    local result

    result=$(flood names "$IN4" "$GWIN4" "$NAMES" "$1") || return 1
    echo "$result"
    ANSWERED=$((ANSWERED + $(of answered "$result")))
    [ "$(of answered "$result")" -ge $((NAMES * 9 / 10)) ]
}
denied_names() { flood_names denied.test; }
half_hellos() {
    local result

    result=$(flood flows "$IN4" 1000 half 1 "${TARGETS[@]}") && echo "$result" && [ "$(of connected "$result")" -ge 900 ]
}
# crowd COUNT PART SECONDS - as many connections from several agents together, for each has a share of its own; prints
# how many there were, how many of them ended in that time, and how many packets were held at once
crowd() {
    local source pids=() pid most=0 now memory

    for source in "${CROWD[@]}"; do
        flood flows "$source" $(($1 / ${#CROWD[@]} + 1)) "$2" "$3" "${TARGETS[@]}" >"$T/crowd.$source" &
        pids+=($!)
    done
    while is_running "${pids[0]}"; do
        now=$(queue_field 3)
        [ "$now" -le "$most" ] || most=$now
        memory=$(total_mb "$(figures)")
        [ "$memory" -le "$(cat "$T/memory")" ] || echo "$memory" >"$T/memory"
        sleep 0.3
    done
    for pid in "${pids[@]}"; do wait "$pid" || return 1; done
    cat "$T"/crowd.* | sed 's/.*"connected": \([0-9]*\).*"closed": \([0-9]*\).*/\1 \2/' |
        awk -v most="$most" '{ n += $1; closed += $2 } END { print n, closed, most }'
}
held_hellos() { # a hello's end without its beginning is held, for 10 s at most
    local connected closed most

    read -r connected closed most < <(crowd "$HELD" island $((SOAK > 0 ? 16 : 4)))
    echo "$most packets held at once, of $connected connections; $closed ended"
    [ "$most" -ge $((HELD * 9 / 10)) ] && retry 30 few_are_held
}
few_are_held() { [ "$(queue_field 3)" -le 50 ]; }
many_flows() {
    local connected rest

    read -r connected rest < <(crowd "$FLOWS" none $((SOAK > 0 ? 40 : 3)))
    echo "$connected connections at once"
    [ "$connected" -ge $((FLOWS * 9 / 10)) ]
}
reloads() {
    local end=$(($(now_ms) + ${1:-2} * 1000)) n=0

    while [ "$(now_ms)" -lt "$end" ]; do
        kill -HUP "$GW_PID"
        n=$((n + 1))
        sleep 0.1
    done
    echo "$n reloads"
    is_running "$GW_PID"
}
overrun() { # more bytes than the packet side's receive buffer
    local before

    before=$(queue_field 7)
    kill -STOP "$(pid_of sni-packets)"
    in_in /usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 0))
for n in range(40000):
    try:
        s.sendto(b"x" * 1400, ("203.0.113.66", 53))
    except OSError:
        pass' "$IN4"
    kill -CONT "$(pid_of sni-packets)"
    echo "$(($(queue_field 7) - before)) packets did not fit"
    [ "$(queue_field 7)" -gt "$before" ]
}

ANSWERED=0
echo 0 >"$T/memory"
for address in "$IN4" "$GOOD" "${CROWD[@]}"; do
    in_in dig -b "$address" +short +time=3 raw.test >/dev/null
    in_in dig -b "$address" +short +time=3 allowed.test >/dev/null
done
if is_plain; then
    in_in /usr/bin/python3 "$SUPPORT/rawtls.py" 203.0.113.10 denied.test >/dev/null
    in_in dig +short +time=1 +tries=1 denied.test >/dev/null
    e2e_end
fi

# --- floods

round() {
    meanwhile 'names that are refused' denied_names
    meanwhile 'halves of hellos' half_hellos
    meanwhile 'a policy loaded again and again' reloads
    [ "$1" -gt 1 ] && [ "$SOAK" -eq 0 ] && return # they take long
    sink_up
    meanwhile "$HELD packets held" held_hellos
    sink_up
    meanwhile "$FLOWS connections" many_flows
}
load_start
check 'the other agent is served' grep -q served "$T/load"
begin=$(now_ms)
round 1
sleep 1
first=$(figures)
n=1
while n=$((n + 1)); do
    round "$n"
    sleep 1
    last=$(figures)
    [ "$SOAK" -eq 0 ] || note "$(($(now_ms) - begin)) ms: $(tr '\n' ' ' <<<"$last")"
    [ $(($(now_ms) - begin)) -lt $((SOAK * 1000)) ] || break
done
OUT="$first"$'\n'"$last"
check 'memory and descriptors are what they were' are_flat "$first" "$last"
note "$OUT"
check 'all processes together take less than 128 MB' test "$(cat "$T/memory")" -lt 128
note "$(cat "$T/memory") MB at most"
check 'more than the receive buffer takes' overrun
note "$OUT"
check 'and all is well again' retry 5 works
load_stop
served=$(grep -c '"name", "outcome": "served"' "$T/load")
attempts=$(grep -c '"name"' "$T/load")
gw_stop
check 'the log has no gap' log_check
sum=$(logsum "$LOG" agent=good event=tls verdict=allow reason=rule)
OUT="$sum for $served served of $attempts"
[ "$(of decisions "$sum")" -ge "$served" ] && [ "$(of decisions "$sum")" -le $((attempts + 1)) ]
result $? 'the other agent: every connection is in the log or counted there'
sum=$(logsum "$LOG" agent=alpha event=dns verdict=deny reason=name-not-allowed)
OUT="$sum for $ANSWERED"
[ "$(of decisions "$sum")" -ge "$ANSWERED" ] && [ "$(of lost "$sum")" = 0 ]
result $? 'every refused name, too'
note "$(logsum "$LOG")"

# --- killed, every second

mv "$LOG" "$T/verdicts.floods"
gw_start || exit 1
load_start
check 'started again' retry 5 works
victims=(sni-inspector sni-dns sni-packets)
killed=0
begin=$(now_ms)
while [ $(($(now_ms) - begin)) -lt $((KILLING * 1000)) ]; do
    pid=$(pid_of "${victims[killed % 3]}")
    [ -z "$pid" ] || { kill -KILL "$pid" && killed=$((killed + 1)); }
    kill -HUP "$GW_PID"
    flood names "$IN4" "$GWIN4" 200 denied.test >/dev/null
    sleep 0.5
done
check 'killed again and again: all is well in the end' retry 12 works
check 'nothing that is refused was served' window 0 10000 1
note "$killed killed; $OUT"
load_stop
done=$(grep -c '"name", "outcome": "served"\|"denied", "outcome": "reset"' "$T/load")
gw_stop
check 'the log has no gap, for it has one writer' log_check
sum=$(logsum "$LOG")
OUT="$sum for $done"
[ $(($(of decisions "$sum") + $(of lost "$sum"))) -ge "$done" ]
result $? 'every decision is in the log or counted as lost'
note "$OUT"

# --- a disk that is full

mv "$LOG" "$T/verdicts.killed"
mkdir "$T/small" && mount -t tmpfs -o size=256k,mode=755 tmpfs "$T/small" && ln -s small/verdicts "$LOG"
gw_start || exit 1
result=$(flood names "$IN4" "$GWIN4" 3000 denied.test)
check 'a full disk is said' retry 5 grep -q 'cannot be written, records are lost' "$T/fwd.err"
check 'a full disk stops nobody' works
check 'nor does it let anything pass' window 0 10000 1
mount -o remount,size=64m "$T/small"
more=$(flood names "$IN4" "$GWIN4" 1 denied.test)
gw_stop
check 'the log has no gap, and says what it lacks' log_check
sum=$(logsum "$LOG" agent=alpha verdict=deny event=dns)
OUT="$sum for $result and $more"
sent=$(($(of answered "$result") + $(of answered "$more")))
[ "$(of lost "$sum")" -gt 0 ] && [ $(($(of decisions "$sum") + $(of lost "$sum"))) -ge "$sent" ] &&
    [ $(($(of decisions "$sum") + $(of lost "$sum"))) -le $((sent + 20)) ]
result $? 'every refused name is in the log or counted as lost'
note "$OUT"

# --- a reader that is gone

cp "$LOG" "$T/verdicts.full"
rm "$LOG"
umount "$T/small"
: >"$LOG"
gw_conf "${agents[@]}" "dns.keep = 24h"
sed -i 's/^log = .*/log = -/' "$T/policy/gateway.conf"
gw_spawn > >(head -n 1 >"$T/piped")
check 'a log that goes to a pipe' retry 10 grep -q '"event":"start"' "$T/piped"
check 'whose reader is gone stops nobody' retry 5 works
check 'a refused name is refused' in_in dig -b "$IN4" +time=2 +tries=1 denied.test
check_has 'still' NXDOMAIN in_in dig -b "$IN4" +time=2 +tries=1 denied.test
gw_stop
mv "$T/verdicts.killed" "$LOG"
e2e_end
