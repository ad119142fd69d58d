//! Packages of elsewhere that pass through: brought as a whole, unread, and kept for a while as blobs that nobody names.
//! Whoever asks for the length first and for the bytes then lets them come once. Nobody keeps others from theirs: few come
//! at once, fewer still for one caller, and beyond a number that wait the next is refused.

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
    failure::{Failure, Reason},
    ports::{blobs::Blobs, marketplace::Marketplace, packaging::Received, system::Ids},
    repackaging::LARGEST_PACKAGE,
};

/// Shorter than blobs without a name stay.
const KEPT_FOR: Duration = Duration::from_mins(10);
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);
const AT_ONCE: usize = 8;
const AT_ONCE_FOR_ONE: usize = 2;
const MOST_WAITING: usize = 128;
/// Callers remembered at the same time.
const CALLERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4095);

pub struct Passing {
    blobs: Arc<dyn Blobs>,
    ids: Arc<dyn Ids>,
    /// Where they arrive.
    directory: PathBuf,
    waiting: Semaphore,
    callers: Mutex<LruCache<String, Arc<Semaphore>>>,
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
        Self {
            blobs,
            ids,
            directory,
            waiting: Semaphore::new(MOST_WAITING),
            callers: Mutex::new(LruCache::new(CALLERS)),
            arrivals: Semaphore::new(AT_ONCE),
            here: Mutex::new(LruCache::new(KEPT)),
        }
    }

    /// Only if its bytes are still here.
    pub async fn here(&self, plugin: &PluginIdentity) -> Option<Received> {
        let (received, at) = self.lock().get(&plugin.to_string()).cloned()?;
        let is_young = at.elapsed() < KEPT_FOR;
        if !is_young {
            return None;
        }
        let opened = self.blobs.open(&received.sha256, received.size, Some(0..1)).await;
        matches!(opened, Ok(Some(_))).then_some(received)
    }

    /// The package is a blob when this returns. `caller` is whoever it is for, as far as anybody can tell.
    pub async fn bring(
        &self,
        from: &dyn Marketplace,
        plugin: &PluginIdentity,
        caller: &str,
    ) -> Result<Received, Failure> {
        let Ok(_waiting) = self.waiting.try_acquire() else {
            let told = "Too many packages of other marketplaces are being fetched; try again in a minute";
            return Err(Failure::transient(Reason::MarketplaceUnavailable, told));
        };
        let turns = self.turns_of(caller);
        let Ok(_turn) = turns.acquire().await else { return Err(Failure::internal()) };
        let Ok(_place) = self.arrivals.acquire().await else { return Err(Failure::internal()) };
        // Another one may have let it come meanwhile.
        if let Some(received) = self.here(plugin).await {
            return Ok(received);
        }
        tokio::fs::create_dir_all(&self.directory).await.map_err(|error| {
            tracing::error!(%error, "nothing can arrive");
            Failure::internal()
        })?;
        let file = Arriving(self.directory.join(format!("passing-{}", self.ids.secret())));
        let cancel = CancellationToken::new();
        let came = from.download(plugin, &file.0, LARGEST_PACKAGE, &|_, _| {}, None, &cancel).await?;
        self.blobs.put(&file.0, &came.received.sha256).await?;
        self.lock().put(plugin.to_string(), (came.received.clone(), Instant::now()));
        Ok(came.received)
    }

    fn turns_of(&self, caller: &str) -> Arc<Semaphore> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        callers.get_or_insert(caller.to_owned(), || Arc::new(Semaphore::new(AT_ONCE_FOR_ONE))).clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<String, (Received, Instant)>> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
