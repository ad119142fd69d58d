//! Writes the offline package. Runs in the child process; every wheel is opened, compared with its lock and
//! hashed again while it goes in.

use std::{fs, path::Path, path::PathBuf};

use application::{
    failure::{Failure, Reason},
    ports::packaging::{DependencySource, Packed, Selection},
};
use domain::values::{Digest, PluginIdentity, Target};
use serde::{Deserialize, Serialize};

use super::{
    inspect::{DependencyFiles, KEPT},
    notes,
    sbom::{self, Opened, Origin},
    strip,
};
use crate::archive::{
    check::Checked,
    limits::Limits,
    read::file_sha256,
    wheel,
    write::{self, Content, Item},
};
use crate::disk;

/// Raised whenever the same inputs would give other bytes: another layout, another compressor.
pub const VERSION: &str = "plugyard-1";

#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    pub package: PathBuf,
    pub sha256: Digest,
    pub identity: PluginIdentity,
    pub identifier: String,
    pub selection: Selection,
    pub targets: Vec<Target>,
    pub wheels: PathBuf,
    pub part: PathBuf,
    pub output: PathBuf,
    pub limits: Limits,
}

/// `on_bytes` hears the bytes written so far and those to come in all.
///
/// # Errors
/// `WheelMismatch` for a wheel that is not the locked one; failures of the package and of the disk.
pub fn run(request: &Request, on_bytes: impl Fn(u64, Option<u64>)) -> Result<Packed, Failure> {
    if file_sha256(&request.package)? != request.sha256 {
        tracing::warn!("a package changed between inspection and packing");
        return Err(Failure::internal());
    }
    let archive = Checked::open(&request.package, &request.limits)?;
    let files = DependencyFiles::read(&archive, &request.limits)?;
    let selection = &request.selection;
    let opened = open_wheels(&request.wheels, selection)?;
    let origin = Origin {
        sha256: &request.sha256,
        identifier: &request.identifier,
        targets: &request.targets,
        source: selection.source.as_str(),
        lock: files.lock.as_deref(),
    };
    let sbom = sbom::json(&origin, &opened).ok_or_else(Failure::internal)?;

    let mut items = strip::kept(&archive, &request.limits);
    let mut add = |name: &str, content| items.push(Item { name: name.to_owned(), content });
    add("requirements.txt", Content::Bytes(strip::requirements(&selection.wheels).into_bytes()));
    add(".repack/manifest.json", Content::Bytes(sbom));
    for name in ["uv.lock", "pyproject.toml"] {
        let kept = format!("{KEPT}{name}");
        if let Some(entry) = archive.entry(name).or_else(|| archive.entry(&kept)) {
            add(&kept, Content::Entry(&archive, entry));
        }
    }
    if selection.source == DependencySource::Requirements {
        // What was asked for, so that the result can be packaged again for another platform.
        let kept = format!("{KEPT}requirements.txt");
        if let Some(entry) = archive.entry(&kept).or_else(|| archive.entry("requirements.txt")) {
            add(&kept, Content::Entry(&archive, entry));
        }
    }
    for wheel in &selection.wheels {
        let path = request.wheels.join(&wheel.file_name);
        let content = Content::Stored { path, sha256: wheel.sha256.clone(), refusal: wheel::mismatch(wheel) };
        add(&format!("wheels/{}", wheel.file_name), content);
    }

    let wheel_bytes: u64 = opened.iter().map(|opened| opened.size).sum();
    let rest: u64 = archive.entries.iter().map(|entry| entry.size).sum();
    let total = wheel_bytes + rest;
    let written = write::write(items, &request.part, &request.output, |done| {
        on_bytes(done.min(total), Some(total));
    })?;
    let facts = notes::Facts {
        identity: &request.identity,
        selection,
        output_bytes: written.size,
        uncompressed_bytes: written.uncompressed,
        wheel_bytes,
    };
    Ok(Packed {
        sha256: written.sha256,
        size: written.size,
        uncompressed_bytes: written.uncompressed,
        identifier: format!("{}@{}", request.identity, written.checksum),
        signing_key: None,
        notes: notes::all(&facts),
    })
}

fn open_wheels<'a>(directory: &Path, selection: &'a Selection) -> Result<Vec<Opened<'a>>, Failure> {
    let mut opened = Vec::with_capacity(selection.wheels.len());
    for wheel in &selection.wheels {
        if Path::new(&wheel.file_name).components().count() != 1 || wheel.file_name.starts_with('.') {
            return Err(Failure::permanent(
                Reason::LockInvalid,
                "uv.lock names a file outside its directory",
            ));
        }
        let path = directory.join(&wheel.file_name);
        let size = fs::metadata(&path).map_err(disk::failure)?.len();
        let licence = wheel::licence(&path, wheel)?;
        opened.push(Opened { wheel, size, licence });
    }
    Ok(opened)
}
