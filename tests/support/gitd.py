#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""gitd.py CERTIFICATE KEY ADDRESS FOLDER - git's smart protocol on ports 443 and 80 for the repositories in FOLDER, to be
fetched from and pushed to: git http-backend as a CGI program. Prints "ready", then a line for each request: port, method,
path, and how its body came."""
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

certificate, key, address, folder = sys.argv[1:]


class Git(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0))), "whole"
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data, "chunked"

    def do_GET(self):
        path, _, query = self.path.partition("?")
        data, how = self.body()
        print(self.server.server_port, self.command, path, how, flush=True)
        env = {"GIT_PROJECT_ROOT": folder, "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path, "QUERY_STRING": query,
               "REQUEST_METHOD": self.command, "REMOTE_USER": "agent", "REMOTE_ADDR": self.client_address[0],
               "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(data)),
               "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
               "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "PATH": "/usr/bin:/bin", "HOME": folder}
        done = subprocess.run(["git", "http-backend"], input=data, env=env, capture_output=True, check=False)
        head, _, answer = done.stdout.partition(b"\r\n\r\n")
        fields = [line.partition(":")[::2] for line in head.decode().split("\r\n")]
        status = next((value for name, value in fields if name == "Status"), "200")
        self.send_response(int(status.split()[0]))
        for name, value in fields:
            if name != "Status":
                self.send_header(name, value.strip())
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET

    def log_message(self, *_):
        pass


def serve(port):
    server = ThreadingHTTPServer((address, port), Git)
    if port == 443:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()


for number in 80, 443:
    serve(number)
print("ready", flush=True)
