#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# secctl run and shell on a terminal and without one: its size, its keys, its modes after every way out; streams
# apart, whole, closed at one end.
# no counter-check: nothing here is sent to the internet
#
# SC2016: the containers' shells expand. SC2094: written here, read there. SC2317: functions that check and retry call
# shellcheck disable=SC2016,SC2094,SC2317

. "$(dirname "$0")/../support/stack.sh"

stack_begin <<<'www.allowed.test'

run() { secctl run "$@" </dev/null; }
status_of() {
    "$@"
    echo "status $?"
}
only_gateway() { [ "$(docker ps -a --format '{{.Names}}')" = claude-secure-gateway-1 ]; }
# on_terminal STEP... -- COMMAND... - see pty.py
on_terminal() {
    in_machine env TERM=xterm-256color /usr/bin/python3 "$SUPPORT/pty.py" --size 31x101 --screen "$T/screen" "$@"
}
# restored SENTENCE - after check_has
restored() {
    case $OUT in *'modes restored'*) ok "$1: the terminal is as before" ;; *) not_ok "$1: the terminal is as before: $OUT" ;; esac
    check "$1: nothing is left" only_gateway
}
# screen_has TEXT
screen_has() { grep -aqF "$1" "$T/screen"; }

TALKS='
    until [ "$(stty size)" = "31 101" ]; do sleep 0.1; done
    trap "echo keys-\$((6 * 7))" INT
    echo ready-$((1 + 1))
    until [ "$(stty size)" = "43 113" ]; do sleep 0.1; done
    echo larger-$((1 + 1))
    while :; do
        read -r -t 0.2 line && [ "$line" = quit ] && exit 7
    done'

# --- with a terminal

session() { on_terminal raw expect:ready-2 resize:43x113 expect:larger-2 'send:\x03' expect:keys-42 'send:quit\r' -- "$@"; }
check_has 'run on a terminal: its size, another size, Ctrl-C for the agent, its exit status' 'status 7' \
    session "$BUILD/secctl" run -- bash -c "$TALKS"
restored 'after its end'

# what a program of the whole screen leaves when it is killed
SCREEN='printf "\033[?1049h\033[?2004hfull-%d\r\n" $((1 + 1)); while sleep 0.1; do :; done'
killed() { on_terminal raw expect:full-2 'run:docker kill claude-secure-claude-1' -- "$BUILD/secctl" run -- sh -c "$SCREEN"; }
check_has 'the agent is killed: 128 and the signal' 'status 137' killed
restored 'after that'
check 'the other screen and pasting in brackets are off' screen_has $'\033[?1049l'

child_killed() { on_terminal raw -- "$BUILD/secctl" run -- bash -c 'sleep 1; bash -c "kill -TERM \$\$"; exit $?'; }
check_has 'a command that says 128 and a signal: the same' 'status 143' child_killed

asked() { # SIGNAL
    on_terminal raw expect:ready-2 "signal:$1" expect:was-asked -- "$BUILD/secctl" run -- bash -c \
        'trap "echo was-asked; exit 3" TERM HUP INT QUIT; echo ready-$((1 + 1)); while sleep 0.1; do :; done'
}
check_has 'secctl is asked to end: the agent is, and its status counts' 'status 3' asked TERM
restored 'after SIGTERM'
check_has 'by SIGHUP' 'status 3' asked HUP
restored 'after SIGHUP'
DEAF='trap "" TERM HUP; echo ready-$((1 + 1)); while sleep 0.1; do :; done'
deaf() { on_terminal raw expect:ready-2 signal:TERM "$@" -- "$BUILD/secctl" run -- bash -c "$DEAF"; }
check_has 'an agent that does not want to end has 5 s' 'status 143' deaf
restored 'after those'
check_has 'asked twice secctl does not wait' 'status 143' deaf 'run:sleep 0.5' signal:TERM
restored 'after that too'
hangup() { on_terminal raw expect:ready-2 hangup -- "$BUILD/secctl" run -- bash -c "$DEAF"; }
check_has 'the terminal goes away: secctl ends' status hangup
check 'nothing is left' only_gateway
before_raw() { # Ctrl-C while the stack is made goes to secctl
    on_terminal 'expect:starting the gateway' 'send:\x03' -- "$BUILD/secctl" run -- sleep 60
}
check 'stop' secctl stop
check_has 'Ctrl-C before the agent runs ends secctl' 'status 130' before_raw
case $OUT in *'modes restored'*) ok 'and the terminal is as before' ;; *) not_ok "and the terminal is as before: $OUT" ;; esac
nothing() { [ -z "$(docker ps -aq)" ]; }
check 'nothing half made is left' nothing

# --- without one

head -c 20000000 /dev/urandom >"$T/data"
echo_back() { secctl run -- cat <"$T/data" | cmp - "$T/data"; }
check 'twenty million bytes go in and come back whole' echo_back
note "it took $MS ms"
both_ways() {
    secctl run -- sh -c 'cat >/tmp/data; sha256sum /tmp/data | cut -c 1-64 >&2; cat /tmp/data' <"$T/data" 2>"$T/err" | sha256sum | cut -c 1-64 >"$T/out" &&
        cmp "$T/out" "$T/err" && [ "$(cat "$T/out")" = "$(sha256sum <"$T/data" | cut -c 1-64)" ]
}
check 'on the other stream nothing is mixed in' both_ways
half_closed() { printf abc | secctl run -- sh -c 'wc -c; sleep 1; echo still here'; }
check_has 'the end of the input is passed on, the output goes on' 'still here' half_closed
check_has 'all of the input was there' 3 echo "$OUT"
streamed() {
    {
        echo one
        retry 60 grep -q one "$T/streamed" && echo two
    } | secctl run -- cat >"$T/streamed"
    [ "$(cat "$T/streamed")" = $'one\ntwo' ]
}
: >"$T/streamed"
check 'input is passed on as it comes' streamed
reader_gone() {
    secctl run -- yes </dev/null 2>/dev/null | head -n 1
    echo "status ${PIPESTATUS[0]}"
}
check_has 'whoever reads the output goes away: so does the run' 'status 141' reader_gone
check 'nothing is left' only_gateway
check_has 'a command that is not there' 'status 127' status_of run -- no-such-command
check_has 'is named' 'command "no-such-command" is not in image' echo "$OUT"
check 'nothing is left of that' only_gateway

# --- a shell in an agent that runs

check_fast 'without an agent there is no shell' 20000 secctl shell
agent_up
shell() { echo 'echo $((6 * 7)); exit 5' | secctl shell "$@"; }
check_has 'a shell takes commands from a pipe, its exit status is passed on' 'status 5' status_of shell
check_has 'its output too' 42 echo "$OUT"
check_has 'it is the agent, with no more rights' 'CapEff:	0000000000000000' secctl shell -- grep CapEff /proc/self/status </dev/null
check_has 'as its user' 'uid=1000(claude)' secctl shell -- id </dev/null
check_has 'on a terminal: its size, another, Ctrl-C, its exit status' 'status 7' session "$BUILD/secctl" shell -- bash -c "$TALKS"
check_has 'the terminal is as before' 'modes restored' echo "$OUT"
# what it runs ends with it, in whichever way secctl goes
left() { # processes of its commands in the agent's container, which is sleep's
    agent sh -c 'for d in /proc/[0-9]*; do tr "\0" "\n" <$d/environ | grep -q ^SECCTL_SHELL= && tr "\0" " " <$d/cmdline; done' 2>/dev/null
}
none_left() { [ -z "$(left)" ]; }
shell_hangup() { # STEP... COMMAND
    on_terminal raw expect:ready-2 "${@:1:$#-1}" -- "$BUILD/secctl" shell -- bash -c "${!#}"
}
QUIET='echo ready-$((1 + 1)); exec sleep 1000'
check_has 'the terminal of a shell goes away: secctl ends' 'status 129' shell_hangup hangup "$QUIET"
check 'and its command did' none_left
check_has 'one that does not want to has 5 s' 'status 129' shell_hangup hangup "$DEAF"
check 'and is killed' none_left
is_there="run:docker exec $(agent_container claude) sh -c 'grep -q SECCTL_SHELL /proc/[0-9]*/environ 2>/dev/null'"
check_has 'SIGTERM ends both' 'status 143' shell_hangup "$is_there" signal:TERM "$QUIET"
check 'nothing is left' none_left
in_bash() { on_terminal raw 'send:sleep 1000 &\r' 'send:echo ready-$((1 + 1))\r' expect:ready-2 'send:sleep 2000\r' quiet:1 hangup -- "$BUILD/secctl" shell; }
check_has 'with a shell its jobs end' 'status 129' in_bash
check 'all of them' retry 10 none_left
shell_cut() {
    secctl shell -- yes </dev/null | head -n 1
    echo "status ${PIPESTATUS[0]}"
}
check_has 'a reader that goes away ends it too' 'status 141' shell_cut
check 'nothing is left of that' none_left

agent_up second
check_has 'with two agents it asks which' 'expected --name and one of: ' status_of secctl shell
check_has 'by name' 'second' shell --name second -- hostname
check 'stop' secctl stop

# --- the engine goes away

engine_gone() {
    on_terminal raw expect:ready-2 'run:kill -KILL $(cat /run/docker.pid)' -- "$BUILD/secctl" run -- bash -c "$DEAF"
}
check_has 'the engine goes away: secctl ends' 'status 1' engine_gone
check_has 'and the terminal is as before' 'modes restored' echo "$OUT"

e2e_end
