# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A Docker engine on a machine (machine.sh). ENGINE: system (this system's own, the default), trixie or sid
# (tests/engines.sh). Sourced by every script in tests/docker, which then calls docker_begin [NF_CALL].
#
# Images are made once (tests/docker/prepare) and kept in SECCTL_CACHE (/var/cache/secctl-dev): a data root for each
# engine. A test gets a copy by hard links: image layers are only read; what an engine writes in place is copied.

. "$(dirname "${BASH_SOURCE[0]}")/e2e.sh"
. "$SUPPORT/machine.sh"

ENGINE=${ENGINE:-system}
SECCTL_CACHE=${SECCTL_CACHE:-/var/cache/secctl-dev}
DATA_ROOT=$SECCTL_CACHE/run/$NS_ID
DOCKERD_PID= # both as seen from outside
CONTAINERD_PID=
export DOCKER_BUILDKIT=0 DOCKER_CLI_HINTS=false
unset DOCKER_HOST DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH

docker() { in_machine docker "$@"; }

engine_path() {
    case $ENGINE in
    system) MACHINE_PATH=$PATH ;;
    *) MACHINE_PATH=$SECCTL_CACHE/engines/$ENGINE/usr/sbin:$SECCTL_CACHE/engines/$ENGINE/usr/bin:$PATH ;;
    esac
}

# engine_start [OPTION...] - containerd, if it does not run, and dockerd with these options
engine_start() {
    engine_path
    if [ -z "$CONTAINERD_PID" ] || ! is_running "$CONTAINERD_PID"; then
        printf '%s\n' 'version = 2' 'disabled_plugins = ["io.containerd.grpc.v1.cri"]' >"$T/machine/containerd.toml"
        in_machine containerd --config "$T/machine/containerd.toml" --root "$DATA_ROOT/containerd-root" \
            --state /run/containerd --address /run/containerd/containerd.sock >>"$T/containerd.log" 2>&1 &
        CONTAINERD_PID=$!
        PIDS+=("$CONTAINERD_PID")
    fi
    echo '{}' >"$T/machine/daemon.json"
    in_machine dockerd --config-file "$T/machine/daemon.json" --containerd /run/containerd/containerd.sock \
        --data-root "$DATA_ROOT" --exec-root /run/docker --pidfile /run/docker.pid -H unix:///run/docker.sock \
        --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$NS_ID" "$@" >>"$T/dockerd.log" 2>&1 &
    DOCKERD_PID=$!
    PIDS+=("$DOCKERD_PID")
    retry 60 engine_answers || {
        echo "dockerd ($ENGINE) did not start:" >&2
        tail -n 5 "$T/containerd.log" "$T/dockerd.log" >&2
        return 1
    }
}

engine_answers() { in_machine curl -fs -o /dev/null --unix-socket /run/docker.sock http://docker/_ping; }

# engine_stop [SIGNAL] - dockerd alone; containers end with it unless it is killed
engine_stop() {
    local i

    [ -n "$DOCKERD_PID" ] || return 0
    # nsenter waits for dockerd and does not hand signals on
    in_machine sh -c "kill -${1:-TERM} \$(cat /run/docker.pid)" 2>/dev/null
    for ((i = 0; i < 1500; i++)); do
        is_running "$DOCKERD_PID" || break
        sleep 0.02
    done
    wait "$DOCKERD_PID" 2>/dev/null
    DOCKERD_PID=
    in_machine rm -f /run/docker.pid
}

# data_copy FROM TO - a data root with the same images
data_copy() {
    local part

    mkdir -p "$2"
    for part in "$1"/*; do
        case ${part##*/} in
        overlay2) cp -al "$part" "$2" || return 1 ;;
        containerd-root | runtimes | tmp | network) ;;
        *) cp -a "$part" "$2" || return 1 ;;
        esac
    done
}

# data_sweep - data roots of tests that were killed
data_sweep() {
    local d

    for d in "$SECCTL_CACHE"/run/secctl-*; do
        [ ! -d "$d" ] || kill -0 "${d##*-}" 2>/dev/null || rm -rf "$d"
    done
}

docker_up() {
    local prepared

    prepared=$("$ROOT/tests/docker/prepare" "$ENGINE") && data_sweep && machine_up "${NF_CALL:-1}" || return 1
    data_copy "$prepared" "$DATA_ROOT" || return 1
    mkdir -p "$MACHINE_HOME/.docker/cli-plugins"
    ln -sf "$SECCTL_CACHE/engines/sid/usr/libexec/docker/cli-plugins/docker-compose" "$MACHINE_HOME/.docker/cli-plugins"
    engine_start --ip-forward=true # the default
}

docker_down() {
    machine_down
    rm -rf "$DATA_ROOT"
}

# docker_begin - as e2e_begin, with an engine; NF_CALL: bridge-nf-call-iptables (1)
docker_begin() {
    # shellcheck disable=SC2034 # e2e.sh's
    E2E_UP=docker_up E2E_DOWN=docker_down
    e2e_begin
    note "engine $(docker version --format '{{.Server.Version}}'), bridge-nf-call-iptables ${NF_CALL:-1}"
}

