#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""udp.py ADDRESS PORT: send a datagram and wait 3 s for an answer; an ICMP error ends it with status 1."""
import socket
import sys

address, port = sys.argv[1], int(sys.argv[2])
s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(3)
s.connect((address, port))
try:
    s.send(b"datagram")
    print(s.recv(100))
except OSError as e:
    sys.exit(repr(e))
