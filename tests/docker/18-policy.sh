#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Two agents with lists of their own, changed while they work; and what secctl says, and leaves, when it cannot: a
# wrong policy, names that others have, a full disk, a runtime that fails.
#
# SC2016: the containers' shells expand. SC2034: AGENT is stack.sh's. SC2317: functions that check and retry call
# shellcheck disable=SC2016,SC2034,SC2317

. "$(dirname "$0")/../support/stack.sh"

OTHER_RESOLVER=198.18.1.54
RESOLVER_MORE="    interface: $OTHER_RESOLVER"
stack_begin <<'POLICY'
www.allowed.test
POLICY
expect_allowed www.allowed.test 203.0.113.11
expect_allowed other.test 203.0.113.12
expect_allowed allowed.test 203.0.113.10

run() { secctl run "$@" </dev/null; }
web() { agent curl -sS -m 20 "$@"; }
fails() { ! "$@"; }
# says TEXT COMMAND... - it fails, and TEXT is in what it says
says() {
    local text=$1 said

    shift
    said=$("$@" 2>&1) && return 1
    echo "$said"
    case $said in *"$text"*) ;; *) return 1 ;; esac
}
containers() { docker ps -a --format '{{.Names}}' | sort | tr '\n' ' '; }
nothing() { [ -z "$(containers)" ]; }
networks() { docker network ls --format '{{.Name}}' | grep -E 'claude|proxy'; }

# --- before there is a stack: nothing is made for a wrong policy

if ! is_plain; then
    cp "$STACK_HOME/policy/allowlist" "$T/allowlist"
    echo 'a..b' >>"$STACK_HOME/policy/allowlist"
    check_has 'a wrong policy: run says where' 'allowlist:2' says 'allowlist:2' run -- true
    check 'and makes nothing' nothing
    check 'no network either' fails networks
    cp "$T/allowlist" "$STACK_HOME/policy/allowlist"

    # the names of others
    docker run -d --name claude-secure-gateway-1 --network none secctl-test-agent sleep infinity >/dev/null
    check_has "another's container has the gateway's name: that is said" 'but has its name' says 'but has its name' run -- true
    left() { [ "$(containers)" = 'claude-secure-gateway-1 ' ]; }
    check 'it is left alone' left
    docker rm -f claude-secure-gateway-1 >/dev/null
    docker network rm claude-internal proxy-external >/dev/null 2>&1
    docker network create claude-internal >/dev/null
    docker run -d --name foreign --network claude-internal secctl-test-agent sleep infinity >/dev/null
    check_has "another's network that is in use has a name of ours: that is said" foreign says foreign run -- true
    docker rm -f foreign >/dev/null
    check_has 'one that nobody uses is made anew' 'making it anew' run -- true
    is_internal() { [ "$(docker network inspect --format '{{.Internal}}' claude-internal)" = true ]; }
    check 'as it should be' is_internal
fi

# --- two agents

agent_up first
agent_up second
if is_plain; then
    AGENT=first
    web -k https://denied.test/
    e2e_end
fi
check 'a rule for one agent' secctl allow --agent second other.test
AGENT=second
check_has 'it has it' 'served-name: other.test' web https://other.test/
AGENT=first
check_denied 'the other has not' 'agent=first event=dns name=other.test' web https://other.test/
check 'a rule for all' secctl allow allowed.test
check_has 'the first has it' 'served-name: allowed.test' web https://allowed.test/
AGENT=second
check_has 'the second too' 'served-name: allowed.test' web https://allowed.test/

# --- denied while connections live: of one agent, then of all

download() { # AGENT NAME
    docker exec "$(agent_container "$1")" curl -sS -m 120 -o /dev/null "https://$2/slow/big" >"$T/held-$1-$2" 2>&1 & # 256 kB/s
    PIDS+=($!)
}
flows() { in_out ss -Htn state established src "$1" | wc -l; }
has_flows() { [ "$(flows "$1")" -eq "$2" ]; }
was_reset() { retry 10 grep -q 'reset by peer' "$T/held-$1-$2"; }
download second other.test
download first allowed.test
download second allowed.test
check 'downloads run' retry 30 has_flows 203.0.113.12 1
check 'of both' retry 30 has_flows 203.0.113.10 2
log_mark
check 'the rule of one is taken back' secctl deny --agent second other.test
check 'its download ends' was_reset second other.test
check_log 'the log says why' reason=policy-changed verdict=deny agent=second name=other.test
check 'the others go on' has_flows 203.0.113.10 2
check 'the rule for all is taken back' secctl deny allowed.test
check "the first's download ends" was_reset first allowed.test
check "and the second's" was_reset second allowed.test
check_log 'the log says so of one' reason=policy-changed verdict=deny agent=first name=allowed.test
check_log 'and of the other' reason=policy-changed verdict=deny agent=second name=allowed.test
check 'no connection is left' retry 10 has_flows 203.0.113.10 0
check_denied 'and none is made' 'agent=second event=dns name=other.test' web https://other.test/

# --- what cannot be: nothing is changed

policy_id() { secctl status --json | jq -r .gateway.policy.id; }
ID=$(policy_id)
cp -R "$STACK_HOME/policy" "$T/before"
check_has 'a rule that is none is refused' expected says expected secctl allow 'a..b'
check 'the folder is as it was' diff -r "$T/before" "$STACK_HOME/policy"
check 'so is what is in force' test "$(policy_id)" = "$ID"
check_has 'and what was allowed is' 'served-name: www.allowed.test' web https://www.allowed.test/
check 'status finds all as asked' secctl status

# --- the machine's resolv.conf, a plain file, changes (a VPN)

expect_dns rr.test "$OTHER_RESOLVER"
for address in 203.0.113.21 203.0.113.22 203.0.113.23 203.0.113.24; do expect_tls rr.test $address; done
echo "nameserver $OTHER_RESOLVER" >"$T/machine/resolv.conf"
follows() { grep -qx "nameserver $OTHER_RESOLVER" "$DATA_ROOT/volumes/claude-secure-state/_data/resolv.conf"; }
nobody_runs() { ! has_agent first && ! has_agent second; }
check 'while an agent runs, the gateway follows within seconds' retry 20 follows
note "in $MS ms"
check 'the policy is what it was' test "$(policy_id)" = "$ID"
docker kill "$(agent_container first)" "$(agent_container second)" >/dev/null # now nobody follows
retry 20 nobody_runs
echo "nameserver $RESOLVER" >"$T/machine/resolv.conf"
check 'the next run hands over what there is' run -- true
check 'at its beginning' fails follows
echo "nameserver $OTHER_RESOLVER" >"$T/machine/resolv.conf"
agent_up second
check 'and so on' follows
echo 'rr.test' >"$STACK_HOME/policy/agents/second"
check 'a name that was not asked for yet' secctl reload
check_has 'is asked of the new one' 'served-name: rr.test' web https://rr.test/
rm "$STACK_HOME/policy/agents/second"
check 'stop' secctl stop

# --- a full disk at build: the engine keeps what it is sent in its folder for such

mkdir -p "$T/build" && cp -R "$ROOT/proxy-image" "$T" && cp "$T/gateway-root.tar" "$T/build"
image_id() { docker image inspect --format '{{.Id}}' claude-secure-gateway; }
ID=$(image_id)
mkdir -p "$DATA_ROOT/tmp"
in_machine mount -t tmpfs -o size=128k tmpfs "$DATA_ROOT/tmp"
check_has 'a full disk at build is said' 'no space left on device' says 'no space left on device' secctl update
check 'the image that was there is' test "$(image_id)" = "$ID"
check 'nothing half made stays' test -z "$(in_machine find "$DATA_ROOT/tmp" -mindepth 1)"
check 'no container either' nothing
in_machine umount "$DATA_ROOT/tmp"

# --- a runtime that fails

engine_stop TERM
engine_start --ip-forward=true --add-runtime broken=/bin/false --default-runtime broken || exit 1
check_has 'a runtime that fails is said' 'start container' says 'start container' run -- true
note "$(head -n 3 <<<"$OUT")"
check 'nothing half made stays' nothing

e2e_end
