# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows 41 to 72: the ClientHello."""
import os
import struct

import rawtls
from kit import ALLOW, BLOCK, BY_NAME, WAIT, question, row, small, untestable
from rawtls import extension, hello, records, server_name, vec

SHARE = [(rawtls.X25519, os.urandom(32))]


def names(*entries):
    """A server_name extension with these (type, name) entries."""
    return extension(0, vec(2, b"".join(bytes([kind]) + vec(2, name.encode("latin-1")) for kind, name in entries)))


def with_extensions(more):
    return hello(None, shares=SHARE, more=more)


@row(41, "records of 1, 3, 7 and 100 bytes", BY_NAME, variants=[1, 3, 7, 100], released=1700)
def _(x, name, v):
    return x.tls(name, record_size=v)


@row(42, "small records in segments out of order", BY_NAME)
def _(x, name, v):
    data = records(hello(name, shares=SHARE), 20)
    edges = [0, 33, len(data) // 2, len(data)]

    def do(c):
        for i in (2, 0, 1):
            c.at(edges[i], data[edges[i]:edges[i + 1]])
    return x.tcp(do, wait=x.wait if name == x.good else WAIT)


@row(43, "empty handshake records before and within the hello", BLOCK, variants=[0, 60])
def _(x, name, v):
    message, empty = hello(name, shares=SHARE), b"\x16\x03\x01\0\0"
    return x.tls(name, data=(records(message[:v]) if v else b"") + empty + records(message[v:]))


BEFORE = {"ChangeCipherSpec": b"\x14\x03\x03\0\1\1", "alert": b"\x15\x03\x01\0\2\1\0", "heartbeat": b"\x18\x03\x01\0\3\1\0\0",
          "data": b"\x17\x03\x03\0\5hello"}


@row(44, "records of other types before and within the hello", BLOCK, variants=[(kind, at) for kind in BEFORE for at in (0, 60)])
def _(x, name, v):
    kind, at = v
    message = hello(name, shares=SHARE)
    return x.tls(name, data=(records(message[:at]) if at else b"") + BEFORE[kind] + records(message[at:]))


@row(45, "other minor versions in the record's header; another major one", BY_NAME, released=250,  # tshark reads no 03 ff
     variants=[b"\x03\0", b"\x03\4", b"\x03\xff", {"only": BLOCK, "version": b"\2\1"}])
def _(x, name, v):
    data = small(name)
    return x.tls(name, data=data[:1] + (v["version"] if isinstance(v, dict) else v) + data[3:])


@row(46, "no server name", BLOCK)
def _(x, name, v):
    return x.tls(name, no_sni=True)


@row(47, "the address as the name, in several spellings", BLOCK,
     variants=["203.0.113.47", "[2001:db8::47]", "2001:db8::47", "3405803823", "0xcb00712f", "203.0.28975"])
def _(x, name, v):
    return x.tls(v)


@row(48, "upper and mixed case", BY_NAME, variants=["upper", "swapcase", "title"])
def _(x, name, v):
    return x.tls(getattr(name, v)())


@row(49, "dots at the name's end", BLOCK, variants=["{evil}.", "{evil}..", "{good}.."])
def _(x, name, v):
    return x.tls(v.format(evil=name, good=x.good))


@row(50, "NUL in the name", BLOCK, variants=["{good}\0.{evil}", "{good}\0", "{evil}\0{good}"])
def _(x, name, v):
    return x.tls(None, data=records(hello(v.format(evil=name, good=x.good), shares=SHARE)))


@row(51, "what is no letter, digit, dash or dot in the name", BLOCK,
     variants=[" {}", "{}\n", "{}/", "{}:443", "*.good.test", "a..good.test", ".{}", "x@{}", "{}?", "\t{}", "x_\x1b[2J.{}", "http://{}", ""])
def _(x, name, v):
    return x.tls(None, data=records(hello(v.format(x.good), shares=SHARE)))


A_LABEL = "xn--4ca.a052.good.test"


@row(52, "letters beyond ASCII as they are; as an A-label by the policy", BY_NAME, variants=["\xe4.", "\xc3\xa4.", "xn--4ca."],
     names={"a052.good.test", A_LABEL}, dns=["a052.good.test=203.0.113.52", f"{A_LABEL}=203.0.113.52,2001:db8::52"])
def _(x, name, v):
    if name == x.good:
        x.ask(question(A_LABEL))
        return x.tls(A_LABEL)
    return x.tls(None, data=records(hello(v + (name if v == "xn--4ca." else x.good), shares=SHARE)))


@row(53, "names that end or begin like an allowed one, and the one above", BLOCK,
     variants=["notgood.test", "{good}.{evil}", "test", "good.test.{evil}", "{good}-x.test", "xgood.test", "good-test"])
def _(x, name, v):
    return x.tls(v.format(good=x.good, evil=name))


@row(54, "several names: in one list, of other types, in two extensions", BLOCK, variants=range(7))
def _(x, name, v):
    good, evil = x.good, name
    more = [names((0, good), (0, evil)), names((0, evil), (0, good)), names((7, good), (0, evil)), names((0, good), (7, evil)),
            server_name(good) + server_name(evil), server_name(evil) + server_name(good), names((0, good), (0, good))][v]
    return x.tls(None, data=records(with_extensions(more)))


@row(55, "lengths that do not agree", BLOCK, variants=range(8))
def _(x, name, v):
    entry = b"\0" + vec(2, x.good.encode())
    message = hello(x.good, shares=SHARE)
    data = [records(with_extensions(extension(0, vec(2, entry) + b"\0"))), records(with_extensions(extension(0, vec(2, entry + b"\0")))),
            records(with_extensions(extension(0, struct.pack(">H", len(entry) + 5) + entry))),
            records(with_extensions(extension(0, vec(2, b"\0" + struct.pack(">H", len(x.good) + 9) + x.good.encode())))),
            records(with_extensions(extension(0, b""))), records(with_extensions(extension(0, b"\0\0"))),
            records(b"\1" + vec(3, message[4:] + b"trailing")), records(b"\1" + (len(message) - 9).to_bytes(3, "big") + message[4:])][v]
    return x.tls(None, data=data)


@row(56, "the name behind 8 to 60 kB of padding", BY_NAME, variants=[8000, 14000, {"only": BLOCK, "size": 60000}], released=16384)
def _(x, name, v):
    size = v["size"] if isinstance(v, dict) else v
    return x.tls(None, data=records(with_extensions(extension(21, bytes(size)) + server_name(name))))


@row(57, "another name in the hello after a HelloRetryRequest", BLOCK, variants=[{"ccs": True}, {"ccs": False}])
def _(x, name, v):
    return x.tls(x.good, hrr=name, **v)


@row(58, "the same name in the hello after a HelloRetryRequest", ALLOW, variants=[{"ccs": True}, {"ccs": False}])
def _(x, name, v):
    return x.tls(name, hrr=name, **v)


@row(59, "an encrypted hello as browsers pretend it", BY_NAME)
def _(x, name, v):
    return x.tls(name, ech=True)


@row(60, "an encrypted hello whose outer name is the provider's; no keys for one from DNS", BLOCK, variants=["hello", 65, 64],
     dns=["a060.good.test=203.0.113.60,2001:db8::60"])
def _(x, name, v):
    if v == "hello":
        return x.tls(name, ech=True)
    answer = x.ask(question(x.good, v))
    return "served" if answer is None or struct.unpack(">H", answer[6:8])[0] else "empty"


@row(61, "an encrypted hello with an allowed outer name, where the setting refuses all of them", BLOCK, names=set(), strict=True)
def _(x, name, v):
    return x.tls(x.good, ech=True)


@row(62, "the old encrypted name, with a cover and without", BLOCK, variants=["good", None], names=set())
def _(x, name, v):
    esni = extension(0xFFCE, struct.pack(">HH", 0x1301, 0x1D) + vec(2, bytes(32)) + vec(2, bytes(32)) + vec(2, bytes(260)))
    return x.tls(None, data=records(hello(x.good if v else None, shares=SHARE, more=esni)))


@row(63, "a hello in SSLv2's format", BLOCK, silent=True)
def _(x, name, v):
    return x.tls(None, data=bytes.fromhex("802e0103010015000000100100800700c00300800600400200800400800000040000050000 0a") + bytes(16))


@row(64, "SSLv3 and TLS 1.0 hellos without extensions", BLOCK, variants=[b"\x03\0", b"\x03\1"])
def _(x, name, v):
    body = v + os.urandom(32) + b"\0" + vec(2, bytes.fromhex("0035002f000ac014c013")) + b"\1\0"
    return x.tls(None, data=b"\x16" + v + vec(2, b"\1" + vec(3, body)))


@row(65, "TLS on other ports", BLOCK, variants=[8443, 22, 853, 2222, 53], names=set())
def _(x, name, v):
    return x.tls(x.good, port=v)


OTHERS = {"ssh": b"SSH-2.0-OpenSSH_9\r\n", "socks5": b"\5\1\0", "socks4": b"\4\1\1\xbb\xcb\0\x71\1\0", "http": b"GET / HTTP/1.0\r\n\r\n",
          "connect": b"CONNECT a066.good.test:443 HTTP/1.1\r\n\r\n", "vpn": b"\0\x36\x38" + bytes(54), "nul": b"\0",
          "proxy": b"PROXY TCP4 198.18.0.2 203.0.113.66 1 443\r\n", "proxy2": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12)}


@row(66, "other protocols on 443: SSH, SOCKS, VPN, HTTP, CONNECT, PROXY before a hello", BLOCK, variants=list(OTHERS), silent=True)
def _(x, name, v):
    return x.tls(None, data=OTHERS[v] + small(x.good) * ("proxy" in v))


STARTTLS = [b"EHLO x\r\nSTARTTLS\r\n", b"\0\0\0\x08\x04\xd2\x16\x2f", b"<stream:stream><starttls/>", b"a1 STARTTLS\r\n"]


@row(67, "another protocol's preface, TLS later in the stream", BLOCK, variants=range(len(STARTTLS)), silent=True)
def _(x, name, v):
    preface = STARTTLS[v]
    return x.tls(None, data=preface + small(x.good), cuts=[len(preface)], pause=0.2)


untestable(68, "a renegotiation, or another host's ticket", "inside TLS no name can be seen; the address bound to the name limits it (81)")


@row(69, "data sent early behind the hello", BY_NAME)
def _(x, name, v):
    return x.tls(None, data=records(hello(name, shares=SHARE, more=extension(42, b""))) + b"\x17\x03\x03\0\x40" + b"EVIL" * 16)


@row(70, "a hello that resumes and has no name", BLOCK)
def _(x, name, v):
    psk = extension(45, b"\1\1") + extension(41, vec(2, vec(2, bytes(160)) + bytes(4)) + vec(2, vec(1, bytes(32))))
    return x.tls(None, data=records(with_extensions(psk)))


@row(71, "a server that speaks first", BLOCK, released=0)
def _(x, name, v):
    return x.tls(name)


@row(72, "two hellos in one record; a byte behind the hello", BLOCK, variants=["evil", "good", "byte"])
def _(x, name, v):
    more = {"evil": hello(name, shares=SHARE), "good": hello(x.good, shares=SHARE), "byte": b"\0"}[v]
    return x.tls(None, data=records(hello(x.good, shares=SHARE) + more))
