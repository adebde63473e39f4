#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Runs as processes: many at once, pipes, a real terminal, signals.
# no counter-check: nothing is sent

. "$(dirname "$0")/../support/stack.sh"

stack_begin <<'POLICY'
www.allowed.test
POLICY

run() { secctl run "$@" </dev/null; }
containers() { docker ps -a --format '{{.Names}}' | sort | tr '\n' ' '; }
only_gateway() {
    OUT=$(containers)
    [ "$OUT" = 'claude-secure-gateway-1 ' ]
}

# --- many at once, from nothing
all_at_once() {
    local pids=() i

    for i in 1 2 3 4; do
        run -- sh -c "echo run $i; cat /proc/sys/kernel/hostname" >"$T/run.$i" 2>"$T/errors.$i" &
        pids+=($!)
    done
    for i in "${pids[@]}"; do
        wait "$i" || {
            cat "$T"/errors.?
            return 1
        }
    done
    [ "$(sort "$T"/run.? | grep -c '^run ')" -eq 4 ] && [ "$(grep -h '^claude' "$T"/run.? | sort -u | wc -l)" -eq 4 ]
}
check 'four runs at once, with no stack before, each with a name of its own' all_at_once
check 'and leave the gateway' only_gateway

# --- pipes
pass_input() { [ "$(head -c 3000000 /dev/zero | secctl run -- wc -c)" = 3000000 ]; }
check 'what is piped in arrives, and its end' pass_input
all_output() { [ "$(run -- head -c 3000000 /dev/zero | wc -c)" -eq 3000000 ]; }
check 'all output arrives before secctl ends' all_output
cut_short() {
    secctl run -- yes </dev/null | head -n 1
    [ "${PIPESTATUS[0]}" -eq 141 ]
}
check 'a reader that goes ends the run' cut_short
check 'and nothing stays' only_gateway

# --- a terminal: signals to the command reach it where both are in one process namespace
at_terminal() { in_machine python3 "$ROOT/tests/support/pty.py" --size 31x97 --screen "$T/screen" "$@"; }
sized() {
    at_terminal -- "$BUILD/secctl" run -- sh -c 'sleep 1; stty size'
    grep '31 97' "$T/screen"
}
check_has 'the agent sees the size of the terminal' '31 97' sized
# shellcheck disable=SC2016 # the agent's shell
resized() {
    at_terminal expect:ready resize:40x120 -- "$BUILD/secctl" run -- \
        bash -c 'trap "stty size | grep \"^40 120\" && exit 9" WINCH; echo ready; while :; do sleep 0.1; done'
}
check_has 'a change of its size reaches the agent, whose status is the run'"'"'s' 'status 9' resized
interrupted() {
    at_terminal expect:ready 'send:\x03' -- "$BUILD/secctl" run -- \
        bash -c 'trap "exit 5" INT; echo ready; while :; do sleep 0.1; done'
}
check_has 'Ctrl-C goes to the agent' 'status 5' interrupted
grep -q '^modes restored' <<<"$OUT"
result $? 'the terminal is restored'
terminated() { at_terminal expect:ready signal:TERM -- "$BUILD/secctl" run -- bash -c 'echo ready; exec sleep 600'; }
check_has 'SIGTERM ends the run' 'status 143' terminated
grep -q '^modes restored' <<<"$OUT"
result $? 'and restores the terminal'
check 'and nothing stays' only_gateway

check 'stop ends it all' secctl stop
check_has 'stop of nothing is no error' 'nothing is running' secctl stop

e2e_end
