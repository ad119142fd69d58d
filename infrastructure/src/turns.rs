//! Turns as advisory locks: each has a connection of its own, and ends with it.

use application::{
    error::Error,
    ports::turns::{Turn, Turns},
};
use async_trait::async_trait;
use tokio::sync::Mutex;

use crate::postgres::Pools;

pub struct PgTurns {
    pools: Pools,
}

impl PgTurns {
    pub fn new(pools: Pools) -> Self {
        Self { pools }
    }

    async fn locked(&self, what: &str) -> Result<Option<sqlx::PgConnection>, sqlx::Error> {
        let mut alone = self.pools.own_connection().await?;
        let has_it: bool =
            sqlx::query_scalar("select pg_try_advisory_lock(hashtextextended('turn:' || $1, 0))")
                .bind(what)
                .fetch_one(&mut alone)
                .await?;
        Ok(has_it.then_some(alone))
    }
}

#[async_trait]
impl Turns for PgTurns {
    async fn take(&self, what: &str) -> Result<Option<Turn>, Error> {
        let held = self.locked(what).await.map_err(|error| {
            tracing::debug!(%error, "the database did not answer");
            Error::unavailable()
        })?;
        // A connection is used by one at a time; here by nobody.
        Ok(held.map(|connection| Turn::new(Mutex::new(connection))))
    }
}
