//! Loading a stream: the rows through `postgres-es`, the upcasters, the fold; or only its end. It reads the view `es.streams`, which
//! gives it the chain where it expects metadata: an aggregate needs the one and not the other.

use std::time::{Duration, Instant};

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

/// As many as the pool may hold.
const DEAD_CONNECTIONS: u32 = 8;
const PATIENCE: Duration = Duration::from_secs(2);

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
        let rows = again(|| async { Ok(self.events.get_events::<A>(id).await?) }).await?;
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

    /// Where the stream ends, and nothing of what it says.
    pub(super) async fn end<A: Aggregate>(&self, id: &str) -> Result<Folded<A>, LoadError> {
        let last = || async {
            Ok(sqlx::query_as::<_, (i64, Value)>(
                "select sequence, metadata from es.streams where aggregate_type = $1 and aggregate_id = $2
                  order by sequence desc limit 1",
            )
            .bind(A::TYPE)
            .bind(id)
            .fetch_optional(&self.pool)
            .await?)
        };
        let last = again(last).await?;
        let (version, chain) =
            last.map_or((0, chain::BEGINNING), |(version, read)| (version, chain::read(&read)));
        Ok(Folded { state: A::default(), version, chain })
    }

    /// The request hash and the answer that were stored under a key.
    pub(super) async fn answered(&self, once: &Once) -> Result<Option<(Vec<u8>, Value)>, LoadError> {
        let answer = || async {
            Ok(sqlx::query_as(
                "select request_hash, response from es.commands where scope = $1 and idempotency_key = $2",
            )
            .bind(&once.scope)
            .bind(&once.key)
            .fetch_optional(&self.pool)
            .await?)
        };
        again(answer).await
    }
}

/// The pool does not look after its connections before each use, so after a restart of the database every one of
/// them fails once.
async fn again<T, F>(mut read: impl FnMut() -> F) -> Result<T, LoadError>
where
    F: Future<Output = Result<T, LoadError>>,
{
    let began = Instant::now();
    for _ in 0..DEAD_CONNECTIONS {
        match read().await {
            Err(LoadError::Repository(_) | LoadError::Database(_)) if began.elapsed() < PATIENCE => {}
            read => return read,
        }
    }
    read().await
}
