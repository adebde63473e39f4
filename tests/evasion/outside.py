#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an accomplice on the outside does.

outside.py split ADDRESS LOG          answers a SYN to ADDRESS by a SYN of its own, and acknowledges what answers that
outside.py forge ADDRESS TO PORT      a RST and ICMP errors, as if from ADDRESS port 443, into a connection to TO
"""
import json
import os
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from kit import ip4  # noqa: E402
import rawtcp  # noqa: E402


def raw(packet, to):
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as s:
        s.sendto(packet, (to, 0))


def segment(source, sport, to, dport, seq, ack, flags, options=b""):
    c = rawtcp.Connection.__new__(rawtcp.Connection)
    c.family, c.source, c.address, c.sport, c.port = socket.AF_INET, source, to, sport, dport
    c.ack, c.md5, c.bad_sum = ack, False, False
    raw(ip4(source, to, 6, c.packet(seq, flags, options=options)), to)


def split(address, log):
    isn = 7000000
    seen = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    with open(log, "a", buffering=1, encoding="ascii") as out, seen as s:
        print(json.dumps({"ready": True}), file=out)
        while True:
            packet = s.recv(65535)
            at = (packet[0] & 15) * 4
            if packet[9] != 6 or packet[16:20] != socket.inet_aton(address):
                continue
            source = socket.inet_ntoa(packet[12:16])
            sport, dport, seq, _, offset, flags = struct.unpack(">HHIIBB", packet[at:at + 14])
            data = packet[at + (offset >> 4) * 4:struct.unpack(">H", packet[2:4])[0]]
            if flags & rawtcp.SYN and not flags & rawtcp.ACK:
                segment(address, dport, source, sport, isn, 0, rawtcp.SYN, struct.pack(">BBH", 2, 4, 1400))
            elif flags & rawtcp.SYN:
                segment(address, dport, source, sport, isn + 1, seq + 1, rawtcp.ACK)
            elif data:
                print(json.dumps({"to": address, "port": dport, "head": data[:64].hex()}), file=out)


def forge(address, to, port):
    for seq in (1, 0x7FFFFFFF, 0xF0000000):
        segment(address, 443, to, int(port), seq, 0, rawtcp.RST)
        segment(address, 443, to, int(port), seq, 5, rawtcp.RST | rawtcp.ACK)
    inner = ip4(to, address, 6, struct.pack(">HHI", int(port), 443, 12345))
    for code in (1, 3, 13):
        body = struct.pack(">BBHI", 3, code, 0, 0) + inner
        raw(ip4(address, to, 1, body[:2] + struct.pack(">H", rawtcp.checksum(body)) + body[4:]), to)


{"split": split, "forge": forge}[sys.argv[1]](*sys.argv[2:])
