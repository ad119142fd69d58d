//! The catalogue on one node: its read models and the services over them.

mod unset;

use std::sync::Arc;

use application::{
    counting::Counting,
    known_state::KnownState,
    ports::{blobs::Blobs, freshness::Freshness},
    publishing::Publishing,
    queries::{catalogue::CatalogueQueries, repositories::RepositoryQueries},
    reviewing::Reviewing,
    signal::Signal,
};
use infrastructure::{
    event_log::{LogCommands, LogWriter},
    marketplace::HttpUpstreams,
    postgres::Pools,
    system::System,
};
use tokio_util::task::TaskTracker;

pub(crate) use self::unset::Unset;
use super::marketplace::build_syncing;
use crate::{
    conditional::Validators,
    services::{Cataloguing, Identifying},
};

pub(super) fn build_cataloguing(
    pools: &Pools,
    writer: &LogWriter,
    freshness: &Arc<dyn Freshness>,
    blobs: &Arc<dyn Blobs>,
    identifying: &Identifying,
    upstreams: &Arc<HttpUpstreams>,
    changes: &[&Signal],
) -> Cataloguing {
    let (counting, recording) = Counting::new(
        Arc::new(LogCommands::new(pools, writer.clone())),
        freshness.clone(),
        Arc::new(System),
        Arc::new(System),
        identifying.address_key.clone(),
    );
    // Ends with its last handle; whoever downloads waits for it.
    TaskTracker::new().spawn(recording);
    let vault = &identifying.identity.vault;
    let catalogue: Arc<dyn CatalogueQueries> = Arc::new(Unset);
    let known = KnownState::new(catalogue.clone(), changes);
    let reviews = Arc::new(Unset);
    let numbers = Arc::new(Unset);
    let repositories: Arc<dyn RepositoryQueries> = Arc::new(Unset);
    Cataloguing {
        publishing: Publishing {
            plugins: Arc::new(LogCommands::new(pools, writer.clone())),
            publishers: Arc::new(LogCommands::new(pools, writer.clone())),
            claims: Arc::new(LogCommands::new(pools, writer.clone())),
            catalogue: catalogue.clone(),
            reader: Arc::new(Unset),
            scanner: Arc::new(Unset),
            numbers: numbers.clone(),
            blobs: blobs.clone(),
            freshness: freshness.clone(),
            clock: Arc::new(System),
            ids: Arc::new(System),
        },
        reviewing: Reviewing {
            reviews: Arc::new(LogCommands::new(pools, writer.clone())),
            queries: reviews.clone(),
            catalogue: catalogue.clone(),
            numbers,
            vault: vault.clone(),
            freshness: freshness.clone(),
            clock: Arc::new(System),
        },
        counting,
        validators: Arc::new(Validators::new(known, Arc::new(System))),
        catalogue,
        reviews,
        downloads: Arc::new(Unset),
        activity: Arc::new(Unset),
        syncing: build_syncing(pools, writer, freshness, repositories.clone(), upstreams.clone()),
        repositories,
    }
}
