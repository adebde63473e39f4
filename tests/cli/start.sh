#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What "make start" asks and installs, and what it says where it cannot go on; apt-get, docker and others are stubs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/tap.sh
WORK=$(mktemp -d) || exit 1
trap 'rm -rf "$WORK"' EXIT
export LC_ALL=C
unset DOCKER_HOST DOCKER_CONTEXT
mkdir "$WORK/bin" "$WORK/tools"
for tool in bash sh cat rm mktemp tail head sed grep tr id uname dirname printf env timeout sleep script; do
    ln -s "$(command -v "$tool")" "$WORK/tools"
done

# stub NAME - standard input is its script
stub() { { echo '#!/bin/bash' && cat; } >"$WORK/bin/$1" && chmod 755 "$WORK/bin/$1"; }
stub dpkg-query <<<"grep -qx \"\${!#}\" $WORK/installed && printf installed"
stub apt-get <<<"echo \"\$*\" >>$WORK/apt"
stub apt-cache <<<'exit 0'

# deps INSTALLED ARGUMENT... - with these packages there
deps() {
    tr ' ' '\n' <<<"$1" >"$WORK/installed"
    : >"$WORK/apt"
    shift
    PATH=$WORK/bin:$WORK/tools tests/deps.sh "$@" </dev/null
}
# typed ANSWER COMMAND... - on a terminal, where somebody types ANSWER
typed() {
    local answer=$1

    shift
    tr ' ' '\n' <<<'' >"$WORK/installed"
    : >"$WORK/apt"
    # shellcheck disable=SC2016 # the inner shell's
    PATH=$WORK/bin:$WORK/tools script -qec "$*" /dev/null <<<"$answer" | tr -d '\r'
    return "${PIPESTATUS[0]}"
}

if [ "$(id -u)" -eq 0 ]; then
    check_has 'without a terminal it says what it installs' 'installing debootstrap debian-archive-keyring' deps '' --ask base
    check_has 'and does' 'install -y -qq --no-install-recommends debootstrap debian-archive-keyring' cat "$WORK/apt"
    check_has 'only what is missing' 'installing debian-archive-keyring' deps debootstrap --ask base
    check_has 'on a terminal it lists that first' 'will be installed: debootstrap debian-archive-keyring' typed y tests/deps.sh --ask base
    check_has 'a yes is enough' debootstrap cat "$WORK/apt"
    check_fast 'a no ends it' 20000 typed n tests/deps.sh --ask base
    check_has 'it says what is missing then' 'deps: missing: debootstrap' echo "$OUT"
    check 'and installs nothing' test ! -s "$WORK/apt"
fi
check 'all there: not a word' test -z "$(deps 'debootstrap debian-archive-keyring' --ask base)"
check_fast 'an unknown group is none' 20000 deps '' --ask kernel
check_has 'it names the groups' 'kernel: expected build, engine, base or test' echo "$OUT"
# shellcheck disable=SC2016 # its own
stub apt-get <<<'[ "$1" != update ] || exit 0; echo "E: no space left" >&2; exit 100'
check_fast 'what apt-get says on failure' 20000 deps '' --ask base
check_has 'is passed on' 'no space left' echo "$OUT"

# --- the engine
starts() { DOCKER_HOST=unix://$WORK/none PATH=$WORK/bin:$WORK/tools compose/start.sh </dev/null; }
stub dpkg-query <<<'printf installed'
stub docker <<<'echo "permission denied while trying to connect to the Docker daemon socket" >&2; exit 1'
check_fast 'no permission to use the engine' 90000 starts
check_has 'it says how to get it' 'usermod -aG docker' echo "$OUT"
stub docker <<<'echo "Cannot connect to the Docker daemon at unix:///x. Is it running?" >&2; exit 1'
check_fast 'an engine that does not answer' 90000 starts
check_has 'it says what docker says' 'Is it running?' echo "$OUT"

[ "$TAP_FAILED" -eq 0 ]
