#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways around a filter, by number: each row run live, judged by what servers got and what the capture outside holds.

suite.py rules SERVER        the resolver's rules (dnsd.py)      suite.py expect SERVER   what may leave (capture.sh)
suite.py run FILE [PHASE...] carries out rows of these phases, from the clients' namespace; results into FILE
suite.py report FILE CAPTURE a line for each row, then the table; CAPTURE: what capcheck.py said. Status 1: a row failed

Phases: parallel; live (rows of flows that a flowtable may have taken over); alone (rows that disturb others, one after
the other); strict (behind a gateway with ech = deny); machine (rows that change settings of the
whole machine, for one of our own). ROWS: numbers of the only rows to run.
"""
import ipaddress
import json
import os
import re
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import kit
import rows_address  # noqa: F401
import rows_dns  # noqa: F401
import rows_http  # noqa: F401
import rows_ip  # noqa: F401
import rows_quic  # noqa: F401
import rows_state  # noqa: F401
import rows_tcp  # noqa: F401
import rows_tls  # noqa: F401
from kit import ALLOW, BLOCK, BY_NAME, NOT_TESTABLE, ROWS

WORKERS = 24
CHAPTERS = {1: "TCP segments", 31: "IP", 41: "ClientHello", 81: "name and address", 91: "QUIC", 121: "HTTP", 141: "DNS", 171: "state"}
NAME = re.compile(rb"[ab]\d{3}\.(?:good|evil)\.test", re.I)


def chosen():
    only = os.environ.get("ROWS", "").split()
    return [row for number, row in sorted(ROWS.items()) if not only or str(number) in only]


def by_address():
    owners = {}
    for row in ROWS.values():
        for address in [row.v4, row.v6, *row.also]:
            owners.setdefault(str(ipaddress.ip_address(address)), row.number)
    return owners


def rules(server):
    for row in ROWS.values():
        for rule in row.dns:
            print(f"{server}/{rule}")
    print(f"{server}/*=203.0.113.250")


def expectations(server):
    for row in ROWS.values():
        if row.only_servers:
            print("\n".join([f"dns {row.good} {server}"] + row.expects))
            continue
        for name in {row.good, *(rule.partition("=")[0] for rule in row.dns)}:
            print(f"dns {name} {server}")
        for address in (row.v4, row.v6):
            print(f"released {address} 443 {row.released}")
            for name in row.names:
                print(f"tls {name} {address} 443")
                if 91 <= row.number <= 112 or row.number == 176:
                    print(f"quic {name} {address} 443")
                if 121 <= row.number <= 132:
                    print(f"http {name} {address} 80")
        if 121 <= row.number <= 132:
            print(f"released {row.v4} 80 {row.released}")
        for line in row.expects:
            print(line)
    print("never EVIL")


# --- running


def attempt(row, variant):
    """What went wrong with a variant, and the seconds it took."""
    only = variant.get("only") if isinstance(variant, dict) else None
    wanted = {BY_NAME: [row.good, row.evil], BLOCK: [row.evil], ALLOW: [row.good]}[only or row.verdict]
    wrong, begin = [], time.monotonic()
    for name in wanted:
        client = kit.Client(row)
        if name == row.evil:
            client.wait = kit.WAIT if row.verdict == BY_NAME else client.wait
        try:
            outcome = row.how(client, name, variant)
        except Exception as e:  # pylint: disable=broad-except
            wrong.append(f"{label(variant)}: {type(e).__name__}: {e}")
            continue
        if name == row.good and outcome != "served":
            wrong.append(f"{label(variant)}: the allowed name: {outcome}")
        if name == row.evil and not row.unjudged and outcome in ("served", "asked-again"):
            wrong.append(f"{label(variant)}: got through: {outcome}")
    return wrong, time.monotonic() - begin


def label(variant):
    return str(variant)[:60] if variant != {} else "as it is"


def bind(rows):
    """Ask for the good names, as a program does before it connects."""
    names = [(row, kind) for row in rows for kind in (1, 28) if row.bound]

    def ask(one):
        row, kind = one
        for _ in range(4):  # on a busy machine the resolver may be late, and a server's failure is the answer
            answer = kit.Client(row).ask(kit.question(row.good, kind))
            if answer and answer[3] & 15 == 0:
                break
        return answer
    with ThreadPoolExecutor(8) as pool:
        for (row, kind), answer in zip(names, pool.map(ask, names)):
            if answer is None or answer[3] & 15:
                print(f"# {row.good}, type {kind}, is not resolved")


def run(path, *phases):
    begin = time.monotonic()
    rows = [row for row in chosen() if set(row.phase) & set(phases)]
    results = json.load(open(path, encoding="utf-8")) if os.path.exists(path) else {}
    bind(rows)
    for is_alone in (False, True):
        group = [row for row in rows if bool({"alone", "machine"} & set(row.phase)) == is_alone]
        with ThreadPoolExecutor(1 if is_alone else WORKERS) as pool:
            tries = [(row, pool.submit(attempt, row, variant)) for row in group for variant in row.variants]
            for row, one in tries:
                wrong, seconds = one.result()
                entry = results.setdefault(str(row.number), {"wrong": [], "seconds": 0})
                entry["seconds"] = round(max(entry["seconds"], seconds), 1)
                entry["wrong"] += wrong
    with open(path, "w", encoding="utf-8") as out:
        json.dump(results, out)
    slow = sorted(rows, key=lambda row: -results[str(row.number)]["seconds"])[:5]
    print(f"# {len(rows)} rows of phase {', '.join(phases)}: {time.monotonic() - begin:.0f} s; "
          "slowest " + ", ".join(f"{row.number}: {results[str(row.number)]['seconds']} s" for row in slow))


# --- what the servers got


def tls_account(folder, owners):
    for entry in kit.lines(f"{folder}/tlsd.log") + kit.lines(f"{folder}/peer.log"):
        number = owners.get(str(ipaddress.ip_address(entry["to"]))) if "to" in entry else None
        if number is None:
            continue
        row = ROWS[number]
        if "name" in entry and (entry["name"] or "").lower() not in row.names:
            yield number, f"a TLS server was asked for {entry['name']!r}"
        elif "head" in entry and row.silent:
            yield number, f"a server got {bytes.fromhex(entry['head'])!r}"
        elif "said" in entry and ("EVIL" in entry["said"] or row.evil in entry["said"]):
            yield number, "a server got bytes of a connection that was to end"


def quic_account(folder):
    """ngtcp2's server prints the CRYPTO stream as a hex dump, sixteen bytes a line."""
    data = b""
    for path in [f"{folder}/{name}" for name in os.listdir(folder) if name.startswith("quicd")]:
        with open(path, encoding="utf-8", errors="replace") as dump:
            for line in dump:
                found = re.match(r"[0-9a-f]{8}\s+((?:[0-9a-f]{2}\s+){1,16})\|", line)
                data += bytes.fromhex(found[1]) if found else b""
    for name in set(NAME.findall(data)):
        name = name.decode().lower()
        row = ROWS[int(name[1:4])]
        if name not in row.names:
            yield row.number, f"a QUIC server was asked for {name}"


def http_account(folder, owners):
    for entry in kit.lines(f"{folder}/nginx/served.log"):
        number = owners.get(str(ipaddress.ip_address(entry["to"])))
        host = entry["host"].lower().rstrip(".")
        if number and host == "_" and ROWS[number].released and "EVIL" not in entry["request"]:
            continue  # a head's beginning, which no Host followed
        if number and (host not in ROWS[number].names or "EVIL" in entry["request"]):
            yield number, f"an HTTP server got {entry['request']!r} for {entry['host']!r}"


def dns_account(folder):
    declared = {rule.partition("=")[0] for row in ROWS.values() for rule in row.dns} | {row.good for row in ROWS.values()}
    for entry in kit.lines(f"{folder}/dnsd.log"):
        if "name" not in entry:
            continue
        numbers = [int(n) for n in re.findall(r"[a-z](\d{3})\.", entry["name"].lower()) if int(n) in ROWS]
        is_bare = entry["rest"] == "" or (len(entry["rest"]) == 22 and entry["rest"].endswith("0000"))
        if entry["name"].lower() not in declared or entry["type"] not in (1, 28) or not is_bare:
            yield (numbers or [148])[-1], f"the resolver was asked for {entry['name']!r}, type {entry['type']} {entry['rest']}"


def gateway_account(folder):
    for entry in kit.lines(f"{folder}/gateway.log"):
        if "EVIL".encode().hex() in entry["head"]:
            yield 39, "a port of the gateway's own answered"


def capture_account(path, owners):
    with open(path, encoding="utf-8") as text:
        for line in text:
            found = re.match(r"frame \d+ to (\S+): (.*)", line)
            if found:
                yield owners.get(found[1], 0), f"left the gateway: {found[2]}"
            elif line.startswith("frame "):
                yield 0, line.strip()


def reached(folder, capture):
    found, owners = defaultdict(list), by_address()
    accounts = (tls_account(folder, owners), quic_account(folder), http_account(folder, owners), dns_account(folder),
                gateway_account(folder), capture_account(capture, owners))
    for account in accounts:
        for number, what in account:
            if what not in found[number]:
                found[number].append(what)
    return found


# --- the report


def verdict(row):
    return {BY_NAME: "the allowed name allowed, the other blocked"}.get(row.verdict, row.verdict)


def report(path, capture):
    results = json.load(open(path, encoding="utf-8"))
    outside = reached(os.path.dirname(path), capture)
    is_plain = os.environ.get("MODE") == "plain"
    failed, table = 0, []
    for row in chosen():
        result = results.get(str(row.number))
        if result is None:
            if "machine" in row.phase:
                table.append((row.number, row.text, "not tried: in make vm"))
            continue
        wrong = result["wrong"] + outside.pop(row.number, [])
        failed += bool(wrong)
        table.append((row.number, row.text, verdict(row) if not wrong else "NOT " + verdict(row)))
        if not is_plain or os.environ.get("ASSERT"):
            print(f"{'not ok' if wrong else 'ok'} - row {row.number}: {row.text}: {verdict(row)}")
            for line in wrong[:8]:
                print(f"# {ascii(line)[1:-1]}")
    for number, wrong in outside.items():
        if not is_plain and not os.environ.get("ROWS"):
            failed += 1
            print(f"not ok - what left belongs to a row\n# row {number}: {wrong[:8]}")
    table += [(number, text, f"not tested: {why}") for number, (text, why) in NOT_TESTABLE.items()]
    print("#")
    for number, text, what in sorted(table):
        if number in CHAPTERS:
            print(f"# --- {CHAPTERS[number]}")
        print(f"# {number:4} {text}: {what}")
    print(f"# {len(results)} rows, {failed} of them not as they should be")
    return failed and not is_plain


def main():
    what, *args = sys.argv[1:]
    sys.exit({"rules": rules, "expect": expectations, "run": run, "report": report}[what](*args) or 0)


main()
