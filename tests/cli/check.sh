#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# secctl check on good and bad input: exact output and exit status.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/tap.sh
SECCTL=$(realpath "${BUILD:-build}/secctl")
DEFAULT=$PWD/compose/policy
MANUAL=$PWD/ctl/secctl.1
WORK=$(mktemp -d) || exit 1
trap 'rm -rf "$WORK"' EXIT
cd "$WORK" || exit 1
export HOME=$WORK/home LC_ALL=C
unset XDG_CONFIG_HOME SECCTL_HOME

# says SENTENCE STATUS EXPECTED ARGUMENT... - both streams together are EXPECTED
says() {
    local sentence=$1 status=$2 expected=$3 got

    shift 3
    OUT=$("$SECCTL" "$@" 2>&1)
    got=$?
    if [ "$got" -eq "$status" ] && [ "$OUT" = "$expected" ]; then
        ok "$sentence"
    else
        OUT="status $got, expected $status; printed:
$OUT
expected:
$expected"
        not_ok "$sentence"
        note "$OUT"
    fi
}

mkdir -p p/agents broken
cat >p/allowlist <<'EOF'
# comment
api.anthropic.com
.anthropic.com       tls/443
github.com           tls/443 tcp/22
packages.corp.example http/80 intranet
bücher.example       tls/8000-8010
10.20.0.5            tcp/5432
2001:db8::/32
!telemetry.anthropic.com
EOF
printf 'own.example\n!github.com tcp/22\n' >p/agents/claude
printf 'a.example\n\n  b.example tsl/443\n' >broken/allowlist
printf '.example\n' >bad
ID=$("$SECCTL" check --policy p | sed 's/.*, //')

says 'an allowed name is allowed by its most specific rule' 0 \
    'allow  api.anthropic.com tls/443  rule "api.anthropic.com" (allowlist:2)
allow  www.anthropic.com tls/443  rule ".anthropic.com" (allowlist:3)' \
    check --policy p api.anthropic.com www.anthropic.com
says 'a forbidden name is denied by the rule that forbids it' 1 \
    'deny   telemetry.anthropic.com tls/443  name-denied: rule "!telemetry.anthropic.com" (allowlist:9)' \
    check --policy p telemetry.anthropic.com
says 'a name that nobody names is denied, with the nearest rule if there is one' 1 \
    'deny   api.antropic.com tls/443  name-not-allowed: no rule names it; "api.anthropic.com" is the nearest
deny   evil.test tls/443  name-not-allowed: no rule names it' \
    check --policy p api.antropic.com evil.test
says 'another port is denied, with the services that are allowed' 1 \
    'deny   github.com tcp/2222  service-not-allowed: rule "github.com" (allowlist:4) allows tls/443 tcp/22
deny   github.com quic/443  service-not-allowed: rule "github.com" (allowlist:4) allows tls/443 tcp/22' \
    check --policy p github.com:2222 github.com/quic
says 'the protocol follows from the port when none is given' 0 \
    'allow  github.com tcp/22  rule "github.com" (allowlist:4)
allow  packages.corp.example http/80  rule "packages.corp.example" (allowlist:5)
allow  xn--bcher-kva.example tls/8005  rule "bücher.example" (allowlist:6)' \
    check --policy p github.com:22 packages.corp.example:80 BÜCHER.example:8005
says 'addresses are decided by address rules' 1 \
    'allow  10.20.0.5 tcp/5432  rule "10.20.0.5" (allowlist:7)
allow  2001:db8::1 tls/443  rule "2001:db8::/32" (allowlist:8)
deny   10.20.0.6 tcp/5432  address-not-bound: no rule names it
deny   10.20.0.5 tls/443  service-not-allowed: rule "10.20.0.5" (allowlist:7)' \
    check --policy p 10.20.0.5:5432/tcp '[2001:db8::1]:443' 10.20.0.6:5432 10.20.0.5
says "an agent's own file counts for that agent" 1 \
    'allow  own.example tls/443  rule "own.example" (agents/claude:1)
deny   github.com tcp/22  name-denied: rule "!github.com" (agents/claude:2)' \
    check --policy p --agent claude own.example github.com:22
says "an agent's own file does not count for others" 1 \
    'deny   own.example tls/443  name-not-allowed: no rule names it
allow  github.com tcp/22  rule "github.com" (allowlist:4)' \
    check --policy p --agent other own.example github.com:22
says 'without a name the rules are counted' 0 "p: 10 rules, $ID" check --policy p
says 'a single file does for a policy' 0 \
    'allow  github.com tcp/22  rule "github.com" (p/allowlist:4)' \
    check --allowlist p/allowlist github.com:22

says 'JSON holds the same' 1 "$(
    cat <<EOF
[{
		"target":	"github.com:22",
		"service":	"tcp",
		"port":	22,
		"verdict":	"allow",
		"reason":	"rule",
		"rule":	"github.com",
		"file":	"allowlist",
		"line":	4,
		"policy":	"$ID"
	}, {
		"target":	"evil.test",
		"service":	"tls",
		"port":	443,
		"verdict":	"deny",
		"reason":	"name-not-allowed",
		"policy":	"$ID"
	}]
EOF
)" check --policy p --json github.com:22 evil.test
says 'JSON without a name holds the number of rules' 0 "$(printf '{\n\t"rules":\t10,\n\t"policy":\t"%s"\n}' "$ID")" \
    check --json --policy p

says 'an error in the policy names file, line, column and expectation' 1 \
    'secctl: check: broken/allowlist:3:13: unknown service "tsl/443", expected tls/PORT, quic/PORT, http/PORT, tcp/PORT, udp/PORT or "intranet"' \
    check --policy broken a.example
says 'an error in a single file does too' 1 \
    'secctl: check: bad:1:1: ".example" covers the top-level name "example", below which anybody might register a name, expected a wildcard on a name below it, or "intranet"' \
    check --allowlist bad
printf 'tcp-only.example tcp/443\n' >p/ceiling
says 'a rule outside the ceiling is an error that names the ceiling' 1 \
    'secctl: check: p/allowlist:2:1: "api.anthropic.com" tls/443 is outside the ceiling: no line of ceiling covers this target and service, expected one that it covers' \
    check --policy p api.anthropic.com
rm p/ceiling
says 'a policy that is not there is an error' 1 'secctl: check: read none/allowlist: No such file or directory' \
    check --policy none a.example
mkdir -p home/.config/secctl xdg/secctl compose own
cp "$SECCTL" away
INSTALLED=$WORK/away
installed() { SECCTL=$INSTALLED says "$@"; }
installed 'without a home folder the places are named' 1 \
    "secctl: check: no policy: $HOME/.config/secctl/policy is no folder, expected it with an allowlist in it, or --home DIR" \
    check a.example
cp -r p home/.config/secctl/policy
installed "the user's own policy is found" 0 "$HOME/.config/secctl/policy: 10 rules, $ID" check
cp -r p xdg/secctl/policy
XDG_CONFIG_HOME=$WORK/xdg installed 'XDG_CONFIG_HOME comes before ~/.config' 0 \
    "$WORK/xdg/secctl/policy: 10 rules, $ID" check
cp -r p own/policy
SECCTL_HOME=$WORK/own installed 'SECCTL_HOME comes before both' 0 "$WORK/own/policy: 10 rules, $ID" check
SECCTL_HOME=$WORK/none installed '--home comes first' 0 "$WORK/own/policy: 10 rules, $ID" --home own check
cp -r p compose/policy
printf 'planted.example\n' >compose/policy/allowlist
installed 'a policy in the working directory is not taken' 0 \
    "$HOME/.config/secctl/policy: 10 rules, $ID" check
mkdir -p tree/build/x tree/ctl tree/compose
cp "$SECCTL" tree/build/x/secctl
cp -r p tree/compose/policy
SECCTL=$WORK/tree/build/x/secctl says 'beside a folder that is no source tree none is taken' 0 \
    "$HOME/.config/secctl/policy: 10 rules, $ID" check
touch tree/ctl/secctl.1
SECCTL=$WORK/tree/build/x/secctl says 'from its build tree the compose folder is taken' 0 \
    "$WORK/tree/compose/policy: 10 rules, $ID" check
says '--home needs a value' 2 'secctl: --home without a value, expected a folder after it' --home
says '--home must be there' 1 'secctl: check: --home "none": No such file or directory' --home none check
says '--home must be a folder' 1 \
    'secctl: check: --home "bad" is no folder, expected the one that holds policy/ and .env' --home bad check

says 'a URL is no target' 2 'secctl: check: target "https://a.example/" is a URL, expected NAME[:PORT][/PROTO]' \
    check --policy p https://a.example/
says 'a bad target is refused before anything is answered' 2 \
    'secctl: check: target "a.example:0": bad port "0", expected 1 to 65535' \
    check --policy p api.anthropic.com a.example:0
says 'an unknown option is refused' 2 \
    'secctl: check: unknown option "--polcy", expected --policy, --allowlist, --agent or --json' check --polcy p
says 'an option without its value is refused' 2 'secctl: check: --agent without a value, expected one after it' \
    check --agent
says 'a bad agent name is refused' 2 \
    'secctl: check: "../x" is no agent'"'"'s name, expected 1 to 63 of a-z, 0-9, "_" and "-"' check --agent ../x
says 'two policies are refused' 2 'secctl: check: --policy and --allowlist, expected one of them' \
    check --policy p --allowlist bad
says 'after -- a target may start with a hyphen' 1 \
    'deny   -x.example tls/443  name-not-allowed: no rule names it' check --policy p -- -x.example
says 'an unknown command suggests the nearest' 2 'secctl: unknown command "chekc", expected "check"?' chekc
says 'a command that is like none is refused' 2 \
    'secctl: unknown command "frobnicate", expected one that "secctl help" lists' frobnicate
says 'the version, for programs' 0 "$(printf '{\n\t"program":\t"secctl",\n\t"version":\t"%s"\n}' "$("$SECCTL" version | cut -d ' ' -f 2)")" version --json
says 'version takes no argument' 2 'secctl: version: "x", expected no argument' version x

"$SECCTL" >out 2>err
[ $? -eq 2 ] && [ ! -s out ] && "$SECCTL" help | cmp -s - err
result $? 'no command at all prints the usage on the error stream'
"$SECCTL" check --policy p api.anthropic.com >/dev/full 2>err
[ $? -eq 1 ] && grep -q 'write to standard output' err
result $? 'an output that cannot be written is a failure'
check 'the policy that comes with it is well formed' "$SECCTL" check --policy "$DEFAULT" \
    api.anthropic.com claude.ai platform.claude.com downloads.claude.ai


# the man page knows every command, option and key
sed 's/\\-/-/g; s/\\f[BIR]//g' "$MANUAL" >manual
for word in $("$SECCTL" help | sed -n 's/^  \([a-z]*\).*/\1/p') \
    $("$SECCTL" help | grep -oE -- '(^|[^-a-z])--?[a-z][a-z-]*' | grep -oE -- '--?[a-z-]+' | sort -u) \
    ANTHROPIC_API_KEY CLAUDE_CODE_OAUTH_TOKEN WORKSPACE_DIR CA_FILE INTERNAL_SUBNET TUNNEL_SUBNET EXTERNAL_IPV6 \
    GATEWAY_IMAGE AGENT_IMAGE AGENT_PIDS AGENT_MEMORY AGENT_CPUS SECCTL_HOME SECCTL_ENGINE_TIMEOUT; do
    OUT="secctl(1) has no \"$word\""
    grep -qE -- "^\.(BR?|BI|TP|RB) .*$word" manual
    result $? "secctl(1) explains $word"
done
[ "$TAP_FAILED" -eq 0 ]
