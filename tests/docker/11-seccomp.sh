#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# compose/seccomp.json: what an agent's programs need works in it, what no agent needs is refused.
# no counter-check: nothing here uses the network

. "$(dirname "$0")/../support/docker.sh"

docker_begin

# confined IMAGE COMMAND... - with no more than an agent has
OPTIONS=()
confined() {
    docker run --rm -i --network none --user 1000:1000 --cap-drop ALL --security-opt no-new-privileges \
        --security-opt "seccomp=$ROOT/compose/seccomp.json" ${OPTIONS[@]+"${OPTIONS[@]}"} "$@"
}

# each line: what it is, and Python for it; x86-64 system calls by number
cat >"$T/calls" <<'END'
EPERM AF_PACKET: socket.socket(17, 3, 0)
EPERM AF_VSOCK: socket.socket(40, 1, 0)
EPERM AF_ALG: socket.socket(38, 5, 0)
EPERM AF_XDP: socket.socket(44, 3, 0)
EPERM AF_CAN: socket.socket(29, 3, 1)
EPERM AF_KEY: socket.socket(15, 3, 2)
EPERM AF_TIPC: socket.socket(30, 5, 0)
EPERM SCTP: socket.socket(2, 1, 132)
EPERM SCTP by its kind: socket.socket(2, 5, 0)
EPERM DCCP by its kind, IPv6: socket.socket(10, 6, 0)
EPERM raw IPv4: socket.socket(2, 3, 255)
EPERM raw ICMP: socket.socket(2, 3, 1)
EPERM netlink for netfilter: socket.socket(16, 3, 12)
EPERM a family above 32 bits: call(41, 0x100000028, 1, 0)
EPERM io_uring: call(425, 8, 0)
EPERM keyctl: call(250, 0, -3, 0)
EPERM add_key: call(248, b"user", b"x", b"y", 1, -3)
EPERM bpf: call(321, 0, 0, 0)
EPERM perf_event_open: call(298, 0, 0, -1, -1, 0)
EPERM userfaultfd: call(323, 0)
EPERM unshare of users: call(272, 0x10000000)
EPERM unshare of networks: call(272, 0x40000000)
EPERM clone into a user namespace: call(56, 0x10000011, 0, 0, 0, 0)
EPERM mount: call(165, b"x", b"/tmp", b"tmpfs", 0, 0)
EPERM setns: call(308, 0, 0)
ENOSYS clone3, so that libraries use clone: call(435, 0, 0)
works TCP: socket.socket(2, 1, 0)
works UDP over IPv6: socket.socket(10, 2, 17)
works MPTCP: socket.socket(2, 1, 262)
works AF_UNIX: socket.socketpair()
works netlink for routing: socket.socket(16, 3, 0)
works getaddrinfo: socket.getaddrinfo("127.0.0.1", 80)
END
cat >"$T/calls.py" <<'END'
import ctypes, errno, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *args):
    if libc.syscall(number, *args) < 0:
        raise OSError(ctypes.get_errno(), "")
for line in open("/calls", encoding="ascii"):
    what, code = line.split(" ", 1)[1].strip().split(": ", 1)
    try:
        exec(code)
        result = "works"
    except OSError as e:
        result = errno.errorcode.get(e.errno, e.errno)
    print(what + ": " + result, flush=True)
END
OPTIONS=(-v "$T/calls:/calls:ro" -v "$T/calls.py:/calls.py:ro")
confined secctl-test-agent python3 /calls.py >"$T/results" 2>&1
while read -r expected rest; do
    what=${rest%%: *}
    check_has "$what: $expected" "$what: $expected" grep -F "$what: " "$T/results"
done <"$T/calls"

# 32-bit programs end at their first call: no filter could see what sockets they open
/usr/bin/python3 - "$T/exit32" <<'END'
import struct, sys
code = bytes([0xb8, 1, 0, 0, 0, 0x31, 0xdb, 0xcd, 0x80])  # exit(0), by int 0x80
header = b"\x7fELF\1\1\1" + bytes(9) + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, 0x8048054, 52, 0, 0, 52, 32, 1, 0, 0, 0)
segment = struct.pack("<8I", 1, 0, 0x8048000, 0x8048000, 84 + len(code), 84 + len(code), 5, 4096)
open(sys.argv[1], "wb").write(header + segment + code)
END
chmod 755 "$T/exit32"
OPTIONS=(-v "$T/exit32:/exit32:ro")
check_fast 'a 32-bit program does not run' 20000 confined secctl-test-agent /exit32
OUT=$(docker run --rm -v "$T/exit32:/exit32:ro" --security-opt seccomp=unconfined secctl-test-agent /exit32 2>&1) ||
    note "a 32-bit program does not run on this kernel at all: $OUT"

OPTIONS=()
check_has 'git commits' first confined secctl-test-agent bash -c 'cd /tmp && git init -q r && cd r && echo a >f && git add f &&
    git -c user.name=t -c user.email=t@t commit -qm first && git log --oneline'
OPTIONS=(--init)
check 'a shell has jobs and pipes' confined secctl-test-agent bash -c 'sleep 0.1 & seq 100 | sort -n | tail -n 1 && wait'
# this system's own node and Java, on this system's libraries
OPTIONS=(-v /usr:/usr:ro -v /etc/alternatives:/etc/alternatives:ro)
for d in /etc/java-* /opt; do [ ! -d "$d" ] || OPTIONS+=(-v "$d:$d:ro"); done
node=$(readlink -f "$(command -v node)") java=$(readlink -f "$(command -v java)")
check_has 'node has threads, files and child processes' done-42 confined secctl-test-agent "$node" -e '
    const w = new (require("worker_threads").Worker)("require(\"worker_threads\").parentPort.postMessage(42)", { eval: true });
    require("fs").writeFileSync("/tmp/x", "done-");
    w.on("message", m => console.log(require("child_process").execSync("cat /tmp/x").toString() + m));'
check_has 'Java starts' Server confined secctl-test-agent "$java" -XX:+UseG1GC -version
OPTIONS=()
[ "$ENGINE" != system ] || check_has 'Claude Code starts' '(Claude Code)' confined claude-secure-claude claude --version

e2e_end
