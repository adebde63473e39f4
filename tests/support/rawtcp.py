#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TCP client in user space, which sends segments as it is told to.

rawtcp.py ADDRESS [--port N] STEP...   The source port is one of 20000 to 29999, for which the kernel must
not answer with resets: rawtcp.py --rules prints what nft has to load. STEPs, in order:

  OFFSET:NAME[:FROM-TO]  bytes FROM to TO of a ClientHello for NAME, at stream offset OFFSET+FROM
  OFFSET=HEX             these bytes at OFFSET
  next:NAME              a ClientHello for NAME behind all that was sent
  ack:N                  acknowledge N bytes of the server's stream
  fin rst syn            such a segment;  urg:OFFSET=HEX  with an urgent pointer
  ttl:N                  what follows is sent with this TTL (0: the usual)
  badsum                 the next segment has a wrong checksum
  md5                    the next segment has an MD5 option
  header:KIND            the next segment stands behind an IPv6 extension header (hop, dst, route), or in an IPv4 packet
                         with options (nop)
  frag:N                 what follows is sent in IP fragments of N bytes, a multiple of 8, the last one first if N is
                         negative (0: whole)
  sleep:SECONDS
  permute:N:NAME         the hello cut into N pieces, in every order, one connection each, and all their cuts
                         in steps (see --step): prints counts
All hellos of one run have the same length for names of equal length. Prints the outcome as rawtls.py does.
"""
import argparse
import collections
import itertools
import os
import random
import socket
import struct
import sys
import time

import rawtls

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
MARK = 7
RULES = f"""table inet rawtcp {{
    chain keep {{
        type filter hook output priority 0
        tcp sport 20000-29999 tcp flags & rst == rst meta mark != {MARK} drop
    }}
}}"""
SHARE = os.urandom(1216), os.urandom(32)
# a port a millisecond: none comes again within the 10 s that conntrack remembers a reset one
PORTS = itertools.count(time.monotonic_ns() // 1000000)
# A HelloRetryRequest repeats it, so that what the server sends again from there on looks like a ServerHello.
SESSION = bytes.fromhex("16030300") + b"z\2" + bytes(26)


def hello(name):
    shares = [(rawtls.X25519MLKEM768, SHARE[0]), (rawtls.X25519, SHARE[1])]
    return rawtls.records(rawtls.hello(name, pq=True, shares=shares, session=SESSION))


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def own_address(address, family):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.connect((address, 9))
        return s.getsockname()[0]




# what setsockopt() takes for the header of the next packet: its name, and its bytes
HEADERS = {
    "hop": (54, bytes([0, 0, 1, 4, 0, 0, 0, 0])),  # IPV6_HOPOPTS: padding
    "dst": (59, bytes([0, 0, 1, 4, 0, 0, 0, 0])),  # IPV6_DSTOPTS
    "route": (57, None),  # IPV6_RTHDR: type 4 (RFC 8754), all of its way behind it
    "nop": (socket.IP_OPTIONS, bytes([1, 1, 1, 1])),
}


class Connection:
    def __init__(self, address, port):
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.address, self.port = address, port
        self.source = own_address(address, self.family)
        self.sport = 20000 + next(PORTS) % 10000
        time.sleep(0.001)
        self.isn = random.getrandbits(32)
        self.ack = self.start = self.end = 0
        self.data = {}
        self.is_reset = self.bad_sum = self.md5 = False
        self.frag, self.header = 0, None
        self.fin_at = None  # where the peer's stream ends
        self.s = socket.socket(self.family, socket.SOCK_RAW, socket.IPPROTO_TCP)
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)

    def ttl(self, n):
        if self.family == socket.AF_INET:
            self.s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, n or 64)
        else:
            self.s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, n or 64)

    def packet(self, seq, flags, data=b"", options=b"", urgent=0):
        """A segment's bytes, from the TCP header on."""
        if self.md5:
            options += b"\x13\x12" + bytes(16) + b"\1\1"
        ack = self.ack if flags & ACK else 0
        head = struct.pack(">HHIIBBHHH", self.sport, self.port, seq & 0xFFFFFFFF, ack, (20 + len(options)) // 4 << 4,
                           flags, 64000, 0, urgent) + options
        ends = socket.inet_pton(self.family, self.source) + socket.inet_pton(self.family, self.address)
        length = len(head) + len(data)
        total = checksum(ends + struct.pack(">II", length, 6) + head + data)
        if self.bad_sum:
            total ^= 0x5555
        self.bad_sum = self.md5 = False
        return head[:16] + struct.pack(">H", total) + head[18:] + data

    def segment(self, *args, **kwargs):
        self.send(self.packet(*args, **kwargs))

    def send(self, body):
        level = socket.IPPROTO_IP if self.family == socket.AF_INET else socket.IPPROTO_IPV6
        if self.frag:
            for piece in self.fragments(body):
                self.whole.sendto(piece, (self.address, 0))
            return
        if self.header:
            name, value = HEADERS[self.header]
            route = struct.pack(">BBBBBBH", 0, 2, 4, 0, 0, 0, 0) + socket.inet_pton(self.family, self.address)
            self.s.setsockopt(level, name, value or route)
        self.s.sendto(body, (self.address, 0))
        if self.header:
            self.s.setsockopt(level, HEADERS[self.header][0], b"")
        self.header = None

    def fragments(self, body):
        """Packets with their IP headers."""
        size, number = abs(self.frag), random.getrandbits(16)
        ends = socket.inet_pton(self.family, self.source) + socket.inet_pton(self.family, self.address)
        pieces = []
        for at in range(0, len(body), size):
            piece, more = body[at:at + size], at + size < len(body)
            if self.family == socket.AF_INET:
                head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(piece), number, more << 13 | at // 8, 64, 6, 0) + ends
            else:
                head = struct.pack(">IHBB", 6 << 28, 8 + len(piece), 44, 64) + ends
                head += struct.pack(">BBHI", 6, 0, at | more, number)
            pieces.append(head + piece)
        return pieces if self.frag > 0 else pieces[::-1]

    def cut(self, size):
        self.frag = size
        self.whole = socket.socket(self.family, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.whole.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)

    def at(self, offset, data, flags=PSH | ACK, urgent=0):
        self.end = max(self.end, offset + len(data))
        self.segment(self.isn + 1 + offset, flags, data, urgent=urgent)

    def read(self, seconds):
        """Take one packet of ours into account; False when none came."""
        self.s.settimeout(max(0.001, seconds))
        try:
            packet = self.s.recv(65535)
        except (socket.timeout, BlockingIOError):
            return False
        if self.family == socket.AF_INET:
            packet = packet[(packet[0] & 15) * 4:]
        sport, dport, seq, _, offset, flags = struct.unpack(">HHIIBB", packet[:14])
        if (sport, dport) != (self.port, self.sport):
            return True
        data = packet[(offset >> 4) * 4:]
        if flags & RST:
            self.is_reset = True
        elif flags & SYN:
            self.peer_isn = seq
            self.start = self.ack = (seq + 1) & 0xFFFFFFFF
        elif self.ack:
            at = (seq - self.peer_isn - 1) & 0xFFFFFFFF
            if data:
                self.data.setdefault(at, data)
            if flags & FIN:
                self.fin_at = at + len(data)
        return True

    def connect(self, wait, options=b"", flags=SYN, is_acknowledged=True):
        """Until the server's SYN came. options: behind the MSS, a multiple of four bytes."""
        self.segment(self.isn, flags, options=struct.pack(">BBH", 2, 4, 1400) + options)
        end = time.monotonic() + wait
        while not self.ack and not self.is_reset:
            if not self.read(end - time.monotonic()) and time.monotonic() > end:
                raise socket.timeout
        if self.is_reset:
            raise ConnectionRefusedError
        if is_acknowledged:
            self.at(0, b"", ACK)

    def outcome(self, wait):
        end = time.monotonic() + wait
        while True:
            stream = b""
            while len(stream) in self.data:
                stream += self.data[len(stream)]
            if kind := rawtls.server_hello_kind(stream):
                return kind
            if self.is_reset:
                return "reset"
            if self.fin_at is not None and len(stream) >= self.fin_at:  # its end may come before its data
                return "closed"
            if not self.read(end - time.monotonic()) and time.monotonic() > end:
                return "timeout"

    def close(self):
        if not self.is_reset:
            self.ttl(0)
            # where the server expects it, so that connection tracking forgets the ports
            self.segment(self.isn + 1 + self.end, RST | ACK)
        self.s.close()


def take(c, step):
    kind, _, value = step.partition(":")
    if kind == "sleep":
        time.sleep(float(value))
    elif kind == "ttl":
        c.ttl(int(value))
    elif kind == "header":
        c.header = value
    elif kind == "frag":
        c.cut(int(value))
    elif kind == "ack":
        c.ack = (c.start + int(value)) & 0xFFFFFFFF
        c.at(c.end, b"", ACK)
    elif kind == "badsum":
        c.bad_sum = True
    elif kind == "md5":
        c.md5 = True
    elif kind in ("fin", "rst", "syn"):
        c.at(0, b"", {"fin": FIN | ACK, "rst": RST, "syn": SYN}[kind])
    elif kind == "urg":
        offset, _, raw = value.partition("=")
        c.at(int(offset), bytes.fromhex(raw), PSH | ACK | URG, 1)
    elif "=" in step:
        offset, _, raw = step.partition("=")
        c.at(int(offset), bytes.fromhex(raw))
    else:
        kind = c.end if kind == "next" else int(kind)
        name, _, part = value.partition(":")
        first, _, last = part.partition("-")
        data = hello(name)
        first, last = int(first or 0), int(last or len(data))
        for at in range(first, last, 1400):
            c.at(kind + at, data[at:min(at + 1400, last)])


def attempt(args, do):
    c = Connection(args.address, args.port)
    try:
        c.connect(args.wait)
        do(c)
        return c.outcome(args.wait)
    except socket.timeout:
        return "timeout"
    except ConnectionError:
        return "reset"
    finally:
        c.close()


def permuted(args, count, name):
    counts = collections.Counter()
    data = hello(name)
    for cut in range(1, len(data) - count, args.step):
        # pieces that no segment is too small for
        edges = [0, cut] + [cut + (len(data) - cut) * i // (count - 1) for i in range(1, count)]
        if max(b - a for a, b in zip(edges, edges[1:])) > 1400:
            continue
        for order in itertools.permutations(range(count)):
            def do(c, edges=edges, order=order):
                for i in order:
                    c.at(edges[i], data[edges[i]:edges[i + 1]])
            counts[attempt(args, do)] += 1
    return counts


def main():
    if sys.argv[1:] == ["--rules"]:
        print(RULES)
        return 0
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--port", type=int, default=443)
    parser.add_argument("--wait", type=float, default=4)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("steps", nargs="+")
    args = parser.parse_args()
    if args.steps[0].startswith("permute:"):
        _, count, name = args.steps[0].split(":")
        counts = permuted(args, int(count), name)
        print(", ".join(f"{kind} {n}" for kind, n in counts.items()))
        return 0 if set(counts) == {"served"} else 1

    def do(c):
        for step in args.steps:
            take(c, step)
    kind = attempt(args, do)
    print(kind)
    return 0 if kind == "served" else 1


if __name__ == "__main__":
    sys.exit(main())
