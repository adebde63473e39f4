#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# secctl allow, deny and reload: what is said, what is on disk after, what the gateway is told.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/support/tap.sh
. tests/support/tap.sh
# shellcheck source=tests/support/engine_double.sh
. tests/support/engine_double.sh
SECCTL=$(realpath "${BUILD:-build}/secctl")
T=$(mktemp -d) || exit 1
trap 'engine_double_stop; rm -rf "$T"' EXIT
export LC_ALL=C
G=claude-secure-gateway-1

# says SENTENCE STATUS EXPECTED ARGUMENT... - both streams together are EXPECTED
says() {
    local sentence=$1 status=$2 expected=$3 got

    shift 3
    OUT=$("$SECCTL" "$@" 2>&1)
    got=$?
    [ "$got" -eq "$status" ] && [ "$OUT" = "$expected" ] && {
        ok "$sentence"
        return
    }
    OUT="status $got, expected $status; printed:
$OUT
expected:
$expected"
    result 1 "$sentence"
}

# holds SENTENCE FILE TEXT
holds() {
    OUT=$(cat "$2" 2>&1)
    [ "$OUT" = "$3" ]
    result $? "$1"
}

engine_double_start "$T" || exit 1
cd "$T" || exit 1
good_gateway() {
    container_runs "$G" <<'SH'
#!/bin/sh
echo "$*" >"$(dirname "$0")/../args"
cat >"$(dirname "$0")/../input"
echo 'policy sha256:12 in force, 3 rules; 1 connection reset'
SH
}
ANSWER='gateway: policy sha256:12 in force, 3 rules; 1 connection reset'

# --- with a gateway
good_gateway
printf '# mine\na.example # why\n' >"$H/policy/allowlist"
check_fast_ms() { [ "$MS" -lt 1000 ]; }
says 'a rule is added and put in force' 0 "\"github.com\" (allowlist:3) added
$ANSWER" allow github.com tls/443 tcp/22
holds 'comments stay' "$H/policy/allowlist" '# mine
a.example # why
github.com          tls/443 tcp/22'
holds 'the gateway is asked to load' "$E/args" '/usr/sbin/fwd load -'
holds 'and is handed the whole policy' "$E/input" '%% whole
%% allowlist
# mine
a.example # why
github.com          tls/443 tcp/22'
says 'what is allowed already is said and changes nothing' 0 'already allowed by "github.com" (allowlist:3)' \
    allow GitHub.com tcp/22
says 'options may follow the target' 0 "\"b.example\" (agents/claude:1) added
$ANSWER" allow b.example --agent claude
holds "an agent's file is made" "$H/policy/agents/claude" 'b.example'
check_has 'and handed over' '%% agents/claude
b.example' cat "$E/input"
says 'a rule is taken out' 0 "\"github.com\" (allowlist:3) removed
$ANSWER" deny github.com
says 'what others allow is denied' 0 "\"a.example\" (allowlist:2) removed
$ANSWER" deny a.example
says 'what nobody allows is said' 0 'already denied: no rule allows it' deny a.example
printf '.example\n' >"$H/policy/ceiling"
says 'what the ceiling does not cover is refused' 1 \
    'secctl: allow: "c.test" tls/443 is outside the ceiling: no line of ceiling covers this target and service, expected one that it covers' \
    allow c.test
rm "$H/policy/ceiling"
says 'a wildcard on a public suffix is refused' 1 \
    'secctl: allow: "*.co.uk" covers the public suffix "co.uk", below which anybody can register a name, expected a wildcard on a name below it' \
    allow '*.co.uk'
holds 'and nothing is changed' "$H/policy/allowlist" '# mine'
begin=$(now_ms)
"$SECCTL" allow fast.example >/dev/null
MS=$(($(now_ms) - begin))
check "an allow takes less than a second ($MS ms)" check_fast_ms

# --- links, modes
mkdir dots
mv "$H/policy/allowlist" dots/list
chmod 640 dots/list
ln -s "$T/dots/list" "$H/policy/allowlist"
"$SECCTL" allow linked.example >/dev/null
check 'a link is followed' grep -q linked.example dots/list
check 'and stays a link' test -L "$H/policy/allowlist"
check 'the mode stays' test "$(stat -c %a dots/list)" = 640

# --- several at once
for i in $(seq 8); do "$SECCTL" allow "n$i.example" >/dev/null 2>"$T/many.$i" & done
for job in $(jobs -p); do [ "$job" = "$ENGINE_DOUBLE" ] || wait "$job"; done
check 'several at once lose nothing' test "$(grep -c '^n[1-8]\.example$' dots/list)" -eq 8
check 'the gateway was told of all' test "$(grep -c '^n[1-8]\.example$' "$E/input")" -eq 8

# --- a gateway that refuses, or does not answer
cp dots/list before
container_runs "$G" <<'SH'
#!/bin/sh
cat >/dev/null
printf 'fwd: \033[31mceiling\n' >&2
exit 1
SH
says 'what the gateway refuses is put back' 1 \
    'secctl: allow: the gateway keeps the policy it has: fwd: \x1b[31mceiling; nothing is changed' allow late.example
check 'the file is as it was' cmp before dots/list
says 'so is a file that was not there' 1 \
    'secctl: allow: the gateway keeps the policy it has: fwd: \x1b[31mceiling; nothing is changed' \
    allow --agent other late.example
check 'it is gone' test ! -e "$H/policy/agents/other"
says 'a reload that is refused fails' 1 \
    'secctl: reload: the gateway keeps the policy it has: fwd: \x1b[31mceiling' reload
echo 500 >"$E/status/containers%$G%exec"
echo '{"message":"out of order"}' >"$E/get/containers%$G%exec"
OUT=$("$SECCTL" allow unsure.example 2>&1)
[ $? -eq 3 ] && [[ $OUT == *'the file is changed, but a running gateway was not told, expected "secctl reload" when it can be: '*'out of order'* ]]
result $? 'an engine that fails leaves the file changed, status 3'
check 'the file is changed' grep -q unsure.example dots/list
rm "$E"/status/* "$E/get/containers%$G%exec"

# --- no gateway
chmod 644 "$E/run/$G"
says 'without a running gateway the file is changed for the next start' 0 \
    '"stopped.example" (allowlist:13) added
no gateway is running: this takes effect at the next start' allow stopped.example
rm "$E/run/$G"
says 'without a container too' 0 \
    '"gone.example" (allowlist:14) added
no gateway is running: this takes effect at the next start' allow gone.example
says 'a reload has nothing to do it with' 3 \
    'secctl: reload: no gateway is running, expected one that "secctl start" or "secctl run" started' reload

# --- reload
good_gateway
says 'a reload shows the answer' 0 "$ANSWER" reload
check_has 'all files are handed over' '%% agents/claude' cat "$E/input"
printf 'a..example\n' >>dots/list
says 'a policy that is not well formed is not handed over' 1 \
    "secctl: reload: $H/policy/allowlist:15:3: bad name \"a..example\": a label is empty, expected a host name such as api.example.com" \
    reload
says 'nor is it changed' 1 \
    "secctl: deny: $H/policy/allowlist:15:3: bad name \"a..example\": a label is empty, expected a host name such as api.example.com" \
    deny gone.example
sed -i '$d' dots/list
echo 'INTERNAL_SUBNET=nonsense' >"$H/.env"
says 'a bad .env does not keep a name from being denied' 0 "\"gone.example\" (allowlist:14) removed
$ANSWER" deny gone.example

# --- for programs
# json SENTENCE EXPECTED ARGUMENT... - without blanks between words
json() {
    OUT=$("$SECCTL" "${@:3}" 2>&1) && OUT=$(tr -d '\n\t' <<<"$OUT") && [ "$OUT" = "$2" ]
    result $? "$1"
}
GATEWAY='"gateway":"policy sha256:12 in force, 3 rules; 1 connection reset"}'
json 'allow --json' '{"changed":true,"did":"\"json.example\" (allowlist:14) added",'"$GATEWAY" allow --json json.example
json 'allow --json that changes nothing' \
    '{"changed":false,"did":"already allowed by \"json.example\" (allowlist:14)","gateway":null}' allow json.example --json
json 'deny --json' '{"changed":true,"did":"\"json.example\" (allowlist:14) removed",'"$GATEWAY" deny --json json.example
json 'reload --json' "{$GATEWAY" reload --json

# --- usage
says 'allow needs a target' 2 'secctl: allow: no target, expected a name, an address or a network' allow
says 'deny needs a target' 2 'secctl: deny: no target, expected a name, an address or a network' deny --
says 'deny takes no service' 2 \
    'secctl: deny: "tcp/22" after the target, expected one target, which is denied with all its services' \
    deny a.example tcp/22
says 'an unknown option is refused' 2 'secctl: allow: unknown option "--agnet", expected --agent A or --json' allow --agnet x a
says '--agent needs a value' 2 "secctl: allow: --agent without a value, expected an agent's name after it" allow a --agent
says 'a bad agent is refused' 1 \
    'secctl: allow: "../../x" is no agent'"'"'s name, expected 1 to 63 of a-z, 0-9, "_" and "-"' allow --agent ../../x a.example
says 'reload takes no argument' 2 'secctl: reload: "x", expected no argument' reload x
SECCTL_HOME=$T/none says 'without a home folder nothing is done' 1 \
    "secctl: allow: SECCTL_HOME \"$T/none\": No such file or directory" allow a.example
engine_double_stop
OUT=$("$SECCTL" allow noengine.example 2>&1)
[ $? -eq 3 ] && [[ $OUT == *'"noengine.example" (allowlist:14) added'*'no Docker engine'* ]]
result $? 'without an engine the file is changed, status 3'
[ "$TAP_FAILED" -eq 0 ]
