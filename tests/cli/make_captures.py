#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small captures for tests/cli/replay.sh.

make_captures.py DIRECTORY   writes the captures
make_captures.py show        prints records from standard input, one line each: event verdict reason
                             name source-port, and "agent=..." when it is not "agent"
"""
import ipaddress
import json
import os
import struct
import sys

CLIENT, CLIENT6 = "198.18.0.2", "2001:db8:1::2"
GOOD, OTHER, GOOD6 = "203.0.113.9", "203.0.113.10", "2001:db8:2::9"
RESOLVER = "198.51.100.53"
START = 1700000000
SYN, ACK, FIN = 2, 16, 1
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


def vec(width, data):
    return len(data).to_bytes(width, "big") + data


def extension(number, data):
    return struct.pack(">H", number) + vec(2, data)


def record(data, kind=22):
    return bytes([kind, 3, 1]) + vec(2, data)


def client_hello(name):
    extensions = extension(43, b"\x02\x03\x04")
    if name is not None:
        extensions += extension(0, vec(2, b"\0" + vec(2, name.encode())))
    body = b"\x03\x03" + bytes(32) + vec(1, b"") + vec(2, b"\x13\x01") + vec(1, b"\0") + vec(2, extensions)
    return record(b"\x01" + vec(3, body))


def server_hello(random=bytes(32)):
    body = b"\x03\x03" + random + vec(1, b"") + b"\x13\x01\0" + vec(2, extension(43, b"\x03\x04"))
    return record(b"\x02" + vec(3, body))


def ip(src, dst, protocol, data):
    a, b = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    if a.version == 6:
        return struct.pack(">IHBB", 0x60000000, len(data), protocol, 64) + a.packed + b.packed + data
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(data), 0, 0, 64, protocol, 0) + a.packed + b.packed + data


def udp(src, sport, dst, dport, data):
    return ip(src, dst, 17, struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data)


def tcp(src, sport, dst, dport, seq, ack, flags, data=b""):
    return ip(src, dst, 6, struct.pack(">HHIIBBHHH", sport, dport, seq & 0xffffffff, ack, 0x50, flags,
                                       65535, 0, 0) + data)


def wire_name(name):
    return b"".join(vec(1, label.encode()) for label in name.split(".")) + b"\0"


def query(name, kind=1, number=0x1234):
    return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + wire_name(name) + struct.pack(">HH", kind, 1)


def answer(name, address, kind=1, number=0x1234):
    data = ipaddress.ip_address(address).packed
    return (struct.pack(">HHHHHH", number, 0x8180, 1, 1, 0, 0) + wire_name(name) + struct.pack(">HH", kind, 1)
            + b"\xc0\x0c" + struct.pack(">HHI", kind, 1, 300) + vec(2, data))


def asked(name, address, kind=1, sport=5353):
    return [udp(CLIENT, sport, RESOLVER, 53, query(name, kind)),
            udp(RESOLVER, 53, CLIENT, sport, answer(name, address, kind))]


class Connection:
    """One TCP connection: each call returns packets."""

    def __init__(self, sport, server=GOOD, client=CLIENT, dport=443):
        self.up = (client, sport, server, dport)
        self.down = (server, dport, client, sport)
        self.seq, self.ack = 0xfffffff0 + sport, 5000

    def open(self):
        self.seq += 1
        self.ack += 1
        return [tcp(*self.up, self.seq - 1, 0, SYN), tcp(*self.down, self.ack - 1, self.seq & 0xffffffff, SYN | ACK),
                tcp(*self.up, self.seq, self.ack, ACK)]

    def say(self, data, cut=None):
        parts = [data] if cut is None else [data[i:i + cut] for i in range(0, len(data), cut)]
        packets = []
        for part in parts:
            packets.append(tcp(*self.up, self.seq, self.ack, ACK, part))
            self.seq += len(part)
        return packets

    def hear(self, data):
        packet = tcp(*self.down, self.ack, self.seq & 0xffffffff, ACK, data)
        self.ack += len(data)
        return [packet]

    def hello(self, name, cut=None):
        return self.open() + self.say(client_hello(name), cut) + self.hear(server_hello()) + self.say(record(b"x", 23))


def pcap(path, packets, link_type=101, step_us=1000):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, link_type))
        for number, packet in enumerate(packets):
            us = number * step_us
            file.write(struct.pack("<IIII", START + us // 1000000, us % 1000000, len(packet), len(packet)) + packet)


def pcapng(path, packets, link_type=101):
    def block(kind, body):
        body += bytes(-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

    with open(path, "wb") as file:
        file.write(block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1)))
        file.write(block(1, struct.pack("<HHI", link_type, 0, 262144)))
        for number, packet in enumerate(packets):
            us = START * 1000000 + number * 1000
            file.write(block(6, struct.pack("<IIIII", 0, us >> 32, us & 0xffffffff, len(packet), len(packet)) + packet))


def judged():
    """Names and addresses, with the capture's own DNS answers."""
    packets = asked("allowed.test", GOOD) + asked("allowed.test", GOOD6, 28, 5354) + asked("denied.test", OTHER, 1, 5355)
    packets += Connection(40001).hello("allowed.test")
    packets += Connection(40002, GOOD6, CLIENT6).hello("ALLOWED.test", cut=1)
    packets += Connection(40003).hello("denied.test")
    packets += Connection(40004, OTHER).hello("allowed.test")
    packets += Connection(40005).hello(None)
    packets += Connection(40006).open() + [udp(CLIENT, 40007, GOOD, 443, b"\xc0")]
    return packets


def retried(second):
    c = Connection(40001)
    return (c.open() + c.say(client_hello("allowed.test")) + c.hear(server_hello(RETRY))
            + c.say(record(b"\x01", 20) + client_hello(second)) + c.hear(server_hello()))


def over_tcp():
    c = Connection(40001, RESOLVER, dport=53)
    packets = c.open() + c.say(vec(2, query("allowed.test")) + vec(2, query("denied.test")), cut=7)
    return packets + c.hear(vec(2, answer("allowed.test", GOOD))) + Connection(40002).hello("allowed.test")


def fragmented():
    packet = tcp(CLIENT, 40001, GOOD, 443, 7, 0, ACK, client_hello("denied.test"))
    cut = 20 + 24
    first = packet[:2] + struct.pack(">HHH", cut, 9, 0x2000) + packet[8:cut]
    second = packet[:2] + struct.pack(">HHH", 20 + len(packet) - cut, 9, 3) + packet[8:20] + packet[cut:]
    return [second, first]


def write_all(directory):
    def at(name):
        return os.path.join(directory, name)

    pcap(at("judged.pcap"), judged())
    pcapng(at("judged.pcapng"), judged())
    pcap(at("ethernet.pcap"), [bytes(12) + b"\x81\0\0\5" + (b"\x08\0" if p[0] >> 4 == 4 else b"\x86\xdd") + p
                               for p in judged()] + [bytes(12) + b"\x08\x06" + bytes(28)], 1)
    c = Connection(40001)
    pcap(at("half.pcap"), c.open() + c.say(client_hello("allowed.test")[:60]))
    pcap(at("late.pcap"), Connection(40001).hello("denied.test")[2:] + Connection(40002).hello("denied.test")[-1:])
    pcap(at("retry-same.pcap"), retried("allowed.test"))
    pcap(at("retry-other.pcap"), retried("denied.test"))
    pcap(at("dns-tcp.pcap"), over_tcp())
    pcap(at("plain.pcap"), Connection(40001, "203.0.113.77", dport=22).open()
         + Connection(40002, "203.0.113.77", dport=25).open())
    pcap(at("ports.pcap"), Connection(40001, OTHER, dport=22).open() + Connection(40002, OTHER, dport=25).open()
         + [udp(CLIENT, 40003, OTHER, 123, b"\x23" + bytes(47)), udp(CLIENT, 40004, OTHER, 5060, b"\xc0" + bytes(1250)),
            udp(CLIENT, 40005, OTHER, 443, b"\xc0" + bytes(1250))])
    pcap(at("fragments.pcap"), fragmented())
    pcap(at("outside.pcap"), Connection(40001, CLIENT, GOOD).hello("denied.test") + Connection(40002).hello("denied.test"))
    pcap(at("unknown.pcap"), judged(), 189)
    with open(at("judged.pcap"), "rb") as whole, open(at("truncated.pcap"), "wb") as cut:
        cut.write(whole.read()[:-3])
    with open(at("text.pcap"), "w", encoding="ascii") as text:
        text.write("this is no capture, though it is long enough to be one\n")


def show():
    for line in sys.stdin:
        r = json.loads(line)
        words = [r["event"], r["verdict"], r["reason"], r.get("name", "-") or "-", str(r.get("sport", "-"))]
        if r.get("agent") != "agent":
            words.append("agent=" + r.get("agent", ""))
        print(*words)


if sys.argv[1] == "show":
    show()
else:
    write_all(sys.argv[1])
