#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# secctl needs no Linux header: all that it is made of compiles with musl's headers alone (which bring
# none of the kernel's), with those Linux-only ones among them refused, as plain XOPEN and BSD.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/support/tap.sh
. tests/support/tap.sh

if ! command -v musl-gcc >/dev/null; then
    skip 'secctl compiles without Linux headers' 'no musl-gcc (musl-tools)'
    exit 0
fi
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
# headers of libraries, and nothing else of /usr/include
mkdir -p "$T/libraries" "$T/refused/sys"
MULTIARCH=/usr/include/$(gcc -print-multiarch)
for name in curl cjson idn2.h libpsl.h archive.h archive_entry.h; do
    for folder in /usr/include "$MULTIARCH"; do
        [ ! -e "$folder/$name" ] || ln -sf "$folder/$name" "$T/libraries/"
    done
done
mkdir "$T/libraries/openssl"
ln -sf /usr/include/openssl/* "$T/libraries/openssl/"
[ ! -d "$MULTIARCH/openssl" ] || ln -sf "$MULTIARCH"/openssl/* "$T/libraries/openssl/"
for name in sys/epoll.h sys/signalfd.h sys/eventfd.h sys/timerfd.h sys/inotify.h sys/fanotify.h sys/prctl.h \
    sys/sysinfo.h sys/capability.h sys/random.h sys/sendfile.h sys/xattr.h sys/sysmacros.h byteswap.h \
    error.h malloc.h mqueue.h sys/personality.h; do
    echo "#error \"<$name> is not everywhere\"" >"$T/refused/$name"
done

compiles() {
    musl-gcc -fsyntax-only -std=c11 -Wall -Werror -U_GNU_SOURCE -D_XOPEN_SOURCE=700 -D_DEFAULT_SOURCE \
        -DSECCTL_VERSION='"0"' -I. -I "$T/refused" -isystem "$T/libraries" "$1"
}
# refuses SENTENCE TEXT - the test's own test: the compiler names TEXT in what it says of bad.c
refuses() {
    ! OUT=$(compiles "$T/bad.c" 2>&1) && [[ $OUT == *"$2"* ]]
    result $? "$1"
}
for header in linux/types.h sys/epoll.h sys/prctl.h; do
    echo "#include <$header>" >"$T/bad.c"
    refuses "<$header> is refused" "$header"
done
for call in 'signalfd(0, 0, 0)' 'epoll_create1(0)'; do
    printf '#include <unistd.h>\n#include <fcntl.h>\n#include <sys/socket.h>\nint f(void) { return %s; }\n' \
        "$call" >"$T/bad.c"
    refuses "$call is refused" 'implicit declaration'
done
for file in ctl/*.c common/*.c; do
    OUT=$(compiles "$file" 2>&1) || {
        result 1 "$file compiles without Linux headers"
        continue
    }
    NR=$((${NR:-0} + 1))
done
OUT=
[ "$TAP_FAILED" -eq 0 ]
result $? "${NR:-0} files compile without Linux headers"
# constants and fields that musl has for everybody, but not every system
OUT=$(grep -nE '\b(SOCK_CLOEXEC|SOCK_NONBLOCK|MSG_NOSIGNAL|O_PATH|O_TMPFILE|st_mtim|st_ctim|getrandom|memfd_create|pipe2|accept4|ppoll|dup3|strchrnul|memrchr|mempcpy)\b' \
    ctl/*.[ch] common/*.[ch])
test -z "$OUT"
result $? 'nothing is used that other systems lack'
[ "$TAP_FAILED" -eq 0 ]
