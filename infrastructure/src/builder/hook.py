# Calls one hook of a build backend (PEP 517). Runs inside the sandbox, in the source directory.
import importlib, json, os, sys

hook, backend, beside, result = sys.argv[1:5]
sys.path[0:1] = [os.path.join(os.getcwd(), path) for path in json.loads(beside)]
sys.argv[1:] = []
module, _, name = backend.partition(":")
found = importlib.import_module(module)
for part in filter(None, name.split(".")):
    found = getattr(found, part)
if hook == "requires":
    ask = getattr(found, "get_requires_for_build_wheel", None)
    answer = list(ask(None)) if ask else []
else:
    os.makedirs("/job/out", exist_ok=True)
    answer = found.build_wheel("/job/out", None, None)
with open(result, "w") as file:
    json.dump(answer, file)
