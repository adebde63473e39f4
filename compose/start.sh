#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# start.sh - from a fresh clone to an agent behind the gateway: installs what is missing (on a terminal it lists
# that and asks once), builds programs and images, runs "secctl start". "make start" calls it.
#
# START_CMD: a shell command to run in the agent's place.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(dirname "$here")
SECCTL=${BUILD:-$top/build}/secctl

say() { echo "start: $*"; }
fail() {
    echo "start: $*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "needs root for: $*"
    fi
}

# engine_is_there - somebody set one, or its socket is where it usually is
engine_is_there() {
    [ -n "${DOCKER_HOST:-}${DOCKER_CONTEXT:-}" ] || [ -S /var/run/docker.sock ] || [ -S "$HOME/.docker/run/docker.sock" ] ||
        { command -v docker >/dev/null && docker version >/dev/null 2>&1; }
}

# engine_start - what a package has installed, with whatever this system starts services. Where that is no systemd, its
# script may fail (Debian's wants to raise limits, which a container may not): then without one
engine_start() {
    local i log=/var/log/dockerd.log said

    engine_is_there && return
    say 'starting the Docker engine'
    if [ -d /run/systemd/system ]; then
        said=$(as_root systemctl start docker 2>&1) || true
    elif ! said=$(as_root service docker start 2>&1); then
        say "\"service docker start\" failed ($(tail -n 1 <<<"$said")): starting dockerd without it; its log is $log"
        # shellcheck disable=SC2016 # the inner shell's
        as_root sh -c 'setsid dockerd >>"$1" 2>&1 </dev/null &' sh "$log"
        said="see $log"
    fi
    for ((i = 0; i < 120; i++)); do
        engine_is_there && return
        sleep 0.5
    done
    fail "the Docker engine is installed but does not run${said:+ ($(tail -n 1 <<<"$said"))}: start it (\"systemctl start docker\", or dockerd), then again"
}

engine_answers() {
    local text

    text=$(docker version 2>&1) && return
    case $text in
    *'permission denied'*) fail "no permission to use the Docker engine: as root, \"usermod -aG docker $(id -un)\", log in again, then again" ;;
    *) fail "the Docker engine does not answer: $(tail -n 1 <<<"$text")" ;;
    esac
}

# needs_base - an image has to be built, and neither the base image nor a registry is there
needs_base() {
    command -v docker >/dev/null || return 1
    ! docker image inspect debian:bookworm-slim >/dev/null 2>&1 &&
        ! docker image inspect "${AGENT_IMAGE:-claude-secure-claude:latest}" >/dev/null 2>&1 &&
        ! timeout 60 docker pull -q debian:bookworm-slim >/dev/null 2>&1
}

groups=(build)
[ "$(uname)" = Linux ] || groups=()
base=
if ! engine_is_there; then
    [ "$(uname)" = Linux ] || fail 'there is no Docker engine: start Docker Desktop, then again'
    groups+=(engine base)
elif needs_base; then
    groups+=(base)
    base=yes
fi
[ "${#groups[@]}" -eq 0 ] || "$top/tests/deps.sh" --ask "${groups[@]}"
engine_start
engine_answers

say 'building the programs'
make -C "$top" --no-print-directory -s -j2 all
[ "$(uname)" != Linux ] || make -C "$top" --no-print-directory -s image-root
if [ -n "$base" ] || needs_base; then
    say 'no image registry can be reached: the base image is made with debootstrap, from the package mirror'
    as_root "$here/base-image.sh"
fi
"$here/images.sh"
if [ -n "${START_CMD:-}" ]; then
    exec "$SECCTL" start -- sh -c "$START_CMD"
fi
exec "$SECCTL" start
