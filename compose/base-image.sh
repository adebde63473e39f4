#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# base-image.sh [--tar FILE] - the image debian:bookworm-slim, made with debootstrap from this machine's own
# package mirror, for machines that reach no image registry. An image of that name that is there is kept.
#
# The tree is kept in SECCTL_CACHE (default /var/cache/secctl) for 30 days. --tar: only make FILE, no image.
# DOCKER: the docker command to use. Needs root: debootstrap does.
set -euo pipefail
umask 022

SUITE=bookworm
IMAGE=debian:bookworm-slim
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
CACHE=${SECCTL_CACHE:-/var/cache/secctl}
DOCKER=${DOCKER:-docker}

fail() {
    echo "base-image: $*" >&2
    exit 1
}

# mirror LABEL - where this machine's own apt gets Debian (or Debian-Security) from; nothing on another system
mirror() {
    # shellcheck disable=SC2016 # apt's, not ours
    apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk -v label="$1" '$1 == "Debian" && $2 == label { print $3; exit }'
}

# slim ROOT - what the registry's slim image leaves out
slim() {
    local root=${1:?}

    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/cache/apt/*.bin "$root"/var/lib/apt/lists/* "$root"/var/log/* \
        "$root"/usr/share/{doc,man,info,lintian,linda,groff}/* "$root"/tmp/* "${root:?}"/dev/*
    find "$root/usr/share/locale" -mindepth 1 -maxdepth 1 ! -name locale.alias -exec rm -rf {} +
    mkdir -p "$root/var/lib/apt/lists/partial"
    printf 'path-exclude /usr/share/%s/*\n' doc man info locale >"$root/etc/dpkg/dpkg.cfg.d/slim"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    rm -f "$root/etc/hostname" "$root/etc/resolv.conf"
}

# sources ROOT DEBIAN SECURITY - where the image gets packages from
sources() {
    local signed="[signed-by=$KEYRING]"

    echo "deb $signed $2 $SUITE main" >"$1/etc/apt/sources.list"
    [ -z "$3" ] || {
        echo "deb $signed $2 $SUITE-updates main"
        echo "deb $signed $3 $SUITE-security main"
    } >>"$1/etc/apt/sources.list"
}

# make_tar FILE
make_tar() {
    local work debian security

    [ "$(id -u)" -eq 0 ] || fail "making $IMAGE with debootstrap needs root: run \"sudo make base-image\", or give the machine access to an image registry"
    command -v debootstrap >/dev/null || fail "needs debootstrap: apt-get install debootstrap"
    [ -e "$KEYRING" ] || fail "needs $KEYRING: apt-get install debian-archive-keyring"
    debian=$(mirror Debian)
    security=$(mirror Debian-Security)
    work=$(mktemp -d "${TMPDIR:-/var/tmp}/secctl-base.XXXXXX")
    # shellcheck disable=SC2064 # now
    trap "rm -rf '$work'" EXIT
    echo "base-image: making $IMAGE with debootstrap (no image registry is asked), about a minute" >&2
    # shellcheck disable=SC2086 # without a mirror of its own, debootstrap's
    debootstrap --variant=minbase --include=ca-certificates --keyring="$KEYRING" "$SUITE" "$work/root" $debian \
        >"$work/log" 2>&1 || fail "debootstrap: $(tail -n 3 "$work/log" "$work/root/debootstrap/debootstrap.log" 2>/dev/null)"
    slim "$work/root"
    [ -z "$debian" ] || sources "$work/root" "$debian" "$security"
    mkdir -p "$(dirname "$1")"
    tar -C "$work/root" --numeric-owner --xattrs -cf "$1.$$" .
    mv "$1.$$" "$1"
}

main() {
    local tar image_only=yes

    tar=$CACHE/base-$SUITE-$(dpkg --print-architecture).tar
    if [ "${1:-}" = --tar ] && [ $# -eq 2 ]; then
        tar=$2 image_only=no
    elif [ $# -ne 0 ]; then
        echo 'usage: base-image.sh [--tar FILE]' >&2
        exit 2
    elif "$DOCKER" image inspect "$IMAGE" >/dev/null 2>&1; then
        return
    fi
    [ -n "$(find "$tar" -mtime -30 2>/dev/null)" ] || make_tar "$tar"
    [ "$image_only" = yes ] || return 0
    "$DOCKER" import --change 'CMD ["bash"]' --message 'debootstrap' "$tar" "$IMAGE" >/dev/null ||
        fail "docker import: failed"
    echo "base-image: $IMAGE was made from $tar" >&2
}

main "$@"
