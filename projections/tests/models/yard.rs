//! A log, and the read models that follow it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use domain::{
    download_log::{DownloadLogEvent, DownloadStream},
    plugin::PluginEvent,
    publisher::PublisherEvent,
    repository::RepositoryEvent,
    review::ReviewEvent,
    values::{Metadata, PluginId, ReviewId},
};
use infrastructure::{
    postgres::Pools,
    subscription::{Projection, Runner, Signals, first_generation, rebuild, statuses},
};
use projections::{PgActivity, PgCatalogue, PgDownloads, PgRepositories, PgReviews};
use serde::Serialize;
use sqlx::{ConnectOptions, PgConnection, postgres::PgConnectOptions};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::cluster::{Cluster, fresh_database};

pub(crate) struct Yard {
    options: PgConnectOptions,
    pub(crate) pools: Pools,
    signals: Signals,
    stop: CancellationToken,
    running: TaskTracker,
    _cluster: Arc<Cluster>,
}

/// Events of one stream, as they are stored.
pub(crate) struct Story {
    aggregate: &'static str,
    id: String,
    events: Vec<(String, serde_json::Value)>,
}

fn story<E: DomainEvent + Serialize>(aggregate: &'static str, id: String, events: Vec<E>) -> Story {
    let stored = |event: E| (event.event_type(), serde_json::to_value(event).unwrap());
    Story { aggregate, id, events: events.into_iter().map(stored).collect() }
}

pub(crate) fn plugin(id: PluginId, events: Vec<PluginEvent>) -> Story {
    story("plugin", id.to_string(), events)
}

pub(crate) fn publisher(name: &str, events: Vec<PublisherEvent>) -> Story {
    story("publisher", name.to_ascii_lowercase(), events)
}

pub(crate) fn review(id: ReviewId, events: Vec<ReviewEvent>) -> Story {
    story("review", id.to_string(), events)
}

pub(crate) fn repository(name: &str, events: Vec<RepositoryEvent>) -> Story {
    story("repository", name.to_owned(), events)
}

pub(crate) fn downloads(events: Vec<domain::download_log::DownloadRecorded>) -> Vec<Story> {
    let one = |recorded: domain::download_log::DownloadRecorded| {
        let stream = DownloadStream::of(&recorded).to_string();
        story("downloads", stream, vec![DownloadLogEvent::DownloadRecorded(recorded)])
    };
    events.into_iter().map(one).collect()
}

fn models() -> Vec<Arc<dyn Projection>> {
    let names =
        ["catalogue", "publishers", "reviews", "likes", "repositories", "activity", "notices", "downloads"];
    projections::all().into_iter().filter(|one| names.contains(&one.name())).collect()
}

impl Yard {
    pub(crate) async fn start() -> Self {
        let (options, cluster) = fresh_database().await;
        let yard = Self {
            pools: Pools::new(&options),
            options,
            signals: Signals::default(),
            stop: CancellationToken::new(),
            running: TaskTracker::new(),
            _cluster: cluster,
        };
        for projection in models() {
            first_generation(&mut yard.owner().await, projection.as_ref()).await.unwrap();
            let runner = Runner::new(projection, yard.pools.writes.clone(), yard.signals.clone());
            let stop = yard.stop.clone();
            yard.running.spawn(async move { runner.run(stop).await });
        }
        yard
    }

    pub(crate) async fn owner(&self) -> PgConnection {
        self.options.connect().await.unwrap()
    }

    /// Appends to the streams, a transaction each, and waits until every model shows it.
    pub(crate) async fn given(&self, stories: impl IntoIterator<Item = Story>) {
        let mut owner = self.owner().await;
        let metadata =
            serde_json::to_value(Metadata::of_process("test", String::new(), String::new())).unwrap();
        for story in stories {
            let (types, payloads): (Vec<String>, Vec<serde_json::Value>) = story.events.into_iter().unzip();
            sqlx::query(
                "insert into es.events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload,
                                        metadata)
                 select $1, $2, e.n + (select count(*) from es.events where aggregate_type = $1 and aggregate_id = $2),
                        e.event_type, '1', e.payload, $5
                   from unnest($3::text[], $4::jsonb[]) with ordinality as e (event_type, payload, n)",
            )
            .bind(story.aggregate)
            .bind(story.id)
            .bind(types)
            .bind(payloads)
            .bind(&metadata)
            .execute(&mut owner)
            .await
            .unwrap();
        }
        self.signals.appended.raise();
        self.settle().await;
    }

    /// Waits until every model has applied every event.
    pub(crate) async fn settle(&self) {
        for _ in 0..3000 {
            let statuses = statuses(&self.pools.reads).await.unwrap();
            for status in &statuses {
                assert!(status.parked.is_empty(), "{status:?}");
            }
            if statuses.iter().all(|status| status.lag == 0) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        panic!("the models did not catch up");
    }

    /// The law of read models: what the log makes at once is what it made step by step.
    pub(crate) async fn rebuilt_is_the_same(&self) {
        assert_eq!(self.rebuilt_as_others().await, Vec::<&str>::new());
    }

    /// Makes all models anew; those whose rows were not what the log says.
    pub(crate) async fn rebuilt_as_others(&self) -> Vec<&'static str> {
        self.settle().await;
        let mut others = Vec::new();
        for projection in models().into_iter().filter(|model| model.can_be_rebuilt()) {
            let mut owner = self.owner().await;
            let rebuilt = rebuild(&mut owner, &self.pools.writes, projection.as_ref(), |_| {}).await.unwrap();
            if !rebuilt.same_as_before {
                others.push(projection.name());
            }
        }
        others
    }

    pub(crate) fn catalogue(&self) -> PgCatalogue {
        PgCatalogue::new(self.pools.reads.clone())
    }

    pub(crate) fn reviews(&self) -> PgReviews {
        PgReviews::new(self.pools.reads.clone())
    }

    pub(crate) fn repositories(&self) -> PgRepositories {
        PgRepositories::new(self.pools.reads.clone())
    }

    pub(crate) fn downloads(&self) -> PgDownloads {
        PgDownloads::new(self.pools.reads.clone())
    }

    pub(crate) fn activity(&self) -> PgActivity {
        PgActivity::new(self.pools.reads.clone())
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// So many seconds after a day in the past.
pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
}
