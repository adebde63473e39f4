#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""QUIC packets made by hand, from one UDP socket.

rawquic.py [--wait SECONDS] [--port PORT] ADDRESS STEP...: carries out each step and prints a line of what came of it:

  served       a server's Initial packet to the connection that this step began
  versions     a Version Negotiation packet    retry  a Retry
  refused E    an ICMP error, as errno E       nothing
  sent         for "send" and "short": no answer is waited for

A STEP is WORD[,OPTION...]:

  hello=NAME   a new connection with a hello for NAME. Options: pq (over two datagrams), back (the last first), v2,
               version=HEX, size=N (of its datagram, 1200), sealed-by=HEX (keys of another DCID), dcid=HEX, gap (two
               CRYPTO frames, the second first), joined (two packets in one datagram), behind=NAME (in one datagram, behind
               it, an Initial packet of another connection), ech
  short[=N]    a short header and N bytes (64)
  early        a 0-RTT packet of 1200 bytes, with nothing before it
  noise        64 bytes that are no QUIC
  again        the last datagrams once more
  hide=NAME    ONE packet by UDP segmentation offload: 1200 bytes with a short header, then a hello for NAME
  tail=NAME    a short header and the same hello in one datagram
  until=FILE   waits until FILE is there
Status 0 unless something else went wrong.
"""
import argparse
import errno
import os
import socket
import struct
import time

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rawtls import extension, hello, vec

UDP_SEGMENT = 103
VERSIONS = {  # number: salt, label's prefix, type bits of Initial and 0-RTT
    0x00000001: ("38762cf7f55934b34d179ae6a4c80cadccbb7f0a", "quic ", 0x00, 0x10),
    0x6B3343CF: ("0dede3def700a6db819381be6e269dcbf9bd2ed9", "quicv2 ", 0x10, 0x20),
}
NOTHING = "nothing"


def mac(key, data):
    h = hmac.HMAC(key, hashes.SHA256())
    h.update(data)
    return h.finalize()


def expand(secret, label, length):  # RFC 8446 §7.1, at most 32 bytes
    info = struct.pack(">H", length) + vec(1, b"tls13 " + label.encode()) + vec(1, b"")
    return mac(secret, info + b"\x01")[:length]


def varint(n):
    return struct.pack(">H", 0x4000 | n) if n < 0x4000 else struct.pack(">I", 0x80000000 | n)


def crypto(message, start, end):
    return b"\x06" + varint(start) + varint(end - start) + message[start:end]


def initial(version, dcid, scid, number, frames, size, sealed_by=None, token=b""):
    """An Initial packet, filled up with PADDING to size bytes."""
    salt, prefix, kind, _ = VERSIONS.get(version, VERSIONS[1])
    secret = expand(mac(bytes.fromhex(salt), sealed_by or dcid), "client in", 32)
    key, iv, hp = (expand(secret, prefix + label, n) for label, n in (("key", 16), ("iv", 12), ("hp", 16)))
    head = bytes([0xC3 | kind]) + struct.pack(">I", version) + vec(1, dcid) + vec(1, scid)
    head += varint(len(token)) + token if token else b"\0"
    frames = frames.ljust(size - len(head) - 2 - 4 - 16, b"\0")
    head += struct.pack(">H", 0x4000 | (4 + len(frames) + 16)) + struct.pack(">I", number)
    nonce = (int.from_bytes(iv, "big") ^ number).to_bytes(12, "big")
    sealed = AESGCM(key).encrypt(nonce, frames, head)
    mask = Cipher(algorithms.AES(hp), modes.ECB()).encryptor().update(sealed[:16])
    number_bytes = bytes(a ^ b for a, b in zip(head[-4:], mask[1:5]))
    return bytes([head[0] ^ mask[0] & 0x0F]) + head[1:-4] + number_bytes + sealed


def client_hello(name, scid, pq=False, ech=False):
    limits = b"".join(bytes([kind]) + vec(1, varint(n)) for kind, n in ((4, 100000), (5, 9000), (6, 9000), (7, 9000), (8, 9), (9, 9)))
    return hello(name, pq=pq, ech=ech, session=b"", alpn=b"h3", more=extension(57, limits + b"\x0f" + vec(1, scid)))


class Client:
    def __init__(self, address, port, wait):
        self.socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((address, port))
        self.wait, self.last, self.scid = wait, [], b""

    def datagrams(self, name, options):
        version = 0x6B3343CF if "v2" in options else int(options.get("version", "1"), 16)
        dcid = bytes.fromhex(options["dcid"]) if "dcid" in options else os.urandom(8)
        self.scid = os.urandom(8)
        message = client_hello(name, self.scid, "pq" in options, "ech" in options)
        half = len(message) // 2
        parts = [crypto(message, 0, len(message))]
        if "pq" in options or "joined" in options:
            parts = [crypto(message, 0, half), crypto(message, half, len(message))]
        elif "gap" in options:
            parts = [crypto(message, half, len(message)) + crypto(message, 0, half)]
        sealed_by = bytes.fromhex(options.get("sealed-by", ""))
        size = int(options.get("size", 700 if "joined" in options or "behind" in options else 1200))
        made = [initial(version, dcid, self.scid, i, part, size, sealed_by) for i, part in enumerate(parts)]
        if "behind" in options:
            other = client_hello(options["behind"], self.scid, False, False)
            made.append(initial(version, os.urandom(8), self.scid, 0, crypto(other, 0, len(other)), size))
        if "joined" in options or "behind" in options:
            return [b"".join(made)]
        return made[::-1] if "back" in options else made

    def send(self, datagrams):
        self.last = datagrams
        for datagram in datagrams:
            self.socket.send(datagram)

    def answer(self):
        """What comes for the connection that was begun last."""
        until = time.monotonic() + self.wait
        while (left := until - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65536)
            except socket.timeout:
                break
            if data[0] < 0x80 or data[6:6 + data[5]] != self.scid:
                continue
            version = int.from_bytes(data[1:5], "big")
            kind = "versions" if version == 0 else {0x00: "served", 0x30: "retry"}.get(data[0] & 0x30)
            if version == 0x6B3343CF:
                kind = {0x10: "served", 0x00: "retry"}.get(data[0] & 0x30)
            if kind:
                return kind
        return NOTHING

    def step(self, word, value, options):
        if word == "hello":
            self.send(self.datagrams(value, options))
        elif word == "again":
            self.send(self.last)
        elif word == "short":
            self.socket.send(b"\x41" + os.urandom(int(value or 64) - 1))
            return self.refusal() or "sent"
        elif word == "early":
            self.scid = os.urandom(8)  # what comes for an earlier step is no answer
            self.send([b"\xd3\0\0\0\1" + vec(1, os.urandom(8)) + vec(1, b"scid") + struct.pack(">H", 0x4000 | 1170) +
                       os.urandom(1170)])
        elif word == "noise":
            self.scid = os.urandom(8)
            self.send([b"\x05" + os.urandom(63)])
        elif word == "hide":
            (packet,) = self.datagrams(value, options)
            self.socket.sendmsg([b"\x41" + os.urandom(1199) + packet],
                                [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("H", 1200))])
        elif word == "tail":
            (packet,) = self.datagrams(value, options)
            self.send([b"\x41" + os.urandom(63) + packet])
        elif word == "until":
            while not os.path.exists(value):
                time.sleep(0.05)
            return self.refusal() or "there"
        else:
            raise SystemExit(f"rawquic: unknown step {word}")
        return self.answer()

    def refusal(self):
        time.sleep(0.2)
        error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return error and f"refused {errno.errorcode[error]}"

    def run(self, step):
        first, *rest = step.split(",")
        word, _, value = first.partition("=")
        try:
            return self.step(word, value, dict(option.partition("=")[::2] for option in rest))
        except OSError as e:
            return f"refused {errno.errorcode[e.errno]}"


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--wait", type=float, default=1.5)
    parser.add_argument("--port", type=int, default=443)
    parser.add_argument("address")
    parser.add_argument("steps", nargs="+")
    args = parser.parse_args()
    client = Client(args.address, args.port, args.wait)
    for step in args.steps:
        print(step, client.run(step), flush=True)


if __name__ == "__main__":
    main()
