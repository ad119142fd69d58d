//! Where this machine keeps its PostgreSQL.

use std::path::{Path, PathBuf};

use super::Error;

#[derive(Debug, Clone)]
pub(super) struct Binaries(PathBuf);

/// Parent directories of `<version>/bin` or `postgresql@<version>/bin`.
const PLACES: [&str; 5] =
    ["/usr/lib/postgresql", "/usr/local/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt", "/usr"];

impl Binaries {
    /// The newest installation, or the one that made the cluster in `data`.
    pub(super) fn find(data: &Path) -> Result<Self, Error> {
        let mut found = installations();
        if found.is_empty() {
            return Err(Error::NotInstalled);
        }
        if let Ok(version) = std::fs::read_to_string(data.join("PG_VERSION")) {
            let version = version.trim();
            found.retain(|(major, _)| *major == version.parse().ok());
            if found.is_empty() {
                return Err(Error::OtherVersion(data.to_owned(), version.to_owned()));
            }
        }
        found.sort();
        found.pop().map(|(_, bin)| Self(bin)).ok_or(Error::NotInstalled)
    }

    pub(super) fn path(&self, program: &str) -> PathBuf {
        self.0.join(program)
    }
}

fn installations() -> Vec<(Option<u32>, PathBuf)> {
    let listed = PLACES.iter().filter_map(|place| std::fs::read_dir(place).ok()).flatten().flatten();
    let on_path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let candidates = listed.map(|entry| entry.path().join("bin")).chain(on_path.into_iter().flatten());
    candidates
        .filter(|bin| bin.join("initdb").is_file() && bin.join("postgres").is_file())
        .filter_map(|bin| bin.canonicalize().ok())
        .map(|bin| (major(&bin), bin))
        .collect()
}

/// As the program itself says it: `initdb (PostgreSQL) 15.18 (Debian ...)`.
fn major(bin: &Path) -> Option<u32> {
    let output = std::process::Command::new(bin.join("initdb")).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split_whitespace().nth(2)?.split(['.', 'r', 'b', 'd']).next()?.parse().ok()
}
