# SPDX-License-Identifier: GPL-3.0-or-later
"""What a row of the suite is, and what its client can do.

Row N has the addresses 203.0.113.N and 2001:db8::N to itself, the name aN.good.test, which the policy allows there, and
bN.evil.test, of the same length, which it does not.

@row(N, TEXT, VERDICT, ...) stands before a function of (x, name, v): x is the client, name the host to reach, v one of
the row's VARIANTS. It returns what came of it: "served", or anything else. VERDICT:

  BY_NAME  with the good name it must be served, with the evil one not
  BLOCK    the evil name alone: not served, and no server may have got any other name than the good one
  ALLOW    the good name alone

Options: variants; names (what servers may have got, beside the good one when it is a set with it); silent (no byte may
reach a server at the row's addresses); unjudged (the client's own outcome counts for nothing, only the servers');
released (bytes that may leave before a name is known); dns (the resolver's rules for the row); bound=False (nobody asks
for the name before); also (more addresses that are the row's); expects (more declarations for the capture);
only_servers (and no others); live, strict, alone, machine: see suite.py. A variant {"only": VERDICT} is tried for that verdict.
"""
import argparse
import json
import os
import random
import socket
import ssl
import struct
import subprocess
import sys
import time

SUPPORT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support")
sys.path[:0] = [SUPPORT, os.path.join(SUPPORT, "clients")]
import dns  # noqa: E402
import rawhttp  # noqa: E402
import rawquic  # noqa: E402
import rawtcp  # noqa: E402
import rawtls  # noqa: E402

BY_NAME, BLOCK, ALLOW = "by name", "blocked", "allowed"
ROWS, NOT_TESTABLE = {}, {}
WAIT = 1.5  # seconds for what is not to be answered
# for what is; with plain forwarding nothing is awaited
PATIENCE = 3 if os.environ.get("MODE") == "plain" else 60 if os.environ.get("SECCTL_VM") else 15


class Row:
    def __init__(self, number, text, verdict, how, options):
        self.number, self.text, self.verdict, self.how = number, text, verdict, how
        self.variants = options.pop("variants", [{}])
        self.good, self.evil = f"a{number:03}.good.test", f"b{number:03}.evil.test"
        self.v4, self.v6 = f"203.0.113.{number}", f"2001:db8::{number}"
        self.names = options.pop("names", {self.good})
        self.silent, self.unjudged = options.pop("silent", False), options.pop("unjudged", False)
        self.released = options.pop("released", 0)
        self.bound = options.pop("bound", True)
        self.dns = options.pop("dns", [f"{self.good}={self.v4},{self.v6}"])
        self.only_servers = options.pop("only_servers", False)
        self.also, self.expects = options.pop("also", []), options.pop("expects", [])
        self.phase = [p for p in ("live", "strict", "alone", "machine") if options.pop(p, False)] or ["parallel"]
        assert not options, options

    def asks(self):
        return [self.good] if self.bound else []


def row(number, text, verdict, **options):
    def keep(how):
        assert number not in ROWS, number
        ROWS[number] = Row(number, text, verdict, how, options)
        return how
    return keep


def untestable(number, text, why):
    NOT_TESTABLE[number] = (text, why)


def small(name, **options):
    """A hello in one record that fits one segment; for names of equal length of equal length."""
    return rawtls.records(rawtls.hello(name, shares=[(rawtls.X25519, rawtcp.SHARE[1])], **options))


def inside(data, name):
    """An offset in the middle of name."""
    return data.index(name.encode("latin-1")) + len(name) // 2


def ethernet(packet, kind=None):
    """Send an IP packet as it is, past the kernel's own IP."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
        s.bind(("in0", 0))
        mac = s.getsockname()[4]
        kind = kind or {4: 0x0800, 6: 0x86DD}[packet[0] >> 4]
        s.send(bytes.fromhex(os.environ["GATEWAY_MAC"].replace(":", "")) + mac + struct.pack(">H", kind) + packet)


def ip4(source, to, protocol, payload, options=b"", offset=0, more=False, number=None, length=None, ttl=64):
    """offset: in bytes."""
    size = 20 + len(options) + len(payload)
    head = struct.pack(">BBHHHBBH4s4s", 0x40 | (20 + len(options)) // 4, 0, size if length is None else length,
                       random.getrandbits(16) if number is None else number, more << 13 | offset // 8, ttl, protocol, 0,
                       socket.inet_aton(source), socket.inet_aton(to)) + options
    return head[:10] + struct.pack(">H", rawtcp.checksum(head)) + head[12:] + payload


def ip6(source, to, following, payload):
    ends = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, to)
    return struct.pack(">IHBB", 0x60000000, len(payload), following, 64) + ends + payload


def ip(source, to, protocol, payload):
    return (ip6 if ":" in to else ip4)(source, to, protocol, payload)


def udp(source, to, sport, dport, data):
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    head = struct.pack(">HHH", sport, dport, 8 + len(data))
    ends = socket.inet_pton(family, source) + socket.inet_pton(family, to) + struct.pack(">II", 8 + len(data), 17)
    return head + struct.pack(">H", rawtcp.checksum(ends + head + b"\0\0" + data) or 0xFFFF) + data


def fragments(source, to, protocol, payload, size, order=None):
    """IPv4 fragments of size bytes each."""
    number = random.getrandbits(16)
    made = [ip4(source, to, protocol, payload[at:at + size], offset=at, more=at + size < len(payload), number=number)
            for at in range(0, len(payload), size)]
    return made if order is None else [made[i] for i in order(len(made))]


class Client:
    """One for each attempt of a row."""

    def __init__(self, a_row):
        self.row, self.v4, self.v6 = a_row, a_row.v4, a_row.v6
        self.good, self.evil, self.number = a_row.good, a_row.evil, a_row.number
        self.dir = os.environ["T"]
        self.wait = PATIENCE

    # --- TLS over the kernel's TCP

    def tls(self, name, address=None, data=None, cuts=(), **options):
        """By rawtls.py; data: in place of a hello for name."""
        args = argparse.Namespace(
            address=address or self.v4, name=name, port=443, pq=False, segment=0, record_size=16384, pause=0, no_sni=False,
            ech=False, raw=None, hrr=None, ccs=False, tfo=False, mptcp=False, ttl=None, source=None, sport=None,
            wait=self.wait)
        vars(args).update(options)
        return rawtls.attempt(args, rawtls.first_bytes(args) if data is None else data, list(cuts))

    def get(self, name, address=None, setup=None, port=443):
        """A connection of Python's ssl, up to the end of its handshake."""
        s = socket.create_connection((address or self.v4, port), self.wait)
        if setup:
            setup(s)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(s, server_hostname=name)

    # --- a TCP of our own

    def tcp(self, do, address=None, port=443, connect=None, wait=None):
        """do: steps of rawtcp.py, or a function of the connection."""
        c = rawtcp.Connection(address or self.v4, port)
        wait = wait or self.wait
        try:
            c.connect(self.wait, **(connect or {}))
            if callable(do):
                do(c)
            else:
                for step in do:
                    rawtcp.take(c, step)
            return c.outcome(wait)
        except socket.timeout:
            return "timeout"
        except ConnectionError:
            return "reset"
        finally:
            c.close()

    def from_to(self, v6=False):
        return (os.environ["IN6"], self.v6) if v6 else (os.environ["IN4"], self.v4)

    # --- QUIC, HTTP, DNS

    def quic(self, *steps, address=None, port=443):
        """The last step's outcome, "served" for any answer to a hello."""
        client = rawquic.Client(address or self.v4, port, PATIENCE)
        with client.socket:
            for step in steps[:-1]:
                client.run(step)
            client.wait = WAIT if self.row.verdict == BLOCK else self.wait
            last = client.run(steps[-1])
        return "served" if last in ("served", "retry", "versions") else last

    def initials(self, scid, datagrams, address=None):
        """Datagrams made by hand, and what came for the connection with this source ID."""
        client = rawquic.Client(address or self.v4, 443, self.wait)
        with client.socket:
            client.scid = scid
            try:
                client.send(datagrams)
                return client.answer()
            except OSError as e:
                return e.strerror

    def http(self, *pieces, address=None, port=80):
        """Statuses and the end, as one line; "served" before it when all were 2xx."""
        try:
            client = rawhttp.Client(address or self.v4, port, self.wait)
        except OSError as e:
            return str(e)
        for piece in pieces:
            if client.end != "reset":
                client.run(piece)
        while client.end is None and client.answer():
            pass
        client.s.close()
        codes = [line.split()[1] for line in client.statuses]
        is_served = bool(codes) and all(code[0] == "2" for code in codes)
        return "served" if is_served else " ".join(codes + [client.end])

    def ask(self, message, server=None, tcp=False, wait=None, source=None, nr=1):
        """A DNS message, as it is; the answer or None. tcp: a list of pieces, and the first with a record of nr answers."""
        server = server or os.environ["GATEWAY4"]
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        try:
            if not tcp:
                with socket.socket(family, socket.SOCK_DGRAM) as s:
                    s.settimeout(wait or self.wait)
                    s.bind((source or "", 0))
                    s.connect((server, 53))
                    s.send(message)
                    return s.recv(65535)
            with socket.create_connection((server, 53), wait or self.wait) as s:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for piece in message:
                    s.sendall(piece)
                with s.makefile("rb") as stream:
                    answers = [stream.read(struct.unpack(">H", stream.read(2))[0]) for _ in range(nr)]
                    return next(filter(found, answers), answers[0])
        except (OSError, struct.error):
            return None


    def resolve(self, *args, **options):
        """ask(), where an address in the answer is "served"."""
        answer = self.ask(*args, **options)
        return "nothing" if answer is None else "served" if found(answer) else f"code {answer[3] & 15}"


def found(answer):
    """Does it hold a record?"""
    return struct.unpack(">H", answer[6:8])[0] > 0


def run(*command, timeout=20, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, **options)


addresses = dns.addresses


def question(name, kind=1, of=1, flags=0x0100, number=0x4444, counts=(1, 0, 0, 0), more=b""):
    """A DNS message; name: text, or its bytes as they are."""
    name = name if isinstance(name, bytes) else dns.pack_name(name)
    return struct.pack(">6H", number, flags, *counts) + name + struct.pack(">HH", kind, of) + more


def in_gateway(*command):
    return run("ip", "netns", "exec", os.environ["NS_GW"], *command).stdout


def eventually(seconds, true):
    end = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def lines(path):
    """JSON lines so far."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return [json.loads(line) for line in file if line.endswith("\n") and line.startswith("{")]
    except FileNotFoundError:
        return []
