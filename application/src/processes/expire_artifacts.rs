//! Retention: after its time a result goes, record and file together, and bytes that no record names go too.

use std::{collections::HashSet, sync::Arc, time::Duration};

use domain::{
    task::{Task, TaskCommand},
    values::{Digest, Metadata},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    commands::Commands,
    error::Error,
    ports::{blobs::Blobs, freshness::Freshness, system::Clock},
    queries::tasks::TaskQueries,
    tasks::READ_MODEL,
};

const EVERY: Duration = Duration::from_mins(1);
/// Sweeps between two looks for orphaned bytes.
const ORPHANS_EVERY: u32 = 60;
/// Bytes younger than this may belong to a result whose event is about to be stored.
const YOUNG: Duration = Duration::from_hours(1);
const AT_A_TIME: u32 = 100;

pub struct ExpireArtifacts {
    pub tasks: Arc<dyn TaskQueries>,
    pub commands: Arc<dyn Commands<Task>>,
    pub blobs: Arc<dyn Blobs>,
    pub freshness: Arc<dyn Freshness>,
    pub clock: Arc<dyn Clock>,
    pub retention: Duration,
}

impl ExpireArtifacts {
    pub async fn run(self, stop: CancellationToken) {
        let mut suspects = HashSet::new();
        for round in 0_u32.. {
            if let Err(error) = self.expire().await {
                warn!(%error, "old results could not be removed");
            }
            if round.is_multiple_of(ORPHANS_EVERY) {
                match self.orphans(&suspects).await {
                    Ok(found) => suspects = found,
                    Err(error) => warn!(%error, "orphaned bytes could not be looked for"),
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY.min(self.retention)) => {}
            }
        }
    }

    /// The record says so first; then the bytes go, unless another result offers the same ones.
    pub async fn expire(&self) -> Result<(), Error> {
        let retention = chrono::Duration::from_std(self.retention).unwrap_or(chrono::Duration::MAX);
        let before = self.clock.now().checked_sub_signed(retention).unwrap_or_default();
        for view in self.tasks.due_to_expire(before, AT_A_TIME).await? {
            let by = Metadata::of_process("expire_artifacts", view.id.to_string(), view.id.to_string());
            let expired = self.commands.execute(&view.id.to_string(), TaskCommand::ExpireArtifact, by).await;
            let cursor = match expired {
                Ok(Some(cursor)) => cursor,
                Ok(None) => continue,
                Err(error) => {
                    warn!(task = %view.id, %error, "a result could not be made to expire");
                    continue;
                }
            };
            info!(task = %view.id, "the result has expired");
            if !self.freshness.reached(READ_MODEL, cursor).await {
                continue;
            }
            let artifact = view.artifact.map(|artifact| artifact.sha256);
            for digest in artifact.into_iter().chain(view.input) {
                if !self.tasks.needs_blob(&digest).await? {
                    self.blobs.delete(&digest, YOUNG.min(self.retention)).await?;
                }
            }
        }
        Ok(())
    }

    /// Deletes what nobody needed at the last look either, and returns what nobody needs now. One look is not
    /// enough: a worker may be about to complete a task with these bytes.
    async fn orphans(&self, suspects: &HashSet<Digest>) -> Result<HashSet<Digest>, Error> {
        let mut found = HashSet::new();
        for digest in self.blobs.older_than(YOUNG).await? {
            if self.tasks.needs_blob(&digest).await? {
                continue;
            }
            if suspects.contains(&digest) {
                self.blobs.delete(&digest, YOUNG).await?;
            } else {
                found.insert(digest);
            }
        }
        Ok(found)
    }
}
