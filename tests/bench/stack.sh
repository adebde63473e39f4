#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# stack.sh [RUNS] - how long "secctl run -- true" takes, beside "docker compose run" of the same stack, with images
# present: from nothing, and with the gateway up. On a machine of its own (tests/support/machine.sh); medians of RUNS (5).
# For a quiet machine; not part of "make test".

. "$(dirname "$0")/../support/stack.sh"
# shellcheck disable=SC2034 # e2e.sh's: this is no test
ENDED=1

RUNS=${1:-5}

stack_begin <<'END'
www.allowed.test
END
compose() { (cd "$STACK_HOME" && docker compose "$@"); }

# median BEFORE COMMAND... - of RUNS times, in ms; BEFORE is done before each and not counted
median() {
    local before=$1 i begin

    shift
    for ((i = 0; i < RUNS; i++)); do
        $before >/dev/null 2>&1
        begin=$(now_ms)
        "$@" >"$T/out" 2>&1 </dev/null || {
            echo "$*: $(tail -n 3 "$T/out")" >&2
            exit 1
        }
        echo "$(($(now_ms) - begin))"
    done | sort -n | sed -n "$(((RUNS + 1) / 2))p"
}

by_secctl() { secctl run -- true; }
by_compose() { compose run --rm -T claude true; }
secctl_down() { secctl stop; }
compose_down() { compose down -t 1; }

cold_secctl=$(median secctl_down by_secctl)
warm_secctl=$(median true by_secctl)
secctl_down >/dev/null
docker network rm claude-internal proxy-external >/dev/null 2>&1
cold_compose=$(median compose_down by_compose)
warm_compose=$(median true by_compose)
compose_down >/dev/null 2>&1
[ -n "$cold_secctl" ] && [ -n "$warm_secctl" ] && [ -n "$cold_compose" ] && [ -n "$warm_compose" ] || exit 1

printf '%-34s %10s %16s %8s\n' 'engine '"$ENGINE"', medians of '"$RUNS" 'secctl run' 'docker compose' ratio
row() { printf '%-34s %7s ms %13s ms %8s\n' "$1" "$2" "$3" "$(awk "BEGIN { printf \"%.2f\", $2 / $3 }")"; }
row 'from nothing' "$cold_secctl" "$cold_compose"
row 'gateway up (compose: link too)' "$warm_secctl" "$warm_compose"
