#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that plays api.anthropic.com.

anthropicd.py LOG CERTIFICATE KEY ADDRESS

Answers POST /v1/messages as a model would that has one thing to say ("The answer came through."), streamed when
asked so. A prompt with "RUN: COMMAND" in it is answered with a call of the tool Bash; when the tool's output comes
back, with "It printed: " and that output. Everything else that Claude Code asks for is answered with {}.
LOG gets one JSON object a request: method, path, host, body.
"""
import json
import re
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOCK = threading.Lock()


def texts(content):
    """The text of a message's content, in parts."""
    if isinstance(content, str):
        return [content]
    return [part.get("text", "") for part in content if part.get("type") == "text"]


def tool_result(content):
    for part in content if isinstance(content, list) else []:
        if part.get("type") == "tool_result":
            return "\n".join(texts(part.get("content", "")))
    return None


def reply(request):
    """The content blocks that answer a request, and why they end."""
    # what the user said last; notes of the system may follow
    last = [message["content"] for message in request["messages"] if message["role"] == "user"][-1]
    result = tool_result(last)
    if result is not None:
        return [{"type": "text", "text": f"It printed: {result}"}], "end_turn"
    wanted = re.search(r"RUN: (.*)", "\n".join(texts(last)))
    if wanted and any(tool.get("name") == "Bash" for tool in request.get("tools", [])):
        call = {"command": wanted.group(1), "description": "Run it"}
        return [{"type": "tool_use", "id": "toolu_0123456789", "name": "Bash", "input": call}], "tool_use"
    return [{"type": "text", "text": "The answer came through."}], "end_turn"


def events(request, blocks, stop):
    """The same as a stream."""
    message = {"id": "msg_0123456789", "type": "message", "role": "assistant", "model": request["model"], "content": [],
               "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 1}}
    yield "message_start", {"message": message}
    for index, block in enumerate(blocks):
        if block["type"] == "text":
            empty, delta = dict(block, text=""), {"type": "text_delta", "text": block["text"]}
        else:
            empty = dict(block, input={})
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield "content_block_start", {"index": index, "content_block": empty}
        yield "ping", {}
        yield "content_block_delta", {"index": index, "delta": delta}
        yield "content_block_stop", {"index": index}
    yield "message_delta", {"delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": 12}}
    yield "message_stop", {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def take(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            body = json.loads(body)
        except ValueError:
            body = body.decode("utf-8", "replace")
        with LOCK, open(sys.argv[1], "a", encoding="utf-8") as log:
            log.write(json.dumps({"method": self.command, "path": self.path, "host": self.headers.get("Host"),
                                  "body": body}) + "\n")
        return body

    def answer(self, value, kind="application/json"):
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("request-id", "req_0123456789")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def do_POST(self):
        request = self.take()
        path = self.path.partition("?")[0]
        if path == "/v1/messages/count_tokens":
            self.answer({"input_tokens": 10})
        elif path != "/v1/messages" or not isinstance(request, dict):
            self.answer({})
        elif request.get("stream"):
            text = "".join(f"event: {name}\ndata: {json.dumps(dict(data, type=name))}\n\n"
                           for name, data in events(request, *reply(request)))
            self.answer(text.encode(), "text/event-stream; charset=utf-8")
        else:
            blocks, stop = reply(request)
            self.answer({"id": "msg_0123456789", "type": "message", "role": "assistant", "model": request["model"],
                         "content": blocks, "stop_reason": stop, "stop_sequence": None,
                         "usage": {"input_tokens": 10, "output_tokens": 12}})

    def do_GET(self):
        self.take()
        self.answer({})

    do_HEAD = do_GET


def main():
    server = ThreadingHTTPServer((sys.argv[4], 443), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    # the handshake in the connection's own thread
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.daemon_threads = True
    server.serve_forever()


main()
