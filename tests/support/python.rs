//! The host's Python and a uv of its own, for installing what came out the way the daemon does.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use crate::binary;
use crate::plugin::Plugin;

/// Runs to the end; panics with everything it said on failure.
pub fn succeeds(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} ended with {}\n{out}\n{err}", output.status);
    output
}

/// What the host's `python3` prints for a script.
pub fn says(script: &str) -> String {
    let output = succeeds(Command::new("python3").args(["-c", script]));
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

/// `3.N` of the host's `python3`.
pub fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| says("import sys; print('%d.%d' % sys.version_info[:2])"))
}

/// The directory of the real interpreter behind `python3`.
pub fn directory() -> PathBuf {
    let script = "import os, sys; print(os.path.dirname(os.path.realpath(sys._base_executable)))";
    PathBuf::from(says(script))
}

/// A uv from the package index, kept between runs.
pub fn uv() -> &'static Path {
    static UV: OnceLock<PathBuf> = OnceLock::new();
    UV.get_or_init(|| {
        let tools = binary::kept_dir().join("uv-tools");
        let uv = tools.join("bin/uv");
        if !uv.is_file() {
            succeeds(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&tools));
            let pip = tools.join("bin/python");
            succeeds(Command::new(pip).args(["-m", "pip", "install", "--quiet", "uv"]));
        }
        uv
    })
}

/// A program that sees no network. Where the system refuses a network of one's own, every proxy variable
/// points to a closed port instead.
pub fn cut_off(program: impl AsRef<OsStr>) -> Command {
    static UNSHARE: OnceLock<bool> = OnceLock::new();
    let may = *UNSHARE.get_or_init(|| {
        Command::new("unshare").args(["-rn", "--", "true"]).output().is_ok_and(|ran| ran.status.success())
    });
    let mut command = if may {
        let mut command = Command::new("unshare");
        command.args(["-rn", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.env_clear();
    if !may {
        let closed = format!("http://127.0.0.1:{}", crate::cluster::free_port());
        for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env(name, &closed);
        }
    }
    command
}

/// Unpacks a package with Python's own reader.
pub fn unpack(package: &Path, into: &Path) {
    succeeds(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(package).arg(into));
}

/// A plugin whose lock a real uv made, of what the package index has today, for this machine's Python.
pub fn really_locked(name: &str, dependencies: &[&str]) -> Plugin {
    let project = tempfile::tempdir().unwrap();
    let list: Vec<String> = dependencies.iter().map(|dependency| format!("{dependency:?}")).collect();
    let text = format!(
        "[project]\nname = {name:?}\nversion = \"0.1.0\"\nrequires-python = \">={}\"\ndependencies = [{}]\n",
        version(),
        list.join(", ")
    );
    std::fs::write(project.path().join("pyproject.toml"), &text).unwrap();
    let mut lock = Command::new(uv());
    lock.current_dir(&project).arg("lock").arg("--python").arg(directory().join("python3"));
    succeeds(lock.env("UV_CACHE_DIR", project.path().join("cache")).env("UV_SYSTEM_CERTS", "true"));
    let lock = std::fs::read(project.path().join("uv.lock")).unwrap();
    Plugin::new(name).file("pyproject.toml", text).file("uv.lock", lock)
}
