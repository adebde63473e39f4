# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows 1 to 30: TCP segments, sequence numbers and flags."""
import socket
import struct
import time

import rawtcp
import rawtls
from kit import BLOCK, BY_NAME, WAIT, eventually, in_gateway, inside, ethernet, ip4, row, small
from rawtcp import ACK, FIN, PSH, RST, SYN, URG

ECE, CWR = 64, 128
PAST_NAME = 900  # an offset in a hello of post-quantum size, behind the name


def decoy(send):
    """The good name by send(c, hello), then the evil one as the server takes it."""
    def how(x, name, v):
        def do(c):
            send(c, small(x.good), v)
            time.sleep(0.2)
            c.at(0, small(name))
        return x.tcp(do, wait=WAIT)
    return how


@row(1, "a hello of post-quantum size over several segments, the name in the first or the second", BY_NAME,
     variants=[{}, {"cuts": [40]}, {"cuts": [1200]}], released=1700)
def _(x, name, v):
    return x.tls(name, pq=True, **v)


@row(2, "a hello cut at its first byte, in the record's header, within the name", BY_NAME,
     variants=[[1], [3], [1, 2, 3], "name", [60, "name"]], released=500)
def _(x, name, v):
    data = small(name)
    cuts = sorted(inside(data, name) if cut == "name" else cut for cut in (v if v != "name" else [v]))
    return x.tls(name, data=data, cuts=cuts)


@row(3, "segments of one byte", BY_NAME, released=500)
def _(x, name, v):
    return x.tls(name, data=small(name), segment=1)


@row(4, "segments in reverse order; the first lost on the way and sent again", BY_NAME,
     variants=[["900-", "0-900"], ["1400-", "60-1400", "0-60"], ["ttl:1", "0-900", "ttl:0", "900-", "sleep:0.3", "0-900"]])
def _(x, name, v):
    return x.tcp([part if ":" in part else f"0:{name}:{part}" for part in v], wait=x.wait if name == x.good else WAIT)


@row(5, "another copy of the same bytes, in order and out of order, the evil one first or last", BLOCK,
     variants=["0:{evil}:0-900 0:{good}:0-900 0:{evil}:900-", "0:{evil}:100-900 0:{good}:100-900 0:{evil}:0-100 0:{evil}:900-",
               "0:{good}:0-900 0:{evil}:0-900 0:{good}:900-"], unjudged=True, released=1400)
def _(x, name, v):
    return x.tcp(v.format(good=x.good, evil=name).split(), wait=WAIT)


@row(6, "a wide retransmission over an earlier piece with another name", BLOCK)
def _(x, name, v):
    return x.tcp([f"0:{x.good}:60-300", f"0:{name}"], wait=WAIT)


@row(7, "a segment that begins before the window, with a decoy there", BY_NAME)
def _(x, name, v):
    def do(c):
        front = small(x.good)
        c.segment(c.isn + 1 - len(front), PSH | ACK, front + small(name))
        c.end = len(small(name))
        time.sleep(0.4)
        if name == x.good and not c.data:
            c.at(0, small(name))  # what a kernel would do
    return x.tcp(do, wait=x.wait if name == x.good else WAIT)


@row(8, "a decoy that dies before the server, by its TTL", BLOCK, released=1700)
def _(x, name, v):
    return x.tcp(["ttl:1", f"0:{x.good}", "ttl:0", "sleep:0.3", f"0:{name}"], wait=WAIT)


@row(9, "a decoy with a wrong checksum", BLOCK)
@decoy
def _(c, hello, v):
    c.bad_sum = True
    c.at(0, hello)


@row(10, "a decoy with a TCP-MD5 or TCP-AO option", BLOCK, variants=[b"\x13\x12" + bytes(16) + b"\1\1", b"\x1d\x10" + bytes(14)])
@decoy
def _(c, hello, v):
    c.segment(c.isn + 1, PSH | ACK, hello, options=v)


def stamp(value):
    return b"\1\1" + struct.pack(">BBII", 8, 10, value, 0)


@row(11, "a decoy with an old timestamp", BLOCK)
def _(x, name, v):
    def do(c):
        c.segment(c.isn + 1, ACK, options=stamp(20000000))
        c.segment(c.isn + 1, PSH | ACK, small(x.good), options=stamp(1))
        time.sleep(0.2)
        c.segment(c.isn + 1, PSH | ACK, small(name), options=stamp(20000001))
        c.end = len(small(name))
    return x.tcp(do, connect={"options": stamp(20000000)}, wait=WAIT)


@row(12, "a decoy with an acknowledgement out of range, in the past, in the far future", BLOCK, variants=["ack", -100000, 10000000])
@decoy
def _(c, hello, v):
    if v == "ack":
        keep, c.ack = c.ack, c.ack + 50000000 & 0xFFFFFFFF
        c.segment(c.isn + 1, PSH | ACK, hello)
        c.ack = keep
    else:
        c.segment(c.isn + 1 + v, PSH | ACK, hello)


@row(13, "a decoy without ACK, without any flag, with SYN, PSH and ACK", BLOCK, variants=[PSH, 0, SYN | PSH | ACK])
@decoy
def _(c, hello, v):
    c.segment(c.isn + 1, v, hello)


@row(14, "a decoy whose data offset or IP length is wrong", BLOCK, variants=["offset", "short", "length"])
@decoy
def _(c, hello, v):
    tcp = bytearray(c.packet(c.isn + 1, PSH | ACK, hello))
    if v != "length":
        old, tcp[12] = tcp[12], {"offset": 0xF0, "short": 0x10}[v]
        total = (int.from_bytes(tcp[16:18], "big") ^ 0xFFFF) + (tcp[12] - old << 8)  # the sum stays right
        total = (total & 0xFFFF) + (total >> 16) & 0xFFFF
        tcp[16:18] = (total ^ 0xFFFF).to_bytes(2, "big")
    ethernet(ip4(c.source, c.address, 6, bytes(tcp), length=20 + len(tcp) + (40 if v == "length" else 0)))


@row(15, "a false FIN or RST, then the true hello", BLOCK,
     variants=["ttl FIN", "ttl RST", "sum FIN", "sum RST", "window FIN", "window RST"])
def _(x, name, v):
    how, flag = v.split()

    def do(c):
        c.ttl(1 if how == "ttl" else 0)
        c.bad_sum = how == "sum"
        c.segment(c.isn + (90000000 if how == "window" else 1), {"FIN": FIN | ACK, "RST": RST}[flag])
        c.ttl(0)
        time.sleep(0.2)
        c.at(0, small(name))
    return x.tcp(do, wait=WAIT)


@row(16, "a second SYN with another sequence number, then data for the first", BLOCK)
def _(x, name, v):
    def do(c):
        c.ttl(1)
        c.segment(c.isn + 1000000, SYN)
        c.segment(c.isn + 1000001, PSH | ACK, small(x.good))
        c.ttl(0)
        time.sleep(0.2)
        c.at(0, small(name))
    return x.tcp(do, wait=WAIT)


@row(17, "a SYN that carries a decoy; without it the client connects", BY_NAME)
def _(x, name, v):
    c = rawtcp.Connection(x.v4, 443)
    try:
        c.segment(c.isn, SYN, small(x.good), options=struct.pack(">BBH", 2, 4, 1400))
        time.sleep(0.3)
        c.connect(x.wait)
        c.at(0, small(name))
        return c.outcome(x.wait if name == x.good else WAIT)
    except (socket.timeout, ConnectionError):
        return "refused"
    finally:
        c.close()


@row(18, "TCP Fast Open: the hello in the SYN", BY_NAME, released=500)
def _(x, name, v):
    x.tls(name, tfo=True)  # a server gives a cookie then
    return x.tls(name, tfo=True)


@row(19, "data before the handshake's end; the hello on its third packet", BY_NAME, variants=[False, True])
def _(x, name, v):
    def do(c):
        if v:
            c.segment(c.isn + 1, PSH | ACK, small(name))
            c.end = len(small(name))
        else:
            c.at(0, small(name))
    if v:
        return x.tcp(do, connect={"is_acknowledged": False}, wait=x.wait if name == x.good else WAIT)
    c = rawtcp.Connection(x.v4, 443)
    try:
        c.segment(c.isn + 1, PSH | ACK, small(x.good))
        c.connect(x.wait)
        do(c)
        return c.outcome(x.wait if name == x.good else WAIT)
    except (socket.timeout, ConnectionError):
        return "refused"
    finally:
        c.close()


@row(20, "a server that opens with a SYN of its own, as in a split handshake", BLOCK, silent=True)
def _(x, name, v):
    c = rawtcp.Connection(x.v4, 443)  # peer.py is there, no kernel
    try:
        c.segment(c.isn, SYN, options=struct.pack(">BBH", 2, 4, 1400))
        end = time.monotonic() + WAIT
        while not c.ack and time.monotonic() < end:
            c.read(0.2)
        c.segment(c.isn, SYN | ACK)
        time.sleep(0.2)
        c.at(0, small(name))
        return c.outcome(WAIT)
    finally:
        c.close()


@row(21, "an urgent byte within the name, which the server's stream lacks", BLOCK)
def _(x, name, v):
    data = small(name)
    at = inside(data, name)
    return x.tcp(lambda c: c.at(0, data[:at] + b"-" + data[at:], PSH | ACK | URG, at + 1), wait=WAIT)


@row(22, "a keep-alive probe with a byte before the window", BY_NAME)
def _(x, name, v):
    def do(c):
        c.segment(c.isn, ACK, b"\x15")
        c.at(0, small(name))
    return x.tcp(do, wait=x.wait if name == x.good else WAIT)


@row(23, "hello and FIN in one segment", BY_NAME)
def _(x, name, v):
    return x.tcp(lambda c: c.at(0, small(name), FIN | PSH | ACK), wait=x.wait if name == x.good else WAIT)


# Once the server has acknowledged the first one, no copy can change what it reads; and later bytes are the connection's own.
@row(24, "another hello at the same sequence numbers, before and after the server's answer", BLOCK, unjudged=True, live=True,
     variants=["before", "after"], expects=["out ip.dst==203.0.113.24"], names={"a024.good.test"}, only_servers=True)
def _(x, name, v):
    def do(c):
        c.at(0, small(x.good))
        if v == "after":
            c.outcome(x.wait)
        c.at(0, small(name))
    return x.tcp(do, wait=WAIT)


@row(25, "the ports of an accepted connection again, after RST, FIN and a RST that died on the way", BLOCK,
     variants=["RST", "FIN", "lost RST"], live=True)
def _(x, name, v):
    first = rawtcp.Connection(x.v4, 443)
    first.connect(x.wait)
    first.at(0, small(x.good))
    if first.outcome(x.wait) != "served":
        raise RuntimeError("the first connection was not served")
    first.ack = first.start + sum(map(len, first.data.values())) & 0xFFFFFFFF
    first.at(first.end, b"", ACK)
    time.sleep(0.3)
    first.ttl(1 if v == "lost RST" else 0)
    first.segment(first.isn + 1 + first.end, FIN | ACK if v == "FIN" else RST | ACK)
    time.sleep(0.2)
    c = rawtcp.Connection(x.v4, 443)
    c.sport = first.sport
    first.s.close()
    try:
        c.connect(x.wait if v == "RST" else WAIT)
        c.at(0, small(name))
        return c.outcome(WAIT)
    except (socket.timeout, ConnectionError):
        return "refused"
    finally:
        c.close()


@row(26, "a small MSS and a small window", BY_NAME, variants=["mss", "window"], released=500)
def _(x, name, v):
    with socket.socket() as s:
        s.settimeout(x.wait)
        if v == "mss":
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 88)
        else:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP, 256)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        try:
            s.connect((x.v4, 443))
            s.sendall(small(name))
        except OSError:
            return "refused"
        return rawtls.outcome(s, x.wait)


@row(27, "multipath TCP: a capable client, a subflow that joins", BY_NAME,
     variants=[bytes([30, 12, 0, 1]) + b"clientky", {"only": BLOCK, "join": bytes([30, 12, 0x10, 1]) + b"tokenrnd"}])
def _(x, name, v):
    option = v["join"] if isinstance(v, dict) else v
    return x.tcp(lambda c: c.at(0, small(name)), connect={"options": option}, wait=x.wait if name == x.good else WAIT)


@row(28, "a SYN with ECE and CWR", BY_NAME)
def _(x, name, v):
    return x.tcp(lambda c: c.at(0, small(name)), connect={"flags": SYN | ECE | CWR}, wait=x.wait if name == x.good else WAIT)


@row(29, "a hello that never ends: reset at the deadline", BLOCK, released=500, alone=True)
def _(x, name, v):
    with socket.create_connection((x.v4, 443), x.wait) as s:
        data, end = small(name), time.monotonic() + 40
        s.settimeout(1)
        try:
            for at in range(len(data) - 1):
                s.sendall(data[at:at + 1] if at else data[:30])
                try:
                    if not s.recv(100):
                        return "closed"
                except socket.timeout:
                    pass
                if time.monotonic() > end:
                    return "served"  # that it goes on is what must not be
        except OSError:
            return "reset"
    return "served"


@row(30, "a connection that the kernel does not know any more goes on", BLOCK, live=True)
def _(x, name, v):
    with x.get(x.good) as tls:
        tls.sendall(b"GET /first HTTP/1.1\r\n\r\n")
        tls.recv(100)
        eventually(3, lambda: "dport=443" in in_gateway("conntrack", "-L", "-d", x.v4))
        in_gateway("conntrack", "-D", "-d", x.v4)
        try:
            tls.settimeout(WAIT)
            tls.sendall(f"GET /{name} HTTP/1.1\r\n\r\n".encode())
            return "served" if tls.recv(100) else "closed"
        except OSError as e:
            return str(e)
