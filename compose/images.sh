#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# images.sh [gateway] [agent] - build the images that are missing or older than what they are made of; both
# when none is named.
#
# From the environment: GATEWAY_IMAGE, AGENT_IMAGE (names); BUILD (build: holds gateway-root.tar; without it the
# gateway is built in a container); CA_FILE (a CA of networks that intercept TLS, for the download of Claude
# Code); DOCKER (docker), DOCKER_BUILD_OPTIONS (for docker build), NO_CACHE=1; SECCTL_CACHE.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(dirname "$here")
BUILD=${BUILD:-$top/build}
DOCKER=${DOCKER:-docker}
GATEWAY_IMAGE=${GATEWAY_IMAGE:-claude-secure-gateway:latest}
AGENT_IMAGE=${AGENT_IMAGE:-claude-secure-claude:latest}
work=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT

fail() {
    echo "images: $*" >&2
    exit 1
}

# digest FOLDER - of the names and bytes in it, as secctl makes it too
digest() {
    (cd "$1" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) | sha256sum | cut -d ' ' -f 1
}

# is_current IMAGE SOURCE - and says so
is_current() {
    [ -z "${NO_CACHE:-}" ] || return 1
    [ "$("$DOCKER" image inspect --format '{{index .Config.Labels "secctl.source"}}' "$1" 2>/dev/null)" = "$2" ] || return 1
    echo "images: $1 is up to date"
}

# has_base - the base image is there, comes from the registry, or is made here
has_base() {
    "$DOCKER" image inspect debian:bookworm-slim >/dev/null 2>&1 && return
    [ -n "${NO_PULL:-}" ] || timeout 60 "$DOCKER" pull -q debian:bookworm-slim >/dev/null 2>&1 && return
    DOCKER=$DOCKER "$here/base-image.sh"
}

# build IMAGE FOLDER SOURCE [OPTION...] - FOLDER is the context, SOURCE the label
build() {
    local image=$1 folder=$2 source=$3

    shift 3
    echo "images: building $image"
    # shellcheck disable=SC2086 # several options
    tar -C "$folder" -cf - . | "$DOCKER" build ${NO_CACHE:+--no-cache} ${DOCKER_BUILD_OPTIONS:-} "$@" \
        --build-arg "SOURCE=$source" -t "$image" - || fail "$image: docker build failed (above)"
}

gateway() {
    local context=$work/gateway source

    if [ -e "$BUILD/gateway-root.tar" ]; then
        install -D -m 644 "$BUILD/gateway-root.tar" "$context/build/gateway-root.tar"
        install -D -m 644 "$top/proxy-image/Dockerfile" "$context/proxy-image/Dockerfile"
        install -m 644 "$top/LICENSE" "$context"
        set -- --target prebuilt
    else
        mkdir -p "$context"
        cp -R "$top"/{LICENSE,Makefile,common,ctl,fwd,proxy-image,sni-filter} "$context"
        set -- --target full
    fi
    source=$(digest "$context")
    is_current "$GATEWAY_IMAGE" "$source" && return
    [ "$2" = prebuilt ] || has_base
    build "$GATEWAY_IMAGE" "$context" "$source" "$@" -f proxy-image/Dockerfile
}

# claude_code FOLDER - the npm package, when npm is here: its settings (registry, CA, proxy) are the machine's
claude_code() {
    local cache arch version package

    command -v npm >/dev/null || return 0
    case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) return 0 ;;
    esac
    version=$(sed -n 's/^ARG CLAUDE_CODE_VERSION=//p' "$here/agent/Dockerfile")
    cache=${SECCTL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/secctl}
    package=$cache/anthropic-ai-claude-code-linux-$arch-$version.tgz
    if [ ! -e "$package" ]; then
        echo "images: fetching Claude Code $version with npm"
        mkdir -p "$cache"
        (cd "$work" && npm pack --silent "@anthropic-ai/claude-code-linux-$arch@$version" >/dev/null) || return 0
        mv "$work/${package##*/}" "$package"
    fi
    ln "$package" "$1/claude-code.tgz" 2>/dev/null || cp "$package" "$1/claude-code.tgz"
}

agent() {
    local context=$work/agent source

    cp -R "$here/agent" "$context"
    source=$(digest "$context") # not of what is fetched: the Dockerfile names it
    is_current "$AGENT_IMAGE" "$source" && return
    has_base
    [ -z "${CA_FILE:-}" ] || cp "$CA_FILE" "$context/ca.crt"
    claude_code "$context"
    build "$AGENT_IMAGE" "$context" "$source"
}

work=$(mktemp -d "${TMPDIR:-/tmp}/secctl-images.XXXXXX")
[ $# -gt 0 ] || set -- gateway agent
for what; do
    case $what in
    gateway | agent) "$what" ;;
    *) fail "$what: expected gateway or agent" ;;
    esac
done
