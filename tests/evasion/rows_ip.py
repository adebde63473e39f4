# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows 31 to 40: below TCP and UDP, and what is meant for the gateway itself or its neighbours."""
import os
import socket
import struct
import time

import rawtcp
from kit import BLOCK, BY_NAME, WAIT, ethernet, fragments, in_gateway, ip, ip4, ip6, row, small, udp
from rawtcp import ACK, PSH, SYN


def fragments_to(number):
    """They leave as they came, once they are judged as one; the last stands for the whole in the capture."""
    return [f"out ip.dst==203.0.113.{number} && ip.flags.mf==1"]


def sent(x, name, v6, send):
    """A connection whose hello is sent by send(c, segment)."""
    def do(c):
        data = small(name)
        send(c, c.packet(c.isn + 1, PSH | ACK, data))
        c.end = len(data)
    return x.tcp(do, address=x.v6 if v6 else x.v4, wait=x.wait if name == x.good else WAIT)


@row(31, "IPv4 fragments of 8, 24 and 64 bytes, in order and backwards", BY_NAME, expects=fragments_to(31),
     variants=[{"size": 24}, {"size": 64, "order": lambda n: range(n)[::-1]}, {"size": 8, "only": BLOCK}])
def _(x, name, v):
    def send(c, tcp):
        for packet in fragments(c.source, c.address, 6, tcp, v["size"], v.get("order")):
            ethernet(packet)
    return sent(x, name, False, send)


@row(32, "fragments that overlap with other bytes", BLOCK, unjudged=True, expects=fragments_to(32))
def _(x, name, v):
    def send(c, tcp):
        good = c.packet(c.isn + 1, PSH | ACK, small(x.good))
        for packet in (ip4(c.source, c.address, 6, good[:160], more=True, number=77),
                       ip4(c.source, c.address, 6, tcp[80:160], offset=80, more=True, number=77),
                       ip4(c.source, c.address, 6, tcp[160:], offset=160, number=77)):
            ethernet(packet)
        for packet in (ip4(c.source, c.address, 6, tcp[80:160], offset=80, more=True, number=78),
                       ip4(c.source, c.address, 6, good[:160], more=True, number=78),
                       ip4(c.source, c.address, 6, tcp[160:], offset=160, number=78)):
            ethernet(packet)
    return sent(x, name, False, send)


def fragment_header(following, offset, more, number):
    return struct.pack(">BBHI", following, 0, offset | more, number)


@row(33, "a first fragment without the ports; an IPv6 packet that is one fragment, and one of several", BLOCK,
     variants=["short", "atomic", "several"])
def _(x, name, v):
    def send(c, tcp):
        if v == "short":
            for packet in fragments(c.source, c.address, 6, tcp, 8):
                ethernet(packet)
        elif v == "atomic":
            ethernet(ip6(c.source, c.address, 44, fragment_header(6, 0, 0, 7) + tcp))
        else:
            ethernet(ip6(c.source, c.address, 44, fragment_header(6, 0, 1, 8) + tcp[:8]))
            ethernet(ip6(c.source, c.address, 44, fragment_header(6, 8, 0, 8) + tcp[8:]))
    return sent(x, name, v != "short", send)


HEADERS = {"hop-by-hop": (0, b"\x06\0\1\4\0\0\0\0"), "destination": (60, b"\x06\0\1\4\0\0\0\0"), "routing": (43, b"\x06\0\4\0\0\0\0\0")}


@row(34, "IPv6 extension headers before TCP and UDP", BLOCK, variants=[*HEADERS, "udp"], silent=True)
def _(x, name, v):
    if v == "udp":
        datagram = udp(os.environ["IN6"], x.v6, 4034, 443, b"EVIL")
        ethernet(ip6(os.environ["IN6"], x.v6, 60, b"\x11\0\1\4\0\0\0\0" + datagram))
        return "sent"

    def send(c, tcp):
        kind, header = HEADERS[v]
        ethernet(ip6(c.source, c.address, kind, header + tcp))
    return sent(x, name, True, send)


@row(35, "IPv4 options: record route, loose source route, timestamp", BLOCK, silent=True,
     variants=[b"\x07\x07\x04\0\0\0\0\1", b"\x83\x07\x04\xcb\0\x71\x23\1", b"\x44\x08\x05\0\0\0\0\0"])
def _(x, name, v):
    return sent(x, name, False, lambda c, tcp: ethernet(ip4(c.source, c.address, 6, tcp, options=v)))


@row(36, "SCTP, GRE, IP in IP, ESP, a ping with data, raw IP", BLOCK)
def _(x, name, v):
    for protocol in (132, 47, 4, 41, 50, 51, 2, 253):
        ethernet(ip4(os.environ["IN4"], x.v4, protocol, b"EVIL" * 8))
        ethernet(ip6(os.environ["IN6"], x.v6, protocol, b"EVIL" * 8))
    echo = struct.pack(">BBHHH", 8, 0, 0, 1, 1) + b"EVIL" * 8
    ethernet(ip4(os.environ["IN4"], x.v4, 1, echo[:2] + struct.pack(">H", rawtcp.checksum(echo)) + echo[4:]))
    ethernet(ip6(os.environ["IN6"], x.v6, 58, b"\x80\0\0\0\0\1\0\1" + b"EVIL" * 8))
    return "sent"


ELSEWHERE = ["2002:cb00:7124::1", "2001::cb00:7124", "64:ff9b::cb00:7124", "::ffff:203.0.113.37", "ff0e::37", "233.252.0.37",
             "fe80::37", "169.254.169.254", "240.0.0.37"]


@row(37, "addresses of transition mechanisms, mapped, link-local, multicast", BLOCK, also=ELSEWHERE)
def _(x, name, v):
    for to in ELSEWHERE:
        source = os.environ["IN6" if ":" in to else "IN4"]
        ethernet(ip(source, to, 17, udp(source, to, 4037, 443, b"EVIL")))
        c = rawtcp.Connection.__new__(rawtcp.Connection)
        c.family, c.source, c.address = socket.AF_INET6 if ":" in to else socket.AF_INET, source, to
        c.sport, c.port, c.ack, c.md5, c.bad_sum = 24037, 443, 0, False, False
        ethernet(ip(source, to, 6, c.packet(1, SYN)))
    return "sent"


@row(38, "a source address that is not the client's", BLOCK)
def _(x, name, v):
    for source in ("192.0.2.38", "198.18.1.1", "198.18.0.1", "203.0.113.10", "127.0.0.1", "2001:db8:38::1", "::1", "2001:2:0:1::1"):
        to = x.v6 if ":" in source else x.v4
        ethernet(ip(source, to, 17, udp(source, to, 4038, 443, b"EVIL")))
    return "sent"


@row(39, "the gateway's own ports", BLOCK)
def _(x, name, v):
    for to in (os.environ["GATEWAY4"], os.environ["GWOUT4"], os.environ["GATEWAY6"]):
        for port in (22, 7000):
            try:
                with socket.create_connection((to, port), WAIT) as s:
                    s.sendall(b"EVIL")
                    return "served"
            except OSError:
                pass
    return "refused"


@row(40, "ICMP redirects and router advertisements", BLOCK)
def _(x, name, v):
    # the test's own address and counters aside: what the gateway's routes are
    before = in_gateway("ip", "route") + in_gateway("ip", "-6", "route")
    inner = ip4(os.environ["IN4"], x.v4, 17, bytes(8))
    for source in (os.environ["IN4"], os.environ["GATEWAY4"]):
        body = struct.pack(">BBH4s", 5, 1, 0, socket.inet_aton(os.environ["IN4"])) + inner
        body = body[:2] + struct.pack(">H", rawtcp.checksum(body)) + body[4:]
        ethernet(ip4(source, os.environ["GATEWAY4"], 1, body))
        ethernet(ip4(source, x.v4, 1, body))
    local = b"\xfe\x80" + bytes(13) + b"\x40"
    prefix = struct.pack(">BBBBIII", 3, 4, 64, 0xC0, 3600, 3600, 0) + socket.inet_pton(socket.AF_INET6, "2001:db8:40::")
    for to in ("ff02::1", os.environ["GATEWAY6"]):
        there = socket.inet_pton(socket.AF_INET6, to)
        body = struct.pack(">BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + prefix
        body = body[:2] + struct.pack(">H", rawtcp.checksum(local + there + struct.pack(">II", len(body), 58) + body)) + body[4:]
        packet = bytearray(ip6("fe80::40", to, 58, body))
        packet[7] = 255
        ethernet(bytes(packet))
    time.sleep(0.5)
    return "refused" if in_gateway("ip", "route") + in_gateway("ip", "-6", "route") == before else "served"
