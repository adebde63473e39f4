#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""rpc.py HOST:PORT CA - gRPC calls of all kinds on one channel; prints how many messages came back, or the error."""
import os
import sys

import grpc

target, ca = sys.argv[1:]
with open(ca, "rb") as f:
    channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(f.read()),
                                  options=[("grpc.max_receive_message_length", -1)])
count = 0
try:
    one, many, each = (channel.unary_unary("/test.Echo/One"), channel.stream_stream("/test.Echo/Many"),
                       channel.unary_stream("/test.Echo/Count"))
    big = os.urandom(3000000)
    for message in b"", b"a", big:
        if one(message, timeout=20) != message:
            sys.exit("a message came back changed")
        count += 1
    count += sum(1 for _ in each(b"100", timeout=20))
    pending = [one.future(b"%d" % i, timeout=20) for i in range(50)]
    count += sum(call.result() == b"%d" % i for i, call in enumerate(pending))
    count += sum(1 for _ in many((os.urandom(1000) for _ in range(50)), timeout=20))
    print(f"{count} messages came back")
except grpc.RpcError as e:
    sys.exit(f"{e.code().name}: {e.details()}")
