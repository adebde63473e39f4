#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Install what building and testing need, on Debian and Ubuntu. Says nothing when all is there.

set -u
PACKAGES="gcc clang make pkg-config git ca-certificates
    libmnl-dev libnftnl-dev libnetfilter-queue-dev libssl-dev libcurl4-openssl-dev libcjson-dev libarchive-dev libcmocka-dev
    libidn2-dev libpsl-dev libseccomp-dev libcap-ng-dev libpcap-dev
    clang-format clang-tidy cppcheck shellcheck valgrind
    nftables iproute2 conntrack procps kmod
    nginx-light unbound dnsmasq-base openssh-server openssl
    curl wget openssh-client nodejs default-jdk-headless python3 python3-jsonschema dnsutils iputils-ping
    netcat-openbsd tcpdump tshark
    qemu-system-x86 busybox-static virtiofsd
    docker.io docker-cli debootstrap debian-archive-keyring"

# provided PACKAGE - is it installed, or another that provides it?
provided() {
    case $1 in
    dnsutils) set -- bind9-dnsutils ;; # a name that newer releases only provide
    nodejs) command -v node >/dev/null && return ;;
    default-jdk-headless) command -v javac >/dev/null && return ;;
    docker.io) command -v dockerd >/dev/null && command -v containerd >/dev/null && return ;; # or Docker's own packages
    docker-cli) command -v docker >/dev/null && return ;;
    virtiofsd) [ -x /usr/libexec/virtiofsd ] || [ -x /usr/lib/qemu/virtiofsd ] && return ;;
    esac
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

fail() {
    echo "deps: $*" >&2
    exit 1
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    fail "needs apt-get (Debian, Ubuntu); on another system install the equivalents of: $PACKAGES"
fi
missing=()
for package in $PACKAGES; do provided "$package" || missing+=("$package"); done
[ "${#missing[@]}" -gt 0 ] || exit 0
[ "$(id -u)" -eq 0 ] || fail "needs root to install: ${missing[*]}"

LOG=$(mktemp) || exit 1
trap 'rm -f "$LOG"' EXIT
export DEBIAN_FRONTEND=noninteractive
echo "deps: installing ${missing[*]}"
# services that come with packages are not started: tests run their own
if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d
    trap 'rm -f "$LOG" /usr/sbin/policy-rc.d' EXIT
fi
apt-get update -qq >"$LOG" 2>&1 || fail "apt-get update: $(tail -n 3 "$LOG")"
# Debian 12 has virtiofsd in qemu's package, and docker in docker.io
wanted=()
for package in "${missing[@]}"; do
    case $package in
    virtiofsd | docker-cli) apt-cache show "$package" >/dev/null 2>&1 || continue ;;
    esac
    wanted+=("$package")
done
[ "${#wanted[@]}" -gt 0 ] || exit 0
apt-get install -y -qq --no-install-recommends "${wanted[@]}" >"$LOG" 2>&1 </dev/null ||
    fail "apt-get install ${wanted[*]}: $(tail -n 5 "$LOG")"
