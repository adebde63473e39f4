#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The real Claude Code in its image, behind the gateway, with a server that plays api.anthropic.com: asked once,
# with a tool, on a terminal.
#
# SC2016: the containers' shells expand. SC2034: what is set for stack.sh
# shellcheck disable=SC2016,SC2034

AGENT_IMAGE=claude-secure-claude:latest
API=203.0.113.80

. "$(dirname "$0")/../support/stack.sh"

CERT_NAMES+=' api.anthropic.com platform.claude.com claude.ai downloads.claude.ai'
RESOLVER_MORE=$(for name in api.anthropic.com platform.claude.com claude.ai downloads.claude.ai; do
    echo "local-data: \"$name. 60 IN A $API\""
done)
KEY=sk-ant-api03-this-is-a-test-and-no-key-00000000000000000000000000000000

stack_begin <"$ROOT/compose/policy/allowlist"
for name in api.anthropic.com platform.claude.com claude.ai downloads.claude.ai; do expect_allowed "$name" "$API"; done
echo "ANTHROPIC_API_KEY=$KEY" >>"$STACK_HOME/.env"

ASKED=$T/asked
: >"$ASKED"
spawn "$NS_OUT" /usr/bin/python3 "$SUPPORT/anthropicd.py" "$ASKED" "$T/server.crt" "$T/server.key" "$API" 2>>"$T/anthropicd.err"
retry 20 tcp_answers "$API" 443 || exit 1

run() { secctl run "$@" </dev/null; }
# asked FILTER - is there a request of which jq's FILTER is true?
asked() { jq -e -s "[.[] | select($1)] | length > 0" "$ASKED"; }

# --- one question
check_has 'claude -p gets its answer' 'The answer came through.' run -- claude -p 'Say something.'
note "it took $MS ms"
check 'the server was asked for a message' asked '.path | startswith("/v1/messages")'
check 'under its own name' asked '.host == "api.anthropic.com"'
check 'the question is in it' asked '.body | tostring | contains("Say something.")'
check 'Claude was told of its network' asked '.body | tostring | contains("secctl allow NAME")'
LOG_WAIT=10
check_log 'the verdict log shows the name that was asked for' verdict=allow event=dns name=api.anthropic.com
check_log 'and the connection' verdict=allow event=tls name=api.anthropic.com dport=443

# --- a tool
log_mark
tool() { run -- claude -p 'RUN: id -u; echo $((6 * 7))-computed; curl -sS -m 20 https://denied.test/' --allowedTools Bash; }
check_has 'a command that Claude runs is run in the agent' '42-computed' tool
is_plain || check_has 'what is denied was refused to it' 'Could not resolve host: denied.test' echo "$OUT"
check 'its output came back in the next request' asked '.body | tostring | contains("42-computed")'
check_log 'the log says why' verdict=deny agent=claude event=dns name=denied.test
quick() { # the tool's own time, not Claude's
    run -- bash -c 't=$(date +%s%3N); curl -sS -m 20 https://denied.test/; s=$?; echo "$(($(date +%s%3N) - t)) ms"; exit $s'
}
check_fast 'a name that is not on the list fails' 30000 quick
is_plain || check 'at once' test "$(sed -n 's/ ms$//p' <<<"$OUT")" -lt 1000
is_plain && run -- curl -k -sS -m 20 https://denied.test/

# --- how it ends
claude_status() { run -- claude "$@" >/dev/null 2>&1; echo "status $?"; }
check_has 'its exit status is passed on' 'status 1' claude_status --no-such-option
api_gone() { run -e ANTHROPIC_BASE_URL=https://denied.test -e CLAUDE_CODE_MAX_RETRIES=0 -- claude -p hello; }
check_fast 'without an API that it may ask it ends with an error' 60000 api_gone

# --- on a terminal
# what people answer once: theme, key, trust in the folder
first_answers() {
    jq -n --arg key "${KEY: -20}" '{ hasCompletedOnboarding: true, theme: "dark", customApiKeyResponses: { approved: [$key], rejected: [] },
        projects: { "/workspace": { hasTrustDialogAccepted: true, allowedTools: [] } } }' |
        secctl run -- sh -c 'cat >"$CLAUDE_CONFIG_DIR/.claude.json"'
}
check 'its settings are in a volume' first_answers
rule() { printf '─%.0s' $(seq "$1"); }
terminal() {
    in_machine env TERM=xterm-256color /usr/bin/python3 "$SUPPORT/pty.py" --size 30x100 --screen "$T/screen" --time 60 "$@" \
        -- "$BUILD/secctl" run
}
interactive() {
    terminal raw 'expect:Claude Code' "expect:$(rule 100)" quiet:1 \
        resize:40x120 "expect:$(rule 120)" quiet:1 \
        'send:Say something.' quiet:0.5 'send:\r' 'expect:The answer came through.' quiet:1 \
        'send:/exit' quiet:0.5 'send:\r'
}
if ! is_plain; then
    check_has 'interactive Claude shows its screen, in the new size too, answers, and ends' 'status 0' interactive
    check_has 'the terminal is as before' 'modes restored' echo "$OUT"
fi
check 'stop' secctl stop

e2e_end
