# Unpacks a source archive into /job/source and says what is in it. Runs inside the sandbox.
import json, os, posixpath, stat, sys, tarfile, zipfile

archive, into, result = sys.argv[1:4]
MOST_FILES, MOST_BYTES, PYPROJECT = 50_000, 2 << 30, 256 * 1024


class Refused(Exception):
    pass


class Room:
    files = 0
    left = MOST_BYTES

    def take(self, size):
        self.files += 1
        self.left -= size
        if self.files > MOST_FILES or self.left < 0:
            raise Refused("it unpacks to too much")


def checked(name):
    parts = name.rstrip("/").split("/")
    bad = "\\" in name or any(ord(c) < 32 for c in name) or len(name.encode("utf-8", "replace")) > 1024
    if bad or name.startswith("/") or ".." in parts:
        raise Refused("it holds an unsafe path")
    return posixpath.normpath(name)


def place(name):
    path = os.path.join(into, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    # A link that the archive put in the way would lead elsewhere.
    if not (os.path.realpath(os.path.dirname(path)) + "/").startswith(into + "/"):
        raise Refused("it holds a link that leads out of it")
    return path


def copy(source, name, executable, size):
    path = place(name)
    if os.path.lexists(path):
        raise Refused("it holds a file twice")
    with open(path, "xb") as to:
        while size > 0:
            chunk = source.read(min(size, 1 << 16))
            if not chunk:
                raise Refused("it is cut short")
            to.write(chunk)
            size -= len(chunk)
    os.chmod(path, 0o755 if executable else 0o644)


def link(name, target, base):
    if target.startswith("/") or posixpath.normpath(posixpath.join(base, target)).startswith(".."):
        raise Refused("it holds a link that leads out of it")
    path = place(name)
    if os.path.lexists(path):
        raise Refused("it holds a file twice")
    os.symlink(target, path)


def untar(room):
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            room.take(member.size)
            name = checked(member.name)
            if member.isdir():
                os.makedirs(place(name), exist_ok=True)
            elif member.isreg():
                copy(tar.extractfile(member), name, member.mode & 0o100, member.size)
            elif member.issym():
                link(name, member.linkname, posixpath.dirname(name))
            elif member.islnk():
                target = posixpath.relpath(checked(member.linkname), posixpath.dirname(name) or ".")
                link(name, target, posixpath.dirname(name))
            else:
                raise Refused("it holds something that is neither file nor directory")
        return tar.pax_headers.get("comment")


def unzip(room):
    with zipfile.ZipFile(archive) as package:
        for member in package.infolist():
            room.take(member.file_size)
            name, mode = checked(member.filename), member.external_attr >> 16
            if member.is_dir():
                os.makedirs(place(name), exist_ok=True)
            elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                raise Refused("it holds something that is neither file nor directory")
            else:
                with package.open(member) as source:
                    copy(source, name, mode & 0o100, member.file_size)


def main():
    os.mkdir(into)
    commit = unzip(Room()) if zipfile.is_zipfile(archive) else untar(Room())
    inside = os.listdir(into)
    root = os.path.join(into, inside[0]) if len(inside) == 1 else into
    subdirectory = sys.argv[4]
    if subdirectory:
        root = os.path.realpath(os.path.join(root, checked(subdirectory)))
        if not root.startswith(into + "/"):
            raise Refused("its subdirectory leads out of it")
    if not os.path.isdir(root):
        raise Refused("it does not hold its subdirectory")
    pyproject = os.path.join(root, "pyproject.toml")
    text = None
    if os.path.isfile(pyproject):
        if os.path.getsize(pyproject) > PYPROJECT:
            raise Refused("its pyproject.toml is larger than 256 KB")
        with open(pyproject, encoding="utf-8-sig", errors="replace") as file:
            text = file.read()
    elif not os.path.isfile(os.path.join(root, "setup.py")):
        raise Refused("it holds neither pyproject.toml nor setup.py")
    libc = os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in os.confstr_names else None
    return {"root": root, "pyproject": text, "commit": commit, "libc": libc}


try:
    answer = main()
except Refused as refused:
    answer = {"refused": str(refused)}
except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, ValueError, RuntimeError, NotImplementedError):
    answer = {"refused": "it is no readable archive"}
with open(result, "w") as file:
    json.dump(answer, file)
