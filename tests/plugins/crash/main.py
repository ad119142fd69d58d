"""Ends when nobody asked it to: before it is ready, after a while, or on one kind of message."""

import os
import sys
import threading
import time

from helper import Plugin

plugin = Plugin("crash")


def crash(how):
    sys.stderr.write("about to crash\n")
    sys.stderr.flush()
    if "signal" in how:
        os.kill(os.getpid(), how["signal"])
    os._exit(how.get("code", 3))


def later(milliseconds):
    time.sleep(milliseconds / 1000)
    crash({})


def start():
    if "before_handshake" in plugin.config:
        crash(plugin.config["before_handshake"])
    if "after_ms" in plugin.config:
        threading.Thread(target=later, args=(plugin.config["after_ms"],), daemon=True).start()


@plugin.on("crash")
def crash_now(data):
    crash(data)


@plugin.on("raise")
def traceback(_data):
    def run():
        raise ValueError("on purpose")

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


@plugin.on("echo")
def echo(data):
    return data


plugin.start = start
plugin.run()
