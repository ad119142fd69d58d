//! The marketplaces on one node: those of repositories, how they are read, and all of them as one.

use std::sync::Arc;

use anyhow::Context as _;
use application::{
    marketplace::OneMarketplace,
    ports::{blobs::Blobs, freshness::Freshness, marketplace::Upstreams},
    processes::sync_repositories::SyncRepositories,
    syncing::Syncing,
};
use infrastructure::{
    event_log::{LogCommands, LogWriter},
    postgres::Pools,
    subscription::{Freshly, Runner, Signals},
    system::System,
    turns::PgTurns,
};
use projections::{PgListings, PgRepositories};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{build_upstreams, open_database};
use crate::{services::Cataloguing, settings::Settings};

pub(super) fn build_syncing(
    pools: &Pools,
    writer: &LogWriter,
    freshness: &Arc<dyn Freshness>,
    upstreams: Arc<dyn Upstreams>,
) -> Syncing {
    Syncing {
        commands: Arc::new(LogCommands::new(pools, writer.clone())),
        repositories: Arc::new(PgRepositories::new(pools.reads.clone())),
        listings: Arc::new(PgListings::new(pools.reads.clone())),
        upstreams,
        turns: Arc::new(PgTurns::new(pools.clone())),
        freshness: freshness.clone(),
        clock: Arc::new(System),
    }
}

pub(super) fn one_marketplace(cataloguing: &Cataloguing, blobs: &Arc<dyn Blobs>) -> OneMarketplace {
    let upstreams = &cataloguing.syncing.upstreams;
    OneMarketplace {
        catalogue: cataloguing.catalogue.clone(),
        listings: cataloguing.syncing.listings.clone(),
        repositories: cataloguing.repositories.clone(),
        blobs: blobs.clone(),
        counting: cataloguing.counting.clone(),
        upstream: upstreams.configured(),
        upstreams: upstreams.clone(),
    }
}

pub(super) fn sync_repositories(settings: &Settings, syncing: &Syncing) -> SyncRepositories {
    SyncRepositories {
        syncing: syncing.clone(),
        ids: Arc::new(System),
        configured: settings.marketplace.url.reveal().clone(),
        every: settings.marketplace.sync_interval,
    }
}

/// Repositories for one command, on the database of the settings: it follows the log itself, so that what the command
/// writes shows when it returns, with or without a server beside it.
pub(crate) async fn with_repositories<T>(
    settings: &Settings,
    work: impl AsyncFnOnce(&Syncing) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let upstreams = Arc::new(build_upstreams(settings)?);
    let database = open_database(settings).await?;
    let signals = Signals::default();
    let (writer, writing) = LogWriter::new(&database.pools, &signals);
    let (running, stop) = (TaskTracker::new(), CancellationToken::new());
    running.spawn(writing);
    let runner =
        |projection| Arc::new(Runner::new(projection, database.pools.writes.clone(), signals.clone()));
    let runners: Vec<_> = projections::repositories().into_iter().map(runner).collect();
    for runner in &runners {
        let (runner, stop) = (runner.clone(), stop.clone());
        running.spawn(async move { runner.run(stop).await });
    }
    let freshness: Arc<dyn Freshness> = Arc::new(Freshly::new(&runners, database.pools.reads.clone()));
    let syncing = build_syncing(&database.pools, &writer, &freshness, upstreams);
    let process = sync_repositories(settings, &syncing);
    let done = async {
        process.begin().await.context("the marketplace of the settings")?;
        work(&syncing).await
    };
    let done = done.await;
    drop((writer, syncing, process));
    stop.cancel();
    running.close();
    running.wait().await;
    database.close().await;
    done
}
