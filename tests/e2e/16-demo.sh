#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The demonstration shows what it says and leaves nothing, at whatever moment it is interrupted.
# no counter-check: its packets are those of the other scripts

. "$(dirname "$0")/../support/tap.sh"
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
export TMPDIR
TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/secctl-e2e.XXXXXX") || exit 1
trap 'rm -rf "$TMPDIR"' EXIT

# interrupted SECONDS COMMAND... - it gets a SIGINT, as from a terminal, after SECONDS ("" none); nothing is left
interrupted() {
    /usr/bin/python3 - "$@" <<'END'
import os, signal, subprocess, sys, time

child = subprocess.Popen(sys.argv[2:], stdout=open(os.environ["TMPDIR"] + ".out", "w"), stderr=subprocess.STDOUT,
                         start_new_session=True)


def session():
    """The processes that it has started, and that still run."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getsid(int(pid)) == child.pid and ") Z " not in open(f"/proc/{pid}/stat").read():
                yield int(pid)
        except OSError:
            pass


seen = {child.pid}
begin = time.monotonic()
is_sent = not sys.argv[1]
while child.poll() is None:
    seen |= set(session())
    if not is_sent and time.monotonic() - begin >= float(sys.argv[1]):
        is_sent = True
        os.killpg(child.pid, signal.SIGINT)
    if time.monotonic() - begin > 120:
        sys.exit("it does not end")
    time.sleep(0.02)
status = child.wait()
end = time.monotonic() + 5  # a process that was told to end may take a moment
while (pids := list(session())) and time.monotonic() < end:
    time.sleep(0.05)
left = [f"process {pid}" for pid in pids] + os.listdir(os.environ["TMPDIR"])
for folder in ("/run/netns", "/etc/netns"):
    if os.path.isdir(folder):
        left += [f"{folder}/{n}" for n in os.listdir(folder) if any(n.startswith(f"secctl-{pid}-") for pid in seen)]
if left:
    sys.exit(f"left behind: {left}")
if not sys.argv[1] and status != 0:
    sys.exit(f"status {status}")
END
}

OUTPUT=$TMPDIR.out
trap 'rm -rf "$TMPDIR" "$OUTPUT"' EXIT
DEMO=$ROOT/tests/demo.sh
check 'the demonstration runs and leaves nothing' interrupted '' "$DEMO"
note "it lasts $MS ms"
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
    check "interrupted after $moment s it leaves nothing" interrupted "$moment" "$DEMO"
done
check 'make demo, interrupted, leaves nothing' interrupted 3 make --no-print-directory -C "$ROOT" demo
[ "$TAP_FAILED" -eq 0 ]
