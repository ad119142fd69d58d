"""Says what it is told; and whatever else a well-behaved plugin does now and then."""

import os
import sys

from helper import Failure, Plugin

plugin = Plugin("echo", subscribes=["echo.*"])


def start():
    print("starting with a token of", len(plugin.config.get("token", "")), "characters")
    if plugin.config.get("refuse"):
        raise Failure(f"refused: {plugin.config['refuse']}", -32010)


def configure(changed):
    if changed.get("batch_size", 10) < 10:
        raise Failure("batch_size must be 10 or more")
    plugin.config.update(changed)
    return {"restart_required": "workers" in changed}


@plugin.on("echo")
def echo(data):
    return data


@plugin.on("fail")
def fail(data):
    raise Failure(data.get("message", "it failed"))


@plugin.on("flood")
def flood(data):
    for number in range(data["count"]):
        sys.stderr.write(f"{data.get('level', 'INFO')} line {number} {'x' * data.get('size', 0)}\n")
    sys.stderr.flush()
    return data["count"]


@plugin.on("say")
def say(data):
    plugin.log(data.get("level", "INFO"), data["text"], **data.get("metadata", {}))
    sys.stderr.write(data["text"] + "\n")


@plugin.on("health")
def health(data):
    plugin.health = {"status": data["status"], "checks": [{"name": "mood", "status": data["status"], "message": "so"}]}


@plugin.on("emit")
def emit(data):
    return plugin.ask("event/emit", event_type=data["type"], data=data.get("data"))


@plugin.on("ask")
def ask(data):
    return plugin.ask(data["method"], **data.get("params", {}))


@plugin.on("known")
def known(_data):
    environment = sorted(os.environ)
    return {"config": plugin.config, "permissions": plugin.permissions, "events": plugin.events, "environ": environment}


plugin.start, plugin.configure = start, configure
plugin.run()
