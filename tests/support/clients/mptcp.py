#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""mptcp.py ADDRESS NAME: fetch https://NAME/ over a multipath TCP socket; status 77 when the kernel has none."""
import errno
import socket
import ssl
import sys

address, name = sys.argv[1:]
try:
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 262)
except OSError as e:
    sys.exit(77 if e.errno in (errno.EPROTONOSUPPORT, errno.EINVAL, errno.ENOPROTOOPT) else repr(e))
s.settimeout(5)
try:
    s.connect((address, 443))
    with ssl.create_default_context().wrap_socket(s, server_hostname=name) as tls:
        tls.sendall(f"GET / HTTP/1.0\r\nHost: {name}\r\n\r\n".encode())
        print(tls.recv(65536).decode())
except OSError as e:
    sys.exit(repr(e))
