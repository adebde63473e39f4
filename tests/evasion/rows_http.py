# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows 121 to 132: plain HTTP, where a rule allows it. What must not arrive asks for /EVIL."""
from kit import BLOCK, BY_NAME, row, small

END = "\\r\\nConnection: close\\r\\n\\r\\n"


def get(host_line, end=END):
    return f"GET /EVIL HTTP/1.1\\r\\n{host_line}{end}"


@row(121, "spellings of the Host field and of the name in it", BY_NAME,
     variants=["hOsT:{}", "Host:{}", "Host:   {}  ", "upper", {"only": BLOCK, "host": "HOST:\\t{}"},
               {"only": BLOCK, "host": "Host: {}\\t"}])
def _(x, name, v):
    v = v["host"] if isinstance(v, dict) else v
    path = "/" if name == x.good else "/EVIL"
    line = f"Host: {name.upper()}" if v == "upper" else v.format(name)
    return x.http(f"GET {path} HTTP/1.1\\r\\n{line}{END}")


@row(122, "a dot and a port behind the name; a port that is none", BY_NAME,
     variants=["{}.", "{}:80"] + [{"only": BLOCK, "host": "{good}" + end} for end in (":443", ":x", ":80:80", "..")])
def _(x, name, v):
    if isinstance(v, dict):
        return x.http(get("Host: " + v["host"].format(good=x.good)))
    return x.http(f"GET {'/' if name == x.good else '/EVIL'} HTTP/1.1\\r\\nHost: {v.format(name)}{END}")


def requests(number, text, *variants, **options):
    """A row of requests as they are, {good} and {evil} filled in; each sent alone, and after a good one."""
    @row(number, text, BLOCK, variants=[(v, after) for v in variants for after in (False, True)], **options)
    def _(x, name, v):
        pieces = [v[0].replace("{good}", x.good).replace("{evil}", name)]
        if v[1]:
            pieces = [f"GET / HTTP/1.1\\r\\nHost: {x.good}\\r\\n\\r\\n", "answer"] + pieces
        outcome = x.http(*pieces)
        return "refused" if v[1] and outcome == "served" and "EVIL" in v[0] else outcome  # the good one was


requests(123, "two Host fields, a list in one",
         get("Host: {good}\\r\\nHost: {evil}"), get("Host: {evil}\\r\\nHost: {good}"), get("Host: {good}\\r\\nHost: {good}"),
         get("Host: {good}, {evil}"), get("Host: {good},{good}"))
requests(124, "folded fields, spaces before the colon and the name, bare CR and LF, NUL",
         get("Host: {good}\\r\\n .{evil}"), get("Host : {evil}\\r\\nHost: {good}"), get(" Host: {evil}\\r\\nHost: {good}"),
         get("X: a\\rHost: {evil}\\r\\nHost: {good}"), get("X: a\\nHost: {evil}\\r\\nHost: {good}"), "GET /EVIL HTTP/1.1\\nHost: {good}\\n\\n",
         get("X: a\\x00b\\r\\nHost: {good}"), get("Host: {good}\\x00.{evil}"), get("Host:\\r\\n {good}"))
requests(125, "line ends before the request, a space too many",
         "\\r\\n" + get("Host: {evil}"), "\\n" + get("Host: {evil}"),
         "GET  /EVIL HTTP/1.1\\r\\nHost: {good}" + END, " " + get("Host: {good}"), "GET /EVIL HTTP/1.1 \\r\\nHost: {good}" + END,
         "GET\\t/EVIL\\tHTTP/1.1\\r\\nHost: {good}" + END)
requests(126, "a URI with a host against the Host field", "GET http://{evil}/EVIL HTTP/1.1\\r\\nHost: {good}" + END,
         "GET http://{good}/EVIL HTTP/1.1\\r\\nHost: {evil}" + END, "GET http://{good}@{evil}/EVIL HTTP/1.1\\r\\nHost: {good}" + END,
         "GET https://{good}/EVIL HTTP/1.1\\r\\nHost: {good}" + END)
requests(127, "CONNECT, upgrades, HTTP/2", "CONNECT EVIL.{good}:443 HTTP/1.1\\r\\nHost: {good}\\r\\n\\r\\n",
         "CONNECT {good}:443 HTTP/1.1\\r\\nHost: {good}\\r\\nX: EVIL\\r\\n\\r\\n",
         "GET /EVIL HTTP/1.1\\r\\nHost: {good}\\r\\nConnection: Upgrade, HTTP2-Settings\\r\\nUpgrade: h2c\\r\\nHTTP2-Settings: AAMA\\r\\n\\r\\n",
         "GET /EVIL HTTP/1.1\\r\\nHost: {good}\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n",
         "PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\nEVIL")
SMUGGLED = "GET /EVIL HTTP/1.1\\r\\nHost: {evil}\\r\\n\\r\\n"
requests(128, "a later request to another host: pipelined, behind a body, smuggled past lengths and chunks", SMUGGLED,
         "POST /EVIL HTTP/1.1\\r\\nHost: {good}\\r\\nContent-Length: 4\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n" + SMUGGLED,
         "POST /EVIL HTTP/1.1\\r\\nHost: {good}\\r\\nTransfer-Encoding: xchunked\\r\\n\\r\\n0\\r\\n\\r\\n" + SMUGGLED,
         "POST /EVIL HTTP/1.1\\r\\nHost: {good}\\r\\nContent-Length: 1\\r\\nContent-Length: 70\\r\\n\\r\\n" + SMUGGLED,
         "GET / HTTP/1.1\\r\\nHost: {good}\\r\\n\\r\\n" + SMUGGLED,
         "POST / HTTP/1.1\\r\\nHost: {good}\\r\\nContent-Length: 3\\r\\n\\r\\nabc" + SMUGGLED,
         "POST / HTTP/1.1\\r\\nHost: {good}\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n1\\r\\na\\r\\n0\\r\\n\\r\\n" + SMUGGLED)


@row(129, "a head byte by byte; the Host field behind 6 kB; more than is read", BY_NAME, released=16384,
     variants=["bytes", 3000, 6000, {"only": BLOCK, "size": 40000}])
def _(x, name, v):
    path = "/" if name == x.good else "/EVIL"
    if v == "bytes":
        return x.http(f"each:1:GET {path} HTTP/1.1\\r\\nHost: {name}{END}")
    size = v["size"] if isinstance(v, dict) else v
    filler = "".join(f"X-{i}: {'x' * 900}\\r\\n" for i in range(size // 900))
    return x.http(f"GET {path if size < 9000 else '/'} HTTP/1.1\\r\\n{filler}Host: {name}{END}")


requests(130, "HTTP/0.9, no Host, an empty one, the address",
         "GET /EVIL\\r\\n", "GET /EVIL HTTP/1.0\\r\\n\\r\\n", "GET /EVIL HTTP/1.1\\r\\n\\r\\n",
         get("Host:"), get("Host: 203.0.113.130"), get("Host: [2001:db8::130]"))


@row(131, "other protocols and TLS on the port of HTTP", BLOCK, variants=["ssh", "tls", "nul", "socks"])
def _(x, name, v):
    data = {"ssh": b"SSH-2.0-EVIL_1\r\n", "tls": small(x.good), "nul": b"\0\0\0\0EVIL", "socks": b"\5\1\0EVIL"}[v]
    return x.tls(None, data=data, port=80)


@row(132, "an allowed name at an address that was never given out for it", BLOCK,
     dns=["a132.good.test=203.0.113.181"], names=set(), silent=True)
def _(x, name, v):
    return x.http(get(f"Host: {x.good}"))
