"""The native protocol, version 1: JSON-RPC 2.0, one line a message, on standard input and output."""

import json
import os
import sys

PROTOCOL = 1


class Refused(Exception):
    """An answer with an error code."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class Plugin:
    """Derive from it, fill `handlers` with a function for each message type, and call `main()`."""

    handlers = {}
    subscribes = ()

    def __init__(self):
        self.plugin_id, self.version, self.config = None, None, {}
        # What the plugin prints must not break the channel.
        self.channel = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
        os.dup2(2, 1)

    def send(self, message):
        self.channel.write(json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=False) + "\n")
        self.channel.flush()

    def log(self, text, level="INFO", **metadata):
        self.send({"method": "log", "params": {"level": level, "message": text, "metadata": metadata}})

    def checks(self):
        return [{"name": "process", "status": "pass"}]

    def configured(self):
        """Called after every change of `self.config`."""

    def deliver(self, params):
        handle = self.handlers.get(params["message_type"]) or self.handlers.get("*")
        if handle is None:
            raise Refused(-32601, "unknown message type")
        return {"status": "success", "data": handle(self, params.get("data"))}

    def call(self, method, params):
        if method == "initialize":
            if params["protocol_version"] != PROTOCOL:
                raise Refused(-32010, "this plugin speaks protocol version 1")
            self.plugin_id, self.config = params["plugin_id"], params.get("config", {})
            with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "manifest.json"), encoding="utf-8") as file:
                self.version = json.load(file)["version"]
            self.configured()
            capabilities = {"health": True, "message_types": sorted(self.handlers), "subscribes": list(self.subscribes), "config_reload": True}
            return {"protocol_version": PROTOCOL, "plugin": {"id": self.plugin_id, "version": self.version}, "capabilities": capabilities}
        if method == "health/check":
            return {"status": "pass", "checks": self.checks()}
        if method == "message/deliver":
            return self.deliver(params)
        if method == "config/update":
            self.config = params.get("config", params)
            self.configured()
            return {"restart_required": False}
        if method in ("ping", "shutdown"):
            return {}
        raise Refused(-32601, "unknown method")

    def main(self):
        for line in sys.stdin:
            request = json.loads(line)
            method, number = request.get("method"), request.get("id")
            if number is None:
                continue
            try:
                result = self.call(method, request.get("params") or {})
            except Refused as refused:
                self.send({"id": number, "error": {"code": refused.code, "message": str(refused)}})
            except Exception as error:
                self.send({"id": number, "error": {"code": -32000, "message": str(error)}})
            else:
                if result is not None:
                    self.send({"id": number, "result": result})
            if method == "shutdown":
                return
