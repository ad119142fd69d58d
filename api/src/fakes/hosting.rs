//! Installed plugins in memory: what is asked for is done at once, by processes that do as they are told.

use std::sync::{Arc, Mutex};

use application::{
    Error,
    hosting::{Hosting, Router},
    known_state::Noticing,
    operating::{
        Operating,
        depending::{API_LEVEL, HostLevel},
    },
    ports::freshness::Freshness,
    queries::{
        operations::OperationQueries as _,
        telemetry::{Bucket, LogQueries, LogView, LogsWanted, MetricQueries, Resolution, Totals},
    },
    signal::Signal,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{
    installation::ResourceLimits,
    values::{InstallationId, OperationId},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::Fakes;
use crate::services::Hosted;

/// What plugins have said, and how they did.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) logs: Mutex<Vec<LogView>>,
    pub(crate) buckets: Mutex<Vec<Bucket>>,
    pub(crate) totals: Mutex<Totals>,
}

impl Fakes {
    pub(super) fn hosted(self: &Arc<Self>) -> Hosted {
        let (asked, moved) = (Signal::default(), Signal::default());
        let freshness: Arc<dyn Freshness> =
            Arc::new(Noticing { freshness: self.clone(), noticed: moved.clone() });
        let hosting = Hosting {
            commands: self.shelf.clone(),
            installations: self.shelf.clone(),
            host: self.yard.clone(),
            workplace: self.yard.clone(),
            storage: self.yard.clone(),
            vault: self.registry.clone(),
            freshness,
            clock: self.registry.clone(),
            ids: self.clone(),
            router: Arc::new(Router::opened()),
            level: HostLevel { nexus: API_LEVEL, platform: "linux" },
            limits: ResourceLimits::default(),
            patience: std::time::Duration::ZERO,
            require_sandbox: false,
        };
        let operating = Operating {
            operations: self.shelf.clone(),
            queries: self.shelf.clone(),
            hosting,
            catalogue: self.shelf.clone(),
            marketplace: self.clone(),
            downloads: self.clone(),
            reader: self.shelf.clone(),
            blobs: self.clone(),
            numbers: self.shelf.clone(),
            asked,
            moved,
        };
        TaskTracker::new().spawn(self.clone().operate(operating.clone()));
        Hosted { operating, logs: self.told.clone(), metrics: self.told.clone() }
    }

    /// One after another, as long as anybody can ask.
    async fn operate(self: Arc<Self>, operating: Operating) {
        let mut asked = operating.asked.waiter();
        loop {
            asked.raised().await;
            if self.lock().idle {
                continue;
            }
            for id in self.waiting().await {
                operating.run(id, "node", CancellationToken::new()).await;
            }
        }
    }

    async fn waiting(&self) -> Vec<OperationId> {
        let unfinished = self.shelf.unfinished(100).await.unwrap();
        unfinished.into_iter().map(|view| view.id).collect()
    }
}

#[async_trait]
impl LogQueries for Told {
    async fn logs(&self, wanted: &LogsWanted) -> Result<(Vec<LogView>, u64), Error> {
        let fits = |view: &LogView| {
            let text = wanted.search.as_ref().map(|text| text.to_lowercase());
            wanted.level.is_none_or(|level| view.level == level)
                && wanted.from.is_none_or(|from| view.at >= from)
                && wanted.until.is_none_or(|until| view.at < until)
                && text.is_none_or(|text| view.text.to_lowercase().contains(&text))
        };
        let mut found: Vec<LogView> =
            self.logs.lock().unwrap().iter().filter(|view| fits(view)).cloned().collect();
        found.sort_by_key(|view| std::cmp::Reverse(view.at));
        let total = found.len() as u64;
        let offset = usize::try_from(wanted.offset).unwrap();
        Ok((found.into_iter().skip(offset).take(wanted.limit as usize).collect(), total))
    }
}

#[async_trait]
impl MetricQueries for Told {
    async fn buckets(
        &self,
        _: InstallationId,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        resolution: Resolution,
    ) -> Result<Vec<Bucket>, Error> {
        let mut found: Vec<Bucket> = Vec::new();
        for bucket in self.buckets.lock().unwrap().iter().filter(|bucket| (from..until).contains(&bucket.at))
        {
            let at = resolution.floor(bucket.at);
            match found.last_mut() {
                Some(last) if last.at == at => last.merge(bucket),
                Some(_) | None => found.push(Bucket { at, ..bucket.clone() }),
            }
        }
        Ok(found)
    }

    async fn totals(&self, _: InstallationId) -> Result<Totals, Error> {
        Ok(*self.totals.lock().unwrap())
    }
}
