//! Packages of elsewhere that pass through: brought as a whole, unread, and kept for a while as blobs that nobody names.
//! Whoever asks for the length first and for the bytes then lets them come once.

use std::{
    num::NonZeroUsize,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use domain::values::PluginIdentity;
use lru::LruCache;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    failure::Failure,
    ports::{blobs::Blobs, marketplace::Marketplace, packaging::Received, system::Ids},
    repackaging::LARGEST_PACKAGE,
};

/// Shorter than blobs without a name stay.
const KEPT_FOR: Duration = Duration::from_mins(10);
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);
const AT_ONCE: usize = 8;

pub struct Passing {
    blobs: Arc<dyn Blobs>,
    ids: Arc<dyn Ids>,
    /// Where they arrive.
    directory: PathBuf,
    arrivals: Semaphore,
    here: Mutex<LruCache<String, (Received, Instant)>>,
}

/// Removes the file when its request ends, however it does.
struct Arriving(PathBuf);

impl Drop for Arriving {
    fn drop(&mut self) {
        // It may never have been made.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Passing {
    pub fn new(blobs: Arc<dyn Blobs>, ids: Arc<dyn Ids>, directory: PathBuf) -> Self {
        let here = Mutex::new(LruCache::new(KEPT));
        Self { blobs, ids, directory, arrivals: Semaphore::new(AT_ONCE), here }
    }

    /// The package is a blob when this returns.
    pub async fn bring(&self, from: &dyn Marketplace, plugin: &PluginIdentity) -> Result<Received, Failure> {
        let key = plugin.to_string();
        if let Some(received) = self.known(&key).await {
            return Ok(received);
        }
        let Ok(_place) = self.arrivals.acquire().await else { return Err(Failure::internal()) };
        if let Some(received) = self.known(&key).await {
            return Ok(received);
        }
        tokio::fs::create_dir_all(&self.directory).await.map_err(|error| {
            tracing::error!(%error, "nothing can arrive");
            Failure::internal()
        })?;
        let file = Arriving(self.directory.join(format!("passing-{}", self.ids.secret())));
        let cancel = CancellationToken::new();
        let came = from.download(plugin, &file.0, LARGEST_PACKAGE, &|_, _| {}, &cancel).await?;
        self.blobs.put(&file.0, &came.received.sha256).await?;
        self.lock().put(key, (came.received.clone(), Instant::now()));
        Ok(came.received)
    }

    /// Only if its bytes are still here.
    async fn known(&self, key: &str) -> Option<Received> {
        let (received, at) = self.lock().get(key).cloned()?;
        let is_young = at.elapsed() < KEPT_FOR;
        if !is_young {
            return None;
        }
        let opened = self.blobs.open(&received.sha256, received.size, Some(0..1)).await;
        matches!(opened, Ok(Some(_))).then_some(received)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<String, (Received, Instant)>> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
