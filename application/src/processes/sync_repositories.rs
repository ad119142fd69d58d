//! Reads the repositories that are due. Every node looks; whoever takes the turn reads, and the others find it done.

use std::{collections::HashMap, time::Duration};

use domain::values::Metadata;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use url::Url;

use crate::{
    error::{Error, Kind},
    ports::system::Ids,
    queries::repositories::RepositoryView,
    syncing::{Depth, MARKETPLACE, Syncing},
};

const LOOK_EVERY: Duration = Duration::from_mins(1);
/// After one that failed.
const AGAIN_AFTER: Duration = Duration::from_mins(5);

pub struct SyncRepositories {
    pub syncing: Syncing,
    pub ids: std::sync::Arc<dyn Ids>,
    /// Of the settings: added at the first start.
    pub configured: Url,
    /// None: nothing is read unless somebody asks for it.
    pub every: Option<Duration>,
}

impl SyncRepositories {
    pub async fn run(self, stop: CancellationToken) {
        let mut tried = HashMap::new();
        let mut is_added = false;
        loop {
            if !is_added {
                match self.begin().await {
                    Ok(()) => is_added = true,
                    Err(error) => {
                        warn!(%error, "the marketplace of the settings is not among the repositories yet")
                    }
                }
            }
            let Some(every) = self.every else {
                if is_added {
                    return;
                }
                if stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_none() {
                    return;
                }
                continue;
            };
            if let Err(error) = self.sync_due(every, &mut tried).await {
                warn!(%error, "repositories could not be looked at");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY.min(every)) => {}
            }
        }
    }

    /// The repository of the settings is there.
    pub async fn begin(&self) -> Result<(), Error> {
        self.syncing.add_configured(&self.configured, self.by(CONFIGURING)).await
    }

    /// One that cannot be read does not keep the others.
    async fn sync_due(&self, every: Duration, tried: &mut HashMap<String, Instant>) -> Result<(), Error> {
        let now = self.syncing.clock.now();
        let is_due = |view: &RepositoryView| {
            let age = view.synced_at.map(|at| (now - at).to_std().unwrap_or_default());
            view.enabled && view.kind == MARKETPLACE && age.is_none_or(|age| age >= every)
        };
        for view in self.syncing.all().await?.into_iter().filter(is_due) {
            let again = AGAIN_AFTER.min(every);
            if tried.get(&view.name).is_some_and(|at: &Instant| at.elapsed() < again) {
                continue;
            }
            let by = self.by(&view.name);
            match self.syncing.sync(&view.name, Depth::AsDue, &by, &|_, _| {}).await {
                Ok(synced) => info!(repository = view.name, ?synced, "read"),
                Err(error) if error.kind == Kind::Conflict => {}
                Err(error) => {
                    tried.insert(view.name.clone(), Instant::now());
                    warn!(repository = view.name, %error, "not read; what is known stays");
                }
            }
        }
        Ok(())
    }

    fn by(&self, cause: &str) -> Metadata {
        Metadata::of_process("sync_repositories", self.ids.secret().to_string(), cause.to_owned())
    }
}

const CONFIGURING: &str = "settings";
