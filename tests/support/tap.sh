# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What a test script says about itself: "ok - sentence", "not ok - sentence", "# note".
# With MODE=plain (plain forwarding in the gateway's place) nothing that a client sees is asserted: the
# commands run, only the capture check counts (ASSERT=1 shows the results all the same).

MODE=${MODE:-gateway}
TAP_FAILED=0

is_plain() { [ "$MODE" = plain ]; }

now_ms() { date +%s%3N; }

note() { printf '%s\n' "$*" | sed 's/^/# /'; }

ok() { printf 'ok - %s\n' "$*"; }

not_ok() {
    printf 'not ok - %s\n' "$*"
    TAP_FAILED=$((TAP_FAILED + 1))
}

# skip SENTENCE WHY - the pair must stand in tests/skips.allowed
skip() { printf 'ok - %s # SKIP %s\n' "$1" "$2"; }

# kernel_independent WHAT - shall it be checked here? Not in the stock kernel's machine, where all is slow and it
# would prove no more than elsewhere
kernel_independent() {
    [ -n "${SECCTL_VM:-}" ] || return 0
    note "left out here, being no matter of the kernel: $1"
    return 1
}

# result STATUS SENTENCE - report it, unless nothing is asserted; $OUT holds what to show on failure
OUT=
result() {
    local status=$1

    shift
    is_plain && [ -z "${ASSERT:-}" ] && return 0
    if [ "$status" -eq 0 ]; then
        ok "$*"
    else
        not_ok "$*"
        [ -z "$OUT" ] || note "$OUT" | head -n 12
    fi
}

# check SENTENCE COMMAND... - COMMAND succeeds; its output stays in $OUT, its time in $MS
MS=0
check() {
    local sentence=$1 begin status

    shift
    begin=$(now_ms)
    OUT=$("$@" 2>&1)
    status=$?
    MS=$(($(now_ms) - begin))
    result "$status" "$sentence"
    return "$status"
}

# check_has SENTENCE TEXT COMMAND... - COMMAND succeeds and prints TEXT somewhere
check_has() {
    local sentence=$1 text=$2 begin status

    shift 2
    begin=$(now_ms)
    OUT=$("$@" 2>&1)
    status=$?
    MS=$(($(now_ms) - begin))
    case $OUT in *"$text"*) ;; *)
        [ "$status" -ne 0 ] || status=1
        OUT="expected to find \"$text\" in: $OUT"
        ;;
    esac
    result "$status" "$sentence"
    return "$status"
}

# check_fast SENTENCE MAX_MS COMMAND... - COMMAND fails, and within MAX_MS
check_fast() {
    local sentence=$1 max=$2 begin status

    shift 2
    begin=$(now_ms)
    OUT=$("$@" 2>&1)
    status=$?
    MS=$(($(now_ms) - begin))
    case $status in
    0 | 126 | 127)
        OUT="expected to fail, but its status is $status: $OUT"
        status=1
        ;;
    *)
        status=0
        if [ "$MS" -gt "$max" ]; then
            status=1
            OUT="it took $MS ms: $OUT"
        fi
        ;;
    esac
    result "$status" "$sentence"
    return "$status"
}

# retry SECONDS COMMAND... - until it succeeds
retry() {
    local end

    end=$(($(now_ms) + $1 * 1000))
    shift
    until "$@"; do
        [ "$(now_ms)" -lt "$end" ] || return 1
        sleep 0.05
    done
}
