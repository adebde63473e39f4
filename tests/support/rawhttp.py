#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTP client that sends what it is told to, byte for byte.

rawhttp.py ADDRESS [--port N] [--wait SECONDS] PIECE...   Each PIECE is sent by a call of its own, with Python's
escapes read; "answer" waits for one whole answer, "sleep:SECONDS" waits, "each:N:TEXT" sends TEXT N bytes a call,
"half" ends the sending side. Prints the answers' first lines, bodies too with --bodies, and how it ended: "closed",
"reset" or "open" after the wait. Status 0: every answer was 2xx and nothing ended by a reset.
"""
import argparse
import socket
import sys
import time


class Client:
    def __init__(self, address, port, wait):
        self.wait, self.buffer, self.statuses, self.bodies, self.end = wait, b"", [], b"", None
        self.s = socket.create_connection((address, port), timeout=wait)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def more(self):
        try:
            data = self.s.recv(65536)
        except ConnectionError:
            self.end = "reset"
            return False
        except TimeoutError:
            self.end = "open"
            return False
        if not data:
            self.end = self.end or "closed"
            return False
        self.buffer += data
        return True

    def answer(self):
        """Take one answer; False when there is none any more."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.more():
                return False
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        fields = {k.strip().lower(): v.strip() for k, _, v in (line.partition(b":") for line in lines[1:])}
        length = int(fields.get(b"content-length", 0))
        if lines[0].split()[1] == b"100":
            return self.answer()
        while len(self.buffer) < length:
            if not self.more():
                break
        self.bodies += self.buffer[:length]
        self.buffer = self.buffer[length:]
        self.statuses.append(lines[0].decode())
        return True

    def send(self, data):
        try:
            self.s.sendall(data)
        except ConnectionError:
            self.end = self.end or "reset"

    def run(self, piece):
        if piece == "answer":
            self.answer()
        elif piece == "half":
            self.s.shutdown(socket.SHUT_WR)
        elif piece.startswith("sleep:"):
            time.sleep(float(piece[6:]))
        elif piece.startswith("each:"):
            _, n, text = piece.split(":", 2)
            data = text.encode().decode("unicode_escape").encode("latin-1")
            for i in range(0, len(data), int(n)):
                self.send(data[i:i + int(n)])
        else:
            self.send(piece.encode().decode("unicode_escape").encode("latin-1"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--port", type=int, default=80)
    parser.add_argument("--wait", type=float, default=5)
    parser.add_argument("--bodies", action="store_true")
    parser.add_argument("pieces", nargs="*")
    options = parser.parse_intermixed_args()
    client = Client(options.address, options.port, options.wait)
    for piece in options.pieces:
        if client.end != "reset":
            client.run(piece)
    while client.end is None and client.answer():
        pass
    print("\n".join(client.statuses))
    if options.bodies:
        print(client.bodies.decode(errors="replace"))
    print(client.end)
    good = all(status.split()[1][0] == "2" for status in client.statuses) and client.statuses
    sys.exit(0 if good and client.end != "reset" else 1)


if __name__ == "__main__":
    main()
