"""Wants everything, and returns what the system said: the sandbox is tried from inside."""

import ctypes
import os
import socket
import struct
import subprocess
import time

from helper import Plugin

plugin = Plugin("hog")
kept = []


def attempt(name):
    def register(work):
        def answer(data):
            try:
                return {"ok": work(data)}
            except (OSError, MemoryError, subprocess.SubprocessError) as error:
                return {"error": type(error).__name__, "errno": getattr(error, "errno", None)}

        plugin.on(name)(answer)
        return work

    return register


@attempt("allocate")
def allocate(data):
    kept.append(bytearray(data["mb"] << 20))
    return len(kept)


@attempt("open")
def open_files(data):
    for number in range(data["count"]):
        try:
            kept.append(open("/dev/null", "rb"))
        except OSError as error:
            return {"opened": number, "errno": error.errno}
    return {"opened": data["count"]}


@attempt("burn")
def burn(data):
    end, begun = time.monotonic() + data["seconds"], time.process_time()
    while time.monotonic() < end:
        pass
    return (time.process_time() - begun) / data["seconds"]


@attempt("fork")
def fork(data):
    children = []
    try:
        while len(children) < data["count"]:
            child = os.fork()
            if child == 0:
                time.sleep(data.get("seconds", 30))
                os._exit(0)
            children.append(child)
    except OSError as error:
        return {"forked": len(children), "errno": error.errno}
    finally:
        for child in children if data.get("reap", True) else []:
            os.kill(child, 9)
            os.waitpid(child, 0)
    return {"forked": len(children)}


@attempt("escape")
def escape(data):
    """A grandchild in a session of its own, with an empty environment if wanted."""
    command = ["/usr/bin/setsid", "/bin/sh", "-c", f"sleep {data['seconds']} & exit 0"]
    subprocess.run(command, env={} if data.get("clean") else None, check=True, stdout=subprocess.DEVNULL)


@attempt("tcp")
def tcp(data):
    socket.create_connection((data["host"], data["port"]), 2).close()


@attempt("udp")
def udp(data):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        return made.sendto(b"x", (data["host"], data["port"]))


@attempt("abstract")
def abstract(data):
    with socket.socket(socket.AF_UNIX) as made:
        made.connect("\0" + data["name"])


@attempt("read")
def read(data):
    with open(data["path"], "rb") as file:
        return len(file.read(4096))


@attempt("write")
def write(data):
    with open(os.path.join(plugin.data_dir, data["path"]), "wb") as file:
        return file.write(b"x" * data.get("size", 1))


@attempt("signal")
def send_signal(data):
    os.kill(data["pid"], data.get("signal", 0))


@attempt("setuid")
def become_root(_data):
    os.setuid(0)


@attempt("clone")
def clone(data):
    """A child in a new namespace, by the bare system call; both of its kinds."""
    number = {"x86_64": (56, 435), "aarch64": (220, 435)}[os.uname().machine][data["kind"]]
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = (struct.pack("8Q", data["flags"], 0, 0, 0, 17, 0, 0, 0), 64) if data["kind"] else (data["flags"] | 17, 0, 0, 0, 0)
    child = libc.syscall(number, *arguments)
    if child == 0:
        os._exit(0)
    if child < 0:
        raise OSError(ctypes.get_errno(), "refused")
    os.waitpid(child, 0)


@attempt("exec")
def execute(data):
    return subprocess.run(data["command"], capture_output=True, check=True, timeout=10).stdout.decode()


@attempt("who")
def who(_data):
    return {"uid": os.getuid(), "pid": os.getpid(), "pgid": os.getpgid(0), "sid": os.getsid(0)}


plugin.run()
