#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check verdict logs: each line against the schema, numbers without gaps in each run.

usage: validate_log.py FILE...      ("-": standard input)
Exit status 0 when all is well; 1 after naming the file and line that is not; 2 for usage.
"""
import json
import os
import sys

import jsonschema

SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "fwd",
                      "verdict-log.schema.json")


def once(pairs):
    """An object whose keys all differ: the JSON module would take the last of two equal ones."""
    found = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"key {key!r} stands twice")
        found[key] = value
    return found


def check(name, stream, validator):
    """None, or what is wrong; and how many records were good."""
    next_seq = {}
    number = 0
    for number, line in enumerate(stream, 1):
        where = f"{name}:{number}"
        if not line.endswith(b"\n"):
            return f"{where}: the line has no end", number
        if not line.isascii() or len(line) >= 4096:
            return f"{where}: {len(line)} bytes, expected fewer than 4096 and all of them ASCII", number
        try:
            record = json.loads(line, object_pairs_hook=once)
        except ValueError as error:
            return f"{where}: no JSON: {error}", number
        error = jsonschema.exceptions.best_match(validator.iter_errors(record))
        if error:
            return f"{where}: {'/'.join(map(str, error.path))}: {error.message}", number
        expected = next_seq.get(record["run"], 1)
        if record["seq"] != expected:
            return f"{where}: seq {record['seq']}, expected {expected} in run {record['run']}", number
        next_seq[record["run"]] = expected + 1
    return None, number


def main():
    if len(sys.argv) < 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    with open(SCHEMA, encoding="ascii") as file:
        validator = jsonschema.Draft202012Validator(json.load(file))
    for name in sys.argv[1:]:
        with (sys.stdin.buffer if name == "-" else open(name, "rb")) as stream:
            wrong, records = check(name, stream, validator)
        if wrong:
            print(wrong, file=sys.stderr)
            return 1
        print(f"{name}: {records} records, all valid")
    return 0


if __name__ == "__main__":
    sys.exit(main())
