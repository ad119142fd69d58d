//! Retention: after its time a result goes, record and file together, and bytes that no record names go too.

use std::{collections::HashSet, sync::Arc, time::Duration};

use domain::values::{Digest, Metadata};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    error::Error,
    ports::system::Clock,
    queries::tasks::TaskView,
    removing::{Removing, YOUNG},
};

const EVERY: Duration = Duration::from_mins(1);
/// Sweeps between two looks for orphaned bytes.
const ORPHANS_EVERY: u32 = 60;

pub struct ExpireArtifacts {
    pub removing: Removing,
    pub clock: Arc<dyn Clock>,
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
                () = tokio::time::sleep(EVERY.min(self.removing.retention)) => {}
            }
        }
    }

    pub async fn expire(&self) -> Result<(), Error> {
        let retention = chrono::Duration::from_std(self.removing.retention).unwrap_or(chrono::Duration::MAX);
        let before = self.clock.now().checked_sub_signed(retention).unwrap_or_default();
        let by = |view: &TaskView| {
            Metadata::of_process("expire_artifacts", view.id.to_string(), view.id.to_string())
        };
        self.removing.remove_older(before, by).await.map(drop)
    }

    /// Deletes what nobody needed at the last look either, and returns what nobody needs now. One look is not
    /// enough: a worker may be about to complete a task with these bytes.
    async fn orphans(&self, suspects: &HashSet<Digest>) -> Result<HashSet<Digest>, Error> {
        let mut found = HashSet::new();
        for digest in self.removing.blobs.older_than(YOUNG).await? {
            if self.removing.needs(&digest, YOUNG).await? {
                continue;
            }
            if suspects.contains(&digest) {
                self.removing.blobs.delete(&digest, YOUNG).await?;
            } else {
                found.insert(digest);
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
