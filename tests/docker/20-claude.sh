#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The real Claude Code behind the gateway, with the allowlist that comes with it; a server of the test's plays its API.

AGENT_IMAGE=claude-secure-claude:latest
. "$(dirname "$0")/../support/stack.sh"

API=203.0.113.70
CERT_NAMES="$CERT_NAMES api.anthropic.com"
# shellcheck disable=SC2034 # servers.sh's
RESOLVER_MORE="    local-zone: \"anthropic.com.\" static
    local-data: \"api.anthropic.com. 1 IN A $API\""
stack_begin <"$ROOT/compose/policy/allowlist"
expect_allowed api.anthropic.com "$API"
echo 'ANTHROPIC_API_KEY=sk-ant-test' >>"$STACK_HOME/.env"
spawn "$NS_OUT" /usr/bin/python3 "$SUPPORT/messages_api.py" "$API" "$T/server.crt" "$T/server.key" "$T/api.log" \
    'the reply of the test' 2>"$T/api.err"
retry 20 grep -qs ready "$T/api.log"

claude() { secctl run -- claude "$@" </dev/null; }
check_has 'claude -p gets its answer' 'the reply of the test' claude -p 'say hi'
note "$MS ms"
check_has 'it came from the API' 'POST /v1/messages' cat "$T/api.log"
check_log 'the log shows what it asked for' event=dns verdict=allow name=api.anthropic.com agent=claude
check_log 'and what it reached' event=tls verdict=allow name=api.anthropic.com
# shellcheck disable=SC2016 # the container's shell
check_has 'it has its settings in the volume that is kept' .claude.json secctl run -- sh -c 'ls -A $CLAUDE_CONFIG_DIR' </dev/null
# shellcheck disable=SC2016
check_has 'the next one finds them' 'the reply of the test' claude -p --continue 'and again'
check_denied 'a tool of its own that goes elsewhere' 'event=dns name=denied.test' secctl run -- curl -sS -m 20 https://denied.test/

e2e_end
