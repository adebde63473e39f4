#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Every command that talks to an engine under valgrind, and its errors with the sanitizers: no bad access, nothing leaked.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/tap.sh
SECCTL=$(realpath "${BUILD:-build}/secctl")
. tests/support/fake_engine.sh
WORK=$(mktemp -d) || exit 1
trap 'fake_stop; rm -rf "$WORK"' EXIT
export LC_ALL=C HOME=$WORK/nobody SECCTL_ENGINE_TIMEOUT=60
fake_start "$WORK" || exit 1

# clean SENTENCE STATUS ARGUMENT...
clean() {
    local sentence=$1 status=$2 got

    shift 2
    OUT=$(timeout 120 valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,indirect,possible \
        "$SECCTL" "$@" 2>&1 </dev/null)
    got=$?
    [ "$got" -eq "$status" ] && ! grep -q '^==' <<<"$OUT"
    result $? "$sentence"
}

clean 'status with nothing there' 3 status
clean 'build' 0 build
clean 'start, which starts the gateway' 5 start -e A=b --name one -- sh -c 'echo out; echo error >&2; exit 5'
clean 'run with the gateway there' 0 run -- true
"$SECCTL" run -- sleep 600 >/dev/null 2>&1 &
RUN=$!
for ((i = 0; i < 300; i++)); do
    grep -qs 'claude-1 running' "$E/state" && break
    sleep 0.1
done
clean 'a second run beside the first' 0 run -- true
clean 'status of a stack that runs' 0 status
clean 'status in JSON' 0 status --json
clean 'shell' 4 shell -- sh -c 'echo here; exit 4'
clean 'reload' 0 reload
clean 'allow' 0 allow memory.example.com
clean 'deny' 0 deny memory.example.com
clean 'stop, a run being there' 0 stop
wait "$RUN"
clean 'update' 0 update
fault POST build body '{"stream":"Step 1/1 : RUN false\n"}|||{"error":"Boom"}'
clean 'a build that fails' 1 update
no_fault
for request in 'GET containers/json' 'POST containers/create' 'POST exec/.*/start'; do
    # shellcheck disable=SC2086 # two words
    fault $request body '[{"Id":7}]'
    clean "no gateway because of: $request" 1 run -- true
    no_fault
done
"$SECCTL" run -- true 2>/dev/null
for request in 'POST name=claude-secure-claude' 'POST attach'; do
    # shellcheck disable=SC2086 # two words
    fault $request body '{"Id":7}'
    clean "no run because of: $request" 1 run -- true
    no_fault
done
OUT=$(containers)
[ "$OUT" = claude-secure-gateway-1 ]
result $? 'nothing is left of those'

# all the errors once more, with the sanitizers watching
fake_stop
check 'secctl builds with the sanitizers' make -s "${BUILD:-build}/gcc-san/secctl" &&
    check 'no error of engine_errors.sh makes the sanitizers speak' env BUILD="${BUILD:-build}/gcc-san" \
        ASAN_OPTIONS=exitcode=99 tests/cli/engine_errors.sh

[ "$TAP_FAILED" -eq 0 ]
