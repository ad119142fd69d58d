//! Fetching the wheels of a selection, packing, and trying the result out.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use domain::{
    task::{Phase, Report, Timings},
    values::{Digest, PluginIdentity, Target},
};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::{Progress, Repackaging, Step, millis};
use crate::{
    failure::{Failure, Reason},
    ports::packaging::{Inspection, PackJob, Packed, Resolution, Selection, Verdict, WheelFacts},
};

/// What [`Repackaging::make`] makes a package of.
#[derive(Debug, Clone, Copy)]
pub struct PackageJob<'a> {
    pub package: &'a Path,
    pub inspection: &'a Inspection,
    /// Settled: nothing is left to be built.
    pub selection: &'a Selection,
    pub targets: &'a [Target],
    pub strict: bool,
    pub verify_install: bool,
}

/// A finished package in the work directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    pub file: PathBuf,
    pub size: u64,
    pub sha256: Digest,
    pub plugin: PluginIdentity,
    pub report: Report,
}

impl Repackaging {
    /// Fetches the wheels and packs. Several packages of one input need a work directory each.
    pub async fn make(
        &self,
        job: PackageJob<'_>,
        work: &Path,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Made, Failure> {
        let began = Instant::now();
        let wheels = work.join("wheels");
        let count = job.selection.wheels.len();
        let on_bytes = |done: u64, all: Option<u64>| {
            let text = format!("Fetching {count} wheels");
            progress.report(Step::between(Phase::Wheels, (30, 85), done, all, &text));
        };
        let facts = self.wheels.fetch(&job.selection.wheels, &wheels, &on_bytes, cancel).await?;
        let wheels_ms = millis(began);
        let packed = match self.pack(&job, work, progress, cancel).await {
            Err(failure) if failure.reason == Reason::WheelMismatch => {
                // Either the index serves what the lock does not say, or the disk under the cache has rotted.
                if self.wheels.recheck(&job.selection.wheels).await? == 0 {
                    return Err(failure);
                }
                tokio::fs::remove_dir_all(&wheels).await.map_err(|_left_behind| Failure::internal())?;
                self.wheels.fetch(&job.selection.wheels, &wheels, &on_bytes, cancel).await?;
                self.pack(&job, work, progress, cancel).await?
            }
            packed => packed?,
        };
        let pack_ms = millis(began) - wheels_ms;
        let verdict = self.verify(&job, work, progress, cancel).await?;
        let verify_ms = millis(began) - wheels_ms - pack_ms;
        let timings = Timings { wheels_ms, pack_ms, verify_ms, ..Timings::default() };
        Ok(Made {
            file: output_of(work),
            size: packed.size,
            sha256: packed.sha256.clone(),
            plugin: job.inspection.identity.clone(),
            report: report(&job, facts, &packed, &verdict, timings),
        })
    }

    async fn pack(
        &self,
        job: &PackageJob<'_>,
        work: &Path,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Packed, Failure> {
        let on_bytes = |done: u64, all: Option<u64>| {
            progress.report(Step::between(Phase::Packing, (85, 98), done, all, "Packing"));
        };
        progress.report(Step::at(Phase::Packing, 85, "Packing", Some(job.inspection)));
        let pack = PackJob {
            package: job.package,
            inspection: job.inspection,
            selection: job.selection,
            targets: job.targets,
            wheels: &work.join("wheels"),
            output: &output_of(work),
        };
        self.packer.pack(pack, &on_bytes, cancel).await
    }

    async fn verify(
        &self,
        job: &PackageJob<'_>,
        work: &Path,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Verdict, Failure> {
        if !job.verify_install {
            return Ok(Verdict { works: None, notes: Vec::new() });
        }
        progress.report(Step::at(
            Phase::Verifying,
            98,
            "Installing the result offline",
            Some(job.inspection),
        ));
        let place = work.join("verify");
        tokio::fs::create_dir_all(&place).await.map_err(|error| {
            tracing::warn!(%error, "no directory to verify in");
            Failure::internal()
        })?;
        self.verifier.verify(&output_of(work), job.targets, &place, cancel).await
    }
}

fn output_of(work: &Path) -> PathBuf {
    work.join("output.difypkg")
}

fn report(
    job: &PackageJob<'_>,
    facts: WheelFacts,
    packed: &Packed,
    verdict: &Verdict,
    timings: Timings,
) -> Report {
    let selection = job.selection;
    let notes =
        job.inspection.notes.iter().chain(&selection.notes).chain(&packed.notes).chain(&verdict.notes);
    let built = selection.wheels.iter().filter(|wheel| wheel.built);
    Report {
        target: job.targets[0],
        combined_with: job.targets[1..].to_vec(),
        strict: job.strict,
        source: selection.source.as_str().to_owned(),
        resolver: selection.resolutions.first().map(|resolution| resolution.resolver.clone()),
        resolutions: selection.resolutions.iter().map(|resolution| digest(resolution).to_string()).collect(),
        wheels: selection.wheels.len() as u64,
        wheel_bytes: facts.bytes,
        downloaded_bytes: facts.downloaded_bytes,
        cache_hits: facts.cache_hits,
        output_bytes: packed.size,
        uncompressed_bytes: packed.uncompressed_bytes,
        sha256: packed.sha256.to_string(),
        identifier_in: job.inspection.identifier.clone(),
        identifier_out: packed.identifier.clone(),
        needs_glibc: selection.needs.glibc,
        needs_macos: selection.needs.macos,
        built: built.map(|wheel| format!("{} {} ({})", wheel.name, wheel.version, wheel.tag)).collect(),
        signed: packed.signing_key.is_some(),
        signing_key: packed.signing_key.as_ref().map(ToString::to_string),
        verified_install: verdict.works,
        notes: notes.cloned().collect(),
        timings,
    }
}

pub(super) fn digest(resolution: &Resolution) -> Digest {
    Digest::of_bytes(Sha256::digest(&resolution.pylock).into())
}
