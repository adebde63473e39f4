# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows 141 to 161: DNS. "Served" is an answer with a record in it."""
import os
import socket
import struct
import time

import dns
from kit import ALLOW, BLOCK, BY_NAME, WAIT, addresses, ethernet, fragments, found, question, row, udp

GATEWAY = os.environ.get("GATEWAY4", "")


def framed(message):
    return struct.pack(">H", len(message)) + message


def connected(x, name, address):
    """The name at an address that must not be bound to it."""
    x.wait = WAIT
    return x.tls(name, address=address)


@row(141, "a question for a name that is not allowed", BLOCK, variants=[1, 28])
def _(x, name, v):
    return x.resolve(question(name, v))


@row(142, "a question to a resolver of the client's own choice", BY_NAME, variants=["udp", "tcp", "v6"])
def _(x, name, v):
    message = question(name)
    return x.resolve([framed(message)] if v == "tcp" else message, server=x.v6 if v == "v6" else x.v4, tcp=v == "tcp")


@row(143, "compression pointers that loop, point to themselves, forward, into the header", BLOCK,
     variants=[b"\xc0\x0c", b"\1a\xc0\x0c", b"\xc0\x20", b"\xc0\x00", b"\4a143\4good\4test\xc0\x0c"])
def _(x, name, v):
    return x.resolve(question(v), wait=WAIT)


@row(144, "two questions, none, 65535 of them", BLOCK, variants=[(2, 0, 0, 0), (0, 0, 0, 0), (65535, 0, 0, 0)])
def _(x, name, v):
    more = dns.pack_name(name) + b"\0\1\0\1" if v[0] == 2 else b""
    return x.resolve(question(x.good, counts=v, more=more), wait=WAIT)


@row(145, "labels with a dot or NUL inside, of other types, too long; letters beyond ASCII", BLOCK,
     variants=[b"\x09a145.good\4test\0", b"\4a145\4good\4test\5\0evil\0", b"\4a1\x0045\4good\4test\0",
               b"\x41a145\4good\4test\0", b"\x84a145\4good\4test\0", b"\6\xc3\xa4a145\4good\4test\0",
               (b"\x3f" + b"a" * 63) * 4 + b"\4good\4test\0", b"\4a145\4good\4tes"])
def _(x, name, v):
    return x.resolve(question(v), wait=WAIT)


@row(146, "mixed case: the answer keeps it", BY_NAME)
def _(x, name, v):
    spelt = "".join(c.upper() if i % 2 else c for i, c in enumerate(name))
    answer = x.ask(question(spelt))
    return "served" if answer and found(answer) and dns.pack_name(spelt) in answer else "nothing"


@row(147, "types other than addresses, as tunnels use them", BLOCK, variants=[16, 10, 255, 252, 25, 33, 15, 5, 2, 12, 65280, 64, 65, 41, 0])
def _(x, name, v):
    return x.resolve(question(x.good, v), wait=WAIT)


@row(148, "data in the labels below an allowed name", BLOCK, variants=["secret", "a" * 63, "a" * 63 + "." + "b" * 63 + "." + "c" * 63])
def _(x, name, v):
    return x.resolve(question(f"{v}.listed.test"))  # the policy lists that name alone


def option(code, data):
    return b"\0\0\x29\x10\0\0\0\0\0" + struct.pack(">HHH", 4 + len(data), code, len(data)) + data


EXTRA = dns.pack_name("evil.test") + struct.pack(">HHIH", 1, 1, 60, 4) + b"EVIL"


@row(149, "options, trailing bytes and records in a question do not leave", BLOCK, unjudged=True,
     variants=[((1, 0, 0, 1), option(65001, b"EVIL")), ((1, 0, 0, 1), option(12, b"EVIL" * 9)),
               ((1, 0, 0, 1), option(8, b"\0\1\x18\0EVI")), ((1, 0, 0, 1), option(10, b"EVILEVIL")),
               ((1, 0, 0, 0), b"EVIL"), ((1, 1, 0, 0), EXTRA), ((1, 0, 1, 0), EXTRA), ((1, 0, 0, 1), EXTRA)])
def _(x, name, v):
    return x.resolve(question(x.good, counts=v[0], more=v[1]), wait=WAIT)


@row(150, "over TCP: byte by byte, two questions in one segment, a half one", BY_NAME, variants=["bytes", "two", {"only": BLOCK}])
def _(x, name, v):
    message = framed(question(name))
    if v == "bytes":
        return x.resolve([message[i:i + 1] for i in range(len(message))], tcp=True)
    if v == "two":
        return x.resolve([message + framed(question(x.evil))], tcp=True, nr=2)
    return x.resolve([framed(question(x.good)) + message[:-3]], tcp=True, wait=WAIT) and x.resolve([message[:-3]], tcp=True, wait=WAIT)


@row(151, "UPDATE, NOTIFY, inverse queries, answers, other classes", BLOCK,
     variants=[(0x2800, 1), (0x2000, 1), (0x0800, 1), (0x1000, 1), (0x8180, 1), (0x0100, 3), (0x0100, 255), (0x0100, 254)])
def _(x, name, v):
    return x.resolve(question(x.good, flags=v[0], of=v[1]), wait=WAIT)


@row(152, "a question in IP fragments; one of 60 kB", BY_NAME, variants=["fragments", {"only": BLOCK}])
def _(x, name, v):
    if isinstance(v, dict):
        return x.resolve(question(name, more=b"EVIL" * 15000), wait=WAIT)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect((GATEWAY, 53))
        s.settimeout(x.wait if name == x.good else WAIT)
        source, port = s.getsockname()
        for part in fragments(source, GATEWAY, 17, udp(source, GATEWAY, port, 53, question(name)), 16):
            ethernet(part)
        try:
            return "served" if addresses(s.recv(4096)) else "refused"
        except OSError:
            return "nothing"


@row(153, "an answer with records of other owners, in other sections", BLOCK, also=["203.0.113.253", "203.0.113.252"], variants=[0, 1],
     dns=["a153.good.test=extra:c153.good.test/203.0.113.253,203.0.113.153",
          "d153.good.test=odd:authority/203.0.113.252", "c153.good.test=203.0.113.153"])
def _(x, name, v):
    x.ask(question(x.good))
    x.ask(question("d153.good.test"))
    return connected(x, ["c153.good.test", "d153.good.test"][v], f"203.0.113.{253 - v}")


@row(154, "a chain of CNAMEs to hosts that no rule names", BY_NAME,
     dns=["a154.good.test=cname:edge154.evil.test", "edge154.evil.test=cname:lb154.evil.test", "lb154.evil.test=203.0.113.154"])
def _(x, name, v):
    return x.tls(name if name == x.good else "lb154.evil.test")


PRIVATE = ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
           "255.255.255.255", "198.18.1.1", "::1", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1",
           "2002:7f00:1::1", "::", "ff02::1"]


@row(155, "an answer with an inside address", BLOCK, variants=range(len(PRIVATE)), bound=False,
     dns=[f"p{i}.a155.good.test={a}" for i, a in enumerate(PRIVATE)])
def _(x, name, v):
    return x.resolve(question(f"p{v}.a155.good.test", 28 if ":" in PRIVATE[v] else 1))


@row(156, "a time to live of 0, of 2^31 and more", ALLOW, variants=[0, 1], also=["203.0.113.205"],
     dns=["a156.good.test=ttl:0,203.0.113.156", "e156.good.test=ttl:4294967295,203.0.113.205"], names={"a156.good.test", "e156.good.test"},
     expects=["tls e156.good.test 203.0.113.205 443"])
def _(x, name, v):
    host = ["a156.good.test", "e156.good.test"][v]
    if x.resolve(question(host)) != "served":
        return "not resolved"
    time.sleep(1.2)
    return x.tls(host, address=["203.0.113.156", "203.0.113.205"][v])


@row(157, "answers with a wrong number, question or port", BLOCK, also=["203.0.113.206", "203.0.113.207"], variants=["a157", "f157"],
     dns=["a157.good.test=forge:203.0.113.206,delay:100,203.0.113.157", "f157.good.test=otherport,203.0.113.207"])
def _(x, name, v):
    x.ask(question(f"{v}.good.test"), wait=WAIT)
    return connected(x, f"{v}.good.test", "203.0.113.206" if v == "a157" else "203.0.113.207")


ODD = ["nxdomain", "count", "length", "class"]


@row(158, "an answer that is cut, counts wrongly, or says that the name does not exist", BLOCK, variants=range(len(ODD)),
     also=[f"203.0.113.{210 + i}" for i in range(len(ODD))], dns=["a158.good.test=203.0.113.158"] + [
         f"o{i}.a158.good.test=odd:{how}/203.0.113.{210 + i}" for i, how in enumerate(ODD)])
def _(x, name, v):
    host = f"o{v}.a158.good.test"
    x.ask(question(host), wait=WAIT)
    return connected(x, host, f"203.0.113.{210 + v}")


@row(159, "HTTPS and SVCB records with addresses, ports and keys", BLOCK, variants=[64, 65])
def _(x, name, v):
    return x.resolve(question(x.good, v))


@row(160, "DNS on other ports, mDNS, LLMNR, NetBIOS", BLOCK, also=["224.0.0.251", "224.0.0.252", "ff02::fb"], unjudged=True)
def _(x, name, v):
    for to, port in ((x.v4, 5353), (x.v4, 853), (x.v4, 5300), (x.v4, 443), (x.v6, 5353), ("224.0.0.251", 5353), ("224.0.0.252", 5355),
                     (x.v4, 137), (x.v4, 8853)):
        with socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET, socket.SOCK_DGRAM) as s:
            try:
                s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 9)
                s.sendto(question(name), (to, port))
            except OSError:
                pass
    return x.tls(x.good, port=853)


@row(161, "thousands of generated names: what was given out before stays", BY_NAME, alone=True)
def _(x, name, v):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect((GATEWAY, 53))
        s.setblocking(False)
        for i in range(2000):
            s.send(question(f"g{i}.{x.evil}"))
            if i % 50 == 0:
                time.sleep(0.01)
    return x.tls(name)
