"""Takes its time: before it is ready, for every message, and when it is asked to end."""

import signal
import time

from helper import Plugin

plugin = Plugin("slow")


def start():
    time.sleep(plugin.config.get("start_delay", 0))
    if plugin.config.get("ignore_sigterm"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


@plugin.on("sleep")
def sleep(data):
    time.sleep(data["seconds"])
    return data


@plugin.on("deaf")
def deaf(_data):
    """Answers nothing any more."""
    plugin.handle = lambda _message: time.sleep(3600)


plugin.start = start
plugin.shutdown = lambda: not plugin.config.get("ignore_shutdown")
plugin.run()
time.sleep(0 if plugin.shutdown() else 3600)
