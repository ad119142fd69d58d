//! Reads a package from its first byte to the wheels of each target. Runs in the child process.

use std::path::PathBuf;

use application::{
    failure::Failure,
    ports::packaging::{Inspection, Note},
};
use domain::values::Target;
use serde::{Deserialize, Serialize};

use super::strip;
use crate::{
    archive::{
        check::{Checked, Entry},
        limits::Limits,
        manifest,
        read::file_sha256,
    },
    signing,
    wheels::{
        select::{Declared, select},
        sources::IndexPolicy,
    },
};

#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    pub package: PathBuf,
    pub targets: Vec<Target>,
    pub limits: Limits,
    pub index: IndexPolicy,
}

/// # Errors
/// A failure that refuses the package as a whole.
pub fn run(request: &Request) -> Result<Inspection, Failure> {
    let limits = &request.limits;
    let archive = Checked::open(&request.package, limits)?;
    let manifest = read_manifest(&archive, limits)?;
    let identifier = format!("{}@{}", manifest.identity, archive.content_checksum()?);
    let files = DependencyFiles::read(&archive, limits)?;
    let plans = select(files.declared(), &request.targets, &request.index);
    let mut notes = manifest.notes;
    notes.extend(provenance(&archive));
    let signed_at = signing::Comment::read(&archive.comment).map(|comment| comment.time);
    Ok(Inspection {
        sha256: file_sha256(&request.package)?,
        size: archive.size,
        identity: manifest.identity,
        identifier,
        label: manifest.label,
        category: manifest.category.to_owned(),
        notes,
        signature_time: signed_at.or(manifest.created_at).unwrap_or(0),
        plans,
    })
}

pub(super) fn read_manifest(archive: &Checked, limits: &Limits) -> Result<manifest::Manifest, Failure> {
    let entry =
        archive.entry("manifest.yaml").ok_or_else(|| manifest::invalid("there is no manifest.yaml"))?;
    if entry.size > limits.text {
        return Err(manifest::invalid(&format!("it is larger than {} KB", limits.text / 1024)));
    }
    let bytes = archive.read(entry, limits.text)?;
    let text = String::from_utf8(bytes).map_err(|_not_utf8| manifest::invalid("it is not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    manifest::read(text, |name| archive.entry(name).is_some())
}

/// The files that name dependencies: those of the root, else those that an earlier repackaging kept.
pub(super) struct DependencyFiles {
    pub(super) lock: Option<String>,
    pub(super) pyproject: Option<String>,
    requirements: Option<String>,
}

pub(super) const KEPT: &str = ".repack/";
pub(super) const REQUIREMENTS: &str = "requirements.txt";

impl DependencyFiles {
    pub(super) fn read(archive: &Checked, limits: &Limits) -> Result<Self, Failure> {
        let one = |name: &str, cap| -> Result<Option<String>, Failure> {
            let Some(entry) = archive.entry(name) else { return Ok(None) };
            let bytes = archive.read(entry, cap)?;
            let text = String::from_utf8_lossy(&bytes);
            Ok(Some(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned()))
        };
        let either = |name: &str, cap| match one(name, cap)? {
            Some(text) => Ok(Some(text)),
            None => one(&format!("{KEPT}{name}"), cap),
        };
        Ok(Self {
            lock: either("uv.lock", limits.lock)?,
            pyproject: either("pyproject.toml", limits.text)?,
            requirements: requirements_entry(archive, limits)?
                .map(|entry| one(&entry.name, limits.text))
                .transpose()?
                .flatten(),
        })
    }

    fn declared(&self) -> Declared<'_> {
        Declared {
            lock: self.lock.as_deref(),
            pyproject: self.pyproject.as_deref(),
            requirements: self.requirements.as_deref(),
        }
    }
}

/// The requirements file that the author wrote: what an earlier repackaging put in its place has no word of its own.
pub(super) fn requirements_entry<'a>(
    archive: &'a Checked,
    limits: &Limits,
) -> Result<Option<&'a Entry>, Failure> {
    let (root, kept) = (archive.entry(REQUIREMENTS), archive.entry(&format!("{KEPT}{REQUIREMENTS}")));
    let (Some(written), Some(kept)) = (root, kept) else { return Ok(root) };
    let text = archive.read(written, limits.text)?;
    Ok(Some(if text.is_empty() || text.starts_with(strip::HEADER.as_bytes()) { kept } else { written }))
}

fn provenance(archive: &Checked) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut note = |kind: &str, text: String| {
        notes.push(Note { kind: kind.to_owned(), text, lines: Vec::new() });
    };
    if archive.directories > 0 {
        note("directories", format!("Dropped {} directory entries.", archive.directories));
    }
    let is_env = |name: &str| name.rsplit('/').next() == Some(".env");
    if archive.entries.iter().any(|entry| is_env(&entry.name)) {
        note("env_file", "The package holds a .env file; look whether there are secrets in it.".to_owned());
    }
    if !archive.comment.is_empty() || archive.entry(signing::VERIFICATION).is_some() {
        let text = "The signature of the input is removed: it was made for another content.";
        note("signature_removed", text.to_owned());
    }
    if archive.entries.iter().any(|entry| entry.name.starts_with("wheels/")) {
        note("old_wheels", "The wheels that the package already held are replaced.".to_owned());
    }
    notes
}
