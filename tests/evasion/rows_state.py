# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows 171 to 180: the gateway's own state, resources and processes."""
import json
import os
import signal
import socket
import time

import rawtcp
import rawtls
from kit import ALLOW, BLOCK, BY_NAME, SUPPORT, WAIT, eventually, lines, question, row, run, small

OTHER = os.environ.get("OTHER4", "")  # of another agent
FILTER = ("sni-packets", "sni-inspector")


@row(171, "another agent's flood of hellos that never end", BY_NAME, alone=True, released=1700, dns=["a171.good.test=203.0.113.171"])
def _(x, name, v):
    x.ask(question(x.good), source=OTHER)
    if name == x.good:
        done = run("/usr/bin/python3", f"{SUPPORT}/clients/flood.py", "flows", OTHER, "400", "half", "1.5", f"{x.v4}@443")
        if json.loads(done.stdout)["connected"] < 100:
            raise RuntimeError(f"no flood: {done.stdout} {done.stderr}")
    return x.tls(name)


@row(172, "hellos of 60 kB in islands of one byte, out of order", BY_NAME, alone=True, released=16384)
def _(x, name, v):
    held = []
    for _i in range(20):
        c = rawtcp.Connection(x.v4, 443)
        try:
            c.connect(x.wait)
        except (OSError, socket.timeout):
            continue
        held.append(c)
        for at in range(2, 400, 2):
            c.at(at * 150, b"\0")
    outcome = x.tls(name)
    for c in held:
        c.end = 0
        c.close()
    return outcome


def filter_pids(name):
    pids = []
    for pid in run("ip", "netns", "pids", os.environ["NS_GW"]).stdout.split():
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii") as comm:
                pids += [int(pid)] * (comm.read().strip() == name)
        except FileNotFoundError:
            pass
    return pids


@row(173, "a filter that is stopped or killed", BLOCK, alone=True, variants=[(name, how) for name in FILTER for how in ("STOP", "KILL")])
def _(x, name, v):
    pids = filter_pids(v[0])
    for pid in pids:
        os.kill(pid, getattr(signal, f"SIG{v[1]}"))
    x.wait = WAIT
    outcome = x.tls(name)
    if v[1] == "STOP":
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    if not eventually(20, lambda: x.tls(x.good) == "served"):
        raise RuntimeError("the good name is not served again")
    return outcome


@row(174, "a full table of connections: nothing passes, and the allowed name again when there is room", BLOCK, machine=True)
def _(x, name, v):
    limit = "net.netfilter.nf_conntrack_max"  # one for the whole machine, and the first namespace's to set
    of_machine = ("nsenter", "-t", "1", "-n", "sysctl", "-n")
    before = run(*of_machine, limit).stdout.strip()
    x.tls(x.good)
    if run(*of_machine, "-w", f"{limit}=1").returncode:
        raise RuntimeError("the limit cannot be set")
    try:
        x.wait = WAIT
        outcomes = {x.tls(name), x.tls(x.good)}
    finally:
        run(*of_machine, "-w", f"{limit}={before}")
    if not eventually(60, lambda: x.tls(x.good) == "served"):
        raise RuntimeError("the good name is not served again")
    return "served" if "served" in outcomes else "refused"


@row(175, "a policy that takes the name out while its hello is half read", BLOCK, alone=True, names=set(), released=500)
def _(x, name, v):
    policy, log = f"{x.dir}/policy/allowlist", f"{x.dir}/verdicts"
    data, before = small(x.good), len(lines(log))
    with socket.create_connection((x.v4, 443), x.wait) as s:
        s.sendall(data[:60])
        time.sleep(0.2)
        with open(policy, "a", encoding="ascii") as file:
            file.write(f"!{x.good}\n")
        if os.environ["GW_PID"]:
            os.kill(int(os.environ["GW_PID"]), signal.SIGHUP)
            eventually(5, lambda: any(r["event"] == "policy" for r in lines(log)[before:]))
        try:
            s.sendall(data[60:])
        except OSError as e:
            return e.strerror
        return rawtls.outcome(s, WAIT)


@row(176, "IPv6 beside IPv4", BY_NAME, variants=["tls", "quic"])
def _(x, name, v):
    return x.tls(name, address=x.v6) if v == "tls" else x.quic(f"hello={name}", address=x.v6)


@row(177, "one packet of 60 kB by segmentation offload, a hello in it", BY_NAME)
def _(x, name, v):
    return x.tls(None, data=small(name) + (b"\x17\x03\x03\x40\0" + b"EVIL" * 4096) * 4)


@row(178, "data right behind the hello, in the same queue", ALLOW, live=True)
def _(x, name, v):
    with x.get(name) as tls:
        tls.sendall(b"POST / HTTP/1.1\r\n\r\n" + os.urandom(400000))
        return "served" if tls.recv(100) else "closed"


@row(179, "names that would write into the log", BLOCK)
def _(x, name, v):
    inject = '\x1b[2J\n{"verdict":"allow"}\n.' + name
    x.tls(None, data=rawtls.records(rawtls.hello(inject)))
    x.ask(question(b"\x05\x1b[2J\n" + bytes([len("b179")]) + b"b179\4evil\4test\0"), wait=WAIT)
    x.tls(name)
    with open(f"{x.dir}/verdicts", "rb") as log:
        text = log.read()
    bad = b"\x1b" in text or any(line and not line.startswith(b"{\"v\":") for line in text.split(b"\n")[:-1])
    return "served" if bad else "refused"


@row(180, "resets and ICMP errors forged by the outside", ALLOW, live=True)
def _(x, name, v):
    with x.get(name) as tls:
        tls.sendall(b"GET / HTTP/1.1\r\n\r\n")
        tls.recv(100)
        outside = os.path.join(os.path.dirname(__file__), "outside.py")
        done = run("ip", "netns", "exec", os.environ["NS_OUT"], "/usr/bin/python3", outside, "forge",
                   x.v4, os.environ["GWOUT4"], str(tls.getsockname()[1]))
        if done.returncode:
            raise RuntimeError(done.stderr)
        time.sleep(0.3)
        tls.sendall(b"GET / HTTP/1.1\r\n\r\n")
        return "served" if tls.recv(100) else "closed"
