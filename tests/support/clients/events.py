#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""events.py URL - read server-sent events that say when they were sent; how many, over how long, the latest by how
much (both in ms)."""
import sys
import time
import urllib.request

begin, late, count = time.time(), 0.0, 0
with urllib.request.urlopen(sys.argv[1], timeout=5) as answer:
    for line in answer:
        if line.startswith(b"data: "):
            late, count = max(late, time.time() - float(line[6:])), count + 1
print(f"{count} events {(time.time() - begin) * 1000:.0f} {late * 1000:.0f}")
