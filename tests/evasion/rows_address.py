# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows 81 to 88: whether a name and an address belong together."""
import time

from kit import ALLOW, BLOCK, addresses, question, row, untestable

UNBOUND = "203.0.113.181"  # where the good names of rows that must not be bound at their own address are


def elsewhere(number):
    return [f"a{number:03}.good.test={UNBOUND}"]


@row(81, "an allowed name at an address that was never given out for it", BLOCK, dns=elsewhere(81), names=set(), silent=True)
def _(x, name, v):
    return x.tls(x.good)


@row(82, "an allowed name that was resolved somewhere else", BLOCK, bound=False, names=set(), silent=True)
def _(x, name, v):
    return x.tls(x.good)


@row(83, "an address that was given out for a second, used later; several addresses in turn", ALLOW,
     variants=["203.0.113.83", "203.0.113.183"],
     dns=["a083.good.test=ttl:1,203.0.113.83,203.0.113.183,2001:db8::83"], also=["203.0.113.183"],
     expects=["tls a083.good.test 203.0.113.183 443"])
def _(x, name, v):
    time.sleep(2)
    return x.tls(name, address=v)


untestable(84, "another host asked for inside TLS at a shared address", "inside TLS no request can be read")
untestable(85, "a second host of the same certificate on one connection", "inside TLS no request can be read")


@row(86, "a name that is not allowed at an address given out for one that is", BLOCK, variants=["v4", "v6"])
def _(x, name, v):
    return x.tls(name, address=getattr(x, v))


@row(87, "DNS over TLS and over HTTPS, a SOCKS and an HTTP proxy", BLOCK, names=set(),
     variants=[(853, "good"), (443, "evil"), (1080, "good"), (3128, "good")])
def _(x, name, v):
    port, which = v
    return x.tls(x.good if which == "good" else "dns.evil.test", port=port)


INSIDE = ["10.1.2.3", "127.0.0.1", "169.254.169.254", "192.168.1.1", "198.18.0.1", "203.0.113.88"]


@row(88, "a host below an allowed domain whose owner points it to an inside address", BLOCK, variants=INSIDE[:-1],
     dns=["a088.good.test=203.0.113.88"] + [f"i{i}.a088.good.test={a}" for i, a in enumerate(INSIDE)], also=INSIDE[:-1], names=set())
def _(x, name, v):
    answer = x.ask(question(f"i{INSIDE.index(v)}.a088.good.test"))
    if answer is None or addresses(answer):
        return "served"
    return x.tls(x.good, address=v, wait=1)
