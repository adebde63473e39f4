#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""TCP servers for bytes of any kind: rawd.py LOG [ADDRESS@]PORT...

An even port echoes what it gets, an odd one says "banner" first; with ADDRESS it is silent. LOG gets one JSON line for
each connection when it ends: its addresses, how many bytes came and the first 64 of them.
"""
import asyncio
import json
import sys


async def main():
    log = open(sys.argv[1], "a", buffering=1, encoding="ascii")

    silent = set()

    async def serve(reader, writer):
        me, peer = writer.get_extra_info("sockname"), writer.get_extra_info("peername")
        total, head, error = 0, b"", None
        try:
            if me[1] % 2 and me[0] not in silent:
                writer.write(b"banner\r\n")
            while data := await reader.read(65536):
                total += len(data)
                head = (head + data)[:64]
                if me[1] % 2 == 0 and me[0] not in silent:
                    writer.write(data)
                    await writer.drain()
        except OSError as e:
            error = type(e).__name__
        writer.close()
        print(json.dumps({"to": me[:2], "from": peer[:2], "bytes": total, "head": head.hex(),
                          "error": error}), file=log)

    for port in sys.argv[2:]:
        address, _, number = port.rpartition("@")
        silent |= {address} - {""}
        for one in [address] if address else ["0.0.0.0", "::"]:
            await asyncio.start_server(serve, one, int(number))
    print("ready", file=log)
    await asyncio.Event().wait()


asyncio.run(main())
