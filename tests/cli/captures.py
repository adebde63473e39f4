#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names in recorded captures: what a replay records, compared with what other parsers found.

usage: captures.py SNI-FILTER DIRECTORY EXPLAINED

DIRECTORY holds captures and expected.tsv: a row per flow, with the names that an independent parser
found (oracle_name; for DNS all that were asked for, separated by spaces; "none", "invalid") and whether
all parsers agree. Rows of protocol tls, quic, dns, http with agree = yes count. EXPLAINED lists the flows
whose difference is right, with the reason. Status 0 when each flow is as expected or explained.
"""
import collections
import csv
import json
import os
import re
import subprocess
import sys
import tempfile

PROTOCOLS = "tls", "quic", "dns", "http"
Flow = collections.namedtuple("Flow", "capture src sport dst dport")
NAME = re.compile(r"^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))+$")


def read_table(path):
    with open(path, encoding="utf-8") as table:
        lines = [line for line in table if line.strip() and not line.startswith("#")]
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def flow_of(capture, row):
    return Flow(capture, row["src"], int(row["sport"]), row["dst"], int(row["dport"]))


def reverse(flow):
    return Flow(flow.capture, flow.dst, flow.dport, flow.src, flow.sport)


def names_of(text):
    return {name.lower() for name in text.split() if name not in ("none", "invalid")}


def write_allowlist(file, rows):
    """All names that stand in the table and that an allowlist can hold."""
    names = sorted({n for row in rows for n in names_of(row["oracle_name"]) if NAME.match(n)})
    for name in names:
        file.write(f"{name} tls/1-65535 quic/1-65535 http/1-65535\n")
    file.flush()


def replay(sni_filter, allowlist, path):
    """(name, is it of a well-formed message) per flow and event, of one capture"""
    done = subprocess.run(
        [sni_filter, "--read", path, "--allowlist", allowlist, "--binding", "off"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode not in (0, 1) or (done.returncode == 1 and b"truncated" not in done.stderr):
        raise SystemExit(f"{path}: status {done.returncode}: {done.stderr.decode()}")
    found = collections.defaultdict(set)
    for line in done.stdout.splitlines():
        record = json.loads(line)
        if record["event"] in PROTOCOLS:
            key = flow_of(os.path.basename(path), record), record["event"]
            found[key].add((record.get("name", "").lower(), record["reason"] != "dns-malformed"))
    return found


def compare(rows, found):
    """yields (row, what was found) of each flow that differs"""
    for row in rows:
        flow = flow_of(row["pcap"], row)
        key = (flow, row["protocol"])
        if key not in found and (reverse(flow), row["protocol"]) in found:
            key = (reverse(flow), row["protocol"])
        got = found.get(key, set())
        sure = {name for name, is_good in got if is_good} - {""}
        possible = {name for name, _ in got} - {""}  # parsers differ on malformed queries
        if not sure <= names_of(row["oracle_name"]) <= possible:
            yield row, possible


def report(row, flow, got, reason):
    want = names_of(row["oracle_name"])
    print("explained:" if reason else "differs:", row["protocol"], *flow, "- expected but not found:",
          *(sorted(want - got) or ["nothing"]), "- found but not expected:",
          *(sorted(got - want) or ["nothing"]), f"({reason['reason']})" if reason else "")


def main():
    sni_filter, directory, explained_path = sys.argv[1:]
    rows = [row for row in read_table(os.path.join(directory, "expected.tsv"))
            if row["protocol"] in PROTOCOLS and row["agree"] == "yes"]
    explained = {(flow_of(row["pcap"], row), row["protocol"]): row
                 for row in read_table(explained_path)}
    found = {}
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as allowlist:
        write_allowlist(allowlist, rows)
        for capture in sorted({row["pcap"] for row in rows}):
            found.update(replay(sni_filter, allowlist.name, os.path.join(directory, capture)))
    differing = list(compare(rows, found))
    status = 0
    for row, got in differing:
        flow = flow_of(row["pcap"], row)
        reason = explained.pop((flow, row["protocol"]), None)
        if reason is None or names_of(reason["found"]) != got:
            status = 1
        report(row, flow, got, reason)
    for flow, protocol in explained:
        status = 1
        print(f"explained in vain: {protocol} {' '.join(map(str, flow))}")
    counts = []
    for protocol in PROTOCOLS:
        total = sum(row["protocol"] == protocol for row in rows)
        wrong = sum(row["protocol"] == protocol for row, _ in differing)
        counts.append(f"{protocol}: {total - wrong} of {total}")
    print(", ".join(counts))
    return status


sys.exit(main())
