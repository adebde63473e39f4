# SPDX-License-Identifier: GPL-3.0-or-later
"""dns_rate.py SERVER NAME SECONDS - queries a second, 16 sockets, each with one question at a time."""
import os
import selectors
import socket
import struct
import sys
import time

server, name, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
question = b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0\0\1\0\1"


def ask(sock):
    sock.send(os.urandom(2) + struct.pack("!5H", 0x0100, 1, 0, 0, 0) + question)


selector = selectors.DefaultSelector()
for _ in range(16):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((server, 53))
    selector.register(sock, selectors.EVENT_READ)
    ask(sock)
answers = 0
end = time.monotonic() + seconds
while time.monotonic() < end:
    ready = selector.select(1)
    if not ready:  # lost: ask again
        for key in list(selector.get_map().values()):
            ask(key.fileobj)
    for key, _ in ready:
        key.fileobj.recv(4096)
        answers += 1
        ask(key.fileobj)
print(round(answers / seconds))
