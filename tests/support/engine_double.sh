# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# An engine for tests of secctl's own part: engine_double_start makes E (its folder, see
# engine_double.py), DOCKER_HOST, and a home folder H with a policy; engine_double_stop ends it.

E=
ENGINE_DOUBLE=

# engine_double_start FOLDER
engine_double_start() {
    E=$1/engine
    H=$1/home
    mkdir -p "$E/get" "$E/run" "$E/status" "$E/archive" "$H/policy"
    "$(dirname "${BASH_SOURCE[0]}")/engine_double.py" "$1/s" "$E" 2>"$1/engine.errors" &
    ENGINE_DOUBLE=$!
    export DOCKER_HOST=unix://$1/s SECCTL_HOME=$H
    unset DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH
    retry 20 test -S "$1/s"
}

engine_double_stop() {
    [ -z "$ENGINE_DOUBLE" ] || { kill "$ENGINE_DOUBLE" && wait "$ENGINE_DOUBLE"; } 2>/dev/null
    ENGINE_DOUBLE=
}

# container_runs NAME - what it does with a command comes from standard input, a shell script
container_runs() {
    cat >"$E/run/$1"
    chmod 755 "$E/run/$1"
}
