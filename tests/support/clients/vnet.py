#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""vnet.py ADDRESS NAME DEVICE GATEWAY_MAC: a ClientHello for NAME whose first two letters are to become "xx" later.

A sender on the same host may leave a packet's checksum to whoever sends it on, and say where it goes
(PACKET_VNET_HDR, as virtual machines do): here over the name, where the sum comes out as "xx".
Prints the outcome as rawtls.py does.
"""
import os
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import rawtcp  # noqa: E402
import rawtls  # noqa: E402

SOL_PACKET, PACKET_VNET_HDR, NEEDS_CSUM = 263, 15, 1
HEADERS = 14 + 20 + 20


def hello_with_sum(name, total):
    """A hello whose bytes have this checksum, by two bytes of its session id."""
    for filler in range(65536):
        data = rawtls.records(rawtls.hello(name, session=struct.pack(">H", filler) * 16, shares=[(rawtls.X25519, b"k" * 32)]))
        if rawtcp.checksum(data) == total:
            return data
    sys.exit("no filler makes this sum")


def main():
    address, name, device, mac = sys.argv[1:]
    data = hello_with_sum(name, int.from_bytes(b"xx", "big"))
    at = data.index(name.encode())
    c = rawtcp.Connection(address, 443)
    c.connect(4)
    ends = socket.inet_aton(c.source) + socket.inet_aton(address)
    tcp = struct.pack(">HHIIBBHHH", c.sport, c.port, (c.isn + 1) & 0xFFFFFFFF, c.ack, 5 << 4,
                      rawtcp.PSH | rawtcp.ACK, 64000, 0, 0)
    later = data[:at] + b"xx" + data[at + 2:]
    total = rawtcp.checksum(ends + struct.pack(">II", 20 + len(data), 6) + tcp + later)
    tcp = tcp[:16] + struct.pack(">H", total) + tcp[18:]
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(data), 1, 0, 64, 6, 0) + ends
    ip = ip[:10] + struct.pack(">H", rawtcp.checksum(ip)) + ip[12:]
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
        s.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        s.bind((device, 0x0800))
        ethernet = bytes.fromhex(mac.replace(":", "")) + s.getsockname()[4] + b"\x08\0"
        s.send(struct.pack("<BBHHHH", NEEDS_CSUM, 0, 0, 0, HEADERS, at) + ethernet + ip + tcp + data)
    c.end = len(data)
    print(c.outcome(2))
    c.close()


if __name__ == "__main__":
    main()
