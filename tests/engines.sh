#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# engines.sh [RELEASE...] - Docker engines of newer Debian releases, and Compose, unpacked beside the system:
# 26.1 (trixie) and 28.5 (sid). Nothing is installed. Prints the folders; what is there already is kept.
#
# They come from this machine's own Debian mirror, by a second configuration of apt, and are kept in
# SECCTL_CACHE/engines (default /var/cache/secctl-dev). A runc that needs a newer libc than this system's is left
# out: the system's own does.
set -euo pipefail
umask 022

CACHE=${SECCTL_CACHE:-/var/cache/secctl-dev}/engines
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
PACKAGES='docker.io docker-cli containerd runc docker-compose'

fail() {
    echo "engines: $*" >&2
    exit 1
}

mirror() {
    # shellcheck disable=SC2016 # apt's, not ours
    apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 'Created-By: Packages' |
        awk '$1 == "Debian" && $2 == "Debian" { print $3; exit }'
}

# fetch RELEASE FOLDER
fetch() {
    local release=$1 work=$2.$$ from deb package
    local -a options

    from=$(mirror)
    [ -n "$from" ] || fail 'this system has no Debian mirror among its apt sources'
    mkdir -p "$work"/{lists/partial,cache/archives/partial,debs,root}
    # shellcheck disable=SC2064 # now
    trap "rm -rf '$work'" EXIT
    echo "deb [signed-by=$KEYRING] $from $release main" >"$work/sources.list"
    options=(-o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o Dir::State::status=/dev/null
        -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3)
    apt-get -qq "${options[@]}" update >&2 || fail "$release: apt-get update failed"
    for package in $PACKAGES; do
        (cd "$work/debs" && apt-get -qq "${options[@]}" download "$package" >&2) || fail "$release: $package could not be fetched"
    done
    for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$work/root"; done
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
