# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows 91 to 112: QUIC."""
import os
import random
import socket
import struct
import time

import rawquic
from kit import ALLOW, BLOCK, BY_NAME, WAIT, ethernet, fragments, ip6, row, run, udp
from rawquic import client_hello, crypto, initial, varint
from rawtls import vec

V1 = 1
ANY_ANSWER = ("served", "retry", "versions")


def frame(offset, data):
    return b"\x06" + varint(offset) + varint(len(data)) + data


def judged(x, name, frames_of, dcid=8, scid=8, **options):
    """One Initial for each list of frames that frames_of(message) gives."""
    to, own = os.urandom(dcid), os.urandom(scid)
    message = client_hello(name, own)
    made = [initial(V1, to, own, i, frames, 1200, **options) for i, frames in enumerate(frames_of(message))]
    x.wait = x.wait if name == x.good else WAIT
    kind = x.initials(own, made)
    return "served" if kind in ANY_ANSWER else kind


def fetched(x, name, *options):
    """By ngtcp2's client, over one of the resolver's addresses."""
    got = f"{x.dir}/got-{name}"
    os.makedirs(got, exist_ok=True)
    run("gtlsclient", "-q", "--exit-on-all-streams-close", f"--download={got}", *options, name, "443", f"https://{name}/quic")
    return "served" if os.path.exists(f"{got}/quic") else "nothing"


@row(91, "a hello over two datagrams, in order and backwards", BY_NAME, variants=["pq", "pq,back"])
def _(x, name, v):
    return x.quic(f"hello={name},{v}")


def shuffled(message, size):
    parts = [frame(at, message[at:at + size]) for at in range(0, len(message), size)]
    random.shuffle(parts)
    return b"".join(part + random.choice((b"\1", b"\0" * 7, b"\1\0\1")) for part in parts)


@row(92, "CRYPTO frames shuffled, some of one byte, with PING and PADDING between", BY_NAME, variants=[20, 9])
def _(x, name, v):
    def frames_of(message):
        return [frame(0, message[:1]) + shuffled(message, v)]
    return judged(x, name, frames_of)


@row(93, "CRYPTO frames that overlap with other bytes", BLOCK, variants=["good first", "evil first"])
def _(x, name, v):
    def frames_of(message):
        good = client_hello(x.good, bytes(8))
        first, second = (good, message) if v == "good first" else (message, good)
        at = message.index(name.encode())
        return [frame(at, first[at:at + 14]) + frame(0, second)]
    return judged(x, name, frames_of)


@row(94, "a hello whose first or second half never comes", BLOCK, variants=[0, 1])
def _(x, name, v):
    def frames_of(message):
        half = len(message) // 2
        return [crypto(message, 0, half) if v == 0 else crypto(message, half, len(message))]
    return judged(x, name, frames_of)


@row(95, "two Initial packets in one datagram; an Initial with 0-RTT or a short header behind it", BY_NAME, variants=["two", "0-RTT", "short"])
def _(x, name, v):
    to, own = os.urandom(8), os.urandom(8)
    message = client_hello(name, own)
    half = len(message) // 2
    if v == "two":
        data = initial(V1, to, own, 0, crypto(message, 0, half), 500) + initial(V1, to, own, 1, crypto(message, half, len(message)), 700)
    elif v == "0-RTT":
        data = initial(V1, to, own, 0, crypto(message, 0, len(message)), 1000) + b"\xd3" + struct.pack(">I", V1) + vec(1, to) + \
            vec(1, own) + struct.pack(">H", 0x4000 | 200) + os.urandom(200)
    else:
        data = initial(V1, to, own, 0, crypto(message, 0, len(message)), 1100) + b"\x41" + os.urandom(99)
    kind = x.initials(own, [data])
    return "served" if kind in ANY_ANSWER else kind


@row(96, "a decoy for another connection before the true Initial", BLOCK, variants=["plain", "ttl"])
def _(x, name, v):
    client = rawquic.Client(x.v4, 443, WAIT)
    with client.socket as s:
        if v == "ttl":
            s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
        client.run(f"hello={x.good}")
        s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 64)
        return client.run(f"hello={name}")


@row(97, "noise first, then QUIC", BLOCK)
def _(x, name, v):
    return x.quic("noise", "noise", f"hello={name}")


@row(98, "a second connection between the ports of an accepted one; behind a short header, alone and by segmentation offload", BLOCK,
     live=True, variants=["hello={}", "tail={}", "hide={}", "hello={},pq", "hello={},v2"])
def _(x, name, v):
    return x.quic(f"hello={x.good}", "short", v.format(name))


@row(99, "version 2", BY_NAME)
def _(x, name, v):
    return x.quic(f"hello={name},v2")


@row(100, "versions that are unknown, grease, drafts, gQUIC, zero", BLOCK, names=set(),
     variants=["0a1a2a3a", "ff00001d", "ff000020", "51303436", "709a50c4", "00000000", "00000002"])
def _(x, name, v):
    return x.quic(f"hello={x.good},version={v}")


def retried(x, name):
    """The hello after a Retry names another host."""
    client = rawquic.Client(x.v4, 443, x.wait)
    with client.socket as s:
        client.send(client.datagrams(x.good, {}))
        s.settimeout(x.wait)
        while True:
            data = s.recv(65536)
            if data[0] & 0xF0 == 0xF0:
                break
        at = 6 + data[5]
        to = data[at + 1:at + 1 + data[at]]
        message = client_hello(name, client.scid)
        client.wait = WAIT
        client.send([initial(V1, to, client.scid, 1, crypto(message, 0, len(message)), 1200, token=data[at + 1 + data[at]:-16])])
        return client.answer()


@row(101, "a Retry: the hello again for the new ID", BY_NAME, dns=["a101.good.test=203.0.113.101"])
def _(x, name, v):
    return fetched(x, name) if name == x.good else retried(x, name)


def asked_again(x, name):
    """The second hello, after a HelloRetryRequest inside QUIC, names another host."""
    client = rawquic.Client(x.v4, 443, x.wait)
    with client.socket as s:
        to = os.urandom(8)
        client.scid = os.urandom(8)
        first, second = client_hello(x.good, client.scid), client_hello(name, client.scid)
        client.send([initial(V1, to, client.scid, 0, frame(0, first), 1200)])
        s.settimeout(x.wait)
        while True:
            data = s.recv(65536)
            if data[0] & 0xF0 == 0xC0:
                break
        at = 6 + data[5]
        peer = data[at + 1:at + 1 + data[at]]
        client.wait = WAIT
        client.send([initial(V1, peer, client.scid, 1, frame(len(first), second), 1200, sealed_by=to)])
        return "refused" if client.answer() == "nothing" else "answered"


@row(102, "a second hello further on in the CRYPTO stream, after a HelloRetryRequest", BY_NAME,
     dns=["a102.good.test=203.0.113.102"])
def _(x, name, v):
    return fetched(x, name) if name == x.good else asked_again(x, name)


@row(103, "short headers from a new port: a connection that moved", BLOCK, live=True, unjudged=True)
def _(x, name, v):
    return x.quic("short", "short=600")


@row(104, "a server that prefers another address", ALLOW, also=["203.0.113.204"], dns=["a104.good.test=203.0.113.104"])
def _(x, name, v):
    return fetched(x, name)


@row(105, "connection IDs of 0 to 20 bytes, a long token; an ID of 21 bytes", BY_NAME,
     variants=[(8, 0, 0), (20, 8, 0), (8, 20, 0), (8, 8, 300), {"only": BLOCK, "ids": (21, 8, 0)}])
def _(x, name, v):
    dcid, scid, token = v["ids"] if isinstance(v, dict) else v
    return judged(x, name, lambda message: [crypto(message, 0, len(message))], dcid=dcid, scid=scid, token=os.urandom(token))


def broken(packet, how):
    if how == "fixed bit":
        return bytes([packet[0] & ~0x40]) + packet[1:]
    if how == "cut":
        return packet[:-1]
    if how == "tag":
        return packet[:-1] + bytes([packet[-1] ^ 1])
    if how == "length":
        at = 7 + packet[5] + packet[6 + packet[5]] + 1
        return packet[:at] + b"\x7f\xff" + packet[at + 2:]
    return packet


@row(106, "a fixed bit of 0, a wrong length, a wrong tag, a datagram cut short, a server's keys", BLOCK,
     variants=["fixed bit", "cut", "tag", "length", "server"])
def _(x, name, v):
    to, own = os.urandom(8), os.urandom(8)
    message = client_hello(name, own)
    packet = initial(V1, to, own, 0, crypto(message, 0, len(message)), 1200, sealed_by=os.urandom(8) if v == "server" else None)
    x.wait = WAIT
    return x.initials(own, [broken(packet, v)])


@row(107, "an Initial in a datagram below 1200 bytes", BLOCK, names=set())
def _(x, name, v):
    return x.quic(f"hello={x.good},size=1199")


@row(108, "0-RTT or a short header before any Initial", BLOCK, variants=["early", "short"], unjudged=True, names=set())
def _(x, name, v):
    return x.quic(v)


@row(109, "a datagram in IP fragments; behind an IPv6 extension header", BY_NAME, variants=["fragments", "backwards", {"only": BLOCK}],
     expects=["out ip.dst==203.0.113.109 && ip.flags.mf==1"])
def _(x, name, v):
    own, to = os.urandom(8), os.urandom(8)
    message = client_hello(name, own)
    packet = initial(V1, to, own, 0, crypto(message, 0, len(message)), 1200)
    is_v6 = isinstance(v, dict)
    client = rawquic.Client(x.v6 if is_v6 else x.v4, 443, x.wait if name == x.good else WAIT)
    with client.socket as s:
        client.scid = own
        ends = s.getsockname()[0], x.v6 if is_v6 else x.v4
        datagram = udp(*ends, s.getsockname()[1], 443, packet)
        if is_v6:
            ethernet(ip6(*ends, 60, b"\x11\0\1\4\0\0\0\0" + datagram))
        else:
            for part in fragments(*ends, 17, datagram, 400, None if v == "fragments" else lambda n: range(n)[::-1]):
                ethernet(part)
        try:
            kind = client.answer()
        except OSError as e:
            return e.strerror
        return "served" if kind in ANY_ANSWER else kind


@row(110, "QUIC, DTLS, WireGuard, STUN and DNS on other UDP ports", BLOCK, names=set(), unjudged=True)
def _(x, name, v):
    for port, data in ((8443, None), (853, None), (784, None), (4433, b"\x16\xfe\xfd" + bytes(60)), (51820, b"\1\0\0\0" + bytes(144)),
                       (3478, b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12)), (5353, b"\0" * 12), (443, b"\x16\xfe\xfd" + bytes(60)),
                       (443, b"\1\0\0\0" + bytes(144)), (1, b"EVIL")):
        client = rawquic.Client(x.v4, port, 0.3)
        with client.socket as s:
            s.settimeout(0.3)
            try:
                client.send([data] if data else client.datagrams(x.good, {}))
                if s.recv(100):
                    return "served"
            except (OSError, socket.timeout):
                pass
    return "sent"


@row(111, "HTTP/3 to an address that was never given out for the name", BLOCK, dns=["a111.good.test=203.0.113.181"], names=set())
def _(x, name, v):
    return x.quic(f"hello={x.good}")


@row(112, "offsets far out, and hundreds of connections begun: others are served", BY_NAME)
def _(x, name, v):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect((x.v4, 443))
        for i in range(300):
            own, to = os.urandom(8), os.urandom(8)
            message = client_hello(x.evil, own)
            far = b"\x06" + struct.pack(">Q", (3 << 62) | (1 << 62) - 200) if i % 3 == 0 else \
                b"\x06" + struct.pack(">I", 0x80000000 | 1 << 20) if i % 3 == 1 else b"\x06" + varint(0)
            try:
                s.send(initial(V1, to, own, 0, far + varint(100) + message[:100], 1200))
            except OSError:
                pass
            time.sleep(0.001)
    return x.quic(f"hello={name}")
