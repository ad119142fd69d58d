//! Does the work that people asked for.
//!
//! Reads claims from the job queue, at most as many at a time as there are slots, and runs each in
//! [`super::attempt`]. Guarantees: an attempt that lost its lease appends nothing that the aggregate would take;
//! every attempt works in a directory of its own, which is gone afterwards; on shutdown no new claim is made and
//! running attempts are given back without counting as failures. Nothing here decides an outcome twice: the
//! fence is the attempt number inside the Task aggregate. If the process dies, the lease ends, a reaper reports
//! the attempt lost, and the next one begins.

use std::{path::PathBuf, sync::Arc, time::Duration};

use domain::task::Task;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;

use crate::{
    commands::Commands,
    ports::{jobs::Jobs, system::Ids},
    repackaging::Repackaging,
    signal::Signal,
};

/// How long the queue may stay unread when every hint is lost.
const POLL: Duration = Duration::from_millis(500);

pub struct RunTasks {
    pub jobs: Arc<dyn Jobs>,
    pub commands: Arc<dyn Commands<Task>>,
    pub repackaging: Arc<Repackaging>,
    pub ids: Arc<dyn Ids>,
    /// Raised when the queue has changed.
    pub queued: Signal,
    /// Raised by every write of live progress.
    pub progressed: Signal,
    /// Holds one directory per running attempt.
    pub work: PathBuf,
    /// This worker's name, for the log.
    pub worker: String,
    pub slots: usize,
}

impl RunTasks {
    /// Runs until `stop`, then waits for the running attempts to give their tasks back.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let slots = Arc::new(Semaphore::new(self.slots));
        let attempts = TaskTracker::new();
        let mut hints = self.queued.waiter();
        while !stop.is_cancelled() {
            let free = slots.available_permits();
            let claims = match self.jobs.claim(&self.worker, free).await {
                Ok(claims) => claims,
                Err(error) => {
                    warn!(%error, "the job queue cannot be read");
                    Vec::new()
                }
            };
            for claim in claims {
                // Only this loop takes permits, and it claimed no more than were free.
                let permit = slots.clone().try_acquire_owned();
                let (this, stop) = (self.clone(), stop.clone());
                attempts.spawn(async move {
                    this.attempt(claim, stop).await;
                    drop(permit);
                    this.queued.raise();
                });
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = hints.raised(), if slots.available_permits() > 0 => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
        attempts.close();
        attempts.wait().await;
    }
}
