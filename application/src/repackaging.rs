//! The main job: one package in, one package per target out, with every dependency as a wheel.
//!
//! Each step reads and writes only inside the work directory it is given, so an attempt can be thrown away whole
//! and repeated. The command line uses the steps alone; a worker goes through [`Repackaging::run`], which shares
//! the result of equal jobs.

mod progress;
mod result_key;
mod sharing;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use domain::{
    task::{Note, Phase, RepackageOptions, Report, Source, Timings},
    values::{Digest, Os, PluginIdentity, Target},
};
use tokio_util::sync::CancellationToken;

pub use progress::{Progress, Step};

use crate::{
    failure::{Failure, Reason},
    ports::{
        blobs::{Blobs, Results, StoredResult},
        packaging::{
            DependencySource, Downloads, Inspection, Inspector, PackJob, Packed, Packer, Selection,
            WheelFacts, Wheels,
        },
    },
};

/// The largest package taken in.
pub const LARGEST_PACKAGE: u64 = 100 * 1024 * 1024;

pub struct Repackaging {
    pub downloads: Arc<dyn Downloads>,
    pub inspector: Arc<dyn Inspector>,
    pub wheels: Arc<dyn Wheels>,
    pub packer: Arc<dyn Packer>,
    pub blobs: Arc<dyn Blobs>,
    pub results: Arc<dyn Results>,
    pub shared: sharing::Sharing,
}

pub use sharing::Sharing;

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
    /// The whole job of a task: the result is in the blob store when this returns.
    pub async fn run(
        &self,
        source: &Source,
        options: &RepackageOptions,
        work: &Path,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<StoredResult, Failure> {
        let began = Instant::now();
        let package = self.acquire(source, work, progress, cancel).await?;
        let download_ms = millis(began);
        let mut inspection = self.inspect(&package, &[options.target], progress, cancel).await?;
        let read_ms = millis(began) - download_ms;
        let selection = inspection.selections.pop().ok_or_else(Failure::internal)??;
        let strict = options.asked.strict;
        let key = result_key::of(&inspection.sha256, options.target, strict, self.packer.version());
        let _only_one = tokio::select! {
            guard = self.shared.only(&key) => guard,
            () = cancel.cancelled() => return Err(Failure::cancelled()),
        };
        if let Some(stored) = self.results.get(&key).await? {
            return Ok(StoredResult {
                report: of_a_shared_result(stored.report, download_ms, read_ms),
                ..stored
            });
        }
        let job = TargetJob {
            package: &package,
            inspection: &inspection,
            selection: &selection,
            target: &options.target,
            strict,
        };
        let mut made = self.make(job, work, progress, cancel).await?;
        progress.report(Step::at(Phase::Storing, 99, "Storing the result", Some(&made.plugin)));
        let storing = Instant::now();
        self.blobs.put(&made.file, &made.sha256).await?;
        made.report.timings =
            Timings { download_ms, read_ms, store_ms: millis(storing), ..made.report.timings };
        let stored =
            StoredResult { artifact: made.sha256, size: made.size, plugin: made.plugin, report: made.report };
        self.results.put(&key, &stored).await?;
        Ok(stored)
    }

    /// Brings the input into the work directory.
    pub async fn acquire(
        &self,
        source: &Source,
        work: &Path,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<PathBuf, Failure> {
        let into = work.join("input.difypkg");
        progress.report(Step::at(Phase::Downloading, 1, "Downloading the package", None));
        match source {
            Source::Url(url) => {
                let on_bytes = |done: u64, all: Option<u64>| {
                    progress.report(Step::between(
                        Phase::Downloading,
                        (1, 15),
                        done,
                        all,
                        "Downloading the package",
                    ));
                };
                self.downloads.download(url, &into, LARGEST_PACKAGE, &on_bytes, cancel).await?;
            }
            Source::UploadSha256(digest) => {
                if !self.blobs.copy(digest, &into).await? {
                    return Err(Failure::permanent(
                        Reason::FetchFailed,
                        "The uploaded file is no longer there; upload it again",
                    ));
                }
            }
        }
        Ok(into)
    }

    /// Checks and reads the package, and selects the wheels of every target.
    pub async fn inspect(
        &self,
        package: &Path,
        targets: &[Target],
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Inspection, Failure> {
        progress.report(Step::at(Phase::Reading, 15, "Checking the package", None));
        let inspection = self.inspector.inspect(package, targets, cancel).await?;
        progress.report(Step::at(Phase::Selecting, 30, "Selected the wheels", Some(&inspection.identity)));
        Ok(inspection)
    }

    /// Fetches the wheels of one target and packs. Several targets of one package need a work directory each.
    pub async fn make(
        &self,
        job: TargetJob<'_>,
        work: &Path,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Made, Failure> {
        let began = Instant::now();
        let plugin = &job.inspection.identity;
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
        let timings = Timings { wheels_ms, pack_ms: millis(began) - wheels_ms, ..Timings::default() };
        let report = report(&job, facts, &packed, timings);
        Ok(Made {
            file: output_of(work),
            size: packed.size,
            sha256: packed.sha256,
            plugin: plugin.clone(),
            report,
        })
    }

    async fn pack(
        &self,
        job: &TargetJob<'_>,
        work: &Path,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Packed, Failure> {
        let on_bytes = |done: u64, all: Option<u64>| {
            progress.report(Step::between(Phase::Packing, (85, 98), done, all, "Packing"));
        };
        progress.report(Step::at(Phase::Packing, 85, "Packing", Some(&job.inspection.identity)));
        let pack = PackJob {
            package: job.package,
            inspection: job.inspection,
            selection: job.selection,
            target: job.target,
            wheels: &work.join("wheels"),
            output: &output_of(work),
        };
        self.packer.pack(pack, &on_bytes, cancel).await
    }
}

fn output_of(work: &Path) -> PathBuf {
    work.join("output.difypkg")
}

/// What [`Repackaging::make`] makes a package of.
#[derive(Debug, Clone, Copy)]
pub struct TargetJob<'a> {
    pub package: &'a Path,
    pub inspection: &'a Inspection,
    pub selection: &'a Selection,
    pub target: &'a Target,
    pub strict: bool,
}

fn report(job: &TargetJob<'_>, facts: WheelFacts, packed: &Packed, timings: Timings) -> Report {
    let needs = job.selection.needs;
    let notes = job.inspection.notes.iter().chain(&job.selection.notes).chain(&packed.notes);
    Report {
        target: *job.target,
        strict: job.strict,
        source: match job.selection.source {
            DependencySource::UvLock => "uv.lock",
            DependencySource::Nothing => "none",
        }
        .to_owned(),
        resolver: None,
        wheels: job.selection.wheels.len() as u64,
        wheel_bytes: facts.bytes,
        downloaded_bytes: facts.downloaded_bytes,
        cache_hits: facts.cache_hits,
        output_bytes: packed.size,
        uncompressed_bytes: packed.uncompressed_bytes,
        sha256: packed.sha256.to_string(),
        identifier_in: job.inspection.identifier.clone(),
        identifier_out: packed.identifier.clone(),
        needs_glibc: needs.filter(|_| job.target.os == Os::Linux),
        needs_macos: needs.filter(|_| job.target.os == Os::Macos),
        built: Vec::new(),
        signed: false,
        verified_install: None,
        notes: notes
            .map(|note| Note { kind: note.kind.clone(), text: note.text.clone(), lines: note.lines.clone() })
            .collect(),
        timings,
    }
}

/// Nothing was fetched or packed for this task itself.
fn of_a_shared_result(report: Report, download_ms: u64, read_ms: u64) -> Report {
    Report {
        downloaded_bytes: 0,
        cache_hits: report.wheels,
        timings: Timings { download_ms, read_ms, ..Timings::default() },
        ..report
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
