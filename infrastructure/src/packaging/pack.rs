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
    cyclonedx,
    inspect::{self, DependencyFiles, KEPT, REQUIREMENTS},
    notes,
    pylocks::pylocks,
    sbom::{self, Opened, Origin},
    strip,
};
use crate::{
    archive::{
        check::Checked,
        limits::Limits,
        read::file_sha256,
        wheel,
        write::{self, Content, Item, Seal},
    },
    disk,
    signing::{Category, VERIFICATION},
};

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
    /// None: the package stays unsigned.
    pub signing: Option<Signing>,
}

/// With which key somebody else will sign, and for whom.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Signing {
    pub key: Digest,
    pub category: Category,
}

/// `on_bytes` hears the bytes written so far and those to come in all; `sign` makes the comment of a signed archive
/// of the sha256 of its entries.
///
/// # Errors
/// `WheelMismatch` for a wheel that is not the locked one; failures of the package and of the disk.
pub fn run(
    request: &Request,
    on_bytes: impl Fn(u64, Option<u64>),
    sign: impl FnOnce(&[Digest]) -> Result<Vec<u8>, Failure>,
) -> Result<Packed, Failure> {
    if file_sha256(&request.package)? != request.sha256 {
        tracing::warn!("a package changed between inspection and packing");
        return Err(Failure::internal());
    }
    let archive = Checked::open(&request.package, &request.limits)?;
    let opened = open_wheels(&request.wheels, &request.selection)?;
    let wheel_bytes: u64 = opened.iter().map(|opened| opened.size).sum();
    let items = items(request, &archive, &opened)?;
    let seal = request.signing.as_ref().map(|signing| Seal {
        last: Item { name: VERIFICATION.to_owned(), content: Content::Bytes(signing.category.file()) },
        comment: Box::new(sign),
    });

    let rest: u64 = archive.entries.iter().map(|entry| entry.size).sum();
    let total = wheel_bytes + rest;
    let written = write::write(items, seal, &request.part, &request.output, |done| {
        on_bytes(done.min(total), Some(total));
    })?;
    let facts = notes::Facts {
        identity: &request.identity,
        runs_on: &inspect::read_manifest(&archive, &request.limits)?.runs_on,
        targets: &request.targets,
        selection: &request.selection,
        signed: request.signing.is_some(),
        output_bytes: written.size,
        uncompressed_bytes: written.uncompressed,
        wheel_bytes,
    };
    Ok(Packed {
        sha256: written.sha256,
        size: written.size,
        uncompressed_bytes: written.uncompressed,
        identifier: format!("{}@{}", request.identity, written.checksum),
        signing_key: request.signing.as_ref().map(|signing| signing.key.clone()),
        notes: notes::all(&facts),
    })
}

/// Everything but the seal.
fn items<'a>(
    request: &'a Request,
    archive: &'a Checked,
    opened: &[Opened<'_>],
) -> Result<Vec<Item<'a>>, Failure> {
    let selection = &request.selection;
    let mut items = strip::kept(archive, &request.limits);
    let mut add = |name: String, content| items.push(Item { name, content });
    let ours = |name: &str| format!("{KEPT}{name}");
    add(REQUIREMENTS.to_owned(), Content::Bytes(strip::requirements(&selection.wheels).into_bytes()));
    for name in ["uv.lock", "pyproject.toml"] {
        if let Some(entry) = archive.entry(name).or_else(|| archive.entry(&ours(name))) {
            add(ours(name), Content::Entry(archive, entry));
        }
    }
    if selection.source == DependencySource::Requirements
        && let Some(entry) = inspect::requirements_entry(archive, &request.limits)?
    {
        add(ours(REQUIREMENTS), Content::Entry(archive, entry));
    }
    let files = DependencyFiles::read(archive, &request.limits)?;
    let origin = Origin {
        identity: &request.identity,
        sha256: &request.sha256,
        identifier: &request.identifier,
        targets: &request.targets,
        source: selection.source.as_str(),
        lock: files.lock.as_deref().filter(|_| selection.source == DependencySource::UvLock),
        resolutions: &selection.resolutions,
    };
    let components = sbom::components(&origin, opened);
    add(
        ours("manifest.json"),
        Content::Bytes(sbom::json(&origin, &components).ok_or_else(Failure::internal)?),
    );
    let cyclonedx = cyclonedx::json(&origin, &components).ok_or_else(Failure::internal)?;
    add(ours("sbom.cdx.json"), Content::Bytes(cyclonedx));
    for (name, text) in pylocks(&selection.resolutions, &request.targets) {
        add(ours(&name), Content::Bytes(text.as_bytes().to_vec()));
    }
    for wheel in &selection.wheels {
        let path = request.wheels.join(&wheel.file_name);
        let content = Content::Stored { path, sha256: wheel.sha256.clone(), refusal: wheel::mismatch(wheel) };
        add(format!("wheels/{}", wheel.file_name), content);
    }
    Ok(items)
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
