#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# engines.sh [RELEASE...] - Docker engines of newer Debian releases, and Compose, unpacked beside the system:
# 26.1 (trixie) and 28.5 (sid). Nothing is installed. Prints the folders; what is there already is kept.
#
# They are kept in SECCTL_CACHE/engines (default /var/cache/secctl-dev). A runc that needs a newer libc than this
# system's is left out: the system's own does.
set -euo pipefail
umask 022

. "$(dirname "$0")/support/unpack.sh"

CACHE=${SECCTL_CACHE:-/var/cache/secctl-dev}/engines
PACKAGES='docker.io docker-cli containerd runc docker-compose'

fail() {
    echo "engines: $*" >&2
    exit 1
}

# fetch RELEASE FOLDER
fetch() {
    local release=$1 work=$2.$$ package

    mkdir -p "$work"/{debs,root}
    # shellcheck disable=SC2064 # now
    trap "rm -rf '$work'" EXIT
    apt_for "$release" "$work"
    for package in $PACKAGES; do
        (cd "$work/debs" && apt-get "${APT[@]}" download "$package" >&2) || fail "$release: $package could not be fetched"
    done
    unpack_debs "$work/root" "$work"/debs/*.deb
    "$work/root/usr/sbin/runc" --version >/dev/null 2>&1 || rm -f "$work/root/usr/sbin/runc"
    rm -rf "$work/root/usr/share" "$work/root/etc" "$work/root/lib"
    rm -rf "$2"
    mv "$work/root" "$2"
}

mkdir -p "$CACHE"
exec 9>"$CACHE/lock"
flock 9
[ $# -gt 0 ] || set -- trixie sid
for release; do
    case $release in
    trixie | sid) ;;
    *) fail "$release: expected trixie or sid" ;;
    esac
    [ -x "$CACHE/$release/usr/sbin/dockerd" ] || (fetch "$release" "$CACHE/$release")
    echo "$CACHE/$release"
done
