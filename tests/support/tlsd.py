#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenSSL servers that say which name they were asked for: tlsd.py LOG CERTIFICATE KEY PORT[,...] [ADDRESS=WHAT...]

They listen on every address, TCP Fast Open included. LOG gets JSON lines: "head" with the first bytes of a connection,
"name" for each ClientHello that OpenSSL has read (null: without server_name), "said" for what came encrypted.
WHAT: hrr (P-384 only: who offers X25519 is asked again), banner (the server speaks first)
"""
import json
import socket
import ssl
import sys
import threading

TCP_FASTOPEN = 23


class Servers:
    def __init__(self, log, certificate, key, special):
        self.log, self.certificate, self.key, self.special = log, certificate, key, special
        self.lock = threading.Lock()

    def note(self, ends, **what):
        with self.lock:
            print(json.dumps({"to": ends[0], "port": ends[1], "from": ends[2], **what}), file=self.log)

    def context(self, ends, what):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        if what == "hrr":
            context.set_ecdh_curve("secp384r1")
        context.sni_callback = lambda connection, name, of: self.note(ends, name=name)
        return context

    def talk(self, connection, ends):
        what = self.special.get(ends[0])
        connection.settimeout(60)
        if what == "banner":
            connection.sendall(b"220 ready\r\n")
        head = connection.recv(64, socket.MSG_PEEK)
        if not head:
            return
        self.note(ends, head=head.hex())
        with self.context(ends, what).wrap_socket(connection, server_side=True) as tls:
            while data := tls.recv(4096):
                self.note(ends, said=data[:200].decode("latin-1"))
                tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def serve(self, connection, peer):
        here = connection.getsockname()
        try:
            with connection:
                self.talk(connection, (here[0], here[1], peer[1]))
        except (OSError, ValueError):
            pass

    def listen(self, family, port):
        s = socket.socket(family, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        s.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 64)
        s.bind(("", port))
        s.listen(1024)
        while True:
            threading.Thread(target=self.serve, args=s.accept(), daemon=True).start()


def main():
    log, certificate, key, ports, *special = sys.argv[1:]
    with open(log, "a", buffering=1, encoding="ascii") as out:
        servers = Servers(out, certificate, key, dict(one.split("=") for one in special))
        for port in ports.split(","):
            for family in (socket.AF_INET, socket.AF_INET6):
                threading.Thread(target=servers.listen, args=(family, int(port)), daemon=True).start()
        threading.Event().wait()


main()
