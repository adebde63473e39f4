#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""rpcd.py ADDRESS CERTIFICATE KEY - a gRPC server on port 443: test.Echo/One, /Many (an answer to each message of a
stream), /Count (as many answers as the message says). Messages are bytes. Prints "ready"."""
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

address, certificate, key = sys.argv[1:]
with open(key, "rb") as k, open(certificate, "rb") as c:
    credentials = grpc.ssl_server_credentials([(k.read(), c.read())])
handler = grpc.method_handlers_generic_handler("test.Echo", {
    "One": grpc.unary_unary_rpc_method_handler(lambda message, _: message),
    "Many": grpc.stream_stream_rpc_method_handler(lambda messages, _: messages),
    "Count": grpc.unary_stream_rpc_method_handler(lambda n, _: (b"%d" % i for i in range(int(n)))),
})
server = grpc.server(ThreadPoolExecutor(40), options=[("grpc.max_receive_message_length", -1)])
server.add_generic_rpc_handlers([handler])
if server.add_secure_port(f"{address}:443", credentials) != 443:
    sys.exit(f"rpcd: {address}: port 443 could not be had")
server.start()
print("ready", flush=True)
server.wait_for_termination()
