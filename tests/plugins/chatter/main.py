"""Speaks the protocol as badly as it can without leaving it, and sometimes leaves it."""

import json
import time

from helper import Plugin

plugin = Plugin("chatter")


def raw(data):
    with plugin.lock:
        plugin.channel.write(data)


def reply(number, value):
    return json.dumps({"jsonrpc": "2.0", "id": number, "result": {"status": "success", "data": value}}).encode()


@plugin.on("stray")
def stray(_data):
    raw(b"hello from print\n\n\n[1,2]\n{\"no\":\"message\"}\n\xff\xfe\x00\n")
    return "said"


@plugin.on("halves")
def halves(data):
    """Logs in pieces with pauses, and two messages in one write."""
    line = json.dumps({"jsonrpc": "2.0", "method": "log", "params": {"level": "INFO", "message": data}}).encode()
    with plugin.lock:
        plugin.channel.write(line[:10])
        time.sleep(0.05)
        plugin.channel.write(line[10:] + b"\n" + line + b"\n")
    return "said"


@plugin.on("wrong_id")
def wrong_id(_data):
    raw(reply(999_999, "nobody asked") + b"\n" + reply("x", None) + b"\n")
    return "said"


@plugin.on("late")
def late(data):
    time.sleep(data["seconds"])
    return "late"


@plugin.on("oversize")
def oversize(_data):
    raw(b"x" * (2 << 20))


@plugin.on("close")
def close(_data):
    """Nothing more will be said, but the process goes on."""
    plugin.channel.close()
    time.sleep(3600)


plugin.run()
