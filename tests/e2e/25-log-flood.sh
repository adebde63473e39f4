#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# An agent makes more refusals than the log has room for, while another works: the log grows by a bounded amount, the
# other's records are complete, and all that was decided is in a record or in a count.
# FLOOD: how many names (20000).
# shellcheck disable=SC2317 # functions that check calls

. "$(dirname "$0")/../support/e2e.sh"

OTHER4=198.18.0.3
COUNT=${FLOOD:-20000}

e2e_begin
ip -n "$NS_IN" addr add "$OTHER4/24" dev in0 || exit 1
web_up && resolver_up || exit 1
expect_allowed allowed.test 203.0.113.10 2001:db8::10
gw_policy <<<'allowed.test'
gw_conf "agent.alpha = $IN4" "agent.beta = $OTHER4"
gw_start || exit 1

flood() { in_in /usr/bin/python3 "$SUPPORT/clients/flood.py" "$@"; }
# logsum KEY=VALUE... - what the log adds up to
logsum() { /usr/bin/python3 "$SUPPORT/logsum.py" "$LOG" "$@"; }
# of NAME JSON - its number there
of() { sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" <<<"$2"; }
# line_count KIND - attempts of that kind in the load's log; an unfinished one is not there
line_count() { grep -c "\"kind\": \"$1\"" "$T/load"; }
# is_near NUMBER WANTED - the last attempt was cut off, before or after it was judged
is_near() { [ "$1" -ge "$2" ] && [ "$1" -le $(($2 + 1)) ]; }
slowest() { sed -n 's/.*"name", .*"ms": \([0-9]*\).*/\1/p' "$T/load" | sort -n | tail -n 1; }

in_in dig -b "$OTHER4" +short +time=3 allowed.test >/dev/null
: >"$T/load"
spawn "$NS_IN" /usr/bin/python3 "$SUPPORT/clients/load.py" "$T/load" 203.0.113.10 allowed.test denied.test "$OTHER4"
load=$!
retry 5 grep -q served "$T/load"
is_plain && COUNT=50
begin=$(now_ms)
SENT=$(flood names "$IN4" "$GWIN4" "$COUNT" denied.test)
seconds=$((($(now_ms) - begin) / 1000 + 1))
note "flood: $SENT in $seconds s"
answered=$(of answered "$SENT")
is_plain || test "$answered" -eq "$COUNT"
result $? 'every question of the flood is answered'
check_log 'while it lasts the log says that it counts' agent=alpha 'detail~counted only' count!=1
sleep 1
stop_pid "$load"
gw_stop
is_plain && e2e_end

sum=$(logsum agent=alpha event=dns verdict=deny)
note "log: $sum"
[ "$(of decisions "$sum")" = "$answered" ]
result $? 'records and counts of the flood add up to it exactly'
check 'nothing is lost uncounted' test "$(of lost "$sum")" = 0
check 'most of it is counted' test "$(of counted "$sum")" -ge $((COUNT - 2048 - 4 * seconds - 10))
check 'the log has grown by no more than an agent may' test "$(of records "$sum")" -le $((2048 + 4 * seconds + 10))
check 'what was counted is told once a second' test "$(of longest "$sum")" -le 2
check 'in less than 2 MB' test "$(of bytes "$sum")" -lt 2000000
sum=$(logsum agent=beta event=tls verdict=allow)
is_near "$(of decisions "$sum")" "$(line_count name)"
result $? "the other's allowed connections are all in the log"
check 'each in a record of its own' test "$(of records "$sum")" = "$(of decisions "$sum")" -a "$(of counted "$sum")" = 0
sum=$(logsum agent=beta verdict=deny event=tls)
is_near "$(of decisions "$sum")" "$(line_count denied)"
result $? 'and so are its refused ones'
check 'all of its connections were served' test -z "$(grep '"name"' "$T/load" | grep -v '"served"')"
note "slowest $(slowest) ms of $(line_count name)"
check 'none of them waited for the flood' test "$(slowest)" -lt 1000
e2e_end
