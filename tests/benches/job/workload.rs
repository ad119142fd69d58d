//! Plugins with real dependencies, locked by `uv` when the benchmark begins.

use plugyard_tests::Plugin;

use super::peer::Peer;

const MIDDLE: [&str; 15] = [
    "dify-plugin",
    "requests",
    "httpx",
    "pydantic",
    "gevent",
    "tiktoken",
    "numpy",
    "pyyaml",
    "jinja2",
    "flask",
    "werkzeug",
    "sqlalchemy",
    "packaging",
    "dpkt",
    "socksio",
];
const MORE: [&str; 16] = [
    "openai",
    "boto3",
    "lxml",
    "pillow",
    "cryptography",
    "beautifulsoup4",
    "aiohttp",
    "orjson",
    "rich",
    "tenacity",
    "redis",
    "python-dateutil",
    "tqdm",
    "protobuf",
    "websockets",
    "psutil",
];

/// What any system takes, beside the few compiled ones of `pydantic` and `pyyaml`.
const PURE: [&str; 12] = [
    "requests",
    "httpx",
    "pydantic",
    "pyyaml",
    "jinja2",
    "openai",
    "boto3",
    "sympy",
    "faker",
    "babel",
    "docutils",
    "google-api-python-client",
];

pub(super) struct Workload {
    pub(super) plugin: Plugin,
    /// The lock's choice as a requirements list.
    pub(super) pinned: String,
}

impl Workload {
    /// 35 to 40 wheels.
    pub(super) fn middle(peer: &Peer) -> Self {
        Self::made("middle", &MIDDLE, peer)
    }

    /// About 60 wheels.
    pub(super) fn large(peer: &Peer) -> Self {
        Self::made("large", &[&MIDDLE[..], &MORE[..]].concat(), peer)
    }

    /// Most of its bytes serve every target.
    pub(super) fn pure(peer: &Peer) -> Self {
        Self::made("pure", &PURE, peer)
    }

    pub(super) fn wheels(&self) -> usize {
        let needed =
            |line: &&str| !line.contains("win32") && !line.contains("Windows") && !line.trim().is_empty();
        self.pinned.lines().filter(needed).count()
    }

    fn made(name: &str, dependencies: &[&str], peer: &Peer) -> Self {
        let project = tempfile::tempdir().unwrap();
        let pyproject = format!(
            "[project]\nname = \"{name}\"\nversion = \"0.1.0\"\nrequires-python = \">=3.11\"\ndependencies = {dependencies:?}\n"
        );
        std::fs::write(project.path().join("pyproject.toml"), &pyproject).unwrap();
        let pinned = peer.lock(project.path());
        let lock = std::fs::read(project.path().join("uv.lock")).unwrap();
        let plugin = Plugin::new(name)
            .file("pyproject.toml", pyproject)
            .file("uv.lock", lock)
            .file("requirements.txt", pinned.clone());
        Self { plugin, pinned }
    }
}
