#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The stack as people use it: run, several at once, allow and deny, status, stop.

. "$(dirname "$0")/../support/stack.sh"

stack_begin <<'POLICY'
www.allowed.test
POLICY
expect_allowed www.allowed.test 203.0.113.11
expect_allowed rr.test 203.0.113.21 203.0.113.22 203.0.113.23 203.0.113.24
expect_allowed other.test 203.0.113.12

run() { secctl run "$@" </dev/null; }
web() { agent curl -sS -m 20 "$@"; }

# --- one run, from nothing to nothing
check_has 'a command runs behind the gateway' 'served-name: www.allowed.test' run -- curl -sS -m 20 https://www.allowed.test/
check_has 'a second run is as good' 'served-name: www.allowed.test' run -- curl -sS -m 20 https://www.allowed.test/
note "it took $MS ms"
run_status() { run -- sh -c 'exit 7'; [ $? -eq 7 ]; }
check "the command's exit status is run's" run_status
apart() { run -- sh -c 'echo out; echo err >&2' 2>"$T/err" && [ "$(cat "$T/err")" = err ]; }
check_has 'output and errors stay apart' out apart
check_fast 'a name that is not allowed fails at once' 5000 run -- curl -sS -m 20 https://denied.test/
check_has 'status finds all as asked' gateway secctl status

# --- agents that stay, each with its own name and list
echo rr.test >"$STACK_HOME/policy/agents/second"
agent_up
agent_up second
AGENT=second
check_has 'the second has what its list adds' 'served-name: rr.test' web https://rr.test/
check_denied 'it asks for another name' 'agent=second event=dns name=denied.test' web https://denied.test/
AGENT=claude
check_denied "the other's list is none of the first's" 'agent=claude event=dns name=rr.test' web https://rr.test/
check_has 'but what is for all is' 'served-name: www.allowed.test' web https://www.allowed.test/

# --- allow, after the refusal was cached, and deny, on a connection that lives
check_denied 'a name is refused' 'agent=claude event=dns name=other.test' web https://other.test/
# the agent tries on and on, and says when it got through
# shellcheck disable=SC2016 # the container's shell
try_on() { agent bash -c 'until curl -sS -m 5 -o /dev/null https://other.test/ 2>/dev/null; do sleep 0.05; done; date +%s%3N' >"$T/through"; }
allowed_in_time() { # three tries: the promise is a time, and the machine may have other things to do
    local begin n

    for n in 1 2 3; do
        [ "$n" -eq 1 ] || secctl deny other.test || return 1
        try_on &
        sleep 1
        begin=$(now_ms)
        secctl allow other.test || return 1
        wait $!
        echo "$(($(cat "$T/through") - begin)) ms"
        [ $(($(cat "$T/through") - begin)) -ge 1000 ] || return 0
    done
    return 1
}
if is_plain; then
    web -k https://denied.test/
else
    check 'allow opens it in a container that runs, in under a second' allowed_in_time
    note "$(grep ' ms$' <<<"$OUT")"
fi
web -m 120 -o /dev/null https://other.test/slow/big >"$T/held" 2>&1 & # 256 kB/s
PIDS+=($!)
has_flow() { [ -n "$(in_out ss -Htn state established src 203.0.113.12)" ]; }
no_flow() { ! has_flow; }
denied_in_time() {
    local begin

    begin=$(now_ms)
    secctl deny other.test && retry 5 no_flow || return 1
    echo "$(($(now_ms) - begin)) ms until the server knew"
    retry 10 grep -q 'reset by peer' "$T/held"
}
if ! is_plain; then
    check 'a long download runs' retry 20 has_flow
    check 'deny resets it at both ends' denied_in_time
    note "$(grep ' ms ' <<<"$OUT")"
fi

# --- an agent that takes what it can get
BOMB='import os
while True:
    try:
        os.fork()
    except OSError:
        pass'
AGENT_PIDS=200 AGENT_CPUS=0.2 secctl run --name bomb -- python3 -c "$BOMB" >"$T/bomb" 2>&1 </dev/null &
PIDS+=($!)
# not "docker stats", which says 0 of everything where it lacks one of the controllers
at_its_limit() {
    local id

    id=$(agent_container bomb)
    OUT=$(find /sys/fs/cgroup -path "*/$NS_ID/${id:-none}*/pids.current" -exec cat {} + 2>/dev/null | head -n 1)
    [ "$OUT" = 200 ]
}
check 'a fork bomb comes to its limit' retry 60 at_its_limit
check_has 'another agent works' 'served-name: www.allowed.test' web https://www.allowed.test/
check_denied 'and is refused' 'agent=claude event=dns name=denied.test' web https://denied.test/
check 'a new one can be run' run -- true
check_has 'status finds all as asked' bomb secctl status
docker kill "$(agent_container bomb)" >/dev/null
memory_bomb() {
    AGENT_MEMORY=64m run -- python3 -c 'print(len(b"x" * (1 << 29)))'
    [ $? -eq 137 ]
}
check 'too much memory ends the agent that takes it' memory_bomb

# --- the same containers for everybody
check_has 'docker compose sees the same containers' claude-secure-link-2 docker compose -p claude-secure ps
check_has 'status names both agents' second secctl status
check 'stop takes all away' secctl stop
gone() { [ -z "$(docker ps -aq)" ]; }
check 'no container is left' gone
check_has 'the volumes are' claude-secure-log docker volume ls -q

e2e_end
