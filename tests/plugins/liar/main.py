"""Is not what it says, and says what it may not."""

from helper import Plugin

plugin = Plugin("liar")


def greet(params):
    config = params["config"]
    said = Plugin.greet(plugin, params)
    said["protocol_version"] = config.get("protocol_version", 1)
    said["plugin"]["id"] = config.get("id", "liar")
    said["plugin"]["version"] = config.get("version", "1.0.0")
    return said


@plugin.on("boast")
def boast(_data):
    """Figures that it invents, and wishes that were never granted."""
    plugin.send({"method": "metrics/report", "params": {"metrics": {"total_requests": 1e9, "unique_users": 1e6}}})
    wishes = {"event/emit": {"event_type": "x"}, "storage/put": {"key": "k", "value": 1}, "host/shutdown": {}}
    return {method: plugin.ask(method, **params) for method, params in wishes.items()}


plugin.greet = greet
plugin.run()
