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
}

impl<'a> Job<'a> {
    pub(super) fn new(wheels: &[Wheel], into: &'a Path, on_bytes: OnBytes<'a>) -> Self {
        Self {
            into,
            on_bytes,
            total: wheels.iter().map(|wheel| wheel.size).sum(),
            done: wheels.iter().map(|_| AtomicU64::new(0)).collect(),
            said: AtomicU64::new(0),
            down: Mutex::default(),
        }
    }

    pub(super) fn heard(&self, index: usize, bytes: u64) {
        if let Some(done) = self.done.get(index) {
            done.store(bytes, Ordering::Relaxed);
        }
        let sum = self.done.iter().map(|done| done.load(Ordering::Relaxed)).sum();
        // A transfer that starts again does not take progress back.
        let before = self.said.fetch_max(sum, Ordering::Relaxed);
        (self.on_bytes)(before.max(sum), self.total);
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
