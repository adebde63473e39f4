#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# run.sh all|unit|style|cli|e2e|docker|vm|soak|bench [SCRIPT...] - run tests and count them
#
# SCRIPT: a path, or the name of one in that folder.
#
# Every end-to-end script runs twice: with the gateway, and (beside it, but for those with Docker) with plain
# forwarding in the gateway's place, where its capture check has to find what the gateway kept back (status 42).
# With "all" the stock kernel's machines, which are slow but not in a hurry, run beside what is not timed, and the
# scripts with Docker two at a time. An end-to-end script that says "# beside the others" runs beside all others.
# A skipped test has to stand in tests/skips.allowed. Last line: "N passed, N failed".
# SECONDS_MAX: time for one script (300).

set -u
cd "$(dirname "$0")/.." || exit 1
export BUILD=${BUILD:-build}
WORK=$(mktemp -d "${TMPDIR:-/tmp}/secctl-run.XXXXXX") || exit 1
CHILD='' COUNTER='' VM='' LANE=''
IS_DOCKER_READY=${IS_DOCKER_READY:-}
trap 'rm -rf "$WORK"' EXIT
trap interrupted INT TERM HUP
PASSED=0 FAILED=0 SKIPPED=0
export COUNT_FILE=$WORK/units DECLARED=$WORK/declared

interrupted() {
    local pid

    for pid in $CHILD $COUNTER $VM $LANE; do kill -TERM "$pid" 2>/dev/null; done
    for pid in $CHILD $COUNTER $VM $LANE; do wait "$pid"; done
    exit 130
}

passed() {
    PASSED=$((PASSED + 1))
    echo "ok - $1"
}

failed() {
    FAILED=$((FAILED + 1))
    echo "not ok - $1"
    echo "$1" >>"$WORK/failures"
}

# guarded COMMAND... - so that an interrupt ends it too; its status
guarded() {
    timeout -k 20 "${SECONDS_MAX:-300}" ${NICE:+nice -n "$NICE"} "$@" &
    CHILD=$!
    wait "$CHILD"
    local status=$?
    CHILD=
    return "$status"
}

# skipped SCRIPT SENTENCE WHY
skipped() {
    if grep -qxF "$1: $2" tests/skips.allowed; then
        SKIPPED=$((SKIPPED + 1))
        echo "$1: $2: $3" >>"$WORK/skips"
    else
        failed "$1: $2: skipped ($3), which tests/skips.allowed does not name"
    fi
}

# tally SCRIPT FILE - count the TAP lines in FILE
tally() {
    local line text

    while IFS= read -r line; do
        case $line in
        'ok '*' # SKIP '*)
            text=${line#ok - }
            skipped "$1" "${text%% # SKIP *}" "${text##* # SKIP }"
            ;;
        'ok '*) PASSED=$((PASSED + 1)) ;;
        'not ok '*)
            FAILED=$((FAILED + 1))
            echo "$1: ${line#not ok - }" >>"$WORK/failures"
            ;;
        esac
    done <"$2"
}

# run_script SCRIPT - it prints TAP; shown as it comes
run_script() {
    local name=${1##*/} status before=$FAILED

    echo "# $1"
    SECONDS=0
    guarded "$1" > >(tee "$WORK/out") 2>&1
    status=$?
    sleep 0.1 # tee has the last of it
    tally "$name" "$WORK/out"
    [ "$status" -eq 0 ] || [ "$FAILED" -ne "$before" ] || failed "$name: status $status"
    echo "# $1: status $status, $SECONDS s"
}

# counter_start SCRIPT - with plain forwarding; counter_end SCRIPT: its capture check must have seen through it
counter_start() {
    MODE=plain timeout -k 20 "${SECONDS_MAX:-300}" "$1" >"$WORK/counter" 2>&1 &
    COUNTER=$!
}
counter_end() {
    local name=${1##*/} status

    wait "$COUNTER"
    status=$?
    COUNTER=
    if [ "$status" -eq 42 ]; then
        passed "$name: its capture check fails with plain forwarding ($(sed -n 's/^# \(.*undeclared\)$/\1/p' "$WORK/counter"))"
    else
        failed "$name: its capture check fails with plain forwarding (status $status, expected 42)"
        sed 's/^/# /' "$WORK/counter" | tail -n 20
    fi
}

# step SENTENCE COMMAND... - counts as one test
step() {
    local sentence=$1

    shift
    if SECONDS_MAX=3600 guarded "$@"; then passed "$sentence"; else failed "$sentence"; fi
}

# run_units FLAVOUR-TARGET... - make builds and runs them; each program adds its counts to $COUNT_FILE
run_units() {
    local p f s

    : >"$COUNT_FILE"
    SECONDS_MAX=3600 guarded make --no-print-directory -k -j"$(nproc)" "$@" || echo "$*" >"$WORK/units-failed"
    while read -r p f s; do
        PASSED=$((PASSED + p)) FAILED=$((FAILED + f))
        [ "$f" -eq 0 ] || echo "unit tests ($*)" >>"$WORK/failures"
        [ "$s" -eq 0 ] || skipped unit 'tests against recorded bytes' "$s of them: no recordings on this machine"
    done <"$COUNT_FILE"
    [ ! -e "$WORK/units-failed" ] || grep -qs '^unit tests' "$WORK/failures" || failed "make $*"
}

run_style() {
    step 'the sources are formatted' make --no-print-directory format-check
    step 'the linters find nothing' make --no-print-directory lint
}

# run_twice SCRIPT... - with the gateway and without
run_twice() {
    local script

    for script; do
        rm -f "$DECLARED"
        if grep -q '^# no counter-check' "$script"; then # it says so where no gateway is in it
            run_script "$script"
        elif [ "$IS_BESIDE" = yes ]; then
            counter_start "$script"
            run_script "$script"
            counter_end "$script"
        else
            run_script "$script"
            counter_start "$script"
            counter_end "$script"
        fi
    done
}

# named FOLDER SCRIPT... - SCRIPTS: their paths; one without a folder is in tests/FOLDER
named() {
    local folder=$1 script

    shift
    SCRIPTS=()
    for script; do
        case $script in
        */*) SCRIPTS+=("$script") ;;
        *) SCRIPTS+=("tests/$folder/$script") ;;
        esac
    done
}

# lane_start FOLDER SCRIPT... - a run of its own beside this one; lane_end: what came of it
lane_start() {
    LANE_OF="$*"
    IS_DOCKER_READY=$IS_DOCKER_READY tests/run.sh "$@" >"$WORK/lane" 2>&1 &
    LANE=$!
}
lane_end() {
    local passed failed

    wait "$LANE"
    LANE=
    grep -Ev '^(skipped|failed): |^[0-9]+ passed, ' "$WORK/lane"
    sed -n 's/^skipped: //p' "$WORK/lane" >>"$WORK/skips"
    sed -n 's/^failed: //p' "$WORK/lane" >>"$WORK/failures"
    if read -r passed _ failed _ < <(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$WORK/lane"); then
        PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed))
    else
        failed "tests/run.sh $LANE_OF: it ended early"
    fi
}

run_e2e() {
    named e2e "$@"
    IS_BESIDE=yes run_twice "${SCRIPTS[@]}"
}

# run_e2e_all - what only waits, beside the others
run_e2e_all() {
    local -a sleepers others

    mapfile -t sleepers < <(grep -l '^# beside the others' tests/e2e/[0-9]*.sh)
    mapfile -t others < <(grep -L '^# beside the others' tests/support/selftest.sh tests/e2e/[0-9]*.sh)
    lane_start e2e "${sleepers[@]}"
    run_e2e "${others[@]}"
    lane_end
}

docker_prepare() {
    local engine

    step 'the gateway has a root file system' make --no-print-directory image-root
    for engine in system trixie sid; do
        step "engine $engine and its images are there" tests/docker/prepare "$engine"
    done
    IS_DOCKER_READY=yes
}

run_docker() {
    [ -n "$IS_DOCKER_READY" ] || docker_prepare
    named docker "$@"
    IS_BESIDE=no SECONDS_MAX=${SECONDS_MAX:-600} run_twice "${SCRIPTS[@]}"
}

# run_docker_lanes - every second script beside the others: mostly they wait
run_docker_lanes() {
    local -a lanes=('' '') set
    local i

    set=(tests/docker/[0-9]*.sh)
    for i in "${!set[@]}"; do lanes[i % 2]+=" ${set[i]}"; done
    # shellcheck disable=SC2086 # paths of ours
    {
        lane_start docker ${lanes[1]}
        run_docker ${lanes[0]}
    }
    lane_end
}

run_scripts() { # FOLDER [SCRIPT...]
    local folder=$1 script

    shift
    [ $# -gt 0 ] || set -- "tests/$folder"/[0-9a-z]*.sh
    named "$folder" "$@"
    for script in "${SCRIPTS[@]}"; do run_script "$script"; done
}

# vm_start [SCRIPT...] - in the background, without SCRIPTs two machines that share the set; vm_end: what came of it
vm_start() {
    local -a set halves
    local i

    [ -x tests/vm/run.sh ] || return 0
    halves=("$*")
    if [ $# -eq 0 ]; then
        mapfile -t set < <(sed 's/#.*//; /^[[:space:]]*$/d' tests/vm/set)
        halves=('' '')
        for i in "${!set[@]}"; do halves[i % 2]+=" ${set[i]}"; done
    fi
    for i in "${!halves[@]}"; do
        # shellcheck disable=SC2086 # paths of ours
        timeout -k 20 3600 tests/vm/run.sh ${halves[i]} >"$WORK/vm.$i" 2>&1 &
        VM+=" $!"
    done
}
vm_end() {
    local i=0 pid status

    for pid in $VM; do
        echo '# tests/vm/run.sh'
        tail -n +1 -s 0.2 --pid="$pid" -f "$WORK/vm.$i"
        wait "$pid"
        status=$?
        if [ "$status" -eq 77 ]; then
            skipped vm/run.sh vm "$(sed -n 's/^.*# SKIP vm: //p' "$WORK/vm.$i")"
        else
            tally vm "$WORK/vm.$i"
            [ "$status" -eq 0 ] || failed "tests/vm/run.sh: status $status"
        fi
        i=$((i + 1))
    done
    VM=
}

# a short one: that it runs, not what it measures, which is for `make bench` on a quiet machine
run_bench() {
    step 'the benchmarks build' make --no-print-directory "$BUILD"/plain/bench_{connect,hop,policy}
    step 'the benchmark runs' tests/bench/run.sh 1 1
}

main() {
    local what=${1:-all}

    [ $# -eq 0 ] || shift
    case $what in
    all)
        step 'the programs build' make --no-print-directory -j2 all
        vm_start
        NICE=10 run_units check unit
        NICE=10 run_style
        NICE=10 run_scripts cli
        NICE=10 docker_prepare
        vm_end
        run_e2e_all
        run_docker_lanes
        run_bench
        ;;
    unit) run_units unit ;;
    style) run_style ;;
    cli) run_scripts cli "$@" ;;
    e2e) if [ $# -gt 0 ]; then run_e2e "$@"; else run_e2e_all; fi ;;
    docker)
        if [ $# -gt 0 ]; then
            run_docker "$@"
        else
            docker_prepare
            run_docker_lanes
        fi
        ;;
    vm)
        vm_start "$@"
        vm_end
        ;;
    soak) run_script tests/e2e/40-load.sh ;;
    bench) run_bench ;;
    *)
        echo "run.sh: $what: expected all, unit, style, cli, e2e, docker, vm, soak or bench" >&2
        exit 2
        ;;
    esac
    [ ! -s "$WORK/skips" ] || sort -u "$WORK/skips" | sed 's/^/skipped: /'
    [ ! -s "$WORK/failures" ] || sed 's/^/failed: /' "$WORK/failures"
    [ "$((PASSED + FAILED))" -gt 0 ] || FAILED=1 # nothing ran: that proves nothing
    echo "$PASSED passed, $FAILED failed"
    [ "$FAILED" -eq 0 ]
}

main "$@"
