#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# deps.sh [--ask] [GROUP...] - install what is missing, on Debian and Ubuntu; says nothing when all is there.
#
# Groups: build (the programs), engine (Docker), base (for an image without a registry), test (all else); all of them
# when none is named. --ask: on a terminal, list it and ask first; services that come with packages are started.
# Else they are not: tests run their own.

set -u
declare -A GROUPS_=(
    [build]="gcc make pkg-config git ca-certificates
        libmnl-dev libnftnl-dev libnetfilter-queue-dev libssl-dev libcurl4-openssl-dev libcjson-dev
        libidn2-dev libpsl-dev libseccomp-dev libcap-ng-dev libpcap-dev libarchive-dev"
    [engine]="docker.io docker-cli"
    [base]="debootstrap debian-archive-keyring"
    [test]="clang musl-tools libcmocka-dev clang-format clang-tidy cppcheck shellcheck
        nftables iproute2 conntrack procps kmod ethtool
        nginx-light unbound dnsmasq-base openssh-server openssl
        curl wget openssh-client nodejs default-jdk-headless python3 python3-jsonschema dnsutils iputils-ping
        netcat-openbsd tcpdump tshark ngtcp2-client ngtcp2-server python3-cryptography
        postgresql python3-grpcio python3-websockets
        qemu-system-x86 busybox-static virtiofsd"
)

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

# agreed PACKAGE... - the user's word, where there is a terminal to ask on
agreed() {
    local answer

    [ -n "$ASK" ] && [ -t 0 ] && [ -t 1 ] || return 0
    printf 'These packages are missing and will be installed: %s\nGo on? [Y/n] ' "$*"
    read -r answer || return 1
    case $answer in '' | [yYjJ]*) ;; *) return 1 ;; esac
}

ASK=
if [ "${1:-}" = --ask ]; then
    ASK=yes
    shift
fi
[ $# -gt 0 ] || set -- build engine base test
wanted=()
for group; do
    [ -n "${GROUPS_[$group]:-}" ] || fail "$group: expected build, engine, base or test"
    # shellcheck disable=SC2206 # words
    wanted+=(${GROUPS_[$group]})
done
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    [ -z "$ASK" ] || exit 0 # what is missing will be told by what needs it
    fail "needs apt-get (Debian, Ubuntu); on another system install the equivalents of: ${wanted[*]}"
fi
missing=()
for package in "${wanted[@]}"; do provided "$package" || missing+=("$package"); done
[ "${#missing[@]}" -gt 0 ] || exit 0

SUDO=
if [ "$(id -u)" -ne 0 ]; then
    [ -z "$ASK" ] || SUDO=$(command -v sudo)
    [ -n "$SUDO" ] || fail "needs root to install: ${missing[*]}"
fi
agreed "${missing[@]}" || fail "missing: ${missing[*]}"
LOG=$(mktemp) || exit 1
trap 'rm -f "$LOG"' EXIT
export DEBIAN_FRONTEND=noninteractive
echo "deps: installing ${missing[*]}"
if [ -z "$ASK" ] && [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d
    trap 'rm -f "$LOG" /usr/sbin/policy-rc.d' EXIT
fi
$SUDO apt-get update -qq >"$LOG" 2>&1 || fail "apt-get update: $(tail -n 3 "$LOG")"
# Debian 12 has virtiofsd in qemu's package, and docker in docker.io
install=()
for package in "${missing[@]}"; do
    case $package in
    virtiofsd | docker-cli) apt-cache show "$package" >/dev/null 2>&1 || continue ;;
    esac
    install+=("$package")
done
[ "${#install[@]}" -gt 0 ] || exit 0
$SUDO apt-get install -y -qq --no-install-recommends "${install[@]}" >"$LOG" 2>&1 </dev/null ||
    fail "apt-get install ${install[*]}: $(tail -n 5 "$LOG")"
