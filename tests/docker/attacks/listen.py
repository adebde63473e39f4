#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""listen.py PORT - on all addresses, TCP and UDP, IPv4 and IPv6; a line for each who comes."""
import select
import socket
import sys

port = int(sys.argv[1])
listeners = []
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    s = socket.socket(socket.AF_INET6, kind)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.bind(("::", port))
    if kind == socket.SOCK_STREAM:
        s.listen(100)
    listeners.append(s)
print("ready", flush=True)
while True:
    for s in select.select(listeners, [], [])[0]:
        if s.type == socket.SOCK_STREAM:
            connection, peer = s.accept()
            connection.close()
            print("TCP from", peer[0], flush=True)
        else:
            data, peer = s.recvfrom(100)
            print("UDP from", peer[0], data, flush=True)
