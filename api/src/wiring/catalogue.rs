//! The catalogue on one node: its read models and the services over them.

mod unset;

use std::sync::Arc;

use application::{
    counting::Counting,
    ports::{blobs::Blobs, freshness::Freshness, vault::Vault},
    publishing::Publishing,
    reviewing::Reviewing,
};
use infrastructure::{
    event_log::{LogCommands, LogWriter},
    postgres::Pools,
    system::System,
};

pub(crate) use self::unset::Unset;
use crate::services::Cataloguing;

pub(super) fn build_cataloguing(
    pools: &Pools,
    writer: &LogWriter,
    freshness: &Arc<dyn Freshness>,
    blobs: &Arc<dyn Blobs>,
    vault: &Arc<dyn Vault>,
) -> Cataloguing {
    let catalogue = Arc::new(Unset);
    let reviews = Arc::new(Unset);
    let numbers = Arc::new(Unset);
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
        counting: Counting {
            downloads: Arc::new(LogCommands::new(pools, writer.clone())),
            freshness: freshness.clone(),
            clock: Arc::new(System),
        },
        catalogue,
        reviews,
        downloads: Arc::new(Unset),
        activity: Arc::new(Unset),
        repositories: Arc::new(Unset),
    }
}
