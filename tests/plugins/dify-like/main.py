"""Speaks the protocol of Dify's plugins without their SDK, with a switch for each of its pitfalls."""

import base64
import json
import os
import sys
import threading
import time

lock = threading.Lock()
waiting = {}


def say(value, end="\n\n"):
    with lock:
        sys.stdout.write(json.dumps(value))
        sys.stdout.flush()
        sys.stdout.write(end)
        sys.stdout.flush()


def session(number, kind, data):
    say({"event": "session", "session_id": number, "data": {"type": kind, "data": data}})


def text(value):
    return {"type": "text", "message": {"text": value}, "meta": None}


def beat():
    while True:
        say({"event": "heartbeat", "session_id": None, "data": {}})
        time.sleep(float(os.environ["HEARTBEAT_INTERVAL"]))


def blob(number, content):
    for sequence, at in enumerate(range(0, len(content), 8192)):
        part = base64.b64encode(content[at : at + 8192]).decode()
        end = at + 8192 >= len(content)
        message = {"id": "f", "sequence": sequence, "total_length": len(content), "blob": part, "end": end}
        session(number, "stream", {"type": "blob_chunk", "message": message, "meta": {}})


def invoke(number, request):
    done = threading.Event()
    waiting["b-1"] = (done, answer := [])
    session(number, "invoke", {"type": "llm", "backwards_request_id": "b-1", "request": request})
    done.wait(10)
    session(number, "stream", text(json.dumps(answer)))


def work(number, data):
    wish = data.get("tool_parameters", {})
    if data["type"] != "tool" or data["action"] != "invoke_tool":
        pass  # An unknown type or action has an end and nothing else.
    elif data["tool"] == "parse":
        for piece in ("4", "2"):
            session(number, "stream", text(piece))
    elif data["tool"] == "blob":
        blob(number, b"x" * wish["size"])
    elif data["tool"] == "invoke":
        invoke(number, wish)
    elif data["tool"] == "silent":
        return
    elif data["tool"] == "known":
        session(number, "stream", {"type": "json", "message": {"credentials": data["credentials"], "env": sorted(os.environ)}})
    else:
        error = {"error_type": "ValueError", "message": f"tool {data['tool']} not found", "args": {}}
        session(number, "error", error)
    session(number, "end", {})


def hear(message):
    if message["event"] == "request":
        threading.Thread(target=work, args=(message["session_id"], message["data"])).start()
    elif message["data"]["backwards_request_id"] in waiting:
        done, answer = waiting[message["data"]["backwards_request_id"]]
        answer.append(message["data"]["event"])
        if message["data"]["event"] != "response":
            done.set()


print("loading")
say({"version": "1.0.0", "type": "plugin", "author": "plugyard", "name": "dify-like", "meta": {"version": "0.0.1"}})
threading.Thread(target=beat, daemon=True).start()
for line in sys.stdin:
    try:
        hear(json.loads(line))
    except KeyError as error:
        say({"event": "error", "session_id": None, "data": {"error": str(error)}})
while True:
    pass  # The end of its input drives it mad.
