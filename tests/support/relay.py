#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hand TCP connections out of a network namespace to named hosts, and nothing else.

relay.py NETNS ADDRESS:PORT=HOST:PORT...

It listens at each ADDRESS:PORT of the namespace that the file NETNS is, and connects from the one that it was started
in. For tests that fetch packages: what they can reach of the real network is the list.
"""

import ctypes
import os
import socket
import sys
import threading


def enter(path):
    fd = os.open(path, os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(fd, 0) != 0:
        sys.exit(f"relay: enter {path}: {os.strerror(ctypes.get_errno())}")
    os.close(fd)


def copy(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, sink):
            end.close()


def serve(client, target):
    try:
        server = socket.create_connection(target, 30)
        server.settimeout(None)
    except OSError as error:
        print(f"relay: {target[0]}:{target[1]}: {error}", file=sys.stderr, flush=True)
        client.close()
        return
    back = threading.Thread(target=copy, args=(server, client), daemon=True)
    back.start()
    copy(client, server)
    back.join()
    client.close()
    server.close()


def accept(listener, target):
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, target), daemon=True).start()


def main():
    ways = []
    outside = os.open("/proc/self/ns/net", os.O_RDONLY)
    enter(sys.argv[1])
    for word in sys.argv[2:]:
        here, _, there = word.partition("=")
        address, _, port = here.rpartition(":")
        host, _, host_port = there.rpartition(":")
        ways.append((socket.create_server((address, int(port)), backlog=64), (host, int(host_port))))
    enter(f"/proc/self/fd/{outside}")
    threads = [threading.Thread(target=accept, args=way) for way in ways]
    for thread in threads:
        thread.start()
    print("ready", flush=True)


main()
