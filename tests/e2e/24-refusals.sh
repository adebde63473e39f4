#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What README.md says that clients say when they are refused. pip, npm and apt are told not to retry.

. "$(dirname "$0")/../support/e2e.sh"

e2e_begin
web_up && resolver_up || exit 1
echo allowed.test | gw_policy
gw_start || exit 1

# without the settings of this machine
bare() {
    in_in timeout 60 env -i PATH="$PATH" HOME="$T" LC_ALL=C GIT_TERMINAL_PROMPT=0 NO_UPDATE_NOTIFIER=1 "$@"
}
# client NAME HOST - it asks HOST for something
client() {
    case $1 in
    curl) bare curl -sS "https://$2/" ;;
    wget) bare wget -nv --tries=1 -O /dev/null "https://$2/" ;;
    git) bare git clone -q "https://$2/repo.git" "$T/clone" ;;
    ssh) bare ssh -F none -o BatchMode=yes "git@$2" ;;
    node) bare node -e 'require("https").get(process.argv[1])' "https://$2/" ;;
    python) bare /usr/bin/python3 -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1])' "https://$2/" ;;
    java) bare java "$SUPPORT/clients/Fetch.java" "$T/ca.crt" "https://$2/" ;;
    pip) bare /usr/bin/python3 -m pip download --retries 0 --disable-pip-version-check --no-deps -d "$T" \
        --index-url "https://$2/simple/" requests ;;
    npm) bare npm view --fetch-retries=0 --registry "https://$2/" left-pad ;;
    apt)
        mkdir -p "$T"/apt/{lists,archives}/partial
        echo "deb [trusted=yes] https://$2/debian stable main" >"$T/apt/sources.list"
        bare apt-get -o Acquire::Retries=0 -o Dir::Etc::sourcelist="$T/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
            -o Dir::State="$T/apt" -o Dir::Cache="$T/apt" -o APT::Sandbox::User=root -o APT::Update::Error-Mode=any update
        ;;
    *) return 2 ;;
    esac
}

# is_here CLIENT
is_here() {
    case $1 in
    pip) /usr/bin/python3 -m pip --version >/dev/null 2>&1 ;;
    python) test -x /usr/bin/python3 ;;
    apt) command -v apt-get ;;
    java) [ -z "${SECCTL_VM:-}" ] && command -v javac ;;
    *) command -v "$1" ;;
    esac >/dev/null
}

# says CLIENT HOST TEXT - refused soon, with this in what it prints
says() {
    local begin

    begin=$(now_ms)
    OUT=$(client "$1" "$2" 2>&1 </dev/null)
    MS=$(($(now_ms) - begin))
    grep -qF -- "$3" <<<"$OUT" && test "$MS" -lt "${SAID_MS:-10000}"
    result $? "$1 says \"$3\" ($2)"
    note "$MS ms"
}

# shellcheck disable=SC2016 # the back quotes are Markdown
rows=$(sed -n 's/^| `\([a-z]*\)` | \([^|]*[^ |]\) *| \([^|]*[^ |]\) *|.*|$/\1\t\2\t\3/p' "$ROOT/README.md")
check 'README.md has ten clients' test "$(wc -l <<<"$rows")" -eq 10
while IFS=$'\t' read -r -u 3 name for_name for_address; do
    if is_here "$name"; then
        says "$name" denied.test "$for_name"
        says "$name" 203.0.113.66 "$for_address"
    else
        skip "$name says what README.md says" "no $name on this machine"
    fi
done 3<<<"$rows"

e2e_end
