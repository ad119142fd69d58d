//! Reading operations.

use application::{
    error::Error,
    queries::operations::{OperationQueries, OperationView, Wanted},
};
use async_trait::async_trait;
use cqrs_es::Aggregate as _;
use domain::{
    operation::Operation,
    values::{Dialect, OperationId},
};
use sqlx::{PgPool, types::Json};

use super::Operations;
use crate::{
    per_stream::folded,
    reading::{bounded, unavailable},
};

#[derive(Debug, Clone)]
pub struct PgOperations {
    pool: PgPool,
}

impl PgOperations {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl OperationQueries for PgOperations {
    /// Its one stream: whoever runs it goes by what was written last.
    async fn operation(&self, id: OperationId) -> Result<Option<OperationView>, Error> {
        Ok(folded::<Operations>(&self.pool, Operation::TYPE, id).await.map_err(unavailable)?.view)
    }

    async fn numbered(&self, number: u64) -> Result<Option<OperationView>, Error> {
        let found = sqlx::query_scalar("select view from read.operations where number = $1")
            .bind(bounded(number))
            .fetch_optional(&self.pool);
        let found: Option<Json<OperationView>> = found.await.map_err(unavailable)?;
        Ok(found.map(|view| view.0))
    }

    async fn latest(&self, of: Wanted, limit: u32) -> Result<Vec<OperationView>, Error> {
        let found = sqlx::query_scalar(
            "select view from read.operations
             where ($1::text is null or dialect = $1) and ($2::uuid is null or owner = $2)
               and ($3::uuid is null or installation_id = $3)
             order by requested_at desc, operation_id limit $4",
        )
        .bind(of.dialect.map(Dialect::as_str))
        .bind(of.owner.map(|owner| owner.0))
        .bind(of.installation.map(|installation| installation.0))
        .bind(i64::from(limit))
        .fetch_all(&self.pool);
        let found: Vec<Json<OperationView>> = found.await.map_err(unavailable)?;
        Ok(found.into_iter().map(|view| view.0).collect())
    }

    async fn unfinished(&self, limit: u32) -> Result<Vec<OperationView>, Error> {
        let found =
            sqlx::query_scalar("select view from read.operations where not ended order by number limit $1")
                .bind(i64::from(limit))
                .fetch_all(&self.pool);
        let found: Vec<Json<OperationView>> = found.await.map_err(unavailable)?;
        Ok(found.into_iter().map(|view| view.0).collect())
    }
}
