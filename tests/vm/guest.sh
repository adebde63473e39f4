#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The first process of the guest that run.sh boots, once the root is in place: mounts what a running Debian
# has, runs the job's scripts one after another, sends each one's status, powers off.

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LC_ALL=C.UTF-8 SECCTL_VM=1
SCRIPTS=()

mounts() {
    mount -n -t proc proc /proc
    mount -n -t sysfs sys /sys
    mkdir -p /dev/pts /dev/shm
    mount -n -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
    mount -n -t tmpfs -o mode=1777 tmpfs /dev/shm
    mount -n -t cgroup2 cgroup2 /sys/fs/cgroup
    ln -sfn /proc/self/fd /dev/fd
    ln -sfn fd/0 /dev/stdin
    ln -sfn fd/1 /dev/stdout
    ln -sfn fd/2 /dev/stderr
    mkdir -p /run/lock /lib/modules/"$(uname -r)"
    mount -n --bind "$MODULES" /lib/modules/"$(uname -r)"
    echo secctl-vm >/proc/sys/kernel/hostname
    echo /run/vm/modprobe >/proc/sys/kernel/modprobe
}

# port NAME - the device of that virtio-serial port
port() {
    local dir

    for dir in /sys/class/virtio-ports/*; do
        [ "$(cat "$dir/name")" != "$1" ] || echo "/dev/${dir##*/}"
    done
}

# run_script SCRIPT - its status goes to descriptor 3
run_script() {
    local begin=$SECONDS status

    timeout -k 20 "$VM_SCRIPT_SECONDS" bash "$1" </dev/null 3>&-
    status=$?
    echo "# ${1#"$ROOT"/}: status $status, $((SECONDS - begin)) s"
    echo "$status" >&3
}

# run_scripts - one after another, but those that say so beside the others
run_scripts() {
    local script
    local -a others=()

    echo "# vm: kernel $(uname -r), up after $(cut -d ' ' -f 1 /proc/uptime) s"
    for script in "${SCRIPTS[@]}"; do
        if grep -q '^# beside the others' "$script"; then
            run_script "$script" >"$TMPDIR/${script##*/}" 2>&1 &
        else
            others+=("$script")
        fi
    done
    for script in ${others[@]+"${others[@]}"}; do run_script "$script"; done
    wait
    cat "$TMPDIR"/*.sh 2>/dev/null
}

# shellcheck source=/dev/null
. /run/vm/job
# emulation is ten to twenty times slower; a process that is started needs its time above all
export BUILD FAST_MS=${FAST_MS:-5000} BACK_MS=${BACK_MS:-30000} LOG_WAIT=${LOG_WAIT:-20} SEGMENT_STEP=${SEGMENT_STEP:-400}
mounts
ip link set lo up
ulimit -n 65536 # the first process has 1024, too few for a server under load
# no autoload brings the sysctls of this one in time
/run/vm/modprobe nf_conntrack
TMPDIR=$(mktemp -d) && export TMPDIR && cd "$ROOT" || exit 1
exec 3>"$(port status)"
# a pipe, because a port cannot be opened twice, as /dev/stderr would
run_scripts 2>&1 | cat >"$(port out)"
echo end >&3
exec 3>&-
/run/vm/busybox poweroff -f
