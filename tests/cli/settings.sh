#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The .env file and the environment, as commands meet them: what is wrong with them is said with
# its place, and nothing is done then.
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
unset ANTHROPIC_API_KEY CLAUDE_CODE_OAUTH_TOKEN WORKSPACE_DIR CA_FILE INTERNAL_SUBNET TUNNEL_SUBNET EXTERNAL_IPV6 \
    GATEWAY_IMAGE AGENT_IMAGE
engine_double_start "$T" || exit 1
echo 'a.example' >"$H/policy/allowlist"
container_runs claude-secure-gateway-1 <<'SH'
#!/bin/sh
exit 0
SH

# env_says SENTENCE LINES EXPECTED - doctor, which reads all settings, fails with EXPECTED
env_says() {
    printf '%s\n' "$2" >"$H/.env"
    OUT=$("$SECCTL" doctor 2>&1)
    case $?:$OUT in
    1:*"$3"*) result 0 "$1" ;;
    *) result 1 "$1" ;;
    esac
}

env_says 'a line without = is an error with its place' 'WORKSPACE_DIR' \
    "$H/.env:1:14: no \"=\" after \"WORKSPACE_DIR\", expected KEY=VALUE"
env_says 'a repeated key too' $'CA_FILE=a\nCA_FILE=b' \
    "$H/.env:2:1: CA_FILE again, expected it once: line 1 has it"
env_says 'a network that is not private' 'INTERNAL_SUBNET=8.8.8.0/24' \
    "$H/.env:1:17: INTERNAL_SUBNET \"8.8.8.0/24\" is no private network"
env_says 'two networks that are one' $'INTERNAL_SUBNET=10.1.2.0/24\nTUNNEL_SUBNET=10.1.2.0/24' \
    'settings: INTERNAL_SUBNET and TUNNEL_SUBNET are both 10.1.2.0/24, expected two different networks'
env_says 'a choice that is none' 'EXTERNAL_IPV6=yes' "$H/.env:1:15: EXTERNAL_IPV6 \"yes\" is no choice, expected auto, on or off"
env_says 'an unknown key is a warning' $'WORKSPACE=/x\nINTERNAL_SUBNET=x' "INTERNAL_SUBNET \"x\" is no IPv4 network"
env_says 'a workspace that is everything' 'WORKSPACE_DIR=/' 'WORKSPACE_DIR "/" contains the policy'
env_says 'a workspace that holds the settings' 'WORKSPACE_DIR=.' "WORKSPACE_DIR \"$H\" contains the policy"
env_says 'a CA file that is none' 'CA_FILE=.env' "CA_FILE \"$H/.env\" is no PEM file"
env_says 'a secret is not shown' 'ANTHROPIC_API_KEY=sk secret' "$H/.env:1:19: ANTHROPIC_API_KEY has a byte that no key has"
case $OUT in *'sk secret'*) false ;; *) true ;; esac
result $? 'not even in an error'
printf 'WORKSPACE=/x\n' >"$H/.env"
check_has 'the warning names the place' "secctl: warning: $H/.env:1:1: unknown key \"WORKSPACE\" is passed over" \
    sh -c "'$SECCTL' doctor 2>&1; true"
printf 'INTERNAL_SUBNET=10.1.2.0/24\n' >"$H/.env"
OUT=$(INTERNAL_SUBNET=10.1.2.0/23 "$SECCTL" doctor 2>&1)
case $? in 1) ;; *) false ;; esac && [[ $OUT == *'environment: INTERNAL_SUBNET "10.1.2.0/23" has another size, expected a /24'* ]]
result $? 'the environment wins, and is checked'
[ "$TAP_FAILED" -eq 0 ]
