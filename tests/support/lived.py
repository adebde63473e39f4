#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""lived.py CERTIFICATE KEY SOCKETS EVENTS - services that talk on, by TLS on port 443 and in plain text on 80

On address SOCKETS: WebSockets, whose frames come back as they were. On address EVENTS: server-sent events, 30 to
an answer over more than 5 seconds, three of them after a second of silence; each says when it was sent. Prints
"ready".
"""
import asyncio
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import websockets

certificate, key, sockets, events = sys.argv[1:]


class Events(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for n in range(30):
            time.sleep(1 if n % 10 == 5 else 0.1)
            self.chunk(f"id: {n}\ndata: {time.time():.3f}\n\n".encode())
        self.chunk(b"")

    def log_message(self, *_):
        pass


def tls():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


def serve_events(port):
    server = ThreadingHTTPServer((events, port), Events)
    if port == 443:
        # the handshake is for the connection's thread
        server.socket = tls().wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()


async def echo(socket, *_):
    async for frame in socket:
        await socket.send(frame)


async def main():
    async with websockets.serve(echo, sockets, 443, ssl=tls()), websockets.serve(echo, sockets, 80):
        print("ready", flush=True)
        await asyncio.Future()


for number in 80, 443:
    serve_events(number)
asyncio.run(main())
