# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The stack on a machine of its own (docker.sh): secctl with a home folder of the test's. Sourced by the scripts in
# tests/docker, which then call stack_begin, expect_..., and at last e2e_end.
#
# EXTERNAL_IPV6: that setting of secctl (off). Agents run secctl-test-agent (AGENT_IMAGE) and trust the test's CA (CA_FILE). With MODE=plain the gateway's image is
# plain forwarding under the same name (tests/docker/plain).

. "$(dirname "${BASH_SOURCE[0]}")/docker.sh"

FAST_MS=${FAST_MS:-5000} # with the time that an engine takes to start a command
AGENT_IMAGE=${AGENT_IMAGE:-secctl-test-agent:latest}
STACK_HOME=

# secctl COMMAND... - as root on the machine
secctl() { in_machine "$BUILD/secctl" "$@"; }

# stack_home - policy and settings to start from; standard input is the allowlist
stack_home() {
    STACK_HOME=$T/stack
    export SECCTL_HOME=$STACK_HOME
    mkdir -p "$STACK_HOME/policy/agents"
    cp -R "$ROOT"/compose/{agent,seccomp.json,compose.yaml} "$STACK_HOME"
    cp "$ROOT/compose/policy/gateway.conf" "$STACK_HOME/policy"
    cat >"$STACK_HOME/policy/allowlist"
    printf '%s\n' "AGENT_IMAGE=$AGENT_IMAGE" "CA_FILE=$T/ca.crt" "EXTERNAL_IPV6=${EXTERNAL_IPV6:-off}" >"$STACK_HOME/.env"
}

# gateway_image - from the programs under test
gateway_image() {
    "$ROOT/proxy-image/rootfs.sh" "$BUILD" "$T/gateway-root.tar" || return 1
    if is_plain; then
        mkdir "$T/plain" && cp "$ROOT"/tests/docker/plain/* "$T/gateway-root.tar" "$T/plain" &&
            docker build -q --network none -t claude-secure-gateway "$T/plain"
    else
        BUILD=$T in_machine "$ROOT/compose/images.sh" gateway
    fi >"$T/gateway-image.log" 2>&1 || {
        cat "$T/gateway-image.log" >&2
        return 1
    }
}

# stack_begin - engine, internet, images, home; standard input is the allowlist
stack_begin() {
    docker_begin
    web_up && resolver_up && gateway_image || exit 1
    stack_home
    LOG=$DATA_ROOT/volumes/claude-secure-log/_data/verdicts.log
}

# agent_up [NAME] [IMAGE] - an agent that stays, "secctl run" of a sleep in the background; reports whether it came up.
# Not to be called by check: a background process would keep its pipe open
agent_up() {
    local name=${1:-claude}

    secctl run --name "$name" ${2:+--image "$2"} -- sleep infinity >"$T/run-$name" 2>&1 </dev/null &
    PIDS+=($!)
    retry 60 has_agent "$name"
    OUT=$(cat "$T/run-$name")
    has_agent "$name"
    result $? "the agent $name starts"
}

# agent_container NAME - the id of the container that runs
agent_container() { docker ps -q --filter label=com.docker.compose.service=claude --filter "label=secctl.agent=$1"; }
has_agent() { [ -n "$(agent_container "$1")" ]; }

# agent COMMAND... - in the container of the agent AGENT (claude), as its user
AGENT=claude
agent() { docker exec "$(agent_container "$AGENT")" "$@"; }

# logged - the log is there
logged() { [ -e "$LOG" ]; }
