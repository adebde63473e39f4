#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""fetch.py URL...: one line for each URL: milliseconds, and the body's first line or the error."""
import sys
import time
import urllib.request

for url in sys.argv[1:]:
    begin = time.monotonic()
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            result = response.read().decode().split("\n")[0]
    except OSError as e:
        result = repr(e)
    print(f"{url} {(time.monotonic() - begin) * 1000:.0f} ms {result}")
