#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""frames.py URL - a WebSocket client: frames of several sizes and kinds there and back, one cut in pieces, a ping.

Prints how many came back; or the error."""
import asyncio
import os
import sys

import websockets


async def talk(url):
    async with websockets.connect(url) as socket:
        frames = ["text", "", b"\0\x16\x03\x01", os.urandom(100), os.urandom(70000), "x" * 200000]
        for frame in frames * 5:
            await socket.send(frame)
            if await socket.recv() != frame:
                sys.exit("a frame came back changed")
        await socket.send(iter(["in ", "three ", "pieces"]))
        if await socket.recv() != "in three pieces":
            sys.exit("a frame in pieces came back changed")
        for frame in frames:  # one direction, then the other
            await socket.send(frame)
        if [await socket.recv() for _ in frames] != frames:
            sys.exit("frames came back in another order")
        await asyncio.wait_for(await socket.ping(), 5)
        print(f"{len(frames) * 6 + 1} frames came back")


try:
    asyncio.run(talk(sys.argv[1]))
except (OSError, websockets.WebSocketException) as e:
    sys.exit(f"{type(e).__name__}: {e}")
