//! The wheel cache of this process and the way into it. Every wheel is named by its sha256 and verified while it
//! streams; equal wheels wanted at the same time are fetched once; a bounded number of connections serves all
//! jobs. A wheel comes from the first of its URLs that has the right bytes.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use application::{
    failure::{Failure, Reason},
    ports::packaging::{OnBytes, Wheel, WheelFacts, Wheels},
};
use async_trait::async_trait;
use domain::values::Digest;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    archive::{limits::Limits, wheel::mismatch},
    disk,
    fetch::{
        clients::Get,
        transfer::{Fault, Patience, Wanted, disk_failure, transfer},
    },
};

mod job;
mod store;

use job::Job;
use store::Store;

/// Connections of the whole process.
const CONNECTIONS: usize = 12;

/// See the module.
pub struct WheelCache {
    store: Arc<Store>,
    client: Arc<dyn Get>,
    patience: Patience,
    slots: Semaphore,
    /// All wheels of one job, in bytes.
    most: u64,
    flights: Mutex<HashMap<Digest, Arc<AsyncMutex<()>>>>,
}

impl WheelCache {
    /// Opens or makes the cache in `directory`, which holds at most about `bound` bytes. `client` is the operator's
    /// client: it guards every URL that is not on the operator's own hosts.
    ///
    /// # Errors
    /// When the directory cannot be made or read.
    pub fn open(
        directory: PathBuf,
        bound: u64,
        client: Arc<dyn Get>,
        patience: Patience,
    ) -> io::Result<Self> {
        let store = Arc::new(Store::open(directory, bound)?);
        let slots = Semaphore::new(CONNECTIONS);
        Ok(Self { store, client, patience, slots, most: Limits::OUTPUT, flights: Mutex::default() })
    }

    /// Whether the cache has the file, with the length it should have.
    pub(crate) fn holds(&self, sha256: &Digest, size: Option<u64>) -> bool {
        self.store.size(sha256, size).is_some()
    }

    /// Takes a verified file in that was not fetched; the original stays.
    pub(crate) fn adopt(&self, file: &Path, sha256: &Digest) -> io::Result<()> {
        let part = self.store.start()?;
        std::fs::copy(file, &part)?;
        std::fs::File::open(&part)?.sync_all()?;
        self.store.finish(part, sha256)
    }

    async fn evict(&self) {
        let store = Arc::clone(&self.store);
        match tokio::task::spawn_blocking(move || store.evict()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the wheel cache could not be kept within its bound"),
            Err(error) => tracing::warn!(%error, "the wheel cache could not be kept within its bound"),
        }
    }

    fn check_space(&self, wheels: &[Wheel], into: &Path) -> Result<(), Failure> {
        let sizes = |wheels: &mut dyn Iterator<Item = &Wheel>| -> u64 {
            wheels.filter_map(|wheel| wheel.size).fold(0, u64::saturating_add)
        };
        let output = sizes(&mut wheels.iter());
        if output > self.most {
            return Err(too_large());
        }
        let is_missing = |wheel: &&Wheel| self.store.size(&wheel.sha256, wheel.size).is_none();
        self.store.check_space(into, sizes(&mut wheels.iter().filter(is_missing)), output)
    }

    /// One fetch per sha256 at a time: who comes second waits, and then finds the file.
    fn flight(&self, sha256: &Digest) -> Arc<AsyncMutex<()>> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.retain(|_, flight| Arc::strong_count(flight) > 1);
        Arc::clone(flights.entry(sha256.clone()).or_default())
    }

    async fn bring(&self, job: &Job<'_>, index: usize, wheel: &Wheel) -> Result<WheelFacts, Failure> {
        if Path::new(&wheel.file_name).file_name().is_none_or(|name| name != wheel.file_name.as_str()) {
            return Err(mismatch(wheel));
        }
        let flight = self.flight(&wheel.sha256);
        let alone = flight.lock().await;
        let mut facts = WheelFacts::default();
        let to = job.into.join(&wheel.file_name);
        // Another process may throw it out again before it is ours.
        for _ in 0..3 {
            let ours = self.store.hand_out(&wheel.sha256, wheel.size, &to).map_err(disk::failure)?;
            if let Some(size) = ours {
                facts.bytes = size;
                facts.cache_hits = u64::from(facts.downloaded_bytes == 0);
                drop(alone);
                job.heard(index, size);
                return Ok(facts);
            }
            let Ok(_slot) = self.slots.acquire().await else { return Err(Failure::internal()) };
            if wheel.size.is_none() {
                // Nothing was planned for it.
                self.store.check_space(job.into, 0, job.sum())?;
            }
            facts.downloaded_bytes += self.download(job, index, wheel).await?;
        }
        Err(Failure::internal())
    }

    async fn download(&self, job: &Job<'_>, index: usize, wheel: &Wheel) -> Result<u64, Failure> {
        let mut worst: Option<Failure> = None;
        for url in &wheel.urls {
            let Ok(url) = Url::parse(url) else { continue };
            if job.is_down(&url) {
                worst = Some(worse(worst, not_reachable()));
                continue;
            }
            // Bytes that are wrong once may have been spoilt on the way.
            for _ in 0..2 {
                match self.from(&url, job, index, wheel).await {
                    Ok(size) => return Ok(size),
                    Err(fault) => {
                        let (failure, again) = judged(fault, &url, wheel);
                        if failure.reason == Reason::DiskFull {
                            return Err(failure);
                        }
                        if failure.transient {
                            job.down(&url);
                        }
                        worst = Some(worse(worst, failure));
                        if !again {
                            break;
                        }
                    }
                }
            }
        }
        Err(worst.unwrap_or_else(not_reachable))
    }

    async fn from(&self, url: &Url, job: &Job<'_>, index: usize, wheel: &Wheel) -> Result<u64, Fault> {
        let disk = |error| Fault::Disk(disk::failure(error));
        let part = self.store.start().map_err(disk)?;
        let limit = wheel.size.unwrap_or(Limits::WHEEL.file).min(Limits::WHEEL.file);
        let wanted = Wanted { url, into: &part, limit, magic: magic(&wheel.file_name) };
        let on_bytes = |done, _total| job.heard(index, done);
        let received = transfer(self.client.as_ref(), wanted, self.patience, &on_bytes).await?;
        if received.sha256 != wheel.sha256 || wheel.size.is_some_and(|size| size != received.size) {
            // The same verdict as for a body that is too long for its lock.
            return Err(Fault::TooLarge);
        }
        self.store.finish(part, &wheel.sha256).map_err(disk)?;
        Ok(received.size)
    }
}

/// Source archives come this way too.
fn magic(file_name: &str) -> &'static [u8] {
    if file_name.strip_suffix(".gz").is_some() { b"\x1f\x8b" } else { b"PK" }
}

fn too_large() -> Failure {
    Failure::permanent(Reason::PackageTooLarge, "The wheels together are larger than 5 GB")
}

fn not_reachable() -> Failure {
    Failure::transient(Reason::IndexUnavailable, "Package index not reachable")
}

/// What a fault means for a wheel, and whether the same URL deserves a second try.
fn judged(fault: Fault, url: &Url, wheel: &Wheel) -> (Failure, bool) {
    match fault {
        Fault::TooLarge | Fault::WrongHead { .. } => (mismatch(wheel), true),
        Fault::Refused(failure) => (failure, false),
        Fault::Disk(failure) => (disk_failure(&failure), false),
        Fault::Unresolved | Fault::Unreachable | Fault::Stalled | Fault::Cut => {
            tracing::warn!(host = url.host_str(), ?fault, "a file host fails");
            (not_reachable(), false)
        }
        Fault::Status { status, .. } if fault.is_momentary() => {
            tracing::warn!(host = url.host_str(), status, "a file host fails");
            (not_reachable(), false)
        }
        Fault::Status { status, host, .. } => {
            let text = format!("{} is not there: HTTP {status} from {host}", wheel.file_name);
            (Failure::permanent(Reason::IndexUnavailable, text), false)
        }
    }
}

/// Of two failures the one that says more: wrong bytes, then a fault of the moment, then the first.
fn worse(known: Option<Failure>, new: Failure) -> Failure {
    let rank = |failure: &Failure| (failure.reason == Reason::WheelMismatch, failure.transient);
    known.filter(|known| rank(known) >= rank(&new)).unwrap_or(new)
}

#[async_trait]
impl Wheels for WheelCache {
    async fn recheck(&self, wheels: &[Wheel]) -> Result<usize, Failure> {
        let store = Arc::clone(&self.store);
        let digests: Vec<Digest> = wheels.iter().map(|wheel| wheel.sha256.clone()).collect();
        let rechecked = tokio::task::spawn_blocking(move || store.recheck(&digests)).await;
        rechecked.unwrap_or_else(|stopped| Err(io::Error::other(stopped))).map_err(disk::failure)
    }

    async fn fetch(
        &self,
        wheels: &[Wheel],
        into: &Path,
        on_bytes: OnBytes<'_>,
        cancel: &CancellationToken,
    ) -> Result<WheelFacts, Failure> {
        tokio::fs::create_dir_all(into).await.map_err(disk::failure)?;
        self.check_space(wheels, into)?;
        let job = Job::new(wheels, into, on_bytes, self.most);
        let mut bringing = Vec::with_capacity(wheels.len());
        for (index, wheel) in wheels.iter().enumerate() {
            bringing.push(self.bring(&job, index, wheel).boxed());
        }
        let all = stream::iter(bringing).buffer_unordered(CONNECTIONS).try_fold(
            WheelFacts::default(),
            |sum, one| async move {
                Ok(WheelFacts {
                    bytes: sum.bytes + one.bytes,
                    downloaded_bytes: sum.downloaded_bytes + one.downloaded_bytes,
                    cache_hits: sum.cache_hits + one.cache_hits,
                })
            },
        );
        let outcome = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Failure::cancelled()),
            () = job.full().cancelled() => Err(too_large()),
            outcome = all => outcome,
        };
        if outcome.as_ref().map_or(true, |facts| facts.downloaded_bytes > 0) {
            self.evict().await;
        }
        if job.full().is_cancelled() { Err(too_large()) } else { outcome }
    }
}

#[cfg(test)]
mod tests;
