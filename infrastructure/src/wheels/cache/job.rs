//! What the downloads of one call have in common: their progress, and the hosts that failed.

use std::{
    collections::HashSet,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use application::ports::packaging::{OnBytes, Wheel};
use tokio_util::sync::CancellationToken;
use url::Url;

/// One call for wheels.
pub(super) struct Job<'a> {
    pub(super) into: &'a Path,
    on_bytes: OnBytes<'a>,
    total: Option<u64>,
    done: Vec<AtomicU64>,
    said: AtomicU64,
    /// File hosts that failed during this call; not asked again while another has the file.
    down: Mutex<HashSet<String>>,
    /// How many bytes it may come to, and whether it has.
    most: u64,
    full: CancellationToken,
}

impl<'a> Job<'a> {
    pub(super) fn new(wheels: &[Wheel], into: &'a Path, on_bytes: OnBytes<'a>, most: u64) -> Self {
        Self {
            into,
            on_bytes,
            total: wheels.iter().map(|wheel| wheel.size).sum(),
            done: wheels.iter().map(|_| AtomicU64::new(0)).collect(),
            said: AtomicU64::new(0),
            down: Mutex::default(),
            most,
            full: CancellationToken::new(),
        }
    }

    pub(super) fn heard(&self, index: usize, bytes: u64) {
        if let Some(done) = self.done.get(index) {
            done.store(bytes, Ordering::Relaxed);
        }
        let sum = self.done.iter().map(|done| done.load(Ordering::Relaxed)).sum();
        if sum > self.most {
            self.full.cancel();
        }
        // A transfer that starts again does not take progress back.
        let before = self.said.fetch_max(sum, Ordering::Relaxed);
        (self.on_bytes)(before.max(sum), self.total);
    }

    /// Cancelled once more has come than the job may hold. Not every lock says beforehand how much there is.
    pub(super) fn full(&self) -> &CancellationToken {
        &self.full
    }

    /// The most bytes heard of so far.
    pub(super) fn sum(&self) -> u64 {
        self.said.load(Ordering::Relaxed)
    }

    pub(super) fn down(&self, url: &Url) {
        self.down.lock().unwrap_or_else(PoisonError::into_inner).insert(authority(url));
    }

    pub(super) fn is_down(&self, url: &Url) -> bool {
        self.down.lock().unwrap_or_else(PoisonError::into_inner).contains(&authority(url))
    }
}

fn authority(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}
