#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is every packet in a capture declared?  capcheck.py CAPTURE EXPECTED MAC [LINES]

CAPTURE holds what left an interface with address MAC. EXPECTED has one declaration a line:

  out FILTER              packets that match the display filter
  tls NAME ADDR PORT      TCP to ADDR:PORT; with payload only in streams all of whose
                          ClientHellos (by tshark) carry a name declared for ADDR:PORT
  http NAME ADDR PORT     TCP to ADDR:PORT; with payload only in streams all of whose requests
                          (by tshark) name in Host a name declared for ADDR:PORT
  quic NAME ADDR PORT     UDP to ADDR:PORT, in streams with ClientHellos (in Initial packets, which tshark
                          decrypts) all of which carry a name declared for ADDR:PORT
  never TEXT              no payload to a declared http ADDR:PORT holds this text
  dns NAME ADDR           questions for NAME, type A or AAAA, to ADDR port 53; without any byte
                          that the question does not need
  released ADDR PORT N    streams to ADDR:PORT without a ClientHello or request, of up to N payload bytes

Always fine: ARP, and neighbour discovery and group membership from MAC with the hop limits that
no forwarded packet can have; the frame that marks the capture's end. Of what is not declared LINES (40) are printed.
Exit status 0: all declared; 42: not; 1: could not be checked.
"""
import ipaddress
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

FIELDS = """frame.number eth.src eth.type arp.opcode ip.src ip.dst ip.ttl ip.proto ipv6.dst ipv6.hlim ipv6.nxt icmpv6.type
tcp.stream tcp.dstport tcp.len tcp.seq udp.stream udp.dstport udp.length tls.handshake.type
tls.handshake.extensions_server_name dns.flags.response dns.qry.name dns.qry.type dns.count.queries
dns.count.add_rr dns.opt.code http.request.method http.host _ws.malformed _ws.col.Info""".split()
END_OF_CAPTURE = "0x88b5"
INSPECTED = 20000  # bytes at a stream's start that must be the same in every copy


def tshark(capture, *args):
    command = ["tshark", "-n", "-r", capture, "-o", "tcp.reassemble_out_of_order:TRUE",
               "-o", "tcp.desegment_tcp_streams:TRUE", "-o", "tls.desegment_ssl_records:TRUE",
               "-o", "tcp.check_checksum:FALSE", "-o", "http.desegment_body:FALSE", *args]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
    return done.stdout.splitlines()


class Expected:
    def __init__(self, path):
        self.filters, self.tls, self.dns, self.released = [], defaultdict(set), defaultdict(set), {}
        self.http, self.never, self.quic = defaultdict(set), [], defaultdict(set)
        for line in open(path, encoding="ascii"):
            kind, _, rest = line.strip().partition(" ")
            words = rest.split()
            if kind == "out":
                self.filters.append(rest)
            elif kind == "tls":
                self.tls[address(words[1]), int(words[2])].add(words[0].lower())
            elif kind == "http":
                self.http[address(words[1]), int(words[2])].add(words[0].lower())
            elif kind == "quic":
                self.quic[address(words[1]), int(words[2])].add(words[0].lower())
            elif kind == "never":
                self.never.append(rest.encode())
            elif kind == "dns":
                self.dns[address(words[1])].add(words[0].lower())
            elif kind == "released":
                self.released[address(words[0]), int(words[1])] = int(words[2])
            elif kind:
                sys.exit(f"capcheck: {path}: unknown declaration: {line}")


def address(text):
    return str(ipaddress.ip_address(text))


def fold(name):
    return name.lower().rstrip(".")


def first(text):  # of an ICMP error only the outer header counts
    return text.split("|")[0]


def packets(capture, expected):
    decode = [f"-dtcp.port=={port},tls" for _, port in expected.tls if port != 443]
    decode += [f"-dtcp.port=={port},http" for _, port in expected.http if port != 80]
    decode += [f"-dudp.port=={port},quic" for port in {port for _, port in expected.quic}]
    fields = [word for field in FIELDS for word in ("-e", field)]
    for line in tshark(capture, *decode, "-T", "fields", "-E", "separator=/t", "-E", "aggregator=|", *fields):
        values = dict(zip(FIELDS, line.split("\t")))
        values["dst"] = first(values["ip.dst"]) or first(values["ipv6.dst"])
        values["dst"] = values["dst"] and address(values["dst"])
        yield values


def from_kernel(p, mac):
    """Does the interface itself say this, to its neighbours only?"""
    if p["eth.src"] != mac:
        return False
    if p["arp.opcode"] or p["eth.type"] == END_OF_CAPTURE:
        return True
    if first(p["ipv6.hlim"]) == "255" and p["icmpv6.type"] in ("133", "135", "136"):
        return True
    if first(p["ipv6.hlim"]) == "1" and p["icmpv6.type"] in ("131", "132", "143"):
        return True
    return first(p["ip.ttl"]) == "1" and p["ip.proto"] == "2"


def question_length(p):
    """Bytes of a DNS message that asks p's question and says nothing else."""
    edns = 11 if p["dns.count.add_rr"] == "1" else 0
    return 12 + len(p["dns.qry.name"].rstrip(".")) + 2 + 4 + edns


def wrong_question(p, names):
    """Why p, which is a DNS message, is not a declared question; None when it is."""
    if p["dns.flags.response"] not in ("0", "False") or p["dns.count.queries"] != "1":
        return "not one question"
    if fold(p["dns.qry.name"]) not in names:
        return f"question for {p['dns.qry.name']}, not declared"
    if p["dns.qry.type"] not in ("1", "28"):
        return f"question of type {p['dns.qry.type']}"
    if p["dns.opt.code"] or p["_ws.malformed"]:
        return "options, or bytes that are none of a question"
    return None


class Stream:
    def __init__(self):
        self.names, self.hellos, self.bytes, self.questions, self.question_bytes = set(), 0, 0, [], 0
        self.requests, self.hosts = 0, []


def streams(all_packets):
    found = defaultdict(Stream)
    for p in all_packets:
        if p["udp.stream"] and "|" not in p["udp.stream"]:
            s = found["udp", p["udp.stream"]]
            s.hellos += p["tls.handshake.type"].split("|").count("1")
            s.names |= {fold(n) for n in p["tls.handshake.extensions_server_name"].split("|") if n}
        if p["tcp.stream"] and "|" not in p["tcp.stream"]:
            s = found[p["tcp.stream"]]
            s.bytes += int(p["tcp.len"] or 0)
            s.hellos += p["tls.handshake.type"].split("|").count("1")
            s.names |= {fold(n) for n in p["tls.handshake.extensions_server_name"].split("|") if n}
            s.requests += len([m for m in p["http.request.method"].split("|") if m])
            s.hosts += [h for h in p["http.host"].split("|") if h]
            if p["dns.qry.name"]:
                s.questions.append(p)
                s.question_bytes += 2 + question_length(p)
    return found


def judge_http(p, s, expected):
    end = p["dst"], int(first(p["tcp.dstport"]))
    if int(p["tcp.len"] or 0) == 0:
        return None
    if not s.requests:
        allowed = expected.released.get(end, 0)
        return None if s.bytes <= allowed else f"{s.bytes} bytes in a stream without a request"
    if s.requests != len(s.hosts):
        return f"{s.requests} requests with {len(s.hosts)} Host fields"
    strange = {host_name(h) for h in s.hosts} - expected.http[end]
    return f"request for {', '.join(sorted(strange))} to {end[0]}" if strange else None


def host_name(host):
    name, _, port = host.strip().rpartition(":")
    return fold(name if port.isdigit() and name else host.strip())


def judge_tcp(p, s, expected):
    port = int(first(p["tcp.dstport"]))
    end = p["dst"], port
    if port == 53 and p["dst"] in expected.dns:
        for q in s.questions:
            if why := wrong_question(q, expected.dns[p["dst"]]):
                return why
        return "more bytes than its questions need" if s.bytes > s.question_bytes else None
    if end in expected.http:
        return judge_http(p, s, expected)
    if end not in expected.tls and end not in expected.released:
        return f"TCP to {end[0]} port {port}"
    if int(p["tcp.len"] or 0) == 0:
        return None
    if not s.hellos:
        allowed = expected.released.get(end, 0)
        return None if s.bytes <= allowed else f"{s.bytes} bytes in a stream without a ClientHello"
    if not s.names:
        return "a ClientHello without a name"
    strange = s.names - expected.tls[end]
    return f"ClientHello for {', '.join(sorted(strange))} to {end[0]}" if strange else None


def judge_quic(p, s, expected):
    end = p["dst"], int(p["udp.dstport"])
    if not s.hellos or not s.names:
        return "a UDP stream without a ClientHello, or one without a name"
    strange = s.names - expected.quic[end]
    return f"ClientHello for {', '.join(sorted(strange))} to {end[0]}" if strange else None


def judge(p, all_streams, expected, mac):
    """Why a packet may not leave, or None."""
    if from_kernel(p, mac):
        return None
    if p["icmpv6.type"] or not p["dst"]:
        return "not declared"
    if p["tcp.stream"]:
        return judge_tcp(p, all_streams[p["tcp.stream"]], expected)
    if p["udp.dstport"] == "53" and p["dst"] in expected.dns and p["dns.qry.name"]:
        if int(p["udp.length"]) != 8 + question_length(p):
            return "more bytes than the question needs"
        return wrong_question(p, expected.dns[p["dst"]])
    if p["udp.dstport"].isdigit() and (p["dst"], int(p["udp.dstport"])) in expected.quic:
        return judge_quic(p, all_streams["udp", p["udp.stream"]], expected)
    return "not declared"


def filter_of(ends):
    return " or ".join(f"(ip{'v6' * (':' in a)}.dst=={a} and tcp.dstport=={port})" for a, port in ends)


def forbidden(capture, expected):
    """Frames to HTTP servers that hold what must never leave, alone or with what stands before it."""
    ends, before = filter_of(expected.http), defaultdict(bytes)
    if not ends or not expected.never:
        return
    fields = ("-T", "fields", "-e", "frame.number", "-e", "tcp.stream", "-e", "tcp.payload")
    for line in tshark(capture, "-Y", f"({ends}) and tcp.len>0", *fields):
        frame, stream, payload = line.split("\t")
        text = before[stream] + bytes.fromhex(payload)
        for never in expected.never:
            if never in text:
                yield f"frame {frame}: holds {never.decode()}"
        before[stream] = text[-100:]


def conflicts(capture, expected):
    """Frames of TLS streams that bring other bytes for a place than an earlier frame did."""
    seen = defaultdict(dict)
    ends = filter_of(expected.tls)
    if not ends:
        return
    fields = ("-T", "fields", "-e", "frame.number", "-e", "tcp.stream", "-e", "tcp.seq", "-e", "tcp.payload")
    for line in tshark(capture, "-Y", f"({ends}) and tcp.len>0 and tcp.seq<{INSPECTED}", *fields):
        frame, stream, seq, payload = line.split("\t")
        bytes_seen = seen[stream]
        for at, byte in enumerate(bytes.fromhex(payload)[:INSPECTED], int(seq)):
            if bytes_seen.setdefault(at, byte) != byte:
                yield f"frame {frame}: other byte at {at} of TCP stream {stream} than before"
                break


def covered(capture, expected):
    """Frames that a display filter declares."""
    if not expected.filters:
        return set()
    either = " || ".join(f"({f})" for f in expected.filters)
    return set(tshark(capture, "-Y", either, "-T", "fields", "-e", "frame.number"))


def main():
    capture, expected, mac = sys.argv[1], Expected(sys.argv[2]), sys.argv[3]
    with ThreadPoolExecutor() as pool:  # each is a tshark of its own, which takes its time to begin
        read = [pool.submit(lambda f=f: list(f(capture, expected))) for f in (covered, conflicts, packets)]
        declared, bad_copies, all_packets = (r.result() for r in read)
    declared = set(declared)
    all_streams = streams(all_packets)
    bad = []
    for p in all_packets:
        if p["frame.number"] not in declared and (why := judge(p, all_streams, expected, mac)):
            bad.append(f"frame {p['frame.number']} to {p['dst']}: {why}: {p['_ws.col.Info']}")
    bad += bad_copies
    bad += forbidden(capture, expected)
    print(f"{sum(p['eth.type'] != END_OF_CAPTURE for p in all_packets)} packets left the gateway, {len(bad)} of them undeclared")
    print("\n".join(bad[:int((sys.argv[4:] or [40])[0])]))
    sys.exit(42 if bad else 0)


try:
    main()
except RuntimeError as e:
    sys.exit(f"capcheck: {e}")
