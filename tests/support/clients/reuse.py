#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""reuse.py ADDRESS NAME OTHER [TTL]: two TLS connections one after the other between the same ports, by rawtcp.py.

The first names NAME, is answered, and goes on a little. "open PORT" is printed, and when standard input ends the
second one begins, which names OTHER. Prints its outcome; status 1 when it was served. With TTL the client
resets the first one before, by a segment that does not reach the server.
"""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import rawtcp  # noqa: E402

WAIT = 5


def first(address, name):
    c = rawtcp.Connection(address, 443)
    c.connect(WAIT)
    hello = rawtcp.hello(name)
    for at in range(0, len(hello), 1400):
        c.at(at, hello[at:at + 1400])
    if c.outcome(WAIT) != "served":
        sys.exit("the first connection is not served")
    for _ in range(3):
        c.at(c.end, b"", rawtcp.ACK)
        time.sleep(0.1)
    return c


def second(address, name, sport):
    c = rawtcp.Connection(address, 443)
    c.sport = sport
    try:
        c.connect(WAIT)
        hello = rawtcp.hello(name)
        for at in range(0, len(hello), 1400):
            c.at(at, hello[at:at + 1400])
        return c.outcome(WAIT)
    except ConnectionError:
        return "reset"
    except TimeoutError:
        return "timeout"


def main():
    c = first(sys.argv[1], sys.argv[2])
    print("open", c.sport, flush=True)
    sys.stdin.read()
    if len(sys.argv) > 4:
        c.ttl(int(sys.argv[4]))
        c.segment(c.isn + 1 + c.end, rawtcp.RST | rawtcp.ACK)
    outcome = second(sys.argv[1], sys.argv[3], c.sport)
    print(outcome)
    return outcome == "served"


if __name__ == "__main__":
    sys.exit(main())
