#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What README.md says that clients say when they are refused, how often they try, and how long that takes. In the table
# pip, npm and apt are told not to retry; how they do without that is counted beside it.

. "$(dirname "$0")/../support/e2e.sh"

e2e_begin
web_up && resolver_up || exit 1
expect_allowed allowed.test 203.0.113.10 2001:db8::10
expect_http allowed.test 203.0.113.10
printf '%s\n' allowed.test 'allowed.test http/80' | gw_policy
gw_start || exit 1
# a name that no rule allows, at an address that was given out for another
echo '203.0.113.10 shared.test' >>"/etc/netns/$NS_IN/hosts"
check 'an address is given out' in_in dig +short +tries=1 allowed.test

# without the settings of this machine
bare() {
    in_in timeout 60 env -i PATH="$PATH" HOME="$T" LC_ALL=C GIT_TERMINAL_PROMPT=0 npm_config_update_notifier=false "$@"
}
# client NAME URL [OPTION...] - it asks URL, without a path, for something; OPTIONs are for those that retry
client() {
    local name=$1 url=$2 host=${2#*://} apt=$T/apt.${2//[^a-z0-9]/}

    shift 2
    case $name in
    curl) bare curl -sS -f "$url/" ;;
    wget) bare wget -nv --tries=1 -O /dev/null "$url/" ;;
    git) bare git clone -q "$url/repo.git" "$T/clone" ;;
    ssh) bare ssh -F none -o BatchMode=yes "git@$host" ;;
    psql) bare psql -w "postgresql://agent@$host/agent" ;;
    node) bare node -e 'require("https").get(process.argv[1])' "$url/" ;;
    python) bare /usr/bin/python3 -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1])' "$url/" ;;
    websockets) bare /usr/bin/python3 "$SUPPORT/clients/frames.py" "ws${url#http}/" ;;
    grpc) bare /usr/bin/python3 "$SUPPORT/clients/rpc.py" "$host:443" "$T/ca.crt" ;;
    java) bare java -cp "$T" Fetch "$T/ca.crt" "$url/" ;;
    pip) bare /usr/bin/python3 -m pip download --disable-pip-version-check --no-deps -d "$T" --index-url "$url/simple/" \
        --trusted-host "$host" "$@" requests ;;
    npm) bare npm view --cache "$T/npm" --registry "$url/" "$@" left-pad ;;
    apt)
        mkdir -p "$apt"/{lists,archives}/partial
        echo "deb [trusted=yes] $url/debian stable main" >"$apt/sources.list"
        bare apt-get -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State="$apt" \
            -o Dir::Cache="$apt" -o APT::Sandbox::User=root -o APT::Update::Error-Mode=any "$@" update
        ;;
    *) return 2 ;;
    esac
}
# once CLIENT - the option that README.md names, so that it tries no more than once
once() { sed -n "s/^| \`$1\` |.*(\`\(.*\)\`: at once) |\$/\1/p" "$ROOT/README.md"; }

# is_here CLIENT
is_here() {
    case $1 in
    pip) /usr/bin/python3 -m pip --version >/dev/null 2>&1 ;;
    python | websockets | grpc) test -x /usr/bin/python3 ;;
    apt) command -v apt-get ;;
    java) [ -z "${SECCTL_VM:-}" ] && command -v javac ;;
    *) command -v "$1" ;;
    esac >/dev/null
}

# says CLIENT URL TEXT - refused soon, with this in what it prints
says() {
    local begin
    local -a options

    read -r -a options <<<"$(once "$1")"
    begin=$(now_ms)
    OUT=$(client "$1" "$2" ${options[@]+"${options[@]}"} 2>&1 </dev/null)
    MS=$(($(now_ms) - begin))
    grep -qF -- "$3" <<<"$OUT" && test "$MS" -lt "${SAID_MS:-10000}"
    result $? "$1 says \"$3\" ($2)"
    note "$MS ms"
}

! is_here java || check 'the Java client is compiled' javac -d "$T" "$SUPPORT/clients/Fetch.java"

# --- those that try again, as they do by themselves; npm a hundred times faster

declare -A retry_pid
for name in pip npm apt; do
    options=()
    [ "$name" != npm ] || options=(--fetch-retry-mintimeout=100 --fetch-retry-maxtimeout=600)
    is_here "$name" || continue
    (
        begin=$(now_ms)
        client "$name" "https://$name.denied.test" ${options[@]+"${options[@]}"} >"$T/tries.$name" 2>&1 </dev/null
        echo "$(($(now_ms) - begin))" >"$T/took.$name"
    ) &
    retry_pid[$name]=$!
done

# --- the table

# shellcheck disable=SC2016 # the back quotes are Markdown
rows=$(sed -n 's/^| `\([a-z]*\)` | \([^|]*[^ |]\) *| \([^|]*[^ |]\) *| \([^|]*[^ |]\) *|.*|$/\1\t\2\t\3\t\4/p' \
    "$ROOT/README.md")
check 'README.md has 13 clients' test "$(wc -l <<<"$rows")" -eq 13
while IFS=$'\t' read -r -u 3 name for_name for_address for_hello; do
    if is_here "$name"; then
        says "$name" https://denied.test "$for_name"
        says "$name" https://203.0.113.66 "$for_address"
        [ "$for_hello" = - ] || says "$name" https://shared.test "$for_hello"
    else
        skip "$name says what README.md says" "no $name on this machine"
    fi
done 3<<<"$rows"

# --- the page, where http is allowed, but not to the name in Host

says curl http://203.0.113.10 403
for name in wget python apt npm; do
    ! is_here "$name" || says "$name" http://203.0.113.10 'Refused by the network policy (name-not-allowed)'
done
! is_here pip || says pip http://203.0.113.10 'No matching distribution found'

# --- how often, how long

declare -A times=([three]=3 [four]=4 [five]=5 [six]=6)
# npm_waits - the seconds between npm's tries, by its own settings
npm_waits() {
    bare npm config ls -l --json 2>/dev/null | /usr/bin/python3 -c 'import json, sys
c = json.load(sys.stdin)
print(sum(min(c["fetch-retry-mintimeout"] * c["fetch-retry-factor"] ** i, c["fetch-retry-maxtimeout"])
          for i in range(c["fetch-retries"])) // 1000)'
}
for name in "${!retry_pid[@]}"; do
    wait "${retry_pid[$name]}"
    is_plain && continue
    read -r seconds tries <<<"$(sed -n "s/^| \`$name\` |.*| \([0-9]*\) s: it tries \([a-z]*\) times.*/\1 \2/p" "$ROOT/README.md")"
    tries=${times[${tries:-none}]:-}
    case $name in
    apt) got=$(grep -Ec '^(Ign|Err):' "$T/tries.apt") ;; # it remembers a name that did not resolve
    *) got=$(/usr/bin/python3 "$SUPPORT/logq.py" --count "$LOG" event=dns verdict=deny "name=$name.denied.test" qtype=A) ;;
    esac
    OUT="$got times: $(cat "$T/tries.$name")"
    test "$got" = "$tries"
    result $? "$name tries $tries times"
    took=$(cat "$T/took.$name")
    [ "$name" != npm ] || took=$(npm_waits)000
    OUT="$took ms"
    test "$took" -ge "$((seconds * 1000 - 1000))" -a "$took" -le "$((seconds * 1000 + 10000))"
    result $? "that takes $name $seconds s"
    note "$OUT"
done
if [ -e "$T/tries.pip" ]; then
    OUT=$(cat "$T/tries.pip")
    grep -q '^WARNING.*Name or service not known' <<<"$OUT"
    result $? "pip's warnings say why"
fi

e2e_end
