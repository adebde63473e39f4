#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What README.md shows is run as it stands there.

set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/tap.sh
BUILD=$(realpath "${BUILD:-build}")
T=$(mktemp -d)
NS=secctl-readme-$$
GATEWAY=
cleanup() {
    [ -z "$GATEWAY" ] || kill "$GATEWAY" 2>/dev/null
    [ -z "$GATEWAY" ] || wait "$GATEWAY" 2>/dev/null
    ip netns del $NS 2>/dev/null
    rm -rf "$T"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

# block START - the indented block of README.md that has START in it, without its indent
block() {
    awk -v start="$1" '/^    / { text = text substr($0, 5) "\n"; if (index($0, start)) found = 1; next }
        { if (found) { printf "%s", text; exit } text = "" }' README.md
}

# the policy
mkdir "$T/policy"
block 'telemetry.example.org' >"$T/policy/allowlist"
check 'its policy has rules' test "$(grep -vc '^#' "$T/policy/allowlist")" -ge 7
check 'its policy is well formed' "$BUILD/secctl" check --policy "$T/policy"
OUT=$(PATH=$BUILD:$PATH bash -c "$(block 'secctl check --allowlist' | grep '^secctl check')" 2>&1)
status=$?
test $status -eq 1 && grep -q '^allow .*api.anthropic.com' <<<"$OUT" && grep -q '^deny .*example.com' <<<"$OUT"
result $? 'its question to secctl is answered: one allowed, one denied'

# known COMMAND OPTION... - secctl says in its help that it takes these
known() {
    local help option

    help=$("$BUILD/secctl" "$1" --help 2>&1) || return 1
    shift
    for option; do grep -qE "[[ ]${option}[] ]" <<<"$help" || return 1; done
}
# what it shows of secctl: commands and options that there are; those that only change the policy are run, where no
# engine answers: status 3 says that a gateway could not be told
mkdir "$T/home"
cp -R compose/policy "$T/home/policy"
while read -r command; do
    read -r -a words <<<"${command#*secctl }"
    options=()
    for word in "${words[@]:1}"; do
        case $word in --) break ;; -*) options+=("$word") ;; esac
    done
    check "README: secctl ${words[*]}" known "${words[0]}" "${options[@]}"
    case ${words[0]} in allow | deny)
        env SECCTL_HOME="$T/home" DOCKER_HOST="unix://$T/none" "$BUILD/secctl" "${words[@]}" >"$T/out" 2>&1
        test $? -eq 3
        result $? 'it changes the policy'
        ;;
    esac
done < <(sed -n 's/ *#.*//; /^    [A-Z_]*[=. ]*secctl /p' README.md)
check 'what is left of it is a policy' "$BUILD/secctl" check --policy "$T/home/policy" api.anthropic.com

# the gateway, in a namespace with interfaces of these names
ip netns add $NS && ip -n $NS link set lo up || exit 1
for n in 0 1; do
    ip -n $NS link add eth$n type veth peer name peer$n
    ip -n $NS addr add 198.18.$n.1/24 dev eth$n
    ip -n $NS link set eth$n up
done
PATHS="s|/etc/secctl|$T/etc|g; s|/var/lib/secctl|$T/state|; s|/var/log/secctl.log|$T/log|"
block 'internal = eth1' | sed "$PATHS" >"$T/gateway.conf"
cp "$T/policy/allowlist" "$T/allowlist"
commands=$(block 'fwd gateway --config')
# run WORD - the command of the block that begins so, in the namespace
run() {
    local command

    command=$(grep "^$1" <<<"$commands" | sed "s/ *#.*//; $PATHS")
    # exec: what is killed at the end is the program itself
    exec ip netns exec $NS env PATH="$BUILD:$PATH" bash -c "cd $T && exec $command" 2>&1
}
check 'its directories are made' run 'mkdir -p'
check 'its policy is put there' run 'cp allowlist'
run 'fwd gateway' >"$T/out" &
GATEWAY=$!
is_up() { grep -q '"event":"policy"' "$T/log" 2>/dev/null; }
for _ in $(seq 50); do
    is_up && break
    sleep 0.1
done
check 'its gateway starts' is_up
check_has 'fwd load' 'in force' run 'fwd load'
check 'fwd check' run 'fwd check'
check 'fwd status' run 'fwd status'
check_has 'fwd show' 'table inet secctl' run 'fwd show'

# a capture
check 'captures to read' /usr/bin/python3 tests/cli/make_captures.py "$T"
replay=$(grep -o '^    sni-filter --read [^#]*' README.md | sed "s|CAPTURE|judged.pcap|; s|FILE|allowlist|")
check_has 'its replay prints records' '"event":"connect","verdict":"deny"' bash -c "cd $T && PATH=$BUILD:\$PATH $replay"

# the targets it names, and what they install
while read -r target; do
    check "make $target is there" make -s -n "$target"
done < <(grep -ohE '(^    |&& |`)make [a-z0-9-]+' README.md CONTRIBUTING.md | sed 's/.*make //' | sort -u)
check 'make install' make -s install "DESTDIR=$T/root" PREFIX=/usr
for page in man1/secctl.1 man8/fwd.8 man8/sni-filter.8; do
    check "its man page $page" test -s "$T/root/usr/share/man/$page"
done
for program in sbin/fwd sbin/sni-filter bin/secctl; do
    check "/usr/$program runs" "$T/root/usr/$program" --version
done
# the other files and folders it names
# shellcheck disable=SC2016 # the back quotes are Markdown
while read -r file; do
    [[ $file = build/* ]] || check "$file is there" test -n "$(find . -path ./build -prune -o -path "*/${file%/}" -print -quit)"
done < <(grep -ohE '`[a-z-]+/[a-z./-]*`|`[a-z.-]+\.(yaml|json|example)`' README.md SECURITY.md CONTRIBUTING.md | tr -d '`' | sort -u)

# shellcheck disable=SC2016 # the back quotes are Markdown
while read -r proof; do
    check "SECURITY.md: $proof is there" test -n "$(find tests \( -path "*/$proof" -o -name "$proof.c" \) -print -quit)"
done < <(sed -n 's/^| .* | \([^|]*\) |$/\1/p' SECURITY.md | grep -oE '`[a-z0-9/_-]+(\.sh)?`' | tr -d '`' | grep -v '^tests/' | sort -u)

# what is installed says how to get a first home folder
installed() { env -u SECCTL_HOME XDG_CONFIG_HOME="$T/settings" "$T/root/usr/bin/secctl" "$@"; }
OUT=$(installed check 2>&1)
begin=${OUT##*begin with: }
check_has 'what is installed says where its first policy is' 'mkdir -p ' echo "$begin"
check 'the command that it says makes the home folder' bash -c "$begin"
check 'and there is a policy' installed check api.anthropic.com
check 'make uninstall' make -s uninstall "DESTDIR=$T/root" PREFIX=/usr
OUT=$(find "$T/root" ! -type d)
test -z "$OUT"
result $? 'and nothing of it stays'

# the example configuration and the man page
while read -r key; do
    check "fwd(8) explains $key" grep -qE "^\.BR? .*${key//-/\\\\-}" fwd/fwd.8
done < <(sed -n 's/^#*\([a-z.-]*\) = .*/\1/p' compose/policy/gateway.conf |
    sed 's/^agent\..*/agent.NAME/; s/^dns\.upstream\..*/dns.upstream.NAME/' | sort -u)
[ "$TAP_FAILED" -eq 0 ]
