#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# secctl logs: from the gateway, from the volume, as a table and as JSON, followed, and of a log that
# somebody has tampered with.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/support/tap.sh
. tests/support/tap.sh
# shellcheck source=tests/support/engine_double.sh
. tests/support/engine_double.sh
SECCTL=$(realpath "${BUILD:-build}/secctl")
T=$(mktemp -d) || exit 1
trap 'engine_double_stop; rm -rf "$T"' EXIT
export LC_ALL=C TZ=UTC
unset NO_COLOR COLUMNS
G=claude-secure-gateway-1
engine_double_start "$T" || exit 1

# record SEQ SECOND AGENT REST - a line of the log
record() {
    printf '{"v":1,"run":"00000000000000a1","seq":%d,"ts":"2026-11-23T14:00:%02d.000000Z","agent":"%s",%s}\n' "$@"
}
{
    record 1 1 claude '"event":"dns","verdict":"allow","reason":"rule","name":"a.example","qtype":"A","rule":".example"'
    record 2 2 claude '"event":"dns","verdict":"deny","reason":"name-not-allowed","name":"evil.test","qtype":"A","count":4'
    record 3 3 claude-2 '"event":"tls","verdict":"deny","reason":"no-sni","proto":"tcp","dst":"203.0.113.9","dport":443'
    record 4 4 claude '"event":"tls","verdict":"deny","reason":"name-not-allowed","proto":"tcp","name":"\u001b]0;x\u0007.test","dport":443'
} >"$T/log"
gateway_with_log() {
    container_runs "$G" <<'SH'
#!/bin/sh
echo "$*" >>"$(dirname "$0")/../args"
cat "$(dirname "$0")/../../log"
SH
}
gateway_with_log

# on_terminal WIDTH ARGUMENT... - what secctl prints on a terminal of that width
on_terminal() {
    local width=$1

    shift
    TERM=xterm /usr/bin/python3 - "$width" "$SECCTL" "$@" <<'PY'
import fcntl, os, pty, struct, sys, termios
width, argv = int(sys.argv[1]), sys.argv[2:]
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    os.execv(argv[0], argv)
out = b""
while True:
    try:
        part = os.read(fd, 65536)
    except OSError:
        break
    if not part:
        break
    out += part
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(out.replace(b"\r\n", b"\n"))
sys.exit(os.waitstatus_to_exitcode(status))
PY
}
prints() { # SENTENCE EXPECTED COMMAND...
    local sentence=$1 expected=$2

    shift 2
    OUT=$("$@" 2>&1)
    [ "$OUT" = "$expected" ]
    result $? "$sentence"
}

prints 'records come as they are' "$(cat "$T/log")" "$SECCTL" logs
prints 'the gateway is asked for all' '/usr/sbin/fwd log' cat "$E/args"
prints 'the denied ones alone' "$(sed -n '2,4p' "$T/log")" "$SECCTL" logs --denied
prints "one agent's" "$(sed -n 3p "$T/log")" "$SECCTL" logs --agent claude-2
prints 'the last ones, after the choice' "$(sed -n '2p;4p' "$T/log")" "$SECCTL" logs -n 2 --denied --agent claude
prints 'from a time on' "$(sed -n '3,4p' "$T/log")" "$SECCTL" logs --since 2026-11-23T14:00:03
prints 'the gateway is told the time too' '/usr/sbin/fwd log --since 2026-11-23T14:00:03.000000Z' tail -n 1 "$E/args"
prints 'an age is taken from now' "" "$SECCTL" logs --since 0s
NO_COLOR=1 prints 'a terminal shows a table with the hint, nothing in it acts on the terminal' \
    'TIME           AGENT     VERDICT EVENT   NAME OR ADDRESS              REASON
11-23 14:00:02 claude    deny    dns     evil.test A                  name-not-allowed x4
11-23 14:00:03 claude-2  deny    tls     203.0.113.9:443              no-sni
11-23 14:00:04 claude    deny    tls     \x1b]0;x\x07.test:443        name-not-allowed

if the agent is meant to reach them:
secctl allow evil.test    # refused 4 times' on_terminal 100 logs --denied
check_has 'verdicts have a colour there' $'\033[31mdeny' on_terminal 100 logs
NO_COLOR=1 prints 'rows fit a narrow terminal' \
    'TIME           AGENT     VERDICT EVENT   NAME OR A... REASON
11-23 14:00:02 claude    deny    dns     evil.t... name-n...' \
    bash -c "$(declare -f on_terminal); SECCTL=$SECCTL; on_terminal 60 logs -n 3 --agent claude | sed -n '1p;3p'"
prints '--json on a terminal prints records' "$(sed -n 4p "$T/log")" on_terminal 100 logs --json -n 1 --agent claude --since 2026-11-23

# --- a log that was tampered with
cp "$T/log" "$T/log.good"
{
    printf 'no json\n{"v":1}\n\033[2J\n'
    printf '{"run":"b","seq":1,"ts":"2026-11-23T14:01:00.000000Z","event":"x\xe2\x80\xae"}\n'
    printf '%010000d\n' 1
    cat "$T/log.good"
} >"$T/log"
prints 'lines that are no records are left out and counted' \
    "$(cat "$T/log.good")
secctl: warning: 5 lines left out: no record of fwd's" "$SECCTL" logs
cp "$T/log.good" "$T/log"

# --- a gateway that fails
container_runs "$G" <<'SH'
#!/bin/sh
printf 'fwd: no log\n' >&2
exit 1
SH
prints 'what the gateway says is said' "secctl: logs: the gateway's log: fwd: no log" "$SECCTL" logs

# --- after stop
rm "$E/run/$G"
prints 'without gateway and volume that is said' \
    'secctl: logs: there is no log: no gateway is running, and no volume claude-secure-log is there, expected one after the first "secctl start"' \
    "$SECCTL" logs
echo '{"Name":"claude-secure-log"}' >"$E/get/volumes%claude-secure-log"
head -n 2 "$T/log" >"$E/archive/var%log%secctl%verdicts.log.1"
tail -n 2 "$T/log" >"$E/archive/var%log%secctl%verdicts.log"
: >"$E/log"
prints 'the volume is read, both files' "$(cat "$T/log")" "$SECCTL" logs
check 'the container for that is removed' grep -q '^DELETE /containers/made?force=1' "$E/log"
rm "$E/archive/var%log%secctl%verdicts.log.1"
prints 'so is one that never grew' "$(tail -n 2 "$T/log")" "$SECCTL" logs
echo 404 >"$E/status/containers%create"
echo '{"message":"No such image: claude-secure-gateway:latest"}' >"$E/get/containers%create"
prints 'without the image that is said' \
    'secctl: logs: the log is in volume claude-secure-log, and image claude-secure-gateway:latest, which it is read with, is not there, expected it from "secctl build"' \
    "$SECCTL" logs
rm "$E/status/containers%create"
: >"$E/log"
"$SECCTL" logs >/dev/full 2>"$T/err"
[ $? -eq 1 ] && grep -q 'DELETE' "$E/log"
result $? 'an output that cannot be written is a failure, and leaves no container'

# --- following
container_runs "$G" <<'SH'
#!/bin/bash
d=$(dirname "$0")/../..
case "$*" in
*-f*) cat "$d/log" "$d/more" 2>/dev/null; while [ ! -e "$d/end" ]; do sleep 0.05; done; rm "$d/end" ;;
*) cat "$d/log" ;;
esac
SH
"$SECCTL" logs -f -n 1 >"$T/followed" 2>"$T/err" &
FOLLOWER=$!
has_lines() { [ "$(wc -l <"$T/followed")" -eq "$1" ]; }
check 'the last one is shown' retry 20 has_lines 1
record 5 5 claude '"event":"dns","verdict":"deny","reason":"name-not-allowed","name":"five.test"' >"$T/more"
touch "$T/end" # the gateway ends
check 'after a restart of the gateway what is new follows' retry 20 has_lines 2
record 1 9 claude '"event":"start"' | sed 's/a1/b2/' >>"$T/more"
chmod 644 "$E/run/$G" # it is gone
touch "$T/end"
said_waiting() { grep -q 'secctl: logs: waiting for the gateway' "$T/err"; }
check 'without one it waits, and says so' retry 20 said_waiting
chmod 755 "$E/run/$G"
check 'what a new one writes follows' retry 20 has_lines 3
prints 'nothing is shown twice' "$(sed -n 4p "$T/log"; cat "$T/more")" cat "$T/followed"
kill "$FOLLOWER" # a shell has its background jobs ignore SIGINT
touch "$T/end"
wait "$FOLLOWER"
STATUS=$?
[ "$STATUS" -eq 143 ]
result $? "a signal ends it ($STATUS)"

# --- usage
says() {
    OUT=$("$SECCTL" logs "${@:3}" 2>&1)
    [ $? -eq 2 ] && [ "$OUT" = "secctl: logs: $2" ]
    result $? "$1"
}
says 'an unknown option' 'unknown option "--fast", expected -f, -n N, --denied, --since TIME, --agent A or --json' --fast
says 'a word too many' '"x", expected -f, -n N, --denied, --since TIME, --agent A or --json' x
says '-n without a value' '-n without a value, expected one after it' -n
says '-n 0' '-n "0", expected a number of records, 1 to 1000000' -n 0
says 'a bad time' '--since "x", expected an age such as 90s, 10m, 2h or 1d, or a time such as 2026-11-23T14:00' --since x
says 'a bad agent' '"A" is no agent'"'"'s name, expected 1 to 63 of a-z, 0-9, "_" and "-"' --agent A
engine_double_stop
check_has 'no engine' 'secctl: logs: no Docker engine at' bash -c "$SECCTL logs 2>&1; true"
[ "$TAP_FAILED" -eq 0 ]
