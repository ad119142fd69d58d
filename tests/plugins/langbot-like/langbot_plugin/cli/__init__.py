"""Speaks the protocol of LangBot's plugins without their SDK, under the name that the SDK is started by."""

import json
import os
import random
import sys

PIECE = 16 * 1024


def say(message):
    text = json.dumps(message)
    if len(text) <= PIECE:
        print(text, flush=True)
        return
    print(json.dumps({"type": "chunk_start", "total_size": len(text)}), flush=True)
    for at in range(0, len(text), PIECE):
        print("printed in between", flush=True)
        print(json.dumps({"type": "chunk_data", "data": text[at : at + PIECE], "offset": at}), flush=True)
    print(json.dumps({"type": "chunk_end"}), flush=True)


def respond(seq, data, code=0, message="success", status="continue"):
    say({"seq_id": seq, "code": code, "message": message, "data": data, "chunk_status": status})


def register(seq):
    metadata = {"author": "plugyard", "name": "langbot-like", "version": "1.0.0"}
    manifest = {"owner": "builtin", "manifest": {"apiVersion": "v1", "kind": "Plugin", "metadata": metadata}}
    kinds = [{"manifest": {"manifest": {"kind": kind}}} for kind in ("Command", "Tool")]
    container = {"manifest": manifest, "components": kinds}
    capability = os.environ["LANGBOT_PLUGIN_REGISTRATION_CAPABILITY"]
    data = {"plugin_container": container, "prod_mode": True, "plugin_debug_key": "", "registration_capability": capability}
    say({"seq_id": seq, "action": "register_plugin", "data": data})


class Plugin:
    def __init__(self):
        self.config, self.begun, self.waiting = {}, None, {}
        self.seq = random.randint(1, 100_000)

    def command(self, seq, context):
        for word in context["params"]:
            respond(seq, {"command_response": {"text": word, "error": None}})
        respond(seq, {}, status="end")

    def tool(self, seq, data):
        if data["tool_name"] == "echo":
            respond(seq, {"tool_response": data["tool_parameters"]})
        elif data["tool_name"] == "known":
            respond(seq, {"config": self.config, "environ": sorted(os.environ)})
        elif data["tool_name"] == "storage":
            self.seq += 1
            self.waiting[self.seq] = seq
            say({"seq_id": self.seq, "action": "get_plugin_storage", "data": {"key": "k"}})
        else:
            respond(seq, {}, code=1, message=f"Tool {data['tool_name']} not found")

    def hear(self, message):
        if "type" in message:
            return self.piece(message)
        seq, data = message["seq_id"], message["data"]
        if "code" in message:
            if seq in self.waiting:
                respond(self.waiting.pop(seq), {"said": message["message"]})
        elif message["action"] == "__ping":
            respond(seq, {"alive": True})
        elif message["action"] == "initialize_plugin":
            self.config = data["plugin_settings"]["plugin_config"]
            refused = self.config.get("refuse")
            respond(seq, {}, code=1 if refused else 0, message=refused or "success")
        elif message["action"] == "execute_command":
            self.command(seq, data["command_context"])
        elif message["action"] == "call_tool":
            self.tool(seq, data)
        else:
            respond(seq, {})

    def piece(self, message):
        if message["type"] == "chunk_start":
            self.begun = b""
        elif message["type"] == "chunk_data":
            assert message["offset"] == len(self.begun)
            self.begun += message["data"].encode()
        else:
            self.hear(json.loads(self.begun))


if __name__ == "__main__":
    assert sys.argv[1:] == ["run", "-s", "--prod"], sys.argv
    print("Running plugin in current directory", flush=True)
    sys.stderr.write("[11-20 04:38:22.418] file.py (198) - [WARNING] : loading\n")
    plugin = Plugin()
    register(plugin.seq)
    for line in sys.stdin:
        assert len(line) <= 64 * 1024, "its reader takes no more"
        plugin.hear(json.loads(line))
