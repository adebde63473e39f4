#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Docker engine's unix socket, played from files: engine_double.py SOCKET FOLDER

FOLDER/get/PATH       the answer to GET /PATH ("/" written as "%", without version and query)
FOLDER/run/CONTAINER  a program: what a command in that container does; gets its words
FOLDER/status/PATH    a number: answer any request for PATH with this status, and with what
                      FOLDER/get/PATH holds
FOLDER/words          what a container that is started prints; FOLDER/words.ID what that one did
FOLDER/archive/PATH   the answer to a request for the archive of /PATH of any container
FOLDER/log            written: one line a request, "METHOD /path?query"
A container without a file in run/ does not exist. A container's file in run/ that cannot be
executed: it is not running.
"""

import io
import json
import os
import socketserver
import struct
import subprocess
import sys
import tarfile
import threading
from urllib.parse import parse_qs, unquote

FOLDER = sys.argv[2]
EXECS = {}
LOCK = threading.Lock()


def frame(stream, data):
    return struct.pack(">BxxxI", stream, len(data)) + data


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while self.request_once():
            pass

    def request_once(self):
        line = self.rfile.readline().decode("latin-1").split()
        if len(line) < 2:
            return False
        headers = {}
        while True:
            header = self.rfile.readline().decode("latin-1").strip()
            if not header:
                break
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("expect"):
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self.rfile.read(int(headers.get("content-length", 0)))
        path, _, self.query = line[1].partition("?")
        parts = unquote(path).strip("/").split("/")
        if parts and parts[0].startswith("v1."):
            parts = parts[1:]
        with LOCK, open(os.path.join(FOLDER, "log"), "a", encoding="utf-8") as log:
            log.write(f"{line[0]} /{'/'.join(parts)}{line[1][len(path):]}\n")
        return self.answer(line[0], parts, body)

    def send(self, status, data, kind="application/json"):
        if not isinstance(data, bytes):
            data = json.dumps(data).encode()
        self.wfile.write(
            f"HTTP/1.1 {status} X\r\nApi-Version: 1.43\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(data)}\r\n\r\n".encode() + data)
        return True

    def archive(self, query):
        path = parse_qs(query).get("path", [""])[0].strip("/")
        stored = os.path.join(FOLDER, "archive", path.replace("/", "%"))
        if not os.path.exists(stored):
            return self.send(404, {"message": f"Could not find the file /{path}"})
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            tar.add(stored, os.path.basename(path))
        return self.send(200, out.getvalue(), "application/x-tar")

    def answer(self, method, parts, body):
        mangled = "%".join(parts)
        status = os.path.join(FOLDER, "status", mangled)
        stored = os.path.join(FOLDER, "get", mangled)
        if os.path.exists(status):
            text = open(stored, "rb").read() if os.path.exists(stored) else b"{}"
            return self.send(int(open(status, encoding="utf-8").read()), text)
        if parts == ["_ping"]:
            return self.send(200, b"OK", "text/plain")
        if parts[0] == "containers" and parts[-1] == "archive":
            return self.archive(self.query)
        if method == "POST" and parts == ["containers", "create"]:
            return self.send(201, {"Id": "made", "Warnings": []})
        if method == "POST" and parts[2:] == ["wait"]:
            return self.send(200, {"StatusCode": 0})
        if parts[2:] == ["logs"]:
            words = os.path.join(FOLDER, "words." + parts[1])
            words = words if os.path.exists(words) else os.path.join(FOLDER, "words")
            text = open(words, "rb").read() if os.path.exists(words) else b""
            return self.send(200, frame(1, text) if text else b"", "application/vnd.docker.raw-stream")
        if method == "DELETE" or parts[2:] == ["start"] and parts[0] == "containers":
            self.wfile.write(b"HTTP/1.1 204 X\r\nApi-Version: 1.43\r\n\r\n")
            return True
        if method == "GET" and os.path.exists(stored):
            return self.send(200, open(stored, "rb").read())
        if method == "POST" and len(parts) == 3 and parts[0] == "containers" and parts[2] == "exec":
            return self.exec_create(parts[1], json.loads(body))
        if method == "POST" and len(parts) == 3 and parts[0] == "exec" and parts[2] == "start":
            return self.exec_start(int(parts[1]))
        if method == "GET" and len(parts) == 3 and parts[0] == "exec":
            return self.send(200, {"Running": False, "ExitCode": EXECS[int(parts[1])]["status"]})
        return self.send(404, {"message": f"No such thing: {'/'.join(parts)}"})

    def exec_create(self, container, body):
        program = os.path.join(FOLDER, "run", container)
        if not os.path.exists(program):
            return self.send(404, {"message": f"No such container: {container}"})
        if not os.access(program, os.X_OK) or not os.stat(program).st_mode & 0o111:
            return self.send(409, {"message": f"Container {container} is not running"})
        with LOCK:
            number = len(EXECS)
            EXECS[number] = {"argv": [program] + body["Cmd"], "status": -1,
                             "input": body.get("AttachStdin", False)}
        return self.send(201, {"Id": str(number)})

    def exec_start(self, number):
        run = EXECS[number]
        self.wfile.write(b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"
                         b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
        child = subprocess.Popen(run["argv"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
        threads = [threading.Thread(target=self.copy, args=(child.stdout, 1)),
                   threading.Thread(target=self.copy, args=(child.stderr, 2)),
                   threading.Thread(target=self.feed, args=(child, run["input"]), daemon=True)]
        for thread in threads:
            thread.start()
        for thread in threads[:2]:
            thread.join()
        run["status"] = child.wait()
        return False

    def feed(self, child, has_input):
        try:
            while has_input:
                data = self.rfile.read1(65536)
                if not data:
                    break
                child.stdin.write(data)
                child.stdin.flush()
            child.stdin.close()
        except OSError:
            pass

    def copy(self, pipe, stream):
        while True:
            data = pipe.read1(65536)
            if not data:
                return
            try:
                with LOCK:
                    self.wfile.write(frame(stream, data))
            except OSError:
                return


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


Server(sys.argv[1], Handler).serve_forever()
