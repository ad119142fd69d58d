//! Loading a stream: the rows through `postgres-es`, the upcasters, the fold.

use application::commands::Once;
use cqrs_es::{
    Aggregate,
    persist::{PersistedEventRepository, PersistenceError},
};
use postgres_es::PostgresEventRepository;
use serde_json::Value;
use sqlx::PgPool;

use super::{cache::Folded, chain};
use crate::{
    postgres::Pools,
    upcasters::{self, Stored},
};

pub(super) struct Loader {
    events: PostgresEventRepository,
    pool: PgPool,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error(transparent)]
    Repository(#[from] PersistenceError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error("event {0} of the stream is missing")]
    Hole(i64),
    #[error("event {0} of the stream cannot be read by this build: {1}")]
    Unreadable(i64, String),
}

impl Loader {
    pub(super) fn new(pools: &Pools) -> Self {
        let events =
            PostgresEventRepository::new(pools.writes.clone()).with_tables("es.events", "es.snapshots");
        Self { events, pool: pools.writes.clone() }
    }

    /// The whole stream, folded. An event this build does not know fails the load: an aggregate never guesses.
    pub(super) async fn load<A: Aggregate>(&self, id: &str) -> Result<Folded<A>, LoadError> {
        let rows = self.events.get_events::<A>(id).await?;
        let mut folded = Folded { state: A::default(), version: 0, chain: chain::BEGINNING };
        for row in rows {
            let sequence = i64::try_from(row.sequence).unwrap_or(i64::MAX);
            if sequence != folded.version + 1 {
                return Err(LoadError::Hole(folded.version + 1));
            }
            folded.version = sequence;
            let stored =
                Stored { event_type: row.event_type, event_version: row.event_version, payload: row.payload };
            for current in upcasters::upcast(stored) {
                let event = serde_json::from_value(current.payload)
                    .map_err(|error| LoadError::Unreadable(sequence, error.to_string()))?;
                folded.state.apply(event);
            }
        }
        if folded.version > 0 {
            folded.chain = self.chain_at::<A>(id, folded.version).await?;
        }
        Ok(folded)
    }

    async fn chain_at<A: Aggregate>(&self, id: &str, sequence: i64) -> Result<[u8; 32], LoadError> {
        let chain: Vec<u8> = sqlx::query_scalar(
            "select chain from es.events where aggregate_type = $1 and aggregate_id = $2 and sequence = $3",
        )
        .bind(A::TYPE)
        .bind(id)
        .bind(sequence)
        .fetch_one(&self.pool)
        .await?;
        // An event that came from outside this product carries no chain; the next one begins a new chain, and
        // `events verify` tells of it.
        Ok(chain.try_into().unwrap_or(chain::BEGINNING))
    }

    /// The request hash and the answer that were stored under a key.
    pub(super) async fn answered(&self, once: &Once) -> Result<Option<(Vec<u8>, Value)>, LoadError> {
        Ok(sqlx::query_as(
            "select request_hash, response from es.commands where scope = $1 and idempotency_key = $2",
        )
        .bind(&once.scope)
        .bind(&once.key)
        .fetch_optional(&self.pool)
        .await?)
    }
}
