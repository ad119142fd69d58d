//! The ports [`Inspector`] and [`Packer`]: both hand the hostile bytes to a child process and believe only what
//! comes back in its own words.

use std::{path::Path, path::PathBuf, sync::Arc, time::Duration};

use application::{
    failure::Failure,
    ports::packaging::{Inspection, Inspector, OnBytes, PackJob, Packed, Packer},
};
use async_trait::async_trait;
use domain::values::{Digest, Target};
use tokio_util::sync::CancellationToken;

use crate::{
    archive::limits::Limits,
    isolation::{Isolation, Slots, Work},
    signing::SigningKey,
    wheels::sources::IndexPolicy,
};

mod cyclonedx;
pub mod inspect;
mod notes;
pub mod pack;
mod pylocks;
mod sbom;
mod strip;
#[cfg(test)]
mod tests;
pub mod version;

/// Reading a package of the largest size takes a few seconds on a slow machine.
const INSPECT_TIME: Duration = Duration::from_mins(1);

/// Inspects packages in child processes.
#[derive(Debug, Clone)]
pub struct IsolatedInspector {
    isolation: Isolation,
    limits: Limits,
    index: IndexPolicy,
    slots: Slots,
}

impl IsolatedInspector {
    pub fn new(isolation: Isolation, limits: Limits, index: IndexPolicy) -> Self {
        Self { isolation, limits, index, slots: Slots::default() }
    }
}

#[async_trait]
impl Inspector for IsolatedInspector {
    async fn inspect(
        &self,
        package: &Path,
        targets: &[Target],
        cancel: &CancellationToken,
    ) -> Result<Inspection, Failure> {
        let work = Work::Inspect(Box::new(inspect::Request {
            package: package.to_owned(),
            targets: targets.to_vec(),
            limits: self.limits,
            index: self.index.clone(),
        }));
        let _slot = self.slots.take(cancel).await?;
        self.isolation.run(&work, INSPECT_TIME, &|_, _| {}, cancel).await
    }
}

/// Writes offline packages in child processes. The key that signs them, if there is one, stays here.
#[derive(Debug, Clone)]
pub struct IsolatedPacker {
    isolation: Isolation,
    limits: Limits,
    key: Option<Arc<SigningKey>>,
    version: String,
}

impl IsolatedPacker {
    pub fn new(isolation: Isolation, limits: Limits, key: Option<Arc<SigningKey>>) -> Self {
        let version = key.as_ref().map_or_else(
            || version::VERSION.to_owned(),
            |key| {
                format!("{}, signed with {} for {}", version::VERSION, key.public().digest(), key.category())
            },
        );
        Self { isolation, limits, key, version }
    }

    /// The comment of a signed archive with these entries.
    fn seal(&self, entries: &[Digest], time: u64) -> Option<String> {
        serde_json::to_string(&self.key.as_ref()?.seal(entries, time)?).ok()
    }
}

#[async_trait]
impl Packer for IsolatedPacker {
    async fn pack(
        &self,
        job: PackJob<'_>,
        on_bytes: OnBytes<'_>,
        cancel: &CancellationToken,
    ) -> Result<Packed, Failure> {
        let part = Part::of(job.output);
        let bytes: u64 = job.selection.wheels.iter().filter_map(|wheel| wheel.size).sum();
        let work = Work::Pack(Box::new(pack::Request {
            package: job.package.to_owned(),
            sha256: job.inspection.sha256.clone(),
            identity: job.inspection.identity.clone(),
            identifier: job.inspection.identifier.clone(),
            selection: job.selection.clone(),
            targets: job.targets.to_vec(),
            wheels: job.wheels.to_owned(),
            part: part.0.clone(),
            output: job.output.to_owned(),
            limits: self.limits,
            signing: self
                .key
                .as_ref()
                .map(|key| pack::Signing { key: key.public().digest(), category: key.category() }),
        }));
        // The slowest disk worth waiting for writes 4 MB/s.
        let time = Duration::from_secs(120 + bytes / 4_000_000);
        let signature_time = job.inspection.signature_time;
        let seal = |entries: &[Digest]| self.seal(entries, signature_time);
        self.isolation.run_sealing(&work, time, on_bytes, &seal, cancel).await
    }

    fn version(&self) -> &str {
        &self.version
    }
}

/// The unfinished output; gone when the work is over, whichever way it ended.
#[derive(Debug)]
struct Part(PathBuf);

impl Part {
    fn of(output: &Path) -> Self {
        let mut name = output.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        Self(output.with_file_name(name))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After success it has its final name and nothing is left to remove.
        let _ = std::fs::remove_file(&self.0);
    }
}
