//! The catalogue on one node: its read models and the services over them.

use std::sync::Arc;

use application::{
    counting::Counting,
    known_state::KnownState,
    ports::{blobs::Blobs, freshness::Freshness},
    publishing::Publishing,
    queries::catalogue::CatalogueQueries,
    reviewing::Reviewing,
    signal::Signal,
};
use infrastructure::{
    event_log::{LogCommands, LogWriter},
    isolation::Isolation,
    numbers::PgNumbers,
    packages::IsolatedReader,
    postgres::Pools,
    scanner::{CommandScanner, ScanCommand},
    system::System,
};
use projections::{PgActivity, PgCatalogue, PgDownloads, PgRepositories, PgReviews};
use tokio_util::task::TaskTracker;

use super::{
    marketplace::build_syncing,
    packaging::{build_upstreams, this_program},
};
use crate::{
    conditional::Validators,
    services::{Cataloguing, Identifying},
    settings::Settings,
};

pub(super) fn build_cataloguing(
    settings: &Settings,
    pools: &Pools,
    writer: &LogWriter,
    freshness: &Arc<dyn Freshness>,
    blobs: &Arc<dyn Blobs>,
    identifying: &Identifying,
    changes: &[&Signal],
) -> anyhow::Result<Cataloguing> {
    let (counting, recording) = Counting::new(
        Arc::new(LogCommands::of_history(pools, writer.clone())),
        freshness.clone(),
        Arc::new(System),
        Arc::new(System),
        identifying.address_key.clone(),
    );
    // Ends with its last handle; whoever downloads waits for it.
    TaskTracker::new().spawn(recording);
    let vault = &identifying.identity.vault;
    let catalogue: Arc<dyn CatalogueQueries> = Arc::new(PgCatalogue::new(pools.reads.clone()));
    let known = KnownState::new(catalogue.clone(), changes);
    let reviews = Arc::new(PgReviews::new(pools.reads.clone()));
    let numbers = Arc::new(PgNumbers::new(pools.writes.clone()));
    let program = this_program()?;
    let attendant = Some(program.clone());
    let scan = settings.scan_command.clone().map(|scan| ScanCommand { attendant, ..scan });
    Ok(Cataloguing {
        publishing: Publishing {
            plugins: Arc::new(LogCommands::new(pools, writer.clone())),
            publishers: Arc::new(LogCommands::new(pools, writer.clone())),
            claims: Arc::new(LogCommands::new(pools, writer.clone())),
            catalogue: catalogue.clone(),
            reader: Arc::new(IsolatedReader::new(Isolation::new(program))),
            scanner: Arc::new(CommandScanner::new(scan)),
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
        downloads: Arc::new(PgDownloads::new(pools.reads.clone())),
        activity: Arc::new(PgActivity::new(pools.reads.clone())),
        repositories: Arc::new(PgRepositories::new(pools.reads.clone())),
        syncing: build_syncing(pools, writer, freshness, Arc::new(build_upstreams(settings)?)),
    })
}
