#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a hostile agent tries, from inside its container, as its user.

attack.py KEY=VALUE...   patience: seconds until silence counts as such; limit_ms: what "at once" is; core=1: only
what an engine, a kernel's bridge or Docker's rules could make a difference to; part=others: only other agents; part=ipv6: what IPv6 adds
host: addresses of the machine; host6, neighbour, neighbour6, port: of who listens there; other_outer,
other_inner: another agent; with part=ipv6 the IPv6 addresses global6 (of the machine and of this network's
bridge), own6, other6, router6, gw_external6; own_inner, gw_outer, gw_inner, gw_external: the gateway's addresses

Prints "ok - WHAT: OUTCOME, MS ms" or "not ok - ..." for each, and how many there were in a last line. An outcome is
the name of an errno, of a DNS answer, "silence", or, if it worked, "works".
"""
import ctypes
import errno
import os
import select
import socket
import struct
import subprocess
import sys
import time

OPTIONS = dict(argument.split("=", 1) for argument in sys.argv[1:])
PATIENCE = float(OPTIONS.get("patience", 6))
LIMIT_MS = int(OPTIONS.get("limit_ms", 2000))
PORT = int(OPTIONS.get("port", 9999))
IS_CORE = OPTIONS.get("core") == "1"
MARK = b"forged-by-the-agent"
VNI = 7547
count = 0

# what a refusal by rules looks like: at once, by the lock or by the gateway
REFUSED = "ECONNREFUSED EHOSTUNREACH EACCES EPERM ENETUNREACH ECONNRESET"
# an interface without IPv6
NO_IPV6 = "ENETUNREACH EADDRNOTAVAIL EINVAL EPERM EACCES EHOSTUNREACH ENODEV"


def attempt(what, expected, function, *args, **kwargs):
    """Run it; its outcome has to be one of those expected, and to come soon."""
    global count
    begin = time.monotonic()
    try:
        outcome = function(*args, **kwargs) or "works"
    except socket.gaierror as e:
        outcome = {socket.EAI_NONAME: "NXDOMAIN", socket.EAI_NODATA: "NODATA"}.get(e.errno, f"EAI {e.errno}")
    except TimeoutError:
        outcome = "silence"
    except OSError as e:
        outcome = errno.errorcode.get(e.errno, str(e))
    ms = int((time.monotonic() - begin) * 1000)
    count += 1
    good = outcome in expected.split() and ms <= LIMIT_MS
    wanted = "" if good else f", expected {expected} within {LIMIT_MS} ms"
    print(f"{'ok' if good else 'not ok'} - {what}: {outcome}, {ms} ms{wanted}", flush=True)


# --- sockets ---


def endpoint(address, port, device=None):
    """Family and address; "%DEVICE" behind an IPv6 address is its scope."""
    if ":" not in address:
        return socket.AF_INET, (address, port)
    address, _, scope = address.partition("%")
    scope = scope or device
    return socket.AF_INET6, (address, port, 0, socket.if_nametoindex(scope) if scope else 0)


def prepared(kind, address, port, device=None, source=None, options=()):
    family, to = endpoint(address, port, device)
    s = socket.socket(family, kind)
    s.settimeout(PATIENCE)
    for level, name, value in options:
        s.setsockopt(level, name, value)
    if device:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0")
    if source:
        s.bind(endpoint(*source)[1])
    return s, to


def tcp(address, port, **how):
    s, to = prepared(socket.SOCK_STREAM, address, port, **how)
    with s:
        s.connect(to)
        s.sendall(MARK)
        s.recv(1)


def udp(address, port, payload=MARK, **how):
    s, to = prepared(socket.SOCK_DGRAM, address, port, **how)
    with s:
        s.connect(to)
        again(s, payload)


def again(s, payload):
    """Send until something comes back: a kernel makes so many ICMP errors a second and no more."""
    end = time.monotonic() + PATIENCE
    s.settimeout(min(PATIENCE, 0.2))
    while True:
        s.send(payload)
        try:
            return s.recv(100) and None
        except TimeoutError:
            if time.monotonic() >= end:
                raise


def briefly(function, *args, **how):
    """For what may stay without an answer."""
    global PATIENCE
    usual, PATIENCE = PATIENCE, min(PATIENCE, 0.5)
    try:
        return function(*args, **how)
    finally:
        PATIENCE = usual


def send(address, port, payload=MARK, **how):
    """Without a look at what comes back."""
    s, to = prepared(socket.SOCK_DGRAM, address, port, **how)
    with s:
        s.sendto(payload, to)


def ping(address, device=None):
    family, to = endpoint(address, 0, device)
    is_v6 = family == socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6 if is_v6 else socket.IPPROTO_ICMP) as s:
        s.settimeout(PATIENCE)
        if device:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0")
        s.connect(to)
        again(s, struct.pack("!BBHHH", 128 if is_v6 else 8, 0, 0, 1, 1) + MARK)


def scan(address, ports, device=None):
    """TCP connections to all these ports: the first outcome that is no refusal, or ECONNREFUSED."""
    outcomes = set()
    for first in range(0, len(ports), 128):
        waiting = {}
        for port in ports[first:first + 128]:
            s, to = prepared(socket.SOCK_STREAM, address, port, device=device)
            s.setblocking(False)
            s.connect_ex(to)
            waiting[s] = port
        end = time.monotonic() + PATIENCE
        while waiting and time.monotonic() < end:
            for s in select.select([], list(waiting), [], 1)[1]:
                code = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if code == 0:
                    return f"port {waiting[s]} works"
                outcomes.add(errno.errorcode[code])
                del waiting[s]
                s.close()
        if waiting:
            return f"silence from port {next(iter(waiting.values()))}"
    return " ".join(sorted(outcomes))


def question(name, qtype=1):
    labels = b"".join(bytes([len(label)]) + label for label in name.encode("latin-1").split(b"."))
    return b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + labels + b"\0" + struct.pack("!HH", qtype, 1)


def rcode(answer):
    code = answer[3] & 15
    if code == 0 and answer[6:8] != b"\0\0":
        return "works"
    return {0: "NODATA", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}.get(code, str(code))


def ask(server, name, port=53, is_tcp=False, qtype=1, **how):
    s, to = prepared(socket.SOCK_STREAM if is_tcp else socket.SOCK_DGRAM, server, port, **how)
    message = question(name, qtype)
    with s:
        s.connect(to)
        s.sendall(struct.pack("!H", len(message)) + message if is_tcp else message)
        answer = s.recv(1000)
        if is_tcp and len(answer) == 2:
            answer += s.recv(1000)
        return rcode(answer[2:] if is_tcp else answer)


# --- frames ---


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def mac(inner):
    return b"\x02\x53" + socket.inet_aton(inner)


def frame(source, target, router):
    """VXLAN: a UDP packet from source to target's port 5555, by way of the router."""
    udp_part = struct.pack("!HHHH", 999, 5555, 8 + len(MARK), 0) + MARK
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp_part), 1, 0, 64, 17, 0, socket.inet_aton(source),
                       socket.inet_aton(target))
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return struct.pack("!BBHI", 8, 0, 0, VNI << 8) + mac(router) + mac(source) + b"\x08\0" + head + udp_part


def forge(address, payload, **how):
    udp(address, 4789, payload, **how)


def injected(address, payload):
    """Does a frame that is sent to this machine's own end of the tunnel come out of it?"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as r, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        r.bind(("", 5555))
        r.settimeout(0.3)
        s.sendto(payload, (address, 4789))
        try:
            r.recv(100)
        except TimeoutError:
            return "silence"


# --- the kernel, processes and files ---

LIBC = ctypes.CDLL(None, use_errno=True)


def call(number, *args):
    if LIBC.syscall(number, *args) < 0:
        raise OSError(ctypes.get_errno(), "")


def netlink(message, body=b"\0" * 32):
    """The answer to a request to the routing part."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as s:
        s.settimeout(PATIENCE)
        s.send(struct.pack("=IHHII", 16 + len(body), message, 5, 1, 0) + body)
        answer = s.recv(4096)
        code = struct.unpack("=i", answer[16:20])[0] if struct.unpack("=H", answer[4:6])[0] == 2 else 0
        if code:
            raise OSError(-code, "")


def interface_down(name):
    import fcntl
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sH14x", name.encode(), 0))


def write(path):
    with open(path, "r+b", buffering=0) as f:
        f.write(b"1")


def connect_unix(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)


def tool(*command):
    """Of a program only whether it works."""
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
    return "works" if done.returncode == 0 else "fails"


def strange_processes():
    """Processes that are not this user's."""
    strange = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat(f"/proc/{pid}").st_uid != os.getuid():
                strange.append(pid)
        except FileNotFoundError:
            pass
    return " ".join(strange) or "none"


def abstract_sockets():
    with open("/proc/net/unix", encoding="ascii", errors="replace") as f:
        return " ".join(line.split()[7] for line in f if "@" in line) or "none"


def docker_ports():
    """What Docker's resolver really listens on: everybody may read it."""
    for name in ("udp", "tcp"):
        with open(f"/proc/net/{name}", encoding="ascii") as f:
            for line in f.readlines()[1:]:
                address, port = line.split()[1].split(":")
                if address == "0B00007F":
                    yield name, int(port, 16)


# --- what is tried ---


def host_addresses():
    return OPTIONS["host"].split(",")


def machine():
    for address in host_addresses():
        attempt(f"TCP to the host at {address}", REFUSED, tcp, address, PORT)
        attempt(f"UDP to the host at {address}", REFUSED, udp, address, PORT)
        attempt(f"TCP to the host at {address}, by eth0", REFUSED, tcp, address, PORT, device="eth0")
        attempt(f"ping of the host at {address}", REFUSED, ping, address)
    for address in OPTIONS["host6"].split(","):
        for device in ("eth0", "sec0"):
            attempt(f"TCP to the host at {address}%{device}", NO_IPV6, tcp, address, PORT, device=device)
            attempt(f"UDP to the host at {address}%{device}", NO_IPV6, udp, address, PORT, device=device)
            attempt(f"ping of the host at {address}%{device}", NO_IPV6, ping, address, device=device)


def neighbours():
    address, address6 = OPTIONS["neighbour"], OPTIONS["neighbour6"]
    for device in (None, "eth0", "sec0"):
        by = f", by {device}" if device else ""
        attempt(f"TCP to a neighbour{by}", REFUSED, tcp, address, PORT, device=device)
        attempt(f"UDP to a neighbour{by}", REFUSED, udp, address, PORT, device=device)
        attempt(f"ping of a neighbour{by}", REFUSED, ping, address, device=device)
    for device in ("eth0", "sec0"):
        attempt(f"TCP to a neighbour's {address6}%{device}", NO_IPV6, tcp, address6, PORT, device=device)
        attempt(f"UDP to a neighbour's {address6}%{device}", NO_IPV6, udp, address6, PORT, device=device)
        attempt(f"ping of all IPv6 neighbours by {device}", NO_IPV6, ping, "ff02::1", device=device)


def others():
    for what, address in (("outer", OPTIONS["other_outer"]), ("inner", OPTIONS["other_inner"])):
        for device in (None, "eth0", "sec0"):
            by = f", by {device}" if device else ""
            attempt(f"TCP to another agent's {what} address{by}", REFUSED, tcp, address, PORT, device=device)
            attempt(f"UDP to another agent's {what} address{by}", REFUSED, udp, address, PORT, device=device)
            attempt(f"ping of another agent's {what} address{by}", REFUSED, ping, address, device=device)
    spoofed_sources(OPTIONS["other_inner"], "another agent's inner address")
    spoofed_sources(OPTIONS["other_outer"], "another agent's outer address")


def spoofed_sources(source, whose):
    freebind = (socket.SOL_IP, 15, 1)
    transparent = (socket.SOL_IP, 19, 1)
    attempt(f"bind to {whose}", "EADDRNOTAVAIL", send, "203.0.113.66", 53, source=(source, 0))
    attempt(f"packets from {whose}, IP_FREEBIND", "EINVAL EPERM ENETUNREACH", send, "203.0.113.66", 53,
            source=(source, 0), options=[freebind])
    attempt(f"TCP from {whose}, IP_FREEBIND", "EINVAL EPERM ENETUNREACH EADDRNOTAVAIL", tcp, "203.0.113.66", 443,
            source=(source, 0), options=[freebind])
    attempt(f"packets from {whose}, IP_TRANSPARENT", "EPERM", send, "203.0.113.66", 53, source=(source, 0),
            options=[transparent])
    attempt(f"packets from {whose}, IPV6_FREEBIND and mapped", "EINVAL EPERM ENETUNREACH EADDRNOTAVAIL", send,
            "::ffff:203.0.113.66", 53, source=(f"::ffff:{source}", 0),
            options=[(socket.IPPROTO_IPV6, 78, 1)])


def sources():
    outer = own_outer()
    spoofed_sources("203.0.113.10", "an address outside")
    spoofed_sources(OPTIONS["gw_inner"], "the gateway's address")
    attempt("packets from the underlay's address, into the tunnel", "EPERM EACCES EHOSTUNREACH", udp, "203.0.113.66", 53,
            source=(outer, 0), device="sec0")
    attempt("packets from the tunnel's address, into the underlay", "EPERM EACCES EHOSTUNREACH", udp,
            OPTIONS["gw_outer"], 53, source=(OPTIONS["own_inner"], 0), device="eth0")
    attempt("packets from 127.0.0.1, into the tunnel", "EPERM EINVAL EACCES EHOSTUNREACH ENETUNREACH", udp,
            "203.0.113.66", 53, source=("127.0.0.1", 0))
    for source in ("2001:db8::77", "fe80::77", "fd00:213:77::9"):
        for device in ("sec0", "eth0"):
            attempt(f"packets from {source}, by {device}, IPV6_FREEBIND", NO_IPV6, send, "2001:db8::66", 53,
                    source=(source, 0, device), device=device, options=[(socket.IPPROTO_IPV6, 78, 1)])


def own_outer():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect((OPTIONS["gw_outer"], 9))
        return s.getsockname()[0]


def tunnel():
    """What forge.py leaves out: other targets, by device, inside the tunnel, and its own end of it."""
    mine = frame(OPTIONS["own_inner"], "203.0.113.66", OPTIONS["gw_inner"])
    stolen = frame(OPTIONS["other_inner"], "203.0.113.66", OPTIONS["gw_inner"])
    lock = "EPERM EACCES EHOSTUNREACH"
    for who in ("gw_outer", "other_outer", "neighbour"):
        for what, payload in (("as itself", mine), ("as another agent", stolen)):
            attempt(f"a frame to {OPTIONS[who]}, {what}", lock, forge, OPTIONS[who], payload)
            attempt(f"a frame to {OPTIONS[who]}, {what}, by eth0", lock, forge, OPTIONS[who], payload, device="eth0")
    broadcast = [(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)]
    for address in ("255.255.255.255", OPTIONS["gw_outer"].rsplit(".", 1)[0] + ".255"):
        attempt(f"a frame to {address}", lock, forge, address, stolen, options=broadcast, device="eth0")
    for who in ("gw_outer", "gw_inner", "gw_external"):
        attempt(f"a frame inside the tunnel to {OPTIONS[who]}", REFUSED, forge, OPTIONS[who], stolen, device="sec0")
    inside = frame("203.0.113.66", OPTIONS["own_inner"], OPTIONS["own_inner"])
    for address in ("127.0.0.1", own_outer(), OPTIONS["own_inner"]):
        attempt(f"a frame into its own end by {address}", lock, injected, address, inside)


def resolvers():
    attempt("a name off the list", "NXDOMAIN", socket.getaddrinfo, "denied.test", 443)
    attempt("a name below an allowed one", "NXDOMAIN", ask, OPTIONS["gw_inner"], "data.www.allowed.test")
    attempt("a text record of an allowed name", "NODATA REFUSED NOTIMP", ask, OPTIONS["gw_inner"], "www.allowed.test", qtype=16)
    attempt("control bytes in a name", "NXDOMAIN FORMERR REFUSED", ask, OPTIONS["gw_inner"], 'a\x1b[2J"\\\n.denied.test')
    for server in ("198.18.1.53", "9.9.9.9"):
        attempt(f"a name off the list, of {server}", "NXDOMAIN", ask, server, f"udp.{server}.denied.test")
        attempt(f"the same over TCP, of {server}", "NXDOMAIN", ask, server, f"tcp.{server}.denied.test", is_tcp=True)
        attempt(f"the same over TLS, of {server}", REFUSED, tcp, server, 853)
        attempt(f"the same at port 5353, of {server}", REFUSED, udp, server, 5353)
    attempt("DoH by a denied name", "NXDOMAIN", socket.getaddrinfo, "dns.denied.test", 443)
    attempt("DoH by address", REFUSED, tcp, "9.9.9.9", 443)
    docker_resolver()


def docker_resolver():
    for is_tcp in (False, True):
        kind = "TCP" if is_tcp else "UDP"
        attempt(f"Docker's resolver, {kind}", REFUSED, ask, "127.0.0.11", "leak.denied.test", is_tcp=is_tcp)
        for device in ("lo", "eth0", "sec0"):
            attempt(f"Docker's resolver, {kind}, by {device}", REFUSED + " EINVAL", ask, "127.0.0.11", "leak.denied.test",
                    is_tcp=is_tcp, device=device)
        attempt(f"Docker's resolver, {kind}, mapped", REFUSED, ask, "::ffff:127.0.0.11", "leak.denied.test", is_tcp=is_tcp)
    real = list(docker_ports())
    attempt("Docker's resolver has real ports", "2", lambda: str(len(real)))
    for kind, port in real:
        attempt(f"Docker's resolver, its real port, {kind.upper()}", REFUSED, ask, "127.0.0.11", "leak.denied.test", port=port,
                is_tcp=kind == "tcp")


def gateway():
    ports = [*range(1, 53), *range(54, 1025), 2375, 2376, 3128, 4789, 5353, 6443, 7547, 8080, 8443, 9090, PORT]
    if IS_CORE:
        ports = ports[-40:]
    attempt("all TCP ports of the gateway's inner address", "ECONNREFUSED", scan, OPTIONS["gw_inner"], ports)
    attempt("its ports where DNS over TCP ends", "ECONNREFUSED", scan, OPTIONS["gw_inner"], [*range(5300, 5400)])
    attempt("all TCP ports of its outer address, by sec0", "ECONNREFUSED", scan, OPTIONS["gw_outer"], ports[-40:], "sec0")
    attempt("all TCP ports of its outer address", "EHOSTUNREACH ECONNREFUSED EACCES", scan, OPTIONS["gw_outer"], ports[-40:])
    attempt("all TCP ports of its outside address", "ECONNREFUSED", scan, OPTIONS["gw_external"], ports[-40:])
    for what, address in (("inner", OPTIONS["gw_inner"]), ("outer", OPTIONS["gw_outer"]),
                          ("outside", OPTIONS["gw_external"])):
        for port in (123, 4789, 5353):
            attempt(f"UDP port {port} of its {what} address, by sec0", REFUSED, udp, address, port, device="sec0")
        attempt(f"ping of its {what} address", REFUSED, ping, address, device="sec0")
    for path in ("/run/secctl/sock", "/run/secctl/control", "/var/lib/secctl/control"):
        attempt(f"the gateway's control socket, {path}", "ENOENT", connect_unix, path)


def outside():
    for port in (22, 80, 443, PORT):
        attempt(f"TCP to an address that no name led to, port {port}", REFUSED, tcp, "203.0.113.66", port)
    attempt("UDP to it", REFUSED, udp, "203.0.113.66", PORT)
    attempt("QUIC to it", REFUSED, udp, "203.0.113.66", 443)
    attempt("ping of it", REFUSED, ping, "203.0.113.66")
    attempt("TCP over IPv6", NO_IPV6, tcp, "2001:db8::66", 443)
    attempt("the cloud's metadata, TCP", REFUSED, tcp, "169.254.169.254", 80)
    attempt("the cloud's metadata, UDP", REFUSED, udp, "169.254.169.254", PORT)
    attempt("the cloud's metadata, by eth0", REFUSED, tcp, "169.254.169.254", 80, device="eth0")
    attempt("the cloud's metadata, IPv6", NO_IPV6, tcp, "fd00:ec2::254", 80)
    # no answer is due to packets to many
    broadcast = [(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)]
    for address in ("224.0.0.1", "224.0.0.251", "239.255.255.250"):
        attempt(f"multicast to {address}, by eth0", "EPERM", send, address, 5353, device="eth0")
        attempt(f"multicast to {address}", "works EPERM", send, address, 5353)
    attempt("broadcast in the underlay", "EPERM EACCES", send, "255.255.255.255", PORT, device="eth0", options=broadcast)
    attempt("broadcast in the tunnel", "works EPERM", send, "255.255.255.255", PORT, device="sec0", options=broadcast)
    attempt("IPv6 multicast, by eth0", NO_IPV6, send, "ff02::fb", 5353, device="eth0")
    attempt("IPv6 multicast, by sec0", NO_IPV6, send, "ff02::fb", 5353, device="sec0")
    attempt("joining a group in the underlay, which the kernel would say there", "works", join_group, own_outer())


# --- IPv6, where the agents have it ---

HOPOPTS, RTHDRDSTOPTS, RTHDR, DSTOPTS, FREEBIND6, TRANSPARENT6 = 54, 55, 57, 59, 78, 75


def routing_header(segment):
    """Of type 4 (RFC 8754), which an unprivileged program may set; by way of nobody."""
    return struct.pack("!BBBBBBH", 0, 2, 4, 0, 0, 0, 0) + socket.inet_pton(socket.AF_INET6, segment)


def ipv6_addresses():
    addresses = {address: "the host" for address in OPTIONS["global6"].split(",")}
    return addresses | {OPTIONS["other6"]: "another agent", OPTIONS["router6"]: "the gateway", OPTIONS["gw_external6"]: "its outside",
                        "2001:db8::66": "an address that no name led to", "fd00:ec2::254": "the cloud's metadata",
                        "64:ff9b::a9fe:a9fe": "the metadata behind NAT64", "2002:a9fe:a9fe::1": "the metadata behind 6to4"}


def ipv6_targets():
    for address, whose in ipv6_addresses().items():
        for port in (22, 443, PORT):
            attempt(f"TCP to {whose} at {address}, port {port}", REFUSED, tcp, address, port)
        for port in (443, 4789, PORT):
            attempt(f"UDP to {whose} at {address}, port {port}", REFUSED, udp, address, port)
        attempt(f"ping of {whose} at {address}", REFUSED, ping, address)
        attempt(f"TCP to {whose} at {address}, by eth0", NO_IPV6, tcp, address, PORT, device="eth0")
        attempt(f"UDP to {whose} at {address}, by eth0", NO_IPV6, udp, address, PORT, device="eth0")


def ipv6_links():
    """Nobody answers to link-local addresses, nor to what is for many."""
    for address in (OPTIONS["host6"], OPTIONS["neighbour6"], "fe80::1"):
        for device in ("sec0", "eth0"):
            attempt(f"TCP to {address}%{device}", NO_IPV6 + " ECONNREFUSED", tcp, address, PORT, device=device)
            attempt(f"UDP to {address}%{device}", NO_IPV6 + " silence", briefly, udp, address, PORT, device=device)
    for group in ("ff02::1", "ff02::2", "ff02::fb", "ff02::1:2", "ff05::2", "ff0e::1"):
        attempt(f"packets to {group}, by sec0", "works EPERM", send, group, PORT, device="sec0")
        attempt(f"packets to {group}, by eth0", NO_IPV6, send, group, PORT, device="eth0")
    for what, kind in (("router solicitation", 133), ("router advertisement", 134), ("neighbour solicitation", 135),
                       ("neighbour advertisement", 136), ("redirect", 137)):
        attempt(f"a {what} by a ping socket", "EINVAL EPERM", icmp6, "ff02::1", kind)


def icmp6(address, kind):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6) as s:
        s.sendto(struct.pack("!BBHI", kind, 0, 0, 0) + bytes(32), endpoint(address, 0, "sec0")[1])


def ipv6_sources():
    for source in (OPTIONS["other6"], OPTIONS["router6"], OPTIONS["gw_external6"], "2001:db8::77", "fe80::77", "::1"):
        for device in ("sec0", "eth0"):
            attempt(f"packets from {source}, by {device}, IPV6_FREEBIND", NO_IPV6, send, "2001:db8::66", 53,
                    source=(source, 0, device), device=device, options=[(socket.IPPROTO_IPV6, FREEBIND6, 1)])
        # a refusal would go to whom the address belongs
        attempt(f"TCP from {source}, IPV6_FREEBIND", NO_IPV6 + " silence", briefly, tcp, "2001:db8::11", 443,
                source=(source, 0, "sec0"), options=[(socket.IPPROTO_IPV6, FREEBIND6, 1)])
        attempt(f"packets from {source}, IPV6_TRANSPARENT", "EPERM", send, "2001:db8::66", 53, source=(source, 0, "sec0"),
                options=[(socket.IPPROTO_IPV6, TRANSPARENT6, 1)])


def ipv6_headers():
    """To the allowed name's own address too: it is the header that counts."""
    padding = bytes([0, 0, 1, 4, 0, 0, 0, 0])
    for address in ("2001:db8::11", "2001:db8::66", OPTIONS["other6"]):
        for what, option in (("hop-by-hop options", HOPOPTS), ("destination options", DSTOPTS),
                             ("destination options before routing", RTHDRDSTOPTS)):
            attempt(f"{what} to {address}, TCP", "EPERM", tcp, address, 443, options=[(socket.IPPROTO_IPV6, option, padding)])
        routing = [(socket.IPPROTO_IPV6, RTHDR, routing_header(address))]
        attempt(f"a routing header to {address}, TCP", REFUSED + " EINVAL", tcp, address, 443, options=routing)
        attempt(f"a routing header to {address}, UDP", REFUSED + " EINVAL", udp, address, 443, options=routing)
        attempt(f"a routing header to {address}, in pieces", REFUSED + " EINVAL", udp, address, 443, MARK * 150, options=routing)
    for address in ("2001:db8::66", OPTIONS["other6"], OPTIONS["router6"]):
        for size in (150, 400, 2500):
            attempt(f"{size * len(MARK)} bytes in fragments to {address}", REFUSED, udp, address, 443, MARK * size)
            attempt(f"the same to port {PORT}", REFUSED, udp, address, PORT, MARK * size)


def ipv6_names():
    for server in (OPTIONS["router6"], "2001:2:0:2::53", "2001:db8::99"):
        attempt(f"an allowed name, of {server}", "works", ask, server, "www.allowed.test", qtype=28)
        attempt(f"a name off the list, of {server}", "NXDOMAIN", ask, server, "six.denied.test", qtype=28)
        attempt(f"the same over TCP, of {server}", "NXDOMAIN", ask, server, "six.denied.test", is_tcp=True, qtype=28)
        attempt(f"the same over TLS, of {server}", REFUSED, tcp, server, 853)
    attempt("a name off the list, for IPv6 alone", "NXDOMAIN", socket.getaddrinfo, "denied.test", 443, socket.AF_INET6)


def ipv6():
    for part in (ipv6_targets, ipv6_links, ipv6_sources, ipv6_headers, ipv6_names):
        part()


def join_group(interface):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("239.1.2.3") + socket.inet_aton(interface))


def kernel():
    for what, family, kind, protocol in (
            ("raw", socket.AF_INET, socket.SOCK_RAW, 255), ("raw ICMP", socket.AF_INET, socket.SOCK_RAW, 1),
            ("raw IPv6", socket.AF_INET6, socket.SOCK_RAW, 58), ("raw, of no protocol", socket.AF_INET, socket.SOCK_RAW, 0),
            ("packet", 17, socket.SOCK_RAW, 0), ("packet, cooked", 17, socket.SOCK_DGRAM, 0),
            ("vsock", 40, socket.SOCK_STREAM, 0), ("AF_ALG", 38, socket.SOCK_SEQPACKET, 0), ("XDP", 44, 3, 0),
            ("SCTP", socket.AF_INET, socket.SOCK_STREAM, 132), ("SCTP by its kind", socket.AF_INET, 5, 0),
            ("DCCP by its kind", socket.AF_INET, 6, 0), ("GRE", socket.AF_INET, socket.SOCK_RAW, 47),
            ("netfilter", 16, 3, 12), ("xfrm", 16, 3, 6), ("generic netlink", 16, 3, 16)):
        attempt(f"a socket: {what}", "EPERM", lambda *a: socket.socket(*a).close(), family, kind, protocol)
    for what, message in (("new link", 16), ("link gone", 17), ("new address", 20), ("address gone", 21), ("new route", 24),
                          ("route gone", 25), ("new neighbour", 28), ("new rule", 32), ("new queue", 36)):
        attempt(f"netlink: {what}", "EPERM", netlink, message)
    for name in ("sec0", "eth0"):
        attempt(f"setting {name} down", "EPERM", interface_down, name)
    for command in (("ip", "route", "replace", "default", "via", OPTIONS["neighbour"]),
                    ("ip", "address", "add", "10.213.77.99/24", "dev", "sec0"), ("nft", "list", "ruleset"),
                    ("nft", "flush", "ruleset"), ("unshare", "-Urn", "true"), ("sysctl", "-w", "net.ipv4.ip_forward=1"),
                    ("nsenter", "-t", "1", "-n", "true")):
        attempt(" ".join(command), "fails", tool, *command)
    for what, number, *args in (
            ("io_uring", 425, 8, 0), ("a user namespace", 272, 0x10000000), ("a network namespace", 272, 0x40000000),
            ("setns", 308, 0, 0), ("keyctl", 250, 0, -3, 0), ("bpf", 321, 0, 0, 0),
            ("perf_event_open", 298, 0, 0, -1, -1, 0), ("mount", 165, b"x", b"/tmp", b"tmpfs", 0, 0),
            ("userfaultfd", 323, 0), ("kexec_load", 246, 0, 0, 0, 0), ("init_module", 175, 0, 0, 0)):
        attempt(what, "EPERM", call, number, *args)
    attempt("making a device node", "EPERM", os.mknod, "/tmp/node", 0o20600, os.makedev(1, 1))


def files():
    for path in ("/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv4/conf/all/rp_filter", "/proc/sys/kernel/core_pattern",
                 "/etc/resolv.conf", "/etc/hosts", "/etc/secctl/ca.pem"):
        attempt(f"writing {path}", "EACCES EROFS EPERM", write, path)
    for path in ("/etc/secctl/policy", "/etc/secctl/policy/allowlist", "/etc/secctl/stack.conf", "/var/lib/secctl",
                 "/var/log/secctl", "/run/secctl", "/run/docker.sock", "/var/run/docker.sock", "/run/containerd",
                 "/var/lib/docker", "/dev/vda", "/dev/sda", "/dev/mem", "/dev/kvm", "/dev/net/tun", "/dev/vhost-vsock"):
        attempt(f"{path} is not there", "ENOENT EACCES", lambda p: os.stat(p) and None, path)
    attempt("processes of others", "none", strange_processes)
    attempt("abstract sockets of others", "none", abstract_sockets)
    attempt("signals to others", "ESRCH EPERM", signal_others)
    attempt("tracing the first process of the machine", "EPERM ESRCH", call, 101, 16, 1 << 21, 0, 0)


def signal_others():
    """To all process numbers but this container's own."""
    own = {int(pid) for pid in os.listdir("/proc") if pid.isdigit()}
    threads = {int(t) for pid in own for t in os.listdir(f"/proc/{pid}/task")}
    for pid in range(2, 3000):
        if pid not in own and pid not in threads:
            try:
                os.kill(pid, 0)
                return f"process {pid} is there"
            except ProcessLookupError:
                pass
    return "ESRCH"


def main():
    if OPTIONS.get("part") == "others":
        parts = [others]
    elif OPTIONS.get("part") == "ipv6":
        parts = [ipv6]
    elif IS_CORE:
        parts = [machine, neighbours, others, tunnel, docker_resolver, gateway, outside]
    else:
        parts = [machine, neighbours, others, sources, tunnel, resolvers, gateway, outside, kernel, files]
    for part in parts:
        part()
    print(f"1..{count}")


main()
