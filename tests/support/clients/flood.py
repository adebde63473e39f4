#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an agent can send when it means harm; from SOURCE, one of its addresses.

flood.py names SOURCE SERVER COUNT SUFFIX
                   questions for COUNT names below SUFFIX, all different, 64 of them under way at a time
flood.py flows SOURCE COUNT PART SECONDS TARGET@PORT...
                   COUNT TCP connections; each sends PART of a ClientHello ("none", "half", or "island": its end
                   without its beginning, by a raw socket) and stays, until SECONDS have passed
flood.py sink PORT...
                   a server that takes connections and does nothing
Prints one JSON object: what became of them.
"""
import errno
import itertools
import json
import os
import resource
import select
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import rawtls  # noqa: E402

TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ, TCP_RECV_QUEUE, TCP_SEND_QUEUE = 19, 20, 21, 1, 2
WINDOW, PATIENCE, EVERY = 64, 2, 500


def names(source, server, count, suffix):
    tail = b"".join(bytes([len(p)]) + p.encode() for p in suffix.split(".")) + b"\0\0\1\0\1"
    tag = b"%x" % (time.time_ns() & 0xffffffff)
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    s.bind((source, 0))
    s.connect((server, 53))
    s.settimeout(PATIENCE)
    sent = answered = under_way = 0
    codes = {}
    while sent < count or under_way:
        if sent < count and under_way < WINDOW:
            label = tag + b"-%x" % sent
            s.send((sent & 0xffff).to_bytes(2, "big") + b"\1\0\0\1\0\0\0\0\0\0" + bytes([len(label)]) + label + tail)
            sent += 1
            under_way += 1
            continue
        try:
            code = s.recv(4096)[3] & 15
        except (TimeoutError, ConnectionRefusedError):
            under_way = 0  # they are lost
            continue
        under_way -= 1
        answered += 1
        codes[code] = codes.get(code, 0) + 1
    return {"sent": sent, "answered": answered, "codes": codes}


class Flows:
    def __init__(self, source, part):
        hello = rawtls.records(rawtls.hello("allowed.test", pq=True))
        self.bytes = {"none": b"", "half": hello[:700], "island": b""}[part]
        self.island = hello[700:900] if part == "island" else b""
        self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) if self.island else None
        self.source, self.poll, self.waiting, self.open = source, select.epoll(), {}, []
        self.counts = {"asked": 0, "connected": 0, "refused": 0, "closed": 0}

    def ask(self, target, port):
        s = socket.socket()
        s.setblocking(False)
        s.setsockopt(socket.SOL_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT: the port is for the pair
        s.bind((self.source, 0))
        try:
            s.connect_ex((target, port))
        except OSError as e:
            if e.errno != errno.EADDRNOTAVAIL:
                raise
        self.counts["asked"] += 1
        self.waiting[s.fileno()] = s
        self.poll.register(s, select.EPOLLOUT)

    def answers(self, timeout):
        for fd, _ in self.poll.poll(timeout, 4096):
            s = self.waiting.pop(fd)
            self.poll.unregister(fd)
            if s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self.counts["refused"] += 1
                s.close()
                continue
            self.counts["connected"] += 1
            if self.bytes:
                s.send(self.bytes)
            if self.island:
                self.send_island(s)
            self.open.append(s)

    def send_island(self, s):
        """A segment 700 bytes ahead of what the connection has sent."""
        numbers = []
        s.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
        for queue in TCP_SEND_QUEUE, TCP_RECV_QUEUE:
            s.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, queue)
            numbers.append(s.getsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ) & 0xffffffff)
        s.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, -1)
        (own, sport), (peer, dport) = s.getsockname(), s.getpeername()
        head = struct.pack("!HHIIBBHHH", sport, dport, (numbers[0] + 700) & 0xffffffff, numbers[1], 0x50, 0x18,
                           1000, 0, 0)
        pseudo = socket.inet_aton(own) + socket.inet_aton(peer) + struct.pack("!HH", 6, len(head) + len(self.island))
        total = sum(struct.unpack(f"!{(len(pseudo + head + self.island)) // 2}H", pseudo + head + self.island))
        while total >> 16:
            total = (total & 0xffff) + (total >> 16)
        head = head[:16] + struct.pack("!H", ~total & 0xffff) + head[18:]
        self.raw.bind((own, 0))
        self.raw.sendto(head + self.island, (peer, 0))

    def ended(self):
        for s in self.open:
            try:
                self.counts["closed"] += s.recv(1) == b""
            except BlockingIOError:
                pass
            except OSError:
                self.counts["closed"] += 1


def flows(source, count, part, seconds, targets):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    all_of_them, end = Flows(source, part), time.monotonic() + seconds
    for n, target in zip(range(count), itertools.cycle(targets)):
        address, port = target.split("@")
        all_of_them.ask(address, int(port))
        if n % EVERY == 0:
            all_of_them.answers(0)
        if time.monotonic() > end:
            break
    while time.monotonic() < end:
        all_of_them.answers(0.2)
    all_of_them.ended()
    return all_of_them.counts | {"unanswered": len(all_of_them.waiting)}


def sink(ports):
    """The kernel takes connections by itself, as many as it is told; nobody ever asks for them."""
    with open("/proc/sys/net/core/somaxconn", "w", encoding="ascii") as file:
        file.write("65535")
    with open("/proc/sys/net/ipv4/tcp_max_syn_backlog", "w", encoding="ascii") as file:
        file.write("65535")
    listeners = []
    for port in ports:
        listeners.append(socket.create_server(("0.0.0.0", int(port)), backlog=65535))
    print("ready", flush=True)
    while True:
        time.sleep(1000)


def main():
    kind, source = sys.argv[1:3]
    if kind == "sink":
        sink(sys.argv[2:])
    if kind == "names":
        server, count, suffix = sys.argv[3:]
        result = names(source, server, int(count), suffix)
    else:
        count, part, seconds = sys.argv[3:6]
        result = flows(source, int(count), part, float(seconds), sys.argv[6:])
    print(json.dumps(result))


main()
