#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The demonstration shows what it says, is quick, and leaves nothing, at whatever moment it is interrupted.
# no counter-check: its packets are those of the other scripts

. "$(dirname "$0")/../support/tap.sh"
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
export TMPDIR
TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/secctl-e2e.XXXXXX") || exit 1
trap 'rm -rf "$TMPDIR"' EXIT

# interrupted SECONDS - the demonstration gets a SIGINT, as from a terminal, after SECONDS ("" none); nothing is left
interrupted() {
    /usr/bin/python3 - "$ROOT/tests/demo.sh" "$1" <<'END'
import os, signal, subprocess, sys, time

before = set(os.listdir("/run/netns") if os.path.isdir("/run/netns") else [])
child = subprocess.Popen([sys.argv[1]], stdout=open(os.environ["TMPDIR"] + ".out", "w"), stderr=subprocess.STDOUT,
                         start_new_session=True)
if sys.argv[2]:
    time.sleep(float(sys.argv[2]))
    os.killpg(child.pid, signal.SIGINT)
status = child.wait(timeout=60)
time.sleep(0.2)
left = os.listdir(os.environ["TMPDIR"])
for folder in ("/run/netns", "/etc/netns"):
    if os.path.isdir(folder):
        left += [f"{folder}/{n}" for n in os.listdir(folder) if n.startswith(f"secctl-{child.pid}-")]
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        if os.getsid(int(pid)) == child.pid and ") Z " not in open(f"/proc/{pid}/stat").read():
            left.append(f"process {pid} {open(f'/proc/{pid}/cmdline').read()!r}")
    except OSError:
        pass
if left:
    sys.exit(f"left behind: {left}")
if not sys.argv[2] and status != 0:
    sys.exit(f"status {status}")
END
}

OUTPUT=$TMPDIR.out
trap 'rm -rf "$TMPDIR" "$OUTPUT"' EXIT
check 'the demonstration runs and leaves nothing' interrupted ''
[ "$MS" -lt 20000 ]
result $? "it lasts less than 20 s"
check 'an allowed name works in it' grep -A 1 '^\$ curl https://allowed.test/' "$OUTPUT"
OUT=$(grep -A 1 '^\$ curl https://allowed.test/' "$OUTPUT")
grep -q 'works' <<<"$OUT"
result $? 'and says so'
OUT=$(grep -A 1 '^\$ curl https://denied.test/' "$OUTPUT")
grep -q 'fails' <<<"$OUT"
result $? 'a denied name does not'
OUT=$(grep -A 1 'echo hello over ssh' "$OUTPUT")
grep -q 'works.*hello over ssh' <<<"$OUT"
result $? 'ssh works by its rule'
check 'the verdict log is in it' grep -q '"verdict":"deny","reason":"name-not-allowed"' "$OUTPUT"
for moment in 0.1 0.4 1 2 "$((RANDOM % 4)).$((RANDOM % 10))"; do
    check "interrupted after $moment s it leaves nothing" interrupted "$moment"
done
[ "$TAP_FAILED" -eq 0 ]
