# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The fake engine (fake_engine.py) for a script: fake_start makes E (its folder) and a home folder, and sets
# DOCKER_HOST and SECCTL_HOME; fake_stop ends it.

E=
FAKE_ENGINE=

# fake_start FOLDER
fake_start() {
    local support i

    support=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
    E=$1/engine
    mkdir -p "$E" "$1/top/compose/agent" "$1/top/proxy-image"
    cp -r "$support"/../../compose/{policy,seccomp.json} "$1/top/compose"
    echo 'FROM scratch' | tee "$1/top/compose/agent/Dockerfile" >"$1/top/proxy-image/Dockerfile"
    mkdir -p "$1/top/build" && echo root >"$1/top/build/gateway-root.tar"
    "$SECCTL" check --json --policy "$1/top/compose/policy" | sed -n 's/.*"policy":.*"\(sha256:[0-9a-f]*\)".*/\1/p' >"$E/policy-id"
    fake_images
    "$support/fake_engine.py" "$E/s" "$E" 2>"$E/errors" &
    FAKE_ENGINE=$!
    export DOCKER_HOST=unix://$E/s SECCTL_HOME=$1/top/compose
    unset DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH ANTHROPIC_API_KEY CLAUDE_CODE_OAUTH_TOKEN
    for ((i = 0; i < 200; i++)); do
        [ ! -S "$E/s" ] || return 0
        sleep 0.1
    done
    return 1
}

fake_stop() {
    [ -z "$FAKE_ENGINE" ] || { kill "$FAKE_ENGINE" && wait "$FAKE_ENGINE"; } 2>/dev/null
    FAKE_ENGINE=
}

# fake_images [NAME...] - the images that exist from now on; the stack's when none is named
fake_images() {
    [ $# -gt 0 ] || set -- claude-secure-gateway:latest claude-secure-claude:latest
    printf '%s\n' "$@" >"$E/images"
}

# fault METHOD REGEX FAULT [ARGUMENT] - the next requests that fit are spoiled
fault() { echo "$*" >>"$E/faults"; }
no_fault() { rm -f "$E/faults"; }

# containers - the names of those that exist, one a line
containers() { [ ! -e "$E/state" ] || cut -d ' ' -f 1 "$E/state" | sort; }
