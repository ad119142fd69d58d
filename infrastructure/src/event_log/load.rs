//! Loading a stream: the rows through `postgres-es`, the upcasters, the fold. It reads the view `es.streams`, which
//! gives it the chain where it expects metadata: an aggregate needs the one and not the other.

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
            PostgresEventRepository::new(pools.loads.clone()).with_tables("es.streams", "es.snapshots");
        Self { events, pool: pools.loads.clone() }
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
            folded.chain = chain::read(&row.metadata);
            let stored =
                Stored { event_type: row.event_type, event_version: row.event_version, payload: row.payload };
            for current in upcasters::upcast(stored) {
                let event = serde_json::from_value(current.payload)
                    .map_err(|error| LoadError::Unreadable(sequence, error.to_string()))?;
                folded.state.apply(event);
            }
        }
        Ok(folded)
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
