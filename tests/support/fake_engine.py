#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Docker engine that keeps books and runs nothing but the agents' commands, for tests of secctl.

fake_engine.py SOCKET FOLDER

Containers, networks and images are entries in memory; "fwd" in a container answers as the real one would. An
agent's command runs on this machine, as this user. Images that exist: FOLDER/images, "NAME[ LABEL]" a line.

FOLDER/faults, read at each request, spoils answers: lines of
    METHOD REGEX FAULT [ARGUMENT]
The first whose method ("*": any) and regular expression (searched in the path with its query) fit is played:
    garbage          bytes that are no HTTP
    close            the connection ends without an answer
    stall            nothing comes
    half             a head and a part of the body, then the end
    drip             the head, then silence
    huge             a body without end
    status N TEXT    an error with that message
    version TEXT     200, from an engine of that API version
    body TEXT        200 with TEXT as its body, "|||" in it being a newline
    die              the container of this start, or of this exec, ends at once
FOLDER/log: one line a request. FOLDER/state: what exists, written after each request.
"""

import json
import os
import re
import socketserver
import struct
import subprocess
import sys
import threading
import time
from urllib.parse import parse_qs, unquote

FOLDER = sys.argv[2]
LOCK = threading.RLock()
CONTAINERS, NETWORKS, EXECS, IMAGES = {}, {}, {}, {}
GATEWAY = {"links": {}, "policy": "", "loaded": b""}
NUMBER = iter(range(1, 1 << 20))


def new_id():
    return f"{next(NUMBER):064x}"


def frame(stream, data):
    return struct.pack(">BxxxI", stream, len(data)) + data


def read_images():
    try:
        with open(os.path.join(FOLDER, "images"), encoding="utf-8") as file:
            for line in file:
                name, _, label = line.strip().partition(" ")
                IMAGES.setdefault(name, {"Id": "sha256:" + new_id(), "label": label})
    except FileNotFoundError:
        pass


def fault_for(method, path):
    try:
        with open(os.path.join(FOLDER, "faults"), encoding="utf-8") as file:
            for line in file:
                words = line.rstrip("\n").split(" ", 3)
                if len(words) >= 3 and words[0] in ("*", method) and re.search(words[1], path):
                    return words[2], words[3] if len(words) > 3 else ""
    except FileNotFoundError:
        pass
    return None, ""


def find(name):
    for one in CONTAINERS.values():
        if one["Id"] == name or one["Name"] == name:
            return one
    return None


def fwd(container, argv, data):
    """What fwd says: its status, output, errors."""
    words = argv[1:]
    if words[0] == "attach":
        GATEWAY["links"][words[1]] = words[2]
    elif words[0] == "detach":
        GATEWAY["links"].pop(words[1], None)
    elif words[0] == "load":
        GATEWAY["loaded"] = data
        with open(os.path.join(FOLDER, "policy-id"), encoding="utf-8") as file:
            GATEWAY["policy"] = file.read().strip()
        return 0, b"1 rule is in force\n", b""
    elif words[0] == "status":
        return 0, json.dumps({
            "version": "fake", "healthy": True, "mode": "enforce", "differences": [],
            "policy": {"id": GATEWAY["policy"], "rules": 1},
            "links": [{"agent": agent, "outer": outer} for agent, outer in GATEWAY["links"].items()],
        }).encode(), b""
    elif words[0] not in ("check", "link"):
        return 2, b"", b"fwd: unknown command\n"
    return 0, b"", b""


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            while self.request_once():
                pass
        except (BrokenPipeError, ConnectionResetError):
            pass

    def request_once(self):
        line = self.rfile.readline().decode("latin-1").split()
        if len(line) < 2:
            return False
        headers = {}
        while header := self.rfile.readline().decode("latin-1").strip():
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        body = self.rfile.read(int(headers.get("content-length", 0)))
        path, _, query = line[1].partition("?")
        parts = unquote(path).strip("/").split("/")
        if parts[0].startswith("v1."):
            parts = parts[1:]
        self.method, self.query = line[0], {k: v[0] for k, v in parse_qs(query).items()}
        with LOCK:
            read_images()
            with open(os.path.join(FOLDER, "log"), "a", encoding="utf-8") as log:
                log.write(f"{line[0]} {line[1]}\n")
        fault, argument = fault_for(line[0], "/" + "/".join(parts) + ("?" + query if query else ""))
        if fault and fault != "die":
            return self.spoil(fault, argument)
        self.is_dying = fault == "die"
        goes_on = self.answer(line[0], parts, body)
        with LOCK, open(os.path.join(FOLDER, "state"), "w", encoding="utf-8") as state:
            for one in CONTAINERS.values():
                state.write(f"{one['Name']} {one['State']}\n")
        return goes_on

    def spoil(self, fault, argument):
        head = b"HTTP/1.1 200 OK\r\nApi-Version: 1.43\r\nContent-Type: application/json\r\n"
        if fault == "garbage":
            self.wfile.write(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
        elif fault == "stall":
            time.sleep(600)
        elif fault == "half":
            self.wfile.write(head + b"Content-Length: 500\r\n\r\n[{\"Id\":")
        elif fault == "drip":
            self.wfile.write(head + b"Content-Length: 500\r\n\r\n")
            self.wfile.flush()
            time.sleep(600)
        elif fault == "huge":
            self.wfile.write(head + b"Transfer-Encoding: chunked\r\n\r\n")
            piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
            for _ in range(4096):
                self.wfile.write(piece)
        elif fault == "version":
            self.wfile.write(f"HTTP/1.1 200 OK\r\nApi-Version: {argument}\r\nContent-Length: 2\r\n\r\nOK".encode())
        elif fault == "status":
            number, _, text = argument.partition(" ")
            return self.send(int(number), {"message": text})
        elif fault == "body":
            return self.send(200, argument.replace("|||", "\n").encode())
        return False

    def send(self, status, data=b""):
        if not isinstance(data, bytes):
            data = json.dumps(data).encode()
        length = "" if status in (204, 304) else f"Content-Length: {len(data)}\r\n"
        self.wfile.write(f"HTTP/1.1 {status} X\r\nApi-Version: 1.43\r\nContent-Type: application/json\r\n{length}\r\n"
                         .encode() + (b"" if status in (204, 304) else data))
        return True

    def upgrade(self):
        self.wfile.write(b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"
                         b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n")

    def missing(self, what):
        return self.send(404, {"message": f"No such {what}"})

    def answer(self, method, parts, body):
        if parts == ["_ping"]:
            return self.send(200, b"OK")
        kind = parts[0]
        handler = getattr(self, "on_" + kind, None)
        return handler(method, parts[1:], body) if handler else self.missing("page")

    # --- images ------------------------------------------------------------------------------

    def on_images(self, method, parts, _):
        name = "/".join(parts[:-1] if parts[-1] == "json" else parts)
        with LOCK:
            if method == "DELETE":
                return self.send(200, [])
            if name not in IMAGES:
                return self.missing(f"image: {name}")
            image = IMAGES[name]
            return self.send(200, {"Id": image["Id"], "Config": {"Labels": {"secctl.source": image["label"]}}})

    def on_build(self, _, __, ___):
        lines = [{"stream": "Step 1/2 : FROM scratch\n"}, {"stream": " ---> 0123\n"},
                 {"status": "Pulling", "id": "layer", "progress": "[=> ]"},
                 {"stream": "Step 2/2 : RUN true\n"}, {"stream": "some output\n"}]
        with LOCK:
            label = json.loads(self.query["buildargs"])["SOURCE"]
            IMAGES[self.query["t"]] = {"Id": "sha256:" + new_id(), "label": label}
        return self.send(200, "".join(json.dumps(line) + "\r\n" for line in lines).encode())

    # --- networks ----------------------------------------------------------------------------

    def on_networks(self, method, parts, body):
        with LOCK:
            if method == "POST" and parts == ["create"]:
                wish = json.loads(body)
                if wish["Name"] in NETWORKS:
                    return self.send(409, {"message": f"network with name {wish['Name']} already exists"})
                wish["Id"] = new_id()
                NETWORKS[wish["Name"]] = wish
                return self.send(201, {"Id": wish["Id"], "Warning": ""})
            if parts[0] not in NETWORKS:
                return self.missing(f"network: {parts[0]}")
            if method == "DELETE":
                del NETWORKS[parts[0]]
                return self.send(204)
            if method == "POST":
                find(json.loads(body)["Container"])["Networks"][parts[0]] = {"IPAddress": ""}
                return self.send(200)
            on_it = {one["Id"]: {"Name": one["Name"]} for one in CONTAINERS.values()
                     if parts[0] in one["Networks"] and one["State"] == "running"}
            return self.send(200, NETWORKS[parts[0]] | {"Containers": on_it})

    # --- containers --------------------------------------------------------------------------

    def create(self, body):
        name, wish = self.query["name"], json.loads(body)
        if wish["Image"] not in IMAGES:
            return self.missing(f"image: {wish['Image']}")
        if find(name):
            return self.send(409, {"message": f"Conflict. The container name \"/{name}\" is already in use by container"
                                              f" \"{find(name)['Id']}\"."})
        networks = {}
        for network, end in wish.get("NetworkingConfig", {}).get("EndpointsConfig", {}).items():
            networks[network] = {"IPAddress": end["IPAMConfig"]["IPv4Address"]}
        one = {"Id": new_id(), "Name": name, "State": "created", "wish": wish, "Networks": networks,
               "code": 0, "ended": threading.Event(), "attached": None, "input": threading.Event()}
        CONTAINERS[one["Id"]] = one
        return self.send(201, {"Id": one["Id"], "Warnings": []})

    def listed(self, one):
        wish = one["wish"]
        return {"Id": one["Id"], "Names": ["/" + one["Name"]], "Image": wish["Image"],
                "ImageID": IMAGES[wish["Image"]]["Id"], "State": one["State"], "Created": int(time.time()),
                "Status": "Up 1 second (healthy)" if one["State"] == "running" else one["State"].capitalize(),
                "Labels": wish.get("Labels", {}), "NetworkSettings": {"Networks": one["Networks"]}}

    def on_containers(self, method, parts, body):
        with LOCK:
            if parts == ["json"]:
                return self.send(200, [self.listed(one) for one in CONTAINERS.values()])
            if parts == ["create"]:
                return self.create(body)
            one = find(parts[0])
            if one is None:
                return self.missing(f"container: {parts[0]}")
            if method == "DELETE":
                del CONTAINERS[one["Id"]]
                self.end(one, 137)
                return self.send(204)
            if method == "PUT" or parts[1:] == ["resize"]:
                return self.send(200)
            if parts[1] == "json":
                return self.send(200, {"Id": one["Id"], "RestartCount": 0, "State": {
                    "Running": one["State"] == "running", "Restarting": False, "ExitCode": one["code"],
                    "StartedAt": "2026-01-01T00:00:00Z"}})
            if parts[1] == "logs":
                return self.send(200, frame(2, b"event=fatal detail=\"it cannot work\"\n"))
            if parts[1] == "exec":
                return self.exec_create(one, body)
            if parts[1] == "start":
                return self.start(one)
            if parts[1] == "kill":
                self.end(one, 143)
                return self.send(204)
        if parts[1] == "attach":
            return self.attach(one)
        if parts[1] == "wait":
            one["ended"].wait()
            return self.send(200, {"StatusCode": one["code"]})
        return self.missing("page")

    def end(self, one, code):
        if one["State"] == "running":
            one["State"], one["code"] = "exited", code
            if one.get("child"):
                one["child"].kill()
            one["ended"].set()

    def start(self, one):
        one["State"] = "running"
        if self.is_dying:
            self.end(one, 1)
        elif one["attached"]:
            one["child"] = subprocess.Popen(one["wish"].get("Cmd", ["true"]), stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            threading.Thread(target=self.run, args=(one,), daemon=True).start()
        return self.send(204)

    def run(self, one):
        client, child = one["attached"], one["child"]
        threading.Thread(target=feed, args=(client.rfile, child), daemon=True).start()
        copies = [threading.Thread(target=copy, args=(client, child.stdout, 1)),
                  threading.Thread(target=copy, args=(client, child.stderr, 2))]
        for thread in copies:
            thread.start()
        for thread in copies:
            thread.join()
        one["code"] = child.wait() % 256
        one["State"] = "exited"
        one["ended"].set()

    def attach(self, one):
        one["attached"] = self
        self.upgrade()
        one["ended"].wait()
        return False

    # --- exec --------------------------------------------------------------------------------

    def exec_create(self, one, body):
        if one["State"] != "running":
            return self.send(409, {"message": f"Container {one['Id']} is not running"})
        number = new_id()
        EXECS[number] = {"container": one, "wish": json.loads(body), "status": 0}
        return self.send(201, {"Id": number})

    def on_exec(self, _, parts, __):
        run = EXECS.get(parts[0])
        if run is None:
            return self.missing("exec instance")
        if parts[1] == "json":
            return self.send(200, {"Running": False, "ExitCode": run["status"]})
        if parts[1] == "resize":
            return self.send(200)
        self.upgrade()
        argv = run["wish"]["Cmd"]
        data = self.rfile.read() if run["wish"]["AttachStdin"] and argv[0].endswith("fwd") else b""
        if self.is_dying:
            run["status"] = 1
            self.end(run["container"], 1)
            return False
        if argv[0].endswith("fwd"):
            with LOCK:
                run["status"], out, errors = fwd(run["container"], argv, data)
        else:
            done = subprocess.run(argv, capture_output=True, check=False, stdin=subprocess.DEVNULL)
            run["status"], out, errors = done.returncode, done.stdout, done.stderr
        self.wfile.write((frame(1, out) if out else b"") + (frame(2, errors) if errors else b""))
        return False


def copy(client, pipe, stream):
    while data := pipe.read1(65536):
        try:
            with LOCK:
                client.wfile.write(frame(stream, data))
        except OSError:
            return


def feed(source, child):
    try:
        while data := source.read1(65536):
            child.stdin.write(data)
            child.stdin.flush()
        child.stdin.close()
    except (OSError, ValueError):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


if __name__ == "__main__":
    Server(sys.argv[1], Handler).serve_forever()
