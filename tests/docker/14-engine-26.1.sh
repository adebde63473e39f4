#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The stack and the attacks on it, on engine 26.1.

export ENGINE=trixie
. "$(dirname "$0")/../support/attacks.sh"

stack_begin <<'POLICY'
www.allowed.test
POLICY
expect_allowed www.allowed.test 203.0.113.11
expect_allowed other.test 203.0.113.12

# an engine with live-restore that was restarted forgets what it gave a link: its agent keeps the tunnel, and the lock
engine_stop TERM
engine_start --ip-forward=true --live-restore || exit 1
agent_up
engine_stop TERM
engine_start --ip-forward=true --live-restore || exit 1
docker restart -t 1 claude-secure-link-1 >/dev/null
told() { secctl status | grep 'has lost its link, which was started again after it'; }
check 'a link that was restarted after a live-restore: status says what is so' told
check_fast 'the agent is locked' 20000 agent curl -sSk -m 5 https://203.0.113.66/
check_fast 'and has no other way out' 20000 agent curl -sSk -m 5 --interface eth0 https://203.0.113.66/
check 'stop takes all away' secctl stop
engine_stop TERM
engine_start --ip-forward=true || exit 1

engine_core
