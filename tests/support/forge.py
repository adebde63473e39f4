#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames that an agent makes by hand.  forge.py OUTER OWN-OUTER ROUTER-MAC OWN-MAC OWN-INNER OTHER-INNER DST

From OWN-OUTER to OUTER port 4789, from every kind of socket that needs no privilege, bound to every port that lets
itself be bound: VXLAN frames with a UDP packet to DST in them, "FORGED" as payload. Prints one line
for each attempt: what, and "sent" or the error.
"""
import socket
import struct
import sys

OUTER, OWN_OUTER, ROUTER_MAC, OWN_MAC, OWN, OTHER, DST = sys.argv[1:]
VNI, PORT = 7547, 4789
SO_MARK, IP_TRANSPARENT, IP_PKTINFO, IPV6_FREEBIND, IP_FREEBIND = 36, 19, 8, 78, 15
MARK = 0x5EC70001


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame(source):
    payload = b"FORGED by an agent"
    udp = struct.pack("!HHHH", 4000, 9999, 8 + len(payload), 0) + payload
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0,
                       socket.inet_aton(source), socket.inet_aton(DST))
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    mac = [bytes.fromhex(m.replace(":", "")) for m in (ROUTER_MAC, OWN_MAC)]
    return struct.pack("!BBHI", 8, 0, 0, VNI << 8) + mac[0] + mac[1] + b"\x08\x00" + head + udp


def attempt(what, action):
    try:
        action()
        print(what, "sent")
    except OSError as e:
        print(what, e.strerror)


def from_here():
    """Control messages that choose the source address, whatever the socket is bound to."""
    own = socket.inet_aton(OWN_OUTER)
    yield []
    yield [(socket.SOL_IP, IP_PKTINFO, struct.pack("I4s4s", 0, own, own))]
    yield [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, b"\0" * 10 + b"\xff\xff" + own + struct.pack("I", 0))]


def send(family, kind, setup, source_port, bind_to, source, control=()):
    with socket.socket(family, kind) as s:
        for level, option, value in setup:
            s.setsockopt(level, option, value)
        if source_port is not None:
            s.bind((bind_to, source_port))
        target = OUTER if family == socket.AF_INET else "::ffff:" + OUTER
        s.sendmsg([frame(source)], control, 0, (target, PORT))


SHARE = [(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1), (socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)]
MARKED = [(socket.SOL_SOCKET, SO_MARK, MARK)]
for source in (OWN, OTHER):
    for port in (None, 0, 4788, 4789, 4790, 53):
        for name, setup in (("", []), (" shared", SHARE)):
            for at, control in enumerate(from_here()):
                for to in ("0.0.0.0", "127.0.0.1", "127.0.0.2", OWN_OUTER):
                    attempt(f"v4 {source} {port} {to}{name} {at}",
                            lambda: send(socket.AF_INET, socket.SOCK_DGRAM, setup, port, to, source, control))
                for to in ("::", "::1", "::ffff:0.0.0.0", "::ffff:127.0.0.2", "::ffff:" + OWN_OUTER):
                    attempt(f"v6 {source} {port} {to}{name} {at}",
                            lambda: send(socket.AF_INET6, socket.SOCK_DGRAM,
                                         setup + [(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)], port, to, source, control))
    attempt("marked", lambda: send(socket.AF_INET, socket.SOCK_DGRAM, MARKED, None, "", source))
    attempt("marked v6", lambda: send(socket.AF_INET6, socket.SOCK_DGRAM, MARKED, None, "", source))
    attempt("transparent", lambda: send(socket.AF_INET, socket.SOCK_DGRAM, [(socket.SOL_IP, IP_TRANSPARENT, 1)], 4789, "", source))
    attempt("raw", lambda: send(socket.AF_INET, socket.SOCK_RAW, [], None, "", source))
# a foreign source address
for family, option, level, address, port in ((socket.AF_INET, IP_FREEBIND, socket.SOL_IP, OTHER, 0),
                                             (socket.AF_INET6, IPV6_FREEBIND, socket.IPPROTO_IPV6, "2001:2:0:5::4", 0),
                                             (socket.AF_INET6, IPV6_FREEBIND, socket.IPPROTO_IPV6, "2001:2:0:5::99", 0)):
    def foreign(family=family, option=option, level=level, address=address, port=port):
        with socket.socket(family, socket.SOCK_DGRAM) as s:
            s.setsockopt(level, option, 1)
            s.bind((address, port))
            s.sendto(b"FORGED source", (DST if family == socket.AF_INET else "2001:db8::66", 53))
    attempt(f"from {address}", foreign)
