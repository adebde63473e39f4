#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The gateway is stopped, killed, paused, restarted, removed, replaced, and the engine restarted: the agent is closed
# meanwhile and open to the same names after, without being restarted; secctl status says what is so, and the next
# secctl run mends it. Then secctl itself: two at once, killed, crossed by stop.
#
# SC2016: the containers' shells expand. SC2317: functions that check and retry call. SC2119: one agent needs no name
# shellcheck disable=SC2016,SC2317,SC2119

. "$(dirname "$0")/../support/stack.sh"

stack_begin <<'POLICY'
www.allowed.test
other.test
POLICY
expect_allowed www.allowed.test 203.0.113.11
expect_allowed other.test 203.0.113.12
# the machine's own word to a server that goes on while no gateway is there
expect_out "ip.src == $GWOUT4 && icmp.type == 3 && icmp.code == 1"

# The agent tries on and on, each way in a loop of its own with a line for each try and each success: by name; to an
# address that it was given once, without asking again; and where it may never get.
LOOPS='
    loop() { # NAME CURL-ARGUMENTS
        name=$1; shift
        while :; do
            echo >>"/workspace/$name.tries"
            curl -s -m 2 -o /dev/null "$@" && echo >>"/workspace/$name"
            sleep 0.1
        done
    }
    rm -f /workspace/*
    until curl -s -m 2 -o /dev/null https://other.test/; do sleep 0.1; done
    loop kept --resolve other.test:443:203.0.113.12 https://other.test/ &
    loop named https://www.allowed.test/ &
    loop leaked -k https://203.0.113.66/ &
    loop leaked-name -k --resolve www.allowed.test:443:203.0.113.66 https://www.allowed.test/ &
    wait'
WORKSPACE=$DATA_ROOT/volumes/claude-secure-workspace/_data
GATEWAY=claude-secure-gateway-1

run() { secctl run "$@" </dev/null; }
fails() { ! "$@"; }
lines() { wc -l 2>/dev/null <"$WORKSPACE/$1" || echo 0; }
more() { [ "$(lines "$1")" -gt "$2" ]; }
# advance FILE N - wait until it has N more lines
advance() { retry "${3:-40}" more "$1" "$(($(lines "$1") + $2 - 1))"; }
# open_again - both ways get through
open_again() { advance kept 1 60 && advance named 1 60; }
# closed - nothing gets through in a try each that begins now
closed() {
    local kept named

    advance kept.tries 1 && advance named.tries 1 || return 1 # one was under way
    kept=$(lines kept) named=$(lines named)
    advance kept.tries 1 && advance named.tries 1 || return 1
    echo "got through: kept $kept, then $(lines kept); named $named, then $(lines named)"
    [ "$(lines kept)" = "$kept" ] && [ "$(lines named)" = "$named" ]
}
# same_agent - the container that was there from the start, not started again
identity() { docker inspect --format '{{.Id}} {{.State.StartedAt}} {{.State.Running}}' "$1"; }
same_agent() { [ "$(identity claude-secure-claude-1)" = "$AGENT_IDENTITY" ]; }
# status_says TEXT - secctl status differs (3) and says so
status_says() {
    secctl status
    [ $? -eq 3 ] && secctl status | grep "^differs: .*$1"
}
well() { secctl status; }
soon_well() { retry 60 well >/dev/null; }

# mended SENTENCE - by the next run, the agent as it was
mended() {
    check "$1: the next run mends it" run -- true
    check "$1: open again, by name and by the address it was given before" open_again
    check "$1: the agent was not restarted" same_agent
    check "$1: status finds all as asked" well
}

secctl run -- bash -c "$LOOPS" >"$T/run-claude" 2>&1 </dev/null &
PIDS+=($!)
if ! retry 60 has_agent claude || ! advance kept 1 60 || ! advance named 1; then
    cat "$T/run-claude" >&2
    is_plain || exit 1
fi
AGENT_IDENTITY=$(identity claude-secure-claude-1)
if is_plain; then # both loops of what may never be did by now
    advance leaked 1
    secctl stop
    e2e_end
fi
check 'status finds all as asked' well

# --- stopped, killed, paused, removed by hand: it stays away until it is asked for

docker stop -t 5 "$GATEWAY" >/dev/null
check 'with the gateway stopped the agent is closed' closed
check_has 'status says so' 'the gateway is exited' status_says 'the gateway is exited'
mended stopped

docker kill "$GATEWAY" >/dev/null
check_has 'with the gateway killed status says so' 'the gateway is exited' status_says 'the gateway is exited'
check 'the agent is closed' closed
mended killed

docker pause "$GATEWAY" >/dev/null
check_has 'with the gateway paused status says so' 'the gateway is paused' status_says 'the gateway is paused'
check 'the agent is closed' closed
mended paused

docker rm -f "$GATEWAY" >/dev/null
check_has 'with the gateway removed status says so' 'does not run' status_says 'the gateway does not run'
check 'the agent is closed' closed
mended removed

# --- what the engine and the gateway mend alone

docker restart -t 5 "$GATEWAY" >/dev/null
check 'restarted: open again, by name and by the address it was given before' open_again
check 'the agent was not restarted' same_agent
check 'status finds all as asked soon' soon_well
in_machine kill -KILL "$(docker inspect --format '{{.State.Pid}}' "$GATEWAY")"
restarted() { [ "$(docker inspect --format '{{.RestartCount}}' "$GATEWAY")" -ge 1 ]; }
check 'its process killed: the engine starts it again' retry 60 restarted
check 'open again' open_again
check 'the agent was not restarted' same_agent
check 'status finds all as asked soon' soon_well

# --- replaced

echo 'log.max = 32M' >>"$STACK_HOME/policy/gateway.conf"
check_has 'with other settings status says so' 'settings have changed' status_says 'settings have changed'
GATEWAY_ID=$(docker inspect --format '{{.Id}}' "$GATEWAY")
mended 'other settings'
check 'by another gateway' fails docker inspect "$GATEWAY_ID"
docker exec "$GATEWAY" fwd detach claude >/dev/null
check_has 'with a link that the gateway forgot status says so' 'does not know its link' status_says 'does not know its link'
check 'the agent is closed' closed
mended forgotten
docker rm -f "$GATEWAY" >/dev/null
docker volume rm claude-secure-state >/dev/null
check 'with its state gone too the next run mends it' run -- true
check 'open again, by name' advance named 1
check 'the agent was not restarted' same_agent

# --- the engine

engine_stop TERM
check_has 'without an engine status says so' 'Docker' fails secctl status
check 'its run ended' retry 60 fails kill -0 "${PIDS[-1]}"
engine_start --ip-forward=true || exit 1
# it starts the gateway and the links, not the agent
check_has 'with the engine restarted status tells of what its run left' 'was left by' retry 60 status_says 'was left by'
check_has 'the next run removes that' 'that an earlier run left' run -- true
only_gateway() { [ "$(docker ps -a --format '{{.Names}}')" = "$GATEWAY" ]; }
check 'nothing else is there' only_gateway
check 'all is as asked' soon_well

# --- the wrong order

secctl run -- bash -c "$LOOPS" >"$T/run-claude" 2>&1 </dev/null &
PIDS+=($!)
advance kept 1 60
docker restart -t 1 claude-secure-link-1 >/dev/null
check_has 'with its link started after it status says so' 'started again after it' \
    status_says 'started again after it'
check 'the agent is closed' closed
check 'stop takes all away' secctl stop
check 'a new agent' run -- curl -s -m 20 -o /dev/null https://other.test/
check 'nothing else is there' only_gateway

# --- an engine that keeps what runs

engine_stop TERM
engine_start --ip-forward=true --live-restore || exit 1
secctl run -- bash -c "$LOOPS" >"$T/run-claude" 2>&1 </dev/null &
PIDS+=($!)
advance kept 1 60
AGENT_IDENTITY=$(identity claude-secure-claude-1)
engine_stop TERM
check 'with live-restore the agent stays open while the engine is away' open_again
engine_start --ip-forward=true --live-restore || exit 1
check 'the agent was not restarted' same_agent
check 'and is open after' open_again
check_has 'status tells that its secctl is gone' 'the secctl that started it is gone' retry 30 status_says 'is gone'

# --- two at once from nothing

check 'stop' secctl stop
docker volume rm claude-secure-state claude-secure-policy >/dev/null
docker network rm claude-internal proxy-external >/dev/null
fetch_as() { run --name "$1" -- curl -sS -m 20 https://other.test/ >"$T/$1" 2>&1; }
two_at_once() {
    local first

    fetch_as one &
    first=$!
    fetch_as two && wait "$first"
    cat "$T/one" "$T/two"
    [ "$(cat "$T/one" "$T/two" | grep -c '^served-name: other.test')" -eq 2 ]
}
check 'two at once from nothing both get there' two_at_once
check 'nothing of them is left' only_gateway

# --- secctl killed

# run_as FILE COMMAND... - its process on the machine is in FILE
run_as() {
    in_machine sh -c 'echo $$ >"$1"; shift; exec "$@"' sh "$1" "$BUILD/secctl" run "${@:2}" </dev/null >/dev/null 2>&1 &
    PIDS+=($!)
    retry 20 test -s "$1"
}
run_as "$T/pid" --name living -- sleep infinity
retry 60 has_agent living
LIVING=$(identity claude-secure-claude-1)
in_machine kill -KILL "$(cat "$T/pid")"
check_has 'of a secctl that was killed status tells' 'the secctl that started it is gone' status_says 'is gone'
for delay in 0.05 0.3 0.6 1; do # somewhere in the making
    : >"$T/pid2"
    run_as "$T/pid2" -- true
    sleep "$delay"
    in_machine kill -KILL "$(cat "$T/pid2")" 2>/dev/null
done
nr_containers() { docker ps -aq | wc -l; }
swept() { # an agent that was just started ends by itself
    run -- true
    [ "$(nr_containers)" -eq 3 ]
}
check 'the next run removes what others left half made' retry 60 swept
living_is_there() { [ "$(identity claude-secure-claude-1)" = "$LIVING" ]; }
check 'a living agent is not touched' living_is_there
# shellcheck disable=SC2034 # stack.sh's
AGENT=living
check 'it is open' agent curl -s -m 20 -o /dev/null https://other.test/
docker kill claude-secure-claude-1 >/dev/null
check_has 'its end is told' 'was left by' status_says 'was left by'
check 'and it is removed by the next run' run -- true
check 'nothing else is there' only_gateway

# --- crossed by stop

# shellcheck disable=SC2119
agent_up
check 'stop while an agent runs' secctl stop
check 'its run ends' retry 60 fails kill -0 "${PIDS[-1]}"
wait "${PIDS[-1]}"
check 'with the status of one that was killed, or of a failure' test $? -ne 0
check 'no container is left' test "$(nr_containers)" -eq 0
for _ in 1 2 3; do
    run -- true >"$T/crossed" 2>&1 &
    CROSSED=$!
    sleep 0.$((RANDOM % 8 + 1))
    secctl stop >/dev/null 2>&1 || not_ok 'stop succeeds while a run begins'
    wait "$CROSSED"
    CROSSED=$?
    [ "$CROSSED" -eq 0 ] || [ "$CROSSED" -eq 137 ] || [ -s "$T/crossed" ] || not_ok "a run that stop crossed says why (status $CROSSED)"
done
check 'stop after that' secctl stop
check 'no container is left' test "$(nr_containers)" -eq 0
check_has 'the volumes are' claude-secure-workspace docker volume ls -q
check_has 'the log can be read' '"name":"other.test"' secctl logs
check 'nothing is left of that' test "$(nr_containers)" -eq 0

e2e_end
