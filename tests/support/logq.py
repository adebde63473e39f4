#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find a record in a verdict log.

logq.py [--after LINES] [--wait SECONDS] [--count] LOG KEY=VALUE KEY!=VALUE KEY~REGEX...

Prints the first record that has it all. Lists compare by any of their elements. With --count prints how many
have, folded ones by their count. Status 1 when there is none.
"""
import argparse
import json
import re
import sys
import time


def condition(text):
    match = re.fullmatch(r"([a-z0-9_]+)(!=|=|~)(.*)", text, re.S)
    if not match:
        sys.exit(f"logq: {text}: expected KEY=VALUE, KEY!=VALUE or KEY~REGEX")
    return match.groups()


def holds(record, key, operator, wanted):
    value = record.get(key)
    texts = [str(v) for v in (value if isinstance(value, list) else [value])]
    if value is None:
        return operator == "!="
    if operator == "~":
        return any(re.search(wanted, t) for t in texts)
    return (wanted in texts) == (operator == "=")


def records(path, after):
    with open(path, encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines):
            if number >= after and line.endswith("\n"):
                try:
                    yield json.loads(line)
                except ValueError:
                    sys.exit(f"logq: {path}:{number + 1}: not JSON: {line}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--after", type=int, default=0)
    parser.add_argument("--wait", type=float, default=0)
    parser.add_argument("--count", action="store_true")
    parser.add_argument("log")
    parser.add_argument("conditions", nargs="+", type=condition)
    args = parser.parse_args()
    end = time.monotonic() + args.wait
    while True:
        found = [r for r in records(args.log, args.after) if all(holds(r, *c) for c in args.conditions)]
        if found or time.monotonic() >= end:
            break
        time.sleep(0.05)
    if args.count:
        print(sum(r.get("count", 1) for r in found))
    elif found:
        print(json.dumps(found[0]))
    else:
        print("no record with", " ".join("".join(c) for c in args.conditions), "among:")
        for record in list(records(args.log, args.after))[-12:]:
            print(json.dumps(record))
    sys.exit(0 if found else 1)


main()
