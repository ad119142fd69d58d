//! How many children may read packages at a time.

use std::{sync::Arc, time::Duration};

use application::failure::{Failure, Reason};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

/// At a time: each may take a processor, and a gigabyte.
const MOST: usize = 4;
/// How long one waits for its turn.
const WAIT: Duration = Duration::from_secs(10);

/// Shared by all clones.
#[derive(Debug, Clone)]
pub(crate) struct Slots {
    pub(crate) free: Arc<Semaphore>,
    pub(crate) wait: Duration,
}

impl Default for Slots {
    fn default() -> Self {
        Self { free: Arc::new(Semaphore::new(MOST)), wait: WAIT }
    }
}

impl Slots {
    /// # Errors
    /// `Cancelled`; a transient failure when it takes too long.
    pub(crate) async fn take(&self, cancel: &CancellationToken) -> Result<SemaphorePermit<'_>, Failure> {
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Failure::cancelled()),
            slot = tokio::time::timeout(self.wait, self.free.acquire()) => match slot {
                Ok(Ok(slot)) => Ok(slot),
                Ok(Err(_)) | Err(_) => {
                    Err(Failure::transient(Reason::Internal, "The server is busy; try again"))
                }
            },
        }
    }
}
