#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# clients.sh chromium|ngtcp2 - a client (and server) unpacked beside the system; prints its folder, which has "run":
#
#   run PROGRAM [ARGUMENT...]   chromium with this system's libraries and those that it lacks
#                               ngtcp2 (gtlsclient, gtlsserver of trixie) with all libraries of that release
#
# Kept in SECCTL_CACHE/clients (default /var/cache/secctl-dev); what is there already is kept. Nothing is installed.
set -euo pipefail
umask 022

. "$(dirname "$0")/support/unpack.sh"

CACHE=${SECCTL_CACHE:-/var/cache/secctl-dev}/clients

fail() {
    echo "clients: $*" >&2
    exit 1
}

# missing_here WORK PACKAGE - it and what it needs, but for what is installed
missing_here() {
    apt-get -qq -y --no-install-recommends --download-only -o "Dir::Cache::archives=$1/debs" -o APT::Sandbox::User=root \
        -o Acquire::Retries=3 install "$2" >&2
}

fetch_chromium() { # WORK
    missing_here "$1" chromium || { apt-get -qq update >&2 && missing_here "$1" chromium; } ||
        fail 'chromium could not be fetched'
    shopt -s nullglob # none when it is installed
    unpack_debs "$1/root" "$1"/debs/*.deb
    rm -rf "$1/root/usr/share"
    cat >"$1/root/run" <<'END'
#!/bin/sh
root=$(dirname "$0")
[ -d "$root/usr/lib/chromium" ] || root=
lib=$(echo "$root"/usr/lib/*-linux-gnu)
program=$1
shift
LD_LIBRARY_PATH=$lib:$lib/pulseaudio exec "$root/usr/lib/chromium/$program" "$@"
END
}

fetch_ngtcp2() { # WORK
    apt_for trixie "$1"
    apt-get "${APT[@]}" -y --no-install-recommends --download-only -o "Dir::Cache::archives=$1/debs" \
        install ngtcp2-client ngtcp2-server >&2 || fail 'ngtcp2 could not be fetched'
    unpack_debs "$1/root" "$1"/debs/*.deb
    rm -rf "$1/root/usr/share"
    cat >"$1/root/run" <<'END'
#!/bin/sh
root=$(dirname "$0")
program=$(echo "$root"/usr/*bin/"$1")
shift
exec "$root"/usr/lib/*-linux-gnu/ld-linux-*.so.* --library-path "$(echo "$root"/usr/lib/*-linux-gnu)" "$program" "$@"
END
}

[ $# -eq 1 ] || fail 'expected chromium or ngtcp2'
case $1 in
chromium | ngtcp2) ;;
*) fail "$1: expected chromium or ngtcp2" ;;
esac
mkdir -p "$CACHE"
exec 9>"$CACHE/lock"
flock 9
if [ ! -x "$CACHE/$1/run" ]; then
    WORK=$CACHE/$1.$$
    mkdir -p "$WORK"/{debs/partial,root}
    trap 'rm -rf "$WORK"' EXIT
    "fetch_$1" "$WORK"
    chmod 755 "$WORK/root/run"
    rm -rf "${CACHE:?}/$1"
    mv "$WORK/root" "$CACHE/$1"
fi
echo "$CACHE/$1"
