#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# compose.yaml gives the stack without secctl, its example a second agent, its overlay a CA.

. "$(dirname "$0")/../support/stack.sh"

stack_begin <<'POLICY'
www.allowed.test
POLICY
expect_allowed www.allowed.test 203.0.113.11 2001:db8::11



cp "$ROOT"/compose/*.yaml "$STACK_HOME"
cp -R "$ROOT/proxy-image" "$T" # compose.yaml's build sections name folders that have to be there
export WORKER_IMAGE=$AGENT_IMAGE
compose() { (cd "$STACK_HOME" && docker compose -f compose.yaml -f second-service.example.yaml -f ca-file.yaml "$@"); }

# secctl_sees - what status names; that the stack is another one than secctl would make is a difference to it
secctl_sees() { secctl status 2>&1 || [ $? -eq 3 ]; }
check 'the stack comes up, all of it healthy' compose up -d --no-build --quiet-pull --wait --wait-timeout 120
check_has 'docker compose ps shows the gateway' claude-secure-gateway-1 compose ps
check_has 'secctl status shows the same containers' claude-secure-link-1 secctl_sees
web() { compose exec -T "$1" curl -sS -m 20 "${@:2}" </dev/null; }
check_has 'the agent reaches what is allowed' 'served-name: www.allowed.test' web claude https://www.allowed.test/
compose cp "$T/ca.crt" worker:/tmp/ca.crt >/dev/null 2>&1
worker() { web worker --cacert /tmp/ca.crt "$@"; }
check_has 'the second service too' 'served-name: www.allowed.test' worker https://www.allowed.test/
check_denied 'the agent asks for another name' 'agent=claude event=dns name=denied.test' web claude https://denied.test/
check_denied 'the worker does' 'agent=worker event=dns name=denied.test' worker https://denied.test/
check_denied 'the agent goes to an address' 'agent=claude dst=203.0.113.66' web claude -k https://203.0.113.66/

# the policy is a folder of the host, mounted read-only; HUP reads it again
echo denied2.test >>"$STACK_HOME/policy/allowlist"
log_mark
compose kill -s HUP gateway >/dev/null 2>&1
check_log 'a changed policy is read again' event=policy
check_fast 'the policy cannot be changed from the agent' 20000 compose exec -T claude sh -c 'ls /etc/secctl/policy || touch /etc/secctl/policy/allowlist'

check 'the gateway is replaced' compose up -d --no-build --force-recreate --no-deps --wait --wait-timeout 120 gateway
check_has 'the agents are behind the new one, without a restart' 'served-name: www.allowed.test' web claude https://www.allowed.test/
# a second stack beside it: names and addresses of its own
two() {
    (cd "$STACK_HOME" && INTERNAL_PREFIX=10.214.76 TUNNEL_PREFIX=10.214.77 INTERNAL_NETWORK=two-internal \
        EXTERNAL_NETWORK=two-external docker compose -p two "$@")
}
check 'a second stack comes up beside it' two up -d --no-build --quiet-pull --wait --wait-timeout 120
second() { two exec -T claude sh -c 'ip -4 addr show dev sec0; curl -ksS -m 20 https://www.allowed.test/' </dev/null; }
check_has 'its agent reaches what is allowed' 'served-name: www.allowed.test' second
check_has 'from addresses of its own' 'inet 10.214.77.3/24' echo "$OUT"
check_has 'the first still does' 'served-name: www.allowed.test' web claude https://www.allowed.test/
check_has 'its log is its own' two-log docker volume ls -q
check 'it goes down' two down -v -t 2

check 'all goes down' compose down -t 2
check_has 'the log stays' claude-secure-log docker volume ls -q

# IPv6, which this engine masquerades without being told to
if [ "$ENGINE" = sid ]; then
    six() { (cd "$STACK_HOME" && docker compose -f compose.yaml -f ipv6.yaml "$@"); }
    check 'with the overlay for IPv6 the stack comes up' six up -d --no-build --quiet-pull --wait --wait-timeout 120
    check_has 'the agent reaches what is allowed over IPv6' 'addr: 2001:db8::11' \
        six exec -T claude curl -6ksS -m 20 https://www.allowed.test/ </dev/null
    check_denied 'but no address that no name led to' 'agent=claude dst=2001:db8::66' \
        six exec -T claude curl -6ksS -m 20 'https://[2001:db8::66]/' </dev/null
    automatic() { EXTERNAL_IPV6=auto secctl_sees; }
    check_has 'secctl takes that for its own too' 'ipv6     yes: network proxy-external has it' automatic
    check 'it goes down' six down -t 2
fi

e2e_end
