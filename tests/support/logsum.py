#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What verdict logs add up to.

logsum.py LOG... [KEY=VALUE...]   prints one JSON object: decisions (each record counts as many as it stands for),
                                  lost, records, counted (decisions told by records without name and address), bytes,
                                  longest (records in one second of one that tells what was counted, by agent)
Records that have these values; "lost" is of all.
"""
import collections
import json
import sys


def main():
    files = [a for a in sys.argv[1:] if "=" not in a]
    wanted = [a.split("=", 1) for a in sys.argv[1:] if "=" in a]
    total = dict.fromkeys(("decisions", "lost", "records", "counted", "bytes"), 0)
    seconds = collections.Counter()
    for name in files:
        with open(name, encoding="ascii") as lines:
            for line in lines:
                record = json.loads(line)
                total["lost"] += record.get("lost", 0)
                if any(str(record.get(key)) != value for key, value in wanted):
                    continue
                weight = record.get("count", 1)
                total["decisions"] += weight
                total["records"] += 1
                total["bytes"] += len(line)
                if "counted only" in record.get("detail", ""):
                    total["counted"] += weight
                    seconds[record.get("agent"), record["ts"][:19]] += 1
    print(json.dumps(total | {"longest": max(seconds.values(), default=0)}))


main()
