#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a well-behaved client fared.

window.py LOAD BEGIN MOST_MS [LEAST_PERCENT]   connections in the log of clients/load.py that began after BEGIN
                                               (CLOCK_MONOTONIC) and for a name that is allowed: prints how many, how
                                               many were served, median, 99th and slowest in ms
Status 1 when fewer than LEAST_PERCENT (100) were served, a served one took longer than MOST_MS, or there are none; also
when one for a name that is not allowed was served, at any time.
"""
import json
import sys


def main():
    begin, most_ms = map(float, sys.argv[2:4])
    least = float(sys.argv[4]) if len(sys.argv) > 4 else 100
    tried, times = 0, []
    with open(sys.argv[1], encoding="ascii") as lines:
        for line in lines:
            if not line.endswith("\n"):
                break
            attempt = json.loads(line)
            if attempt["kind"] == "denied" and attempt["outcome"] == "served":
                sys.exit(f"a refused name was served: {line}")
            if attempt["kind"] != "name" or attempt["at"] - attempt["ms"] / 1000 < begin:
                continue
            tried += 1
            if attempt["outcome"] == "served":
                times.append(attempt["ms"])
            elif least >= 99:
                print("not served:", line.strip())
    if not times:
        sys.exit(f"none of {tried} connections was served")
    times.sort()
    print(f"{len(times)} of {tried} served, median {times[len(times) // 2]:.0f}, "
          f"99th {times[len(times) * 99 // 100]:.0f}, slowest {times[-1]:.0f} ms")
    sys.exit(len(times) < tried * least / 100 or times[-1] > most_ms)


main()
