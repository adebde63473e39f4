#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays the API that Claude Code talks to: messages_api.py ADDRESS CERTIFICATE KEY LOG REPLY

Every message is answered with the text REPLY, streamed or whole, as it was asked for; every other request with an empty object.
LOG gets a line for each request.
"""
import http.server
import json
import ssl
import sys

ADDRESS, CERTIFICATE, KEY, LOG, REPLY = sys.argv[1:]
USAGE = {"input_tokens": 1, "output_tokens": 1}


def message(content):
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "test", "content": content,
            "stop_reason": "end_turn" if content else None, "stop_sequence": None, "usage": USAGE}


def events():
    yield {"type": "message_start", "message": message([])}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": REPLY}}
    yield {"type": "content_block_stop", "index": 0}
    yield {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": USAGE}
    yield {"type": "message_stop"}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, kind, body):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        asked = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.command == "POST" and self.path.split("?")[0] == "/v1/messages":
            if json.loads(asked).get("stream"):
                text = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events())
                self.answer("text/event-stream", text.encode())
            else:
                self.answer("application/json", json.dumps(message([{"type": "text", "text": REPLY}])).encode())
        else:
            self.answer("application/json", b"{}")

    do_POST = do_PUT = do_HEAD = do_DELETE = do_PATCH = do_GET

    def log_message(self, format, *args):  # noqa: A002 the base class's name
        with open(LOG, "a", encoding="utf-8") as log:
            print(format % args, file=log)


def main():
    server = http.server.ThreadingHTTPServer((ADDRESS, 443), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    open(LOG, "a", encoding="utf-8").write("ready\n")
    server.serve_forever()


main()
