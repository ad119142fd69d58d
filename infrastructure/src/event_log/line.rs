//! One connection of the writer, made when it is needed and again after it broke. A pool would look after it at every
//! use, which costs as much as a small statement.

use std::time::Duration;

use domain::recorded::Cursor;
use sqlx::PgConnection;
use tokio::time::timeout;

use super::{
    prepared::Append,
    statement::{self, Fault, Outcome},
};
use crate::postgres::Pools;

/// A statement that takes longer has lost its connection; it is given up, never cancelled.
const LONGEST: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(super) struct Line(Option<PgConnection>);

impl Line {
    pub(super) async fn store(&mut self, pools: &Pools, appends: &[Append]) -> Result<Vec<Outcome>, Fault> {
        let mut connection = self.take(pools).await?;
        let stored = timeout(LONGEST, statement::store(&mut connection, appends)).await;
        let stored = stored.unwrap_or(Err(Fault::Other(sqlx::Error::PoolTimedOut)));
        if !matches!(stored, Err(Fault::Other(_))) {
            self.0 = Some(connection);
        }
        stored
    }

    pub(super) async fn already_stored(
        &mut self,
        pools: &Pools,
        append: &Append,
    ) -> Result<Option<Cursor>, sqlx::Error> {
        let mut connection = self.take(pools).await?;
        let found = statement::already_stored(&mut connection, append).await?;
        self.0 = Some(connection);
        Ok(found)
    }

    async fn take(&mut self, pools: &Pools) -> Result<PgConnection, sqlx::Error> {
        match self.0.take() {
            Some(connection) => Ok(connection),
            None => {
                timeout(CONNECT, pools.append_connection()).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
            }
        }
    }
}
