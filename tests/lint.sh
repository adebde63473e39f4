#!/bin/bash
# Static analysis of the C sources given as arguments. Every check that is switched off has its
# reason here.
set -euo pipefail
cd "$(dirname "$0")/.."

flags=(-D_GNU_SOURCE -std=c11 -I. '-DSECCTL_VERSION="lint"')

# bugprone-easily-swappable-parameters: addresses and ports come in pairs by nature.
# bugprone-reserved-identifier, cert-*: duplicates of compiler warnings that are on.
# clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling: asks for Annex K's
#   memcpy_s, which glibc does not have.
# bugprone-assignment-in-if-condition: netlink loops read better with it.
# clang-analyzer-valist.Uninitialized: clang-tidy 14 does not see va_start() through its builtin.
# bugprone-not-null-terminated-result: bytes of a known length are no strings here.
checks='-*,bugprone-*,clang-analyzer-*,performance-*,-bugprone-easily-swappable-parameters'
checks+=',-bugprone-reserved-identifier,-bugprone-assignment-in-if-condition'
checks+=',-clang-analyzer-valist.Uninitialized,-bugprone-not-null-terminated-result'
checks+=',-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling'

tidy() { clang-tidy --quiet --checks="$checks" --warnings-as-errors='*' "$@" -- "${flags[@]}" 2>/dev/null; }
export -f tidy
export checks flags_text="${flags[*]}"
# shellcheck disable=SC2016 # the inner shell's
printf '%s\0' "$@" | xargs -0 -P "$(nproc)" -n 4 bash -c 'read -ra flags <<<"$flags_text"; tidy "$@"' tidy

# missingIncludeSystem, unusedFunction (libraries of a few programs), unmatchedSuppression: noise.
# constParameterCallback: a callback's type is its caller's.
cppcheck --quiet --error-exitcode=1 --std=c11 -j "$(nproc)" --enable=warning,performance,portability \
    --inline-suppr --suppress=missingIncludeSystem --suppress=constParameterCallback \
    -D_GNU_SOURCE -DSECCTL_VERSION='"lint"' -I. "$@"
echo "lint: $# files, no finding"
