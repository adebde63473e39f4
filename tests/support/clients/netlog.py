#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""netlog.py FILE - what Chromium's own log (--log-net-log) says of the page that it was asked for

Prints one line: "NET_ERROR MILLISECONDS URL", NET_ERROR 0 for a page that came, else its number and name
("-105 ERR_NAME_NOT_RESOLVED"). The time is the request's own, without the browser's start.
"""
import json
import sys

with open(sys.argv[1], encoding="utf-8") as f:
    text = f.read()
try:
    log = json.loads(text)
except ValueError:  # the browser was ended before it had closed the list
    log = json.loads(text.rstrip().rstrip(",") + "]}")
names = {number: name for name, number in log["constants"]["netError"].items()}
kinds = {number: name for name, number in log["constants"]["logEventTypes"].items()}
begun, error, ended, url = {}, {}, {}, {}
for event in log["events"]:
    source, kind, when = event["source"]["id"], kinds[event["type"]], int(event["time"])
    params = event.get("params", {})
    if kind == "URL_REQUEST_START_JOB" and params.get("url", "").endswith(("/page", "/quic")):
        begun.setdefault(source, when)
        url[source] = params["url"]
    elif kind == "REQUEST_ALIVE" and event["phase"] == 2 and source in begun:
        ended[source], error[source] = when, params.get("net_error", 0)
for source, when in begun.items():
    if source in ended:
        number = error[source]
        print(number, *([names[number]] if number else []), ended[source] - when, url[source])
