#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# "make start" on a clean clone, with a command in the interactive agent's place.
# no counter-check: it builds its own gateway

. "$(dirname "$0")/../support/stack.sh"

docker_begin
web_up && resolver_up || exit 1
expect_allowed www.allowed.test 203.0.113.11
LOG=$DATA_ROOT/volumes/claude-secure-log/_data/verdicts.log
export CA_FILE=$T/ca.crt
unset SECCTL_HOME BUILD MAKEFLAGS MAKELEVEL

mkdir "$T/clone"
git -C "$ROOT" ls-files -z --cached --others --exclude-standard | (cd "$ROOT" && tar --null --ignore-failed-read -T - -cf -) 2>/dev/null |
    tar -C "$T/clone" -xf -
echo www.allowed.test >>"$T/clone/compose/policy/allowlist"

make_start() { (cd "$T/clone" && in_machine make --no-print-directory start CMD="$1" </dev/null); }
check_has 'make start builds, starts, and runs the command behind the gateway' 'served-name: www.allowed.test' \
    make_start 'id -u; curl -sS -m 20 https://www.allowed.test/'
grep -v '^  [CL]' <<<"$OUT" >"$T/start.out"
note "$MS ms"
check_has 'it says what it builds' 'building claude-secure-gateway:latest' cat "$T/start.out"
check_has "the agent is Claude Code's image" 'claude-secure-claude:latest is up to date' cat "$T/start.out"
check_log 'the connection is in the log' event=tls verdict=allow name=www.allowed.test agent=claude
echo later.test >>"$T/clone/compose/policy/allowlist" # is no reason for a new gateway
# shellcheck disable=SC2016 # the container's shell
check_has 'a second one has nothing to build, and keeps quotes and spaces' 'a  b $HOME' make_start "printf '%s\n' 'a  b \$HOME'"
note "$MS ms"
check_has 'it says so' 'claude-secure-gateway:latest is up to date' printf '%s' "$OUT"
check 'and secctl agrees' test -z "$(grep ': building claude-secure' <<<"$OUT")"
check_fast 'Claude Code is there, and what it may not reach fails' 60000 make_start 'claude --version && exec curl -sS -m 20 https://denied.test/'
check_has 'its version was shown' '(Claude Code)' printf '%s' "$OUT"

e2e_end
