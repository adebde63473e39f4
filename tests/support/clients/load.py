#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""load.py LOG ADDRESS NAME DENIED [SOURCE]: connections without pause until killed, to ADDRESS port 443.

One thread sends ClientHellos for NAME and waits for the ServerHello, one for DENIED, which must not get any.
LOG gets a JSON line for each: when it ended (CLOCK_MONOTONIC), "name" or "denied", outcome, milliseconds.
"""
import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import rawtls  # noqa: E402


class Args:
    source = sport = tfo = mptcp = hrr = None
    ttl = segment = pause = 0
    port, wait = 443, 2


def attempt(address, name):
    args = Args()
    args.address, args.name = address, name
    return rawtls.attempt(args, rawtls.records(rawtls.hello(name, pq=True)), [])


def main():
    log, address, name, denied = sys.argv[1:5]
    Args.source = sys.argv[5] if len(sys.argv) > 5 else None
    out = open(log, "a", buffering=1, encoding="ascii")

    def loop(kind, what):
        while True:
            begin = time.monotonic()
            outcome = attempt(address, what)
            end = time.monotonic()
            print(json.dumps({"at": end, "kind": kind, "outcome": outcome, "ms": (end - begin) * 1000}), file=out)
            time.sleep(0.005)
    threading.Thread(target=loop, args=("denied", denied), daemon=True).start()
    loop("name", name)


main()
