#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The core on the other engines, with bridge-nf-call-iptables at 1 and at 0.
# no counter-check: the scripts that it runs have theirs

here=$(dirname "$0")
status=0

# on ENGINE NF_CALL SCRIPT...
on() {
    local engine=$1 nf=$2 script

    shift 2
    for script; do
        ENGINE=$engine NF_CALL=$nf "$here/$script" 2>&1 | sed -E "s/^(ok|not ok) - /&$engine, nf-call $nf: ${script%%.sh}: /"
        [ "${PIPESTATUS[0]}" -eq 0 ] || status=1
    done
}

on system 1 23-ipv6.sh
on trixie 0 10-stack.sh
on sid 1 11-seccomp.sh 21-compose.sh
exit "$status"
