"""The native protocol with the standard library alone: a plugin says what it answers, and runs.

Standard output belongs to the protocol, so everything printed goes to the log. Messages are answered by threads of
their own; all of them have ended before the process does.
"""

import itertools
import json
import os
import sys
import threading


class Failure(Exception):
    def __init__(self, message, code=-32000):
        super().__init__(message)
        self.code = code


class Plugin:
    def __init__(self, name, version="1.0.0", subscribes=()):
        self.name, self.version, self.subscribes = name, version, list(subscribes)
        self.answers, self.asked, self.lock = {}, {}, threading.Lock()
        self.ids, self.events, self.threads = itertools.count(1), [], []
        self.config, self.permissions, self.data_dir = {}, [], "."
        self.health = {"status": "pass", "checks": []}
        self.channel = os.fdopen(os.dup(1), "wb", 0)
        os.dup2(2, 1)

    def on(self, message_type):
        return lambda answer: self.answers.setdefault(message_type, answer)

    def send(self, message):
        line = json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n"
        with self.lock:
            self.channel.write(line)

    def log(self, level, message, **metadata):
        self.send({"method": "log", "params": {"level": level, "message": message, "metadata": metadata}})

    def ask(self, method, **params):
        """Asks the host for something and waits for what it says."""
        number, done = next(self.ids), threading.Event()
        self.asked[number] = (done, answer := [])
        self.send({"id": number, "method": method, "params": params})
        done.wait(10)
        return answer[0] if answer else {"error": {"message": "no answer"}}

    def start(self):
        """Before it is ready; may raise a Failure."""

    def configure(self, changed):
        self.config.update(changed)
        return {"restart_required": False}

    def greet(self, params):
        self.config, self.permissions = params["config"], params["granted_permissions"]
        self.data_dir = params["data_dir"]
        self.start()
        can = {"health": True, "message_types": list(self.answers), "subscribes": self.subscribes, "config_reload": True}
        return {"protocol_version": 1, "plugin": {"id": self.name, "version": self.version}, "capabilities": can}

    def deliver(self, params):
        answer = self.answers.get(params["message_type"])
        if answer is None:
            raise Failure(f"unknown message {params['message_type']}", -32601)
        return {"status": "success", "data": answer(params["data"])}

    def handle(self, message):
        method, params = message["method"], message.get("params") or {}
        if method == "initialize":
            return self.greet(params)
        if method == "message/deliver":
            return self.deliver(params)
        if method == "config/update":
            return self.configure(params["changed"])
        if method in ("health/check", "ping"):
            return self.health
        raise Failure(f"unknown method {method}", -32601)

    def answer(self, message):
        try:
            self.send({"id": message["id"], "result": self.handle(message)})
        except Failure as failure:
            self.send({"id": message["id"], "error": {"code": failure.code, "message": str(failure)}})
        except Exception as error:
            self.send({"id": message["id"], "error": {"code": -32000, "message": f"{type(error).__name__}: {error}"}})

    def told(self, message):
        if message["method"] == "event/deliver":
            self.events.append(message["params"])
        elif message["method"] == "permissions/changed":
            self.permissions = message["params"]["granted_permissions"]

    def shutdown(self):
        """Whether it ends when it is told to."""
        return True

    def run(self):
        # Many threads fit into little room.
        threading.stack_size(512 * 1024)
        for line in sys.stdin.buffer:
            message = json.loads(line)
            if "method" not in message:
                done, answer = self.asked.pop(message["id"])
                answer.append(message)
                done.set()
            elif "id" not in message:
                self.told(message)
            elif message["method"] == "shutdown":
                self.send({"id": message["id"], "result": {}})
                if self.shutdown():
                    break
            elif message["method"] == "message/deliver":
                thread = threading.Thread(target=self.answer, args=(message,))
                self.threads.append(thread)
                thread.start()
                self.threads = [thread for thread in self.threads if thread.is_alive()]
            else:
                self.answer(message)
        for thread in self.threads:
            thread.join()
