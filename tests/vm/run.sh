#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# run.sh [SCRIPT...] - run test scripts under Debian's stock kernel, which has nft_queue and flowtables
#
# Without arguments: the scripts that tests/vm/set lists. Their output is copied to standard output,
# each followed by "# SCRIPT: status N, S s".
#
# How it works: qemu (TCG, so no /dev/kvm is needed; no network device) boots the kernel from
# linux-image-cloud-amd64, which is downloaded and unpacked into a cache folder, not installed. The guest's root is
# this machine's root file system, shared read-only through virtiofsd, with a tmpfs overlay on top: the guest has
# every tool and file that this machine has, and whatever it writes is gone at its end. The initramfs, made at each
# run, holds busybox, the modules up to the overlay, and the job; guest.sh goes on from there. Further modules are
# loaded on demand by busybox's modprobe. Two virtio-serial ports bring back output and statuses.
#
# Needs root, qemu-system-x86, busybox-static; virtiofsd comes with the first on Debian 12, alone on later releases.
#
#   BUILD               the programs' folder                              (build)
#   VM_SECONDS          time-out for the whole run                        (1800)
#   VM_SCRIPT_SECONDS   time-out for one script                           (600)
#   VM_MEMORY, VM_CPUS  the guest's size                                  (2G, 1)
#   VM_KERNEL_PACKAGE   another Debian kernel                             (linux-image-cloud-amd64)
#   VM_CONSOLE          when set: a file that gets the guest's console
#   MODE, FAST_MS, BACK_MS, LOG_WAIT, SEGMENT_STEP, KEEP and SECCTL_* are handed on to the scripts, which also see SECCTL_VM=1.
#
# Status: 0 all scripts returned 0; else the first other one. 77: no such machine can be had, the reason
# is printed. 124: time-out. 1: the guest died.

set -u
HERE=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
BUILD=$(realpath -m "${BUILD:-$ROOT/build}")
CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/secctl-vm
PACKAGE=${VM_KERNEL_PACKAGE:-linux-image-cloud-amd64}
SHARE_PID='' QEMU_PID='' T=''

unavailable() {
    echo "1..0 # SKIP vm: $*"
    exit 77
}

cleanup() {
    local pid

    for pid in $QEMU_PID $SHARE_PID; do kill "$pid" 2>/dev/null; done
    for pid in $QEMU_PID $SHARE_PID; do wait "$pid" 2>/dev/null; done
    [ -z "$T" ] || [ ! -d "$T/root" ] || rmdir "$T/root" || return # never through a mount that is still there
    [ -z "$T" ] || rm -rf "$T"
}

# --- what the machine is made of ---------------------------------------------------------

find_tools() {
    local path

    [ "$(id -u)" -eq 0 ] || unavailable 'needs root, to share the root file system'
    [ "$(uname -m)" = x86_64 ] || unavailable "the guest uses this machine's programs, so x86_64 only"
    command -v qemu-system-x86_64 >/dev/null || unavailable 'no qemu-system-x86_64 (package qemu-system-x86)'
    BUSYBOX=$(command -v busybox) || unavailable 'no busybox (package busybox-static)'
    "$BUSYBOX" --list | grep -qx modprobe || unavailable "$BUSYBOX has no modprobe (package busybox-static)"
    ! ldd "$BUSYBOX" >/dev/null 2>&1 || unavailable "$BUSYBOX is not static (package busybox-static)"
    for path in /usr/libexec/virtiofsd /usr/lib/qemu/virtiofsd; do
        [ ! -x "$path" ] || VIRTIOFSD=$path
    done
    [ -n "${VIRTIOFSD:-}" ] || unavailable 'no virtiofsd (package qemu-system-common, later virtiofsd)'
}

# unpack PACKAGE VERSION - download the kernel into the cache; nothing half-done stays under its final name
unpack() {
    local dir=$CACHE/$1_$2 tmp

    [ ! -d "$dir" ] || return 0
    tmp=$(mktemp -d "$CACHE/tmp.XXXXXX") || return 1
    chmod 755 "$tmp"
    (cd "$tmp" && apt-get -o APT::Sandbox::User=root download "$1=$2") >"$tmp/log" 2>&1 &&
        dpkg -x "$tmp"/*.deb "$tmp/root" 2>>"$tmp/log" && rm -f "$tmp"/*.deb &&
        "$BUSYBOX" depmod -b "$tmp/root" "$(ls "$tmp/root/lib/modules")" 2>>"$tmp/log" &&
        mv -T "$tmp" "$dir" 2>/dev/null
    rm -rf "$tmp"
    [ -d "$dir" ]
}

# find_kernel - sets KERNEL and MODULES: the newest that apt offers, else the newest in the cache
find_kernel() {
    local name version dir

    mkdir -p "$CACHE"
    name=$(apt-cache depends --important "$PACKAGE" 2>/dev/null |
        sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1)
    name=${name:-$PACKAGE}
    version=$(apt-cache policy "$name" 2>/dev/null | sed -n 's/^ *Candidate: *//p')
    if [ -n "$version" ] && [ "$version" != '(none)' ] && unpack "$name" "$version"; then
        dir=$CACHE/${name}_$version
    else
        dir=$(find "$CACHE" -mindepth 1 -maxdepth 1 -type d -name 'linux-image-*' | sort -V | tail -n 1)
    fi
    [ -n "$dir" ] || unavailable "cannot download $PACKAGE (apt-get update?), and none is in $CACHE"
    KERNEL=$(find "$dir/root/boot" -name 'vmlinuz-*' | head -n 1)
    MODULES=$(find "$dir/root/lib/modules" -mindepth 1 -maxdepth 1 -type d | head -n 1)
    [ -n "$KERNEL" ] || unavailable "$dir holds no kernel"
    [ -n "$MODULES" ] || unavailable "$dir holds no modules"
}

# --- the initramfs -----------------------------------------------------------------------

# with_needs MODULE... - print their files below MODULES, needed ones first
with_needs() {
    local m line

    for m; do
        line=$(grep -E "/$m\.ko[.a-z]*:" "$MODULES/modules.dep") || continue # built in
        tr ' ' '\n' <<<"$line" | sed 's/:$//; /^$/d' | tac
    done | awk '!seen[$0]++'
}

init_script() { # $1: the modules' files
    local file

    cat <<'END'
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
die() { echo "vm: $*"; /bin/busybox poweroff -f; }
END
    for file in $1; do echo "/bin/busybox insmod /mod/${file##*/} || die cannot load $file"; done
    cat <<END
B=/bin/busybox
\$B mount -t virtiofs -o ro root /lower || die cannot mount the shared root
\$B mount -t tmpfs -o size=75%,mode=755 tmpfs /upper
\$B mkdir /upper/u /upper/w
\$B mount -t overlay -o lowerdir=/lower,upperdir=/upper/u,workdir=/upper/w overlay /root || die cannot mount the overlay
\$B mount -t tmpfs -o mode=755 tmpfs /root/run
\$B mkdir /root/run/vm && \$B cp /bin/busybox /job /root/run/vm/
\$B ln -s busybox /root/run/vm/modprobe
\$B umount /proc
\$B mount --move /dev /root/dev
exec \$B switch_root /root /bin/bash $(printf %q "$HERE/guest.sh")
END
}

job() { # what guest.sh reads
    local name

    declare -p ROOT BUILD MODULES SCRIPTS VM_SCRIPT_SECONDS
    for name in MODE FAST_MS BACK_MS LOG_WAIT SEGMENT_STEP KEEP ${!SECCTL_*}; do
        [ -z "${!name+set}" ] || printf 'export %s=%q\n' "$name" "${!name}"
    done
}

make_initramfs() {
    local dir=$T/initramfs files file

    mkdir -p "$dir"/{bin,mod,proc,dev,lower,upper,root}
    cp "$BUSYBOX" "$dir/bin/busybox"
    files=$(with_needs virtio_pci virtio_console virtiofs overlay)
    for file in $files; do cp "$MODULES/$file" "$dir/mod/" || return 1; done
    init_script "$files" >"$dir/init"
    chmod 755 "$dir/init"
    job >"$dir/job"
    (cd "$dir" && find . | "$BUSYBOX" cpio -o -H newc 2>/dev/null) >"$T/initramfs.cpio"
}

# --- running it --------------------------------------------------------------------------

# start_share - virtiofsd for a read-only view of the root, in a mount namespace of its own
start_share() {
    local i

    mkdir -p "$T/root"
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare -m --propagation private /bin/bash -c '
        mount --rbind / "$1/root" || exit 1
        while read -r _ at _; do
            case $at in "$1/root" | "$1"/root/*) ;; *) continue ;; esac
            at=$(printf %b "$at") # spaces are \040
            mount -o remount,bind,ro "$at" || umount -l "$at" || exit 1
        done < <(tac /proc/self/mounts)
        shift
        exec "$@"' share "$T" "$VIRTIOFSD" --socket-path="$T/share" -o source="$T/root" -o cache=always \
        -o sandbox=chroot -o log_level=err >"$T/share.log" 2>&1 &
    SHARE_PID=$!
    for ((i = 0; i < 100; i++)); do
        [ ! -S "$T/share" ] || return 0
        kill -0 "$SHARE_PID" 2>/dev/null || break
        sleep 0.05
    done
    unavailable "virtiofsd does not start: $(tail -n 3 "$T/share.log")"
}

# boot - run the guest to its end; its output comes on standard output. Status: qemu's, 124 on time-out
boot() {
    local memory=${VM_MEMORY:-2G} status

    : >"$T/out"
    timeout -k 5 "${VM_SECONDS:-1800}" qemu-system-x86_64 -accel tcg,thread=multi -cpu max \
        -machine q35,memory-backend=mem -smp "${VM_CPUS:-1}" -m "$memory" -object "memory-backend-memfd,id=mem,size=$memory,share=on" \
        -nodefaults -no-user-config -no-reboot -nic none -display none -monitor none \
        -kernel "$KERNEL" -initrd "$T/initramfs.cpio" \
        -append 'console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on' \
        -serial "file:${VM_CONSOLE:-$T/console}" \
        -chardev "socket,id=share,path=$T/share" -device vhost-user-fs-pci,chardev=share,tag=root \
        -device virtio-serial-pci \
        -chardev "file,id=out,path=$T/out,append=on" -device virtserialport,chardev=out,name=out \
        -chardev "file,id=status,path=$T/status" -device virtserialport,chardev=status,name=status \
        </dev/null >"$T/qemu.log" 2>&1 &
    QEMU_PID=$!
    tail -n +1 -s 0.2 --pid="$QEMU_PID" -f "$T/out" &
    wait "$QEMU_PID"
    status=$?
    wait $! # the last lines
    return "$status"
}

# outcome QEMU-STATUS - the run's status, from what the guest sent for each script
outcome() {
    local status

    if [ "$1" -eq 124 ] || [ "$1" -eq 137 ]; then
        echo "not ok - vm: the guest ends within ${VM_SECONDS:-1800} s"
        return 124
    fi
    [ "$(tail -n 1 "$T/status" 2>/dev/null)" != end ] || {
        while read -r status; do
            [ "$status" = end ] || [ "$status" -eq 0 ] || return "$status"
        done <"$T/status"
        return 0
    }
    echo "not ok - vm: the guest runs to its end (qemu's status $1)"
    tail -n 20 "${VM_CONSOLE:-$T/console}" "$T/qemu.log" 2>/dev/null | tr -d '\r' | sed 's/^/# /'
    return 1
}

SCRIPTS=()
if [ $# -eq 0 ]; then
    mapfile -t SCRIPTS < <(sed 's/#.*//; s/[[:space:]]*$//; /^$/d' "$HERE/set" | sed "s|^|$ROOT/|")
else
    for script; do SCRIPTS+=("$(realpath "$script")"); done
fi
for script in "${SCRIPTS[@]}"; do
    [ -r "$script" ] || {
        echo "run.sh: no such script: $script" >&2
        exit 2
    }
done
VM_SCRIPT_SECONDS=${VM_SCRIPT_SECONDS:-600}

trap cleanup EXIT
trap 'exit 130' INT TERM HUP
find_tools
find_kernel
T=$(mktemp -d "${TMPDIR:-/tmp}/secctl-vm.XXXXXX") || exit 1
make_initramfs || unavailable "cannot make the initramfs from $MODULES"
start_share
boot
outcome $?
