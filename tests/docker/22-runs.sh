#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Runs as processes: many at once, pipes, output without end; images of others. Terminals: 16-terminal.sh.
# no counter-check: nothing is sent

. "$(dirname "$0")/../support/stack.sh"

stack_begin <<'POLICY'
www.allowed.test
POLICY

run() { secctl run "$@" </dev/null; }
fails() { ! "$@"; }
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

# --- an agent that prints without end, and that does not end by itself
never_read() { # nobody reads, and nothing is written any more when the signal comes
    in_machine timeout -s TERM 20 "$BUILD/secctl" run -- bash -c 'trap "" TERM; exec yes' </dev/null | {
        sleep 40
        cat >/dev/null
    }
    echo "status ${PIPESTATUS[0]}"
}
check_has 'SIGTERM ends a run whose output nobody takes' 'status 124' never_read
# shellcheck disable=SC2016 # the agent's shell
hung_up() {
    in_machine python3 "$SUPPORT/pty.py" expect:ready-2 hangup -- "$BUILD/secctl" run -- \
        bash -c 'trap "" TERM HUP; echo ready-$((1 + 1)); sleep 1; exec yes'
}
check_has 'so does a terminal that goes away' 'status 129' hung_up
check 'and nothing stays' only_gateway

# --- asked to end while the run begins
# asked_early SIGNAL STATUS [COMMAND...] - the command comes before each
asked_early() {
    local name=$1 expected=$2 delay status

    shift 2
    for delay in 0.03 0.2 0.5 1 2; do
        "$@"
        in_machine timeout --foreground --preserve-status -s "$name" "$delay" "$BUILD/secctl" run -- sleep 600 </dev/null
        status=$?
        OUT=$(containers)
        if [ "$status" -ne "$expected" ] || [ -n "${OUT/claude-secure-gateway-1 /}" ]; then
            echo "after $delay s: status $status, left: $OUT"
            return 1
        fi
    done
}
check 'SIGTERM at any moment: status 143, no link and no agent is left' asked_early TERM 143
check 'SIGINT with no stack before: status 130, no link and no agent is left' asked_early INT 130 secctl stop
check 'the next run works' run -- true

# --- an image of others: no user 1000, no folders of ours
check_has 'an image that is not there: what to do' '"docker pull other.test/none:1" fetches it' fails run --image other.test/none:1
check 'and nothing stays' only_gateway
docker volume rm claude-secure-workspace claude-secure-config >/dev/null
# shellcheck disable=SC2016 # the agent's shell
other_image() {
    run --image debian:bookworm-slim -- sh -c 'pwd; touch /workspace/a /home/claude/.claude/a; stat -c "%n %u:%g %a" /workspace /home/claude/.claude; id -u'
}
check_has 'another image works in the workspace' $'/workspace\n/workspace 1000:1000 755\n/home/claude/.claude 1000:1000 700\n1000' other_image
docker run --rm -v claude-secure-workspace:/w debian:bookworm-slim chown 7:7 /w
check_has 'a workspace that was there keeps its owner' '/workspace 7:7 755' other_image
# shellcheck disable=SC2016 # the agent's shell
at_home() {
    run --image "$1" "${@:2}" -- sh -c 'echo "home $HOME, $(id -un)"; cd && echo it >.rc && cat .rc && stat -c "%u %a" .'
}
check_has 'it has a home of its own to write in, and a name' $'home /home/claude, claude\nit\n1000 755' at_home debian:bookworm-slim
check_has 'or the one that it is given' $'home /tmp, claude\nit' at_home debian:bookworm-slim -e HOME=/tmp
mkdir -p "$T/bare/bin" && cp /bin/busybox "$T/bare/bin" && ln -s busybox "$T/bare/bin/sh"
for applet in cat id stat; do ln -s busybox "$T/bare/bin/$applet"; done
tar -C "$T/bare" -cf - bin | docker import - bare.test >/dev/null
check_has 'so has one that knows no user at all' $'home /home/claude, claude\nit\n1000 755' at_home bare.test
docker build -q --network none -t known.test - <<<$'FROM debian:bookworm-slim\nRUN useradd --uid 1000 --create-home own' >/dev/null 2>&1
check_has 'one that knows user 1000 keeps its home' $'home /home/own, own\nit\n1000 ' at_home known.test
docker volume rm claude-secure-workspace claude-secure-config >/dev/null

check 'stop ends it all' secctl stop
check_has 'stop of nothing is no error' 'nothing is running' secctl stop

e2e_end
