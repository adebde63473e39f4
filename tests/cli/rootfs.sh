#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The gateway's root file system holds all that its programs need, and no shell.

. "$(dirname "$0")/../support/tap.sh"
BUILD=$(realpath "${BUILD:-build}")
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
make_root() { "$(dirname "$0")/../../proxy-image/rootfs.sh" "$BUILD" "$1"; }

check 'it is made' make_root "$T/a.tar"
make_root "$T/b.tar"
check 'the same input gives the same bytes' cmp "$T/a.tar" "$T/b.tar"
mkdir "$T/root" && tar -C "$T/root" -xf "$T/a.tar"
check_has 'fwd runs in it' 'fwd' chroot "$T/root" /usr/sbin/fwd version
check_has 'sni-filter runs in it' 'sni-filter' chroot "$T/root" /usr/sbin/sni-filter --version
check 'no program but the two' test "$(find "$T/root" -type f -path '*bin/*' -printf '%f\n' | sort | tr '\n' ' ')" = 'fwd sni-filter '
[ "$TAP_FAILED" -eq 0 ]
