//! The main job: one package in, one package out, with every dependency as a wheel.
//!
//! Each step reads and writes only inside the work directory it is given, so an attempt can be thrown away whole
//! and repeated. The command line uses the steps alone; a worker goes through [`Repackaging::run`], which shares
//! the result of equal jobs.

mod acquiring;
mod combining;
mod making;
mod progress;
mod result_key;
mod settling;
mod sharing;

use std::{path::Path, sync::Arc, time::Instant};

use domain::{
    task::{Phase, Report, Source, Timings},
    values::{GroupId, Target},
};
use tokio_util::sync::CancellationToken;

pub use acquiring::Acquired;
pub use combining::combined;
pub use making::{Made, PackageJob};
pub use progress::{Progress, Step};
pub use settling::resolve;
pub use sharing::Sharing;

use crate::{
    failure::Failure,
    ports::{
        blobs::{Blobs, Results, StoredResult},
        marketplace::Marketplace,
        packaging::{
            Builder, Downloads, Inspection, Inspector, Packer, Resolutions, Resolver, Verifier, Wheels,
        },
    },
};

/// The largest package taken in.
pub const LARGEST_PACKAGE: u64 = 100 * 1024 * 1024;

pub struct Repackaging {
    pub downloads: Arc<dyn Downloads>,
    pub marketplace: Arc<dyn Marketplace>,
    pub inspector: Arc<dyn Inspector>,
    pub resolver: Arc<dyn Resolver>,
    pub resolutions: Arc<dyn Resolutions>,
    pub builder: Arc<dyn Builder>,
    pub wheels: Arc<dyn Wheels>,
    pub packer: Arc<dyn Packer>,
    pub verifier: Arc<dyn Verifier>,
    pub blobs: Arc<dyn Blobs>,
    pub results: Arc<dyn Results>,
    pub shared: Sharing,
}

/// One package to make.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    pub source: &'a Source,
    /// More than one for a combined package.
    pub targets: &'a [Target],
    pub strict: bool,
    /// Choose the versions of a package without a lock anew.
    pub refresh: bool,
    pub verify_install: bool,
    /// Orders of one group have the same source: it is fetched once.
    pub group: Option<GroupId>,
    /// The piece of work it is, however often it is tried: what it takes from the catalogue counts once for it.
    pub work: Option<&'a str>,
}

impl Repackaging {
    /// The whole job of a task: the result is in the blob store when this returns.
    pub async fn run(
        &self,
        order: Order<'_>,
        work: &Path,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<StoredResult, Failure> {
        let began = Instant::now();
        let package = self.acquire_once(order, work, progress, cancel).await?;
        let download_ms = millis(began);
        let mut inspection = self.inspect(&package, order.targets, progress, cancel).await?;
        let of_this_task = acquiring::take_notes(&mut inspection.notes);
        let read_ms = millis(began) - download_ms;
        let selection = self.settle_all(&inspection, order, progress, cancel).await?;
        let resolve_ms = millis(began) - download_ms - read_ms;
        let key = result_key::of(&inspection.sha256, order, &selection, self.packer.version());
        let _only_one = tokio::select! {
            guard = self.shared.only(&key) => guard,
            () = cancel.cancelled() => return Err(Failure::cancelled()),
        };
        let before = Timings { download_ms, read_ms, resolve_ms, ..Timings::default() };
        if let Some(stored) = self.results.get(&key).await? {
            let report = of_a_shared_result(stored.report, &inspection, before);
            return Ok(StoredResult { report: report.with_notes(of_this_task), ..stored });
        }
        let job = PackageJob {
            package: &package.file,
            inspection: &inspection,
            selection: &selection,
            targets: order.targets,
            strict: order.strict,
            verify_install: order.verify_install,
        };
        let mut made = self.make(job, work, progress, cancel).await?;
        progress.report(Step::at(Phase::Storing, 99, "Storing the result", Some(&inspection)));
        let storing = Instant::now();
        self.blobs.put(&made.file, &made.sha256).await?;
        made.report.timings =
            Timings { download_ms, read_ms, resolve_ms, store_ms: millis(storing), ..made.report.timings };
        let stored = StoredResult {
            artifact: made.sha256,
            size: made.size,
            plugin: made.plugin,
            about: Some(inspection.about()),
            report: made.report,
        };
        // A verdict that may be another on the next day, or on another node, is this task's alone.
        if !order.verify_install || stored.report.verified_install == Some(true) {
            self.results.put(&key, &stored).await?;
        }
        Ok(StoredResult { report: stored.report.with_notes(of_this_task), ..stored })
    }

    /// Checks and reads the package, and plans every target.
    pub async fn inspect(
        &self,
        package: &Acquired,
        targets: &[Target],
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Inspection, Failure> {
        progress.report(Step::at(Phase::Reading, 15, "Checking the package", None));
        let mut inspection = self.inspector.inspect(&package.file, targets, cancel).await?;
        inspection.notes.extend(package.check(&inspection)?);
        progress.report(Step::at(Phase::Selecting, 20, "Read the package", Some(&inspection)));
        Ok(inspection)
    }
}

/// Nothing was fetched or packed for this task itself; what is said of the input is its own.
fn of_a_shared_result(report: Report, inspection: &Inspection, timings: Timings) -> Report {
    Report {
        identifier_in: inspection.identifier.clone(),
        downloaded_bytes: 0,
        cache_hits: report.wheels,
        timings,
        ..report
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
