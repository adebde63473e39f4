#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# See it work: a client, the gateway and a small internet in network namespaces of their own; what the
# client tries, what comes of it, and what the verdict log says. Nothing is left afterwards, also after Ctrl-C.
# With DEMO_PAUSE=SECONDS it waits between commands.

cd "$(dirname "$0")/.." || exit 1
. tests/support/e2e.sh
ENDED=1 # this is no test

if [ -t 1 ]; then
    BOLD=$'\e[1m' DIM=$'\e[2m' GREEN=$'\e[32m' RED=$'\e[31m' PLAIN=$'\e[0m'
else
    BOLD='' DIM='' GREEN='' RED='' PLAIN=''
fi
SHOWN=0

say() { printf '%s\n' "$@"; }

# show_log - the records that came since it was called last
show_log() {
    local i total

    for ((i = 0; i < 26; i++)); do # within milliseconds, a repeated refusal within a second
        total=$(wc -l <"$LOG")
        [ "$total" -le "$SHOWN" ] || break
        sleep 0.05
    done
    sleep 0.05
    total=$(wc -l <"$LOG")
    sed -n "$((SHOWN + 1)),${total}p" "$LOG" |
        sed -e "s/^/    $DIM/; s/\$/$PLAIN/" \
            -e "s/\"verdict\":\"allow\"/$PLAIN$GREEN&$PLAIN$DIM/" \
            -e "s/\"verdict\":\"deny\",\"reason\":\"[^\"]*\"/$PLAIN$RED&$PLAIN$DIM/"
    SHOWN=$total
}

# try COMMENT COMMAND... - run it as the client would, its result in one line
try() {
    local comment=$1 begin text status ms

    shift
    say "" "$BOLD\$ $*$PLAIN   # $comment"
    begin=$(now_ms)
    text=$(cd "$T" && in_in timeout 5 "$@" 2>&1 </dev/null)
    status=$?
    ms=$(($(now_ms) - begin))
    case $1 in
    dig) # it finds nothing wrong with a refusal
        text=$(grep -oE 'status: [A-Z]+|EDE: .*' <<<"$text" | paste -sd ' ')
        [[ $text = *NOERROR* ]] || status=1
        ;;
    esac
    if [ "$status" -eq 0 ]; then
        say "  ${GREEN}works${PLAIN}, $ms ms: $(grep -m 1 . <<<"$text")"
    else
        say "  ${RED}fails${PLAIN}, $ms ms: $(grep . <<<"$text" | tail -n 1)"
    fi
    show_log
    sleep "${DEMO_PAUSE:-0}"
}

e2e_begin 2>/dev/null || {
    say 'demo: could not build its network namespaces; it needs root and the kernel features of network namespaces and veth'
    exit 1
}
say "Building a small internet in network namespaces..."
web_up && resolver_up && ssh_up || exit 1
gw_policy <<'END'
# target            services (default: tls/443 quic/443)
allowed.test
.allowed.test
git.test            tls/443 tcp/22
!bad.allowed.test
END
gw_start || exit 1
say '' 'The allowlist:'
sed 's/^/    /' "$T/policy/allowlist"
say '' 'The client has no proxy setting, no certificate of ours, nothing. Its way out is the gateway.' \
    'Below each command: what the gateway wrote into its verdict log.'
show_log
cat >"$HOME/.curlrc" <<'END'
silent
show-error
max-time = 5
END

mkdir "/etc/netns/$NS_IN/ssh"
cat >"/etc/netns/$NS_IN/ssh/ssh_config" <<END
IdentityFile $T/ssh/id
GlobalKnownHostsFile $T/ssh/known
UserKnownHostsFile /dev/null
LogLevel ERROR
BatchMode yes
END

try 'an allowed name' curl https://allowed.test/
try 'a name that no rule allows: not even resolved' curl https://denied.test/
try 'an allowed name, over IPv6' curl -6 https://www.allowed.test/
try 'taken out by a "!" rule' curl https://bad.allowed.test/
try 'its address without asking for its name' curl -k https://203.0.113.66/
try "a denied name to an allowed name's address" curl -k --resolve denied.test:443:203.0.113.10 https://denied.test/
try 'an allowed name to a foreign address' curl -k --resolve allowed.test:443:203.0.113.66 https://allowed.test/
try 'data in a DNS question, to a server of its own choice' dig @203.0.113.66 aGVsbG8.denied.test
try 'another port of an allowed name' curl http://allowed.test/
try 'git over https' git clone https://git.test/repo.git
try 'ssh, by a tcp rule' ssh git@git.test echo hello over ssh
try 'ping' ping -c 1 -W 2 203.0.113.10
gw_stop
show_log
say '' 'Done; everything is removed again. To run all tests: make test'
exit 0
