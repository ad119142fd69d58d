//! Source distributions made in memory, with build backends of their own: what they need lies beside them.

use std::{collections::BTreeMap, io::Write};

use flate2::{Compression, write::GzEncoder};

use crate::{sha256, tar::Tar};

/// A backend in a few lines of the standard library. `wheel()` is what the tree builds.
const BACKEND: &str = r#"
import base64, hashlib, os, zipfile

NAME, VERSION, TAG, FILES = @name@, @version@, @tag@, {}

def before():
    pass

def build_wheel(directory, config_settings=None, metadata_directory=None):
    before()
    info = f"{NAME}-{VERSION}.dist-info"
    files = dict(FILES) or {f"{NAME}/__init__.py": b"BUILT = True\n"}
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n".encode()
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: own\nRoot-Is-Purelib: true\nTag: {TAG}\n".encode()
    lines = []
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(content)}\n")
    files[f"{info}/RECORD"] = ("".join(lines) + f"{info}/RECORD,,\n").encode()
    name = f"{NAME}-{VERSION}-{TAG}.whl"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)
    return name
"#;

/// A C library, compiled into the wheel that is tagged for this machine and interpreter.
const NATIVE: &str = r#"
import subprocess, sys, sysconfig

def before():
    subprocess.run(["cc", "-shared", "-fPIC", "-o", "lib.so", "lib.c"], check=True)
    with open("lib.so", "rb") as file:
        FILES[f"{NAME}/lib.so"] = file.read()
    FILES[f"{NAME}/__init__.py"] = (
        b"import ctypes, os\n"
        b"ANSWER = ctypes.CDLL(os.path.join(os.path.dirname(__file__), 'lib.so')).answer()\n"
    )
    global TAG
    version = "%d%d" % sys.version_info[:2]
    TAG = f"cp{version}-cp{version}-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")
"#;

#[derive(Debug, Clone)]
pub struct Source {
    pub name: String,
    pub version: String,
    files: BTreeMap<String, Vec<u8>>,
    /// Name and target, written after the files.
    links: Vec<(String, String)>,
    /// What `git archive` says of itself.
    commit: Option<String>,
}

impl Source {
    /// A tree that builds a pure wheel without needing anything.
    pub fn pure(name: &str, version: &str) -> Self {
        let quoted = |text: &str| format!("{text:?}");
        let backend = BACKEND
            .replace("@name@", &quoted(&name.replace('-', "_")))
            .replace("@version@", &quoted(version))
            .replace("@tag@", &quoted("py3-none-any"));
        let source = Self {
            name: name.into(),
            version: version.into(),
            files: BTreeMap::new(),
            links: Vec::new(),
            commit: None,
        };
        source.file("backend/own.py", backend).file(
            "pyproject.toml",
            "[build-system]\nrequires = []\nbuild-backend = \"own\"\nbackend-path = [\"backend\"]\n",
        )
    }

    /// A tree that compiles.
    pub fn native(name: &str, version: &str) -> Self {
        Self::pure(name, version).running(NATIVE).file("lib.c", "int answer(void) { return 42; }\n")
    }

    /// Lines that the backend runs; a `before()` among them comes before everything else.
    #[must_use]
    pub fn running(mut self, lines: &str) -> Self {
        let backend = self.files.get_mut("backend/own.py").expect("it has a backend");
        backend.extend_from_slice(lines.as_bytes());
        self
    }

    #[must_use]
    pub fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), content.into());
        self
    }

    pub fn content(&self, path: &str) -> &[u8] {
        &self.files[path]
    }

    #[must_use]
    pub fn link(mut self, name: &str, target: &str) -> Self {
        self.links.push((name.into(), target.into()));
        self
    }

    #[must_use]
    pub fn of_commit(mut self, commit: &str) -> Self {
        self.commit = Some(commit.into());
        self
    }

    pub fn file_name(&self) -> String {
        format!("{}-{}.tar.gz", self.name.replace('-', "_"), self.version)
    }

    pub fn sha256(&self) -> String {
        sha256(&self.bytes())
    }

    pub fn bytes(&self) -> Vec<u8> {
        let root = format!("{}-{}", self.name, self.version);
        let mut tar = Tar::default();
        if let Some(commit) = &self.commit {
            let record = format!("52 comment={commit}\n");
            assert_eq!(record.len(), 52, "a commit has 40 digits");
            tar = tar.entry("pax_global_header", b'g', "", record.as_bytes());
        }
        for (path, content) in &self.files {
            tar = tar.file(&format!("{root}/{path}"), content);
        }
        for (name, target) in &self.links {
            tar = tar.link(&format!("{root}/{name}"), target);
        }
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&tar.bytes()).unwrap();
        gzip.finish().unwrap()
    }
}
