//! A built wheel as we keep it: read as the hostile file it is, held to the name it should have, and written again so
//! that its bytes depend on its content alone. Runs in the child process.

use std::path::PathBuf;

use application::{failure::Failure, ports::packaging::Wheel};
use domain::values::Digest;
use serde::{Deserialize, Serialize};

use crate::archive::{
    check::Checked,
    limits::Limits,
    wheel,
    write::{self, Content, Item},
};

const MIB: u64 = 1024 * 1024;

/// Nobody's lock named the bytes of what was built here.
const BUILT: Limits = Limits {
    file: 512 * MIB,
    entries: 50_000,
    total: 2048 * MIB,
    entry: 1024 * MIB,
    ratio: 1100,
    name: 1024,
    lock: 16 * MIB,
    text: 8 * MIB,
    fold_names: false,
};

#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    pub built: PathBuf,
    /// What it has to be; the digest is not looked at.
    pub wheel: Wheel,
    pub part: PathBuf,
    pub output: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Rewritten {
    pub sha256: Digest,
    pub size: u64,
}

/// # Errors
/// `WheelMismatch` for another project or version; failures of the archive and of the disk.
pub fn run(request: &Request) -> Result<Rewritten, Failure> {
    wheel::licence(&request.built, &request.wheel)?;
    let archive = Checked::open(&request.built, &BUILT)?;
    let items = archive
        .entries
        .iter()
        .map(|entry| Item { name: entry.name.clone(), content: Content::Entry(&archive, entry) })
        .collect();
    let written = write::write(items, None, &request.part, &request.output, |_| {})?;
    Ok(Rewritten { sha256: written.sha256, size: written.size })
}
