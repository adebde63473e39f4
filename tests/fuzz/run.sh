#!/bin/bash
# Usage: run.sh DIR SECONDS. Runs each fuzz target of DIR for SECONDS, on a copy of its corpus. A
# finding ends the run with status 1; the input that made it stays in DIR.
set -euo pipefail
dir=$1 seconds=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for target in "$dir"/fuzz_*; do
    [[ -f "$target" && -x "$target" ]] || continue
    name=$(basename "$target")
    mkdir -p "$work/$name"
    if [[ -d "$here/corpus/$name" ]]; then
        cp -r "$here/corpus/$name/." "$work/$name"
    fi
    status=0
    "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$dir/$name-" "$work/$name" >"$work/log" 2>&1 || status=$?
    if [[ $status -ne 0 ]]; then
        cat "$work/log"
        echo "fuzz $name: a finding; its input is $dir/$name-*" >&2
        exit 1
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log")
    echo "fuzz $name: $seconds s, $runs runs, no finding"
done
