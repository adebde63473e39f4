#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command on a terminal of its own, step by step.

pty.py [--size ROWSxCOLUMNS] [--screen FILE] [--time SECONDS] STEP... -- COMMAND...

Steps, in order:
  expect:TEXT     wait until TEXT was printed after the last such place; blanks and escape sequences do not count
  quiet:SECONDS   wait until nothing was printed for so long
  send:TEXT       type TEXT; \\r, \\x03 and the like are understood
  resize:RxC      another size of the window
  signal:NAME     to the command alone
  run:COMMAND     by sh, as whoever tests would in another window; it must succeed
  raw             wait until the terminal is in raw mode; cooked: until it is not
  hangup          the terminal goes away

Then it waits for the command's end and prints "status N" (128 + signal when it was killed) and "modes restored" or
"modes changed". Exit status 1 when a step does not come true in time; FILE gets all that was printed.
"""
import argparse
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

ESCAPES = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[P^_][^\x1b]*\x1b\\|\x1b[ -/]*[0-~]")


def size_of(text):
    rows, _, columns = text.partition("x")
    return struct.pack("HHHH", int(rows), int(columns), 0, 0)


def plain(data):
    """What is there to read, without blanks."""
    return b"".join(ESCAPES.sub(b"", data).split())


class Terminal:
    def __init__(self, size, command, screen, seconds):
        self.master, self.slave = os.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, size_of(size))
        self.modes = termios.tcgetattr(self.slave)
        self.screen = open(screen, "wb", buffering=0) if screen else None
        self.seconds, self.printed, self.last = seconds, b"", time.monotonic()
        self.child = subprocess.Popen(command, stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                      start_new_session=True, preexec_fn=self.take_terminal)

    def take_terminal(self):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def read(self, seconds=0.05):
        """Returns false when there was nothing."""
        if self.master < 0 or not select.select([self.master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.printed += data
        self.last = time.monotonic()
        if self.screen:
            self.screen.write(data)
        return bool(data)

    def wait(self, what, condition):
        end = time.monotonic() + self.seconds
        while not condition():
            if time.monotonic() > end:
                sys.exit(f"pty: waited {self.seconds} s for {what}; printed since: {plain(self.printed)[-600:]!r}")
            if self.child.poll() is not None and not self.read(0.2) and not condition():
                sys.exit(f"pty: ended with {self.child.returncode} before {what}: {plain(self.printed)[-600:]!r}")
            self.read()

    def expect(self, text):
        wanted = b"".join(text.encode().split())
        self.wait(f'"{text}"', lambda: wanted in plain(self.printed))
        # what follows it stays, as far as it can be told
        first, last = 0, len(self.printed)
        while first < last:
            middle = (first + last) // 2
            if wanted in plain(self.printed[:middle]):
                last = middle
            else:
                first = middle + 1
        self.printed = self.printed[last:]

    def is_raw(self):
        return not termios.tcgetattr(self.slave)[3] & (termios.ICANON | termios.ISIG | termios.ECHO)

    def step(self, step):
        kind, _, rest = step.partition(":")
        if kind == "expect":
            self.expect(rest)
        elif kind == "quiet":
            self.wait("quiet", lambda: time.monotonic() - self.last > float(rest))
        elif kind == "send":
            os.write(self.master, rest.encode().decode("unicode_escape").encode("latin-1"))
        elif kind == "resize":
            fcntl.ioctl(self.master, termios.TIOCSWINSZ, size_of(rest))
        elif kind == "signal":
            self.child.send_signal(getattr(signal, "SIG" + rest))
        elif kind == "run":
            done = subprocess.run(["sh", "-c", rest], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                sys.exit(f"pty: {rest}: status {done.returncode}: {done.stdout}{done.stderr}")
        elif kind == "raw":
            self.wait("raw mode", self.is_raw)
        elif kind == "cooked":
            self.wait("the usual mode", lambda: not self.is_raw())
        elif kind == "hangup":
            while self.read(0):
                pass
            os.close(self.master)
            self.master = -1
        else:
            sys.exit(f"pty: {step}: no such step")

    def end(self):
        end = time.monotonic() + self.seconds
        while self.child.poll() is None:
            if time.monotonic() > end:
                self.child.kill()
                sys.exit(f"pty: the command did not end in {self.seconds} s: {plain(self.printed)[-600:]!r}")
            if not self.read() and self.master < 0:
                time.sleep(0.05)
        while self.read(0.05):
            pass
        status = self.child.returncode
        print("status", status if status >= 0 else 128 - status)
        if self.master >= 0:
            restored = termios.tcgetattr(self.slave) == self.modes
            print("modes", "restored" if restored else "changed")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="24x80")
    parser.add_argument("--screen")
    parser.add_argument("--time", type=float, default=60)
    if "--" not in sys.argv:
        parser.error("expected -- COMMAND")
    at = sys.argv.index("--")
    args, steps = parser.parse_known_args(sys.argv[1:at])
    terminal = Terminal(args.size, sys.argv[at + 1:], args.screen, args.time)
    try:
        for step in steps:
            terminal.step(step)
        terminal.end()
    finally:
        if terminal.child.poll() is None:
            terminal.child.kill()


main()
