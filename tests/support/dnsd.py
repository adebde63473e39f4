#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A resolver that misbehaves on request.

dnsd.py --log LOG ADDRESS/RULE...   RULE = NAME=WHAT[,WHAT...]; NAME "*" is any other name

WHAT:  an address      a record in the answer to A or AAAA
       cname:NAME      a CNAME; the chain is followed through this server's other rules
       loop:NAME       a CNAME that is put in the answer, and what NAME has too, as often as it loops
       ttl:N           of all records; 1 unless given
       truncate        over UDP: an empty answer with TC, TCP gives all
       drop            no answer; nor over TCP, where the connection is taken and nothing said
       servfail        RCODE 2;  nxdomain  RCODE 3
       delay:N         N milliseconds late
       extra:NAME/ADDR a record that nobody asked for, in the answer section
       forge:ADDR      before the true answer, ones with ADDR: wrong ID, other question, other letter case
       odd:WHAT/ADDR   an answer with ADDR that is wrong: nxdomain (the name does not exist), count (more records than
                       there are), length (of the record), authority (in that section), class (another one)
       otherport       the answer comes from another port
LOG gets a line of JSON for every query: server, transport, peer's address and port, id, name as spelt, type, edns.
"""
import argparse
import ipaddress
import json
import socket
import struct
import threading
import time
from collections import defaultdict

A, CNAME, OPT, AAAA = 1, 5, 41, 28


def pack_name(name):
    labels = [label.encode("latin-1") for label in name.strip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def read_name(message, at):
    labels = []
    while (n := message[at]) != 0:
        labels.append(message[at + 1:at + 1 + n].decode("latin-1"))
        at += 1 + n
    return ".".join(labels), at + 1


def record(name, kind, ttl, data):
    return pack_name(name) + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def address_record(name, text, ttl):
    packed = ipaddress.ip_address(text).packed
    return record(name, A if len(packed) == 4 else AAAA, ttl, packed)


def address_type(word):
    try:
        return A if ipaddress.ip_address(word).version == 4 else AAAA
    except ValueError:
        return None


class Query:
    def __init__(self, message):
        self.message = message
        self.id, self.flags, _, _, _, self.additional = struct.unpack(">6H", message[:12])
        self.name, end = read_name(message, 12)
        self.type, = struct.unpack(">H", message[end:end + 2])
        self.question = message[12:end + 4]
        self.rest = message[end + 4:]

    def reply(self, answers, rcode=0, truncated=False, query_id=None, question=None):
        flags = 0x8180 | rcode | (0x0200 if truncated else 0)
        head = struct.pack(">6H", self.id if query_id is None else query_id, flags, 1, len(answers), 0, 0)
        return head + (question or self.question) + b"".join(answers)


class Server:
    def __init__(self, address, rules, log):
        self.address, self.rules, self.log = address, rules, log

    def note(self, transport, peer, query):
        print(json.dumps({"server": self.address, "transport": transport, "peer": peer[0], "port": peer[1],
                          "id": query.id, "name": query.name, "type": query.type,
                          "edns": query.additional, "rest": query.rest.hex()}), file=self.log)

    def what(self, name):
        return self.rules.get(name.lower(), self.rules.get("*"))

    def option(self, what, key):
        return [w[len(key) + 1:] for w in what if w.startswith(key + ":")]

    def answers(self, query):
        """Records for a query, or None for a name that there is not."""
        out, name, hops = [], query.name, 0
        if self.what(name) is None:
            return None
        ttl = int((self.option(self.what(name), "ttl") or ["1"])[0])
        while (what := self.what(name)) is not None:
            for extra in self.option(what, "extra"):
                owner, _, addr = extra.partition("/")
                out.append(address_record(owner, addr, ttl))
            for word in what:
                if address_type(word) == query.type:
                    out.append(address_record(name, word, ttl))
            target = (self.option(what, "cname") + self.option(what, "loop") + [None])[0]
            hops += 1
            if target is None or hops > 12:
                break
            out.append(record(name, CNAME, ttl, pack_name(target)))
            name = target
        return out

    def replies(self, query, is_tcp):
        """Messages to send, the true one last."""
        what = self.what(query.name) or []
        if "drop" in what:
            return []
        for ms in self.option(what, "delay"):
            time.sleep(int(ms) / 1000)
        if "servfail" in what:
            return [query.reply([], 2)]
        if "nxdomain" in what:
            return [query.reply([], 3)]
        if "truncate" in what and not is_tcp:
            return [query.reply([], 0, True)]
        for odd in self.option(what, "odd"):
            return [self.odd(query, *odd.split("/"))]
        answers = self.answers(query)
        out = []
        for addr in self.option(what, "forge"):
            if query.type == (AAAA if ":" in addr else A):
                out += self.forged(query, addr)
        return out + [query.reply([], 3) if answers is None else query.reply(answers)]

    def odd(self, query, how, addr):
        made = address_record(query.name, addr, 60)
        at = len(pack_name(query.name))
        if how == "length":
            made = made[:at + 8] + b"\0\x14" + made[at + 10:]
        if how == "class":
            made = made[:at + 2] + b"\0\3" + made[at + 4:]
        reply = query.reply([made], 3 if how == "nxdomain" else 0)
        counts = {"count": (1, 9, 0, 0), "authority": (1, 0, 1, 0)}.get(how)
        return reply[:4] + struct.pack(">4H", *counts) + reply[12:] if counts else reply

    def forged(self, query, addr):
        answer = [address_record(query.name, addr, 3600)]
        other = pack_name("other.test") + query.question[-4:]
        swapped = pack_name(query.name.swapcase()) + query.question[-4:]
        return [query.reply(answer, query_id=query.id ^ 1), query.reply(answer, query_id=0),
                query.reply(answer, question=other), query.reply(answer, question=swapped)]

    def udp(self):
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.bind((self.address, 53))
        while True:
            message, peer = s.recvfrom(65535)
            threading.Thread(target=self.udp_query, args=(s, message, peer), daemon=True).start()

    def udp_query(self, s, message, peer):
        try:
            query = Query(message)
        except (IndexError, struct.error):
            return
        self.note("udp", peer, query)
        if "otherport" in (self.what(query.name) or []):
            s = socket.socket(s.family, socket.SOCK_DGRAM)
            s.bind((self.address, 0))
        for reply in self.replies(query, False):
            s.sendto(reply, peer)

    def tcp(self):
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        s = socket.create_server((self.address, 53), family=family)
        while True:
            connection, peer = s.accept()
            threading.Thread(target=self.tcp_connection, args=(connection, peer), daemon=True).start()

    def tcp_connection(self, connection, peer):
        with connection, connection.makefile("rb") as stream:
            while len(head := stream.read(2)) == 2:
                query = Query(stream.read(struct.unpack(">H", head)[0]))
                self.note("tcp", peer, query)
                if "drop" in (self.what(query.name) or []):
                    time.sleep(60)
                for reply in self.replies(query, True):
                    connection.sendall(struct.pack(">H", len(reply)) + reply)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--log", required=True)
    parser.add_argument("rules", nargs="+")
    args = parser.parse_args()
    log = open(args.log, "a", buffering=1, encoding="ascii")
    by_server = defaultdict(dict)
    for rule in args.rules:
        server, _, rest = rule.partition("/")
        name, _, what = rest.partition("=")
        by_server[server][name.lower()] = what.split(",")
    for address, rules in by_server.items():
        server = Server(address, rules, log)
        threading.Thread(target=server.udp, daemon=True).start()
        threading.Thread(target=server.tcp, daemon=True).start()
    print(json.dumps({"ready": True}), file=log)
    threading.Event().wait()


main()
