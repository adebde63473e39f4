#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Recorded captures through the replay: names as other parsers found them. The captures are no part of
# this repository: SECCTL_RECORDINGS names a folder that holds them.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
SENTENCE='recorded captures give the names that other parsers found'

if [ ! -f "${SECCTL_RECORDINGS:-}/captures/expected.tsv" ]; then
    echo "ok - $SENTENCE # SKIP SECCTL_RECORDINGS names no folder with captures/expected.tsv"
    exit 0
fi
if OUT=$(/usr/bin/python3 tests/cli/captures.py "$BUILD/sni-filter" "$SECCTL_RECORDINGS/captures" \
    tests/data/captures_explained.tsv 2>&1); then
    echo "ok - $SENTENCE"
    STATUS=0
else
    echo "not ok - $SENTENCE"
    STATUS=1
fi
printf '%s\n' "$OUT" | sed 's/^/# /'
exit "$STATUS"
