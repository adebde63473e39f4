#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# secctl logs, reload and doctor on a real engine: from the gateway, followed over its replacement, from the volume
# after stop.

. "$(dirname "$0")/../support/stack.sh"

stack_begin <<'POLICY'
www.allowed.test
POLICY
expect_allowed www.allowed.test 203.0.113.11
expect_allowed other.test 203.0.113.12

fetch() { agent curl -s -m 20 -o /dev/null "$@"; }

doctor_has_no_problem() {
    secctl doctor --json >"$T/doctor"
    /usr/bin/python3 -c 'import json, sys
found = json.load(open(sys.argv[1]))
bad = [f for f in found["findings"] if f["level"] == "problem"]
sys.exit("\n".join(f["what"] for f in bad) if bad else 0)' "$T/doctor"
}
check 'doctor finds no problem' doctor_has_no_problem
is_plain || check_has 'it tried the kernel in a container' 'vxlan' cat "$T/doctor"
no_throwaway() { [ -z "$(docker ps -aq --filter label=secctl.throwaway)" ]; }
check 'and removed that' no_throwaway
check_fast 'without a stack there is no log' 20000 secctl logs

agent_up claude
fetch https://www.allowed.test/
fetch https://denied.test/
fetch https://denied.test/
check_has 'the log is read from the gateway' '"name":"denied.test"' secctl logs --denied
names() { secctl logs "$@" | /usr/bin/python3 -c 'import json, sys
for line in sys.stdin: print(json.loads(line).get("name", "-"))'; }
only_denied() { names --denied --agent claude | sort -u; }
check_has 'only what is asked for' denied.test only_denied

secctl logs -f -n 1 </dev/null >"$T/followed" 2>"$T/followed.err" &
PIDS+=($!)
followed() { grep -q "\"name\":\"$1\"" "$T/followed"; }
check 'the log is followed' retry 30 test -s "$T/followed"
fetch https://denied2.test/
is_plain || check 'what comes is shown' retry 30 followed denied2.test

# a rule by hand, then reload
echo 'a..b' >>"$STACK_HOME/policy/allowlist"
check_fast 'reload refuses a policy that is wrong' 20000 secctl reload
printf 'www.allowed.test\nother.test\n' >"$STACK_HOME/policy/allowlist"
is_plain || check_has 'reload puts a changed folder in force' 'gateway: ' secctl reload
check 'what it allows is open' fetch https://other.test/

# another gateway
docker rm -f claude-secure-gateway-1 >/dev/null
is_plain || check_has 'without a gateway a change waits for the next start' 'no gateway is running' secctl allow later.test
check_has 'the log is read from the volume then' '"name":"denied.test"' secctl logs --denied
check 'no container stays of that' no_throwaway
check 'a new gateway comes' secctl run -- true </dev/null
fetch https://denied3.test/
is_plain || check 'the follower goes on with it' retry 60 followed denied3.test
once() { [ "$(grep -c '"name":"denied2.test"' "$T/followed")" -eq "$(grep '"name":"denied2.test"' "$T/followed" | sort -u | wc -l)" ]; }
check 'it shows nothing twice' once

check 'stop' secctl stop
check_has 'the log stays' '"name":"denied.test"' secctl logs --denied
last() { [ "$(secctl logs -n 3 | wc -l)" -eq 3 ]; }
check 'its end alone' last

e2e_end
