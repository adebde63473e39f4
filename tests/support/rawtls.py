#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""ClientHellos made by hand, over a kernel TCP connection.

rawtls.py ADDRESS NAME [options]: connects, sends a ClientHello for NAME, prints what came of it:

  served     a ServerHello            asked-again  a HelloRetryRequest, with --hrr not given
  alert N    a TLS alert              reset        by a RST, after or at the connect
  closed     an orderly end           timeout      nothing in 4 s (see --wait)

With --every N: once for each cut between 1 and the length, in steps of N; prints each outcome's count.
Status 0 when every outcome is "served".
"""
import argparse
import collections
import os
import socket
import struct
import subprocess
import sys
import time

X25519, P384, X25519MLKEM768 = 0x001D, 0x0018, 0x11EC
HRR_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
MPTCP = 262


def vec(width, body):
    return len(body).to_bytes(width, "big") + body


def extension(kind, body):
    return struct.pack(">H", kind) + vec(2, body)


def server_name(name):
    raw = name if isinstance(name, bytes) else name.encode("latin-1")
    return extension(0, vec(2, b"\0" + vec(2, raw)))


def p384_share():
    key = subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
                         capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubout", "-outform", "DER"], input=key,
                         capture_output=True, check=True).stdout
    return P384, der[-97:]


def hello(name, pq=False, shares=None, session=b"s" * 32, random=b"r" * 32, ech=False,
          alpn=b"http/1.1", more=b""):
    """A handshake message. name None: without server_name. pq: as large as post-quantum ones are. more: extensions."""
    if shares is None:
        shares = [(X25519, os.urandom(32))]
        if pq:
            shares.insert(0, (X25519MLKEM768, os.urandom(1216)))
    groups = ([X25519MLKEM768] if pq else []) + [X25519, P384]
    extensions = b"" if name is None else server_name(name)
    extensions += extension(10, vec(2, b"".join(struct.pack(">H", g) for g in groups)))
    extensions += extension(13, vec(2, bytes.fromhex("04030804040105030805050108060601")))
    extensions += extension(43, vec(1, b"\x03\x04"))
    extensions += extension(51, vec(2, b"".join(struct.pack(">H", g) + vec(2, s) for g, s in shares)))
    extensions += extension(16, vec(2, vec(1, alpn))) + more
    if ech:  # as browsers grease it: outer, HKDF-SHA256, AES-128-GCM, a key and a payload of nothing
        extensions += extension(0xFE0D, b"\0" + struct.pack(">HHB", 1, 1, 7) + vec(2, os.urandom(32)) + vec(2, os.urandom(144)))
    if pq:
        extensions += extension(21, bytes(max(0, 1700 - len(extensions))))
    body = b"\x03\x03" + random + vec(1, session) + vec(2, bytes.fromhex("130113021303")) + b"\x01\0" + \
        vec(2, extensions)
    return b"\x01" + vec(3, body)


def records(handshake, size=16384):
    return b"".join(b"\x16\x03\x01" + vec(2, handshake[i:i + size]) for i in range(0, len(handshake), size))


def server_hello_kind(data):
    """What data, the server's first bytes, is; None when more are needed."""
    if len(data) < 7:
        return None
    if data[0] == 21:
        return f"alert {data[6]}"
    if data[0] != 22 or data[5] != 2:
        return f"strange {data[:8].hex()}"
    if len(data) < 43:
        return None
    return "asked-again" if data[11:43] == HRR_RANDOM else "served"


def outcome(s, wait):
    data, end = b"", time.monotonic() + wait
    try:
        while (kind := server_hello_kind(data)) is None:
            s.settimeout(max(0.001, end - time.monotonic()))
            part = s.recv(4096)
            if not part:
                return "closed"
            data += part
        return kind
    except socket.timeout:
        return "timeout"
    except OSError:
        return "reset"


def connect(args, first):
    """A connection, and what of first is still to be sent."""
    family = socket.AF_INET6 if ":" in args.address else socket.AF_INET
    s = socket.socket(family, socket.SOCK_STREAM, MPTCP if args.mptcp else 0)
    s.settimeout(args.wait)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if args.ttl:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, args.ttl)
    if args.source:
        if family == socket.AF_INET6:
            s.setsockopt(socket.IPPROTO_IPV6, 78, 1)  # IPV6_FREEBIND
        s.bind((args.source, 0))
    if args.sport:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("", args.sport))
    if args.tfo:
        s.settimeout(None)  # else it only begins to connect
        sent = s.sendto(first, socket.MSG_FASTOPEN, (args.address, args.port))
        return s, first[sent:]
    s.connect((args.address, args.port))
    return s, first


def pieces(data, args, cuts):
    if args.segment:
        return [data[i:i + args.segment] for i in range(0, len(data), args.segment)]
    edges = [0, *sorted(cuts), len(data)]
    return [data[a:b] for a, b in zip(edges, edges[1:]) if b > a]


def second_hello(s, args):
    """Answer a HelloRetryRequest."""
    if args.ccs:
        s.sendall(b"\x14\x03\x03\0\x01\x01")
    s.sendall(records(hello(args.hrr, shares=[p384_share()])))
    rest = b""  # the server's ChangeCipherSpec stands before its ServerHello
    end = time.monotonic() + args.wait
    try:
        while time.monotonic() < end:
            part = s.recv(4096)
            if not part:
                return "closed"
            rest += part
            while len(rest) >= 5 and len(rest) >= 5 + int.from_bytes(rest[3:5], "big"):
                if rest[0] == 0x14 or rest[5:6] == b"\2" and rest[11:43] == HRR_RANDOM:
                    rest = rest[5 + int.from_bytes(rest[3:5], "big"):]
                    continue
                return server_hello_kind(rest) or "strange"
    except socket.timeout:
        return "timeout"
    except OSError:
        return "reset"
    return "timeout"


def first_bytes(args):
    if args.raw is not None:
        return args.raw.encode("latin-1").decode("unicode_escape").encode("latin-1")
    name = None if args.no_sni else args.name.encode("latin-1").decode("unicode_escape")
    return records(hello(name, pq=args.pq, ech=args.ech), args.record_size)


def attempt(args, data, cuts):
    try:
        s, rest = connect(args, data)
        with s:
            for i, piece in enumerate(pieces(rest, args, cuts)):
                if i and args.pause:
                    time.sleep(args.pause)
                s.sendall(piece)
            kind = outcome(s, args.wait)
            if kind == "asked-again" and args.hrr is not None:
                kind = second_hello(s, args)
            # an end that leaves nothing behind
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return kind
    except socket.timeout:
        return "timeout"
    except ConnectionError:
        return "reset"
    except OSError as e:
        return f"error {e.strerror}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("name", help="backslash escapes are understood")
    parser.add_argument("--port", type=int, default=443)
    parser.add_argument("--pq", action="store_true", help="post-quantum size")
    parser.add_argument("--cuts", default="", help="segments end at these offsets: 1,700")
    parser.add_argument("--every", type=int, help="one connection for each cut, N apart")
    parser.add_argument("--and-cut", type=int, default=0, help="with --every: one more cut, so far behind the first")
    parser.add_argument("--segment", type=int, default=0, help="segments of this size")
    parser.add_argument("--record-size", type=int, default=16384)
    parser.add_argument("--pause", type=float, default=0, help="seconds between segments")
    parser.add_argument("--no-sni", action="store_true")
    parser.add_argument("--ech", action="store_true", help="with an encrypted_client_hello extension")
    parser.add_argument("--raw", help="these bytes in place of a ClientHello")
    parser.add_argument("--hrr", help="NAME in the answer to a HelloRetryRequest")
    parser.add_argument("--ccs", action="store_true", help="a ChangeCipherSpec before it")
    parser.add_argument("--tfo", action="store_true")
    parser.add_argument("--mptcp", action="store_true")
    parser.add_argument("--ttl", type=int)
    parser.add_argument("--source", help="an IPv6 one need not be ours")
    parser.add_argument("--sport", type=int, help="the client's port")
    parser.add_argument("--wait", type=float, default=4)
    args = parser.parse_args()
    data = first_bytes(args)
    if args.every:
        counts = collections.Counter(
            attempt(args, first_bytes(args), {cut, min(cut + args.and_cut, len(data))})
            for cut in range(1, len(data), args.every))
    else:
        counts = collections.Counter([attempt(args, data, [int(c) for c in args.cuts.split(",") if c])])
    print(", ".join(f"{kind} {n}" if args.every else kind for kind, n in counts.items()))
    sys.exit(0 if set(counts) == {"served"} else 1)


if __name__ == "__main__":
    main()
