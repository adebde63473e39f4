#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# rootfs.sh BUILD OUT.tar - the gateway's root file system: fwd, sni-filter, the shared objects that they need,
# stack.conf and a policy that allows nothing (what an empty policy volume is filled with), and nothing else.
# The same input gives the same bytes. OUT.tar may be "-", standard output.
set -euo pipefail
umask 022

[[ $# -eq 2 && -x $1/fwd && -x $1/sni-filter ]] || {
    echo "usage: rootfs.sh BUILD OUT.tar (BUILD holds fwd and sni-filter)" >&2
    exit 2
}
build=$1 out=$2
here=$(cd "$(dirname "$0")" && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"

install -D -m 755 -t "$root/usr/sbin" "$build/fwd" "$build/sni-filter"
# each path as the loader finds it: "lib.so.1 => /path (address)" or "/lib64/ld-linux... (address)"
ldd "$build/fwd" "$build/sni-filter" | sed -n 's/^\t\(.* => \)\?\(\/[^ ]*\) (0x.*/\2/p' | sort -u |
    while read -r object; do
        install -D -m 755 "$(realpath "$object")" "$root$object"
    done
mkdir -p "$root"/{proc,sys,run,tmp,etc/secctl/policy/agents,var/lib/secctl,var/log/secctl}
chmod 1777 "$root/tmp"
install -m 644 -t "$root" "$here/../LICENSE"
install -m 644 -t "$root/etc/secctl" "$here/stack.conf"
# the administrator's policy is not part of the image: a change of it needs no new one
echo '# Closed: whoever starts this gateway puts a policy here.' >"$root/etc/secctl/policy/allowlist"
: >"$root/etc/secctl/policy/gateway.conf"
printf 'root:x:0:0:root:/:\nproxy:x:13:13:proxy:/:\n' >"$root/etc/passwd"
printf 'root:x:0:\nproxy:x:13:\n' >"$root/etc/group"
tar -C "$root" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$out" .
