//! A finished package on disk, read like any other: our own reader's names, and nothing but files.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use application::failure::Failure;
use domain::values::{Floor, Target};
use serde::Deserialize;

use crate::{
    archive::{check::Checked, limits::Limits},
    disk,
    wheels::{labels::Label, tags::TagOrder},
};

const MIB: u64 = 1024 * 1024;
/// What we write ourselves.
const FINISHED: Limits = Limits {
    file: Limits::OUTPUT,
    entries: 20_000,
    total: 2 * Limits::OUTPUT,
    entry: 2048 * MIB,
    ratio: 1100,
    ..Limits::PACKAGE
};

#[derive(Debug)]
pub(super) struct Unpacked {
    /// A dotted module name.
    pub(super) entrypoint: Option<String>,
    /// Whether the daemon's own SDK is among the wheels.
    pub(super) has_sdk: bool,
}

impl Unpacked {
    /// A `.env` file stays behind: the SDK would read settings of its author from it.
    ///
    /// # Errors
    /// Failures of the archive and of the disk.
    pub(super) fn of(package: &Path, into: &Path) -> Result<Self, Failure> {
        let archive = Checked::open(package, &FINISHED)?;
        fs::create_dir(into).map_err(disk::failure)?;
        for entry in archive.entries.iter().filter(|entry| entry.name != ".env") {
            let path = into.join(&entry.name);
            fs::create_dir_all(path.parent().unwrap_or(into)).map_err(disk::failure)?;
            let mut file = File::create_new(&path).map_err(disk::failure)?;
            io::copy(&mut archive.reader(entry), &mut file).map_err(disk::failure)?;
        }
        let manifest = archive.entry("manifest.yaml").map(|entry| archive.read(entry, FINISHED.text));
        let manifest = manifest.transpose()?.unwrap_or_default();
        let names = archive.entries.iter().filter_map(|entry| entry.name.strip_prefix("wheels/"));
        Ok(Self {
            entrypoint: entrypoint(&String::from_utf8_lossy(&manifest)),
            has_sdk: names.filter_map(Label::read).any(|label| label.project == "dify_plugin"),
        })
    }
}

/// The oldest glibc (or macOS) that all wheels of the package run on.
pub(super) fn needs(package: &Path, target: Target) -> Result<Option<Floor>, Failure> {
    let archive = Checked::open(package, &FINISHED)?;
    let order = TagOrder::new(&target);
    let names = archive.entries.iter().filter_map(|entry| entry.name.strip_prefix("wheels/"));
    Ok(names.filter_map(Label::read).filter_map(|label| order.floor(&label)).max())
}

#[derive(Deserialize)]
struct Manifest {
    meta: Meta,
}

#[derive(Deserialize)]
struct Meta {
    runner: Runner,
}

#[derive(Deserialize)]
struct Runner {
    entrypoint: String,
}

fn entrypoint(manifest: &str) -> Option<String> {
    let manifest: Manifest = crate::archive::manifest::part(manifest)?;
    let entry = manifest.meta.runner.entrypoint;
    let is_word = |part: &str| {
        part.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_')
            && part.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    (entry.len() <= 256 && entry.split('.').all(is_word)).then_some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::sample::{Sample, file};

    fn manifest(entrypoint: &str) -> String {
        format!("author: a\nmeta:\n  runner:\n    language: python\n    entrypoint: {entrypoint}\n")
    }

    #[test]
    fn an_entry_point_is_a_module_and_nothing_else() {
        assert_eq!(entrypoint(&manifest("main")).as_deref(), Some("main"));
        assert_eq!(entrypoint(&manifest("pkg.main")).as_deref(), Some("pkg.main"));
        for wrong in ["-c", "'main; x'", "a/b", "''", "1x", "a..b"] {
            assert_eq!(entrypoint(&manifest(wrong)), None, "{wrong}");
        }
        assert_eq!(entrypoint("author: a\n"), None);
    }

    #[test]
    fn everything_is_unpacked_but_the_settings_of_the_author() {
        let package = Sample::new(vec![
            file(".env", b"SECRET=1"),
            file("manifest.yaml", manifest("main").as_bytes()),
            file("tools/a.py", b"x"),
            file("wheels/dify_plugin-0.5.0-py3-none-any.whl", b"x"),
        ])
        .write();
        let ground = tempfile::tempdir().unwrap();
        let into = ground.path().join("plugin");
        let unpacked = Unpacked::of(package.path(), &into).unwrap();
        assert!(unpacked.has_sdk);
        assert_eq!(fs::read(into.join("tools/a.py")).unwrap(), b"x");
        assert!(!into.join(".env").exists());
    }
}
