//! One-time tickets in `es.tickets`: taking one removes it, so that it is good once on all nodes together.
//! The clock is the database's.

use std::time::Duration;

use application::{error::Error, ports::credentials::Tickets};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::values::KeyId;
use sqlx::PgPool;
use uuid::Uuid;

#[derive(Debug, Clone)]
pub struct PgTickets {
    pool: PgPool,
}

impl PgTickets {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl Tickets for PgTickets {
    async fn put(
        &self,
        ticket_sha256: [u8; 32],
        key: Option<KeyId>,
        lasts: Duration,
    ) -> Result<DateTime<Utc>, Error> {
        sqlx::query_scalar(
            "insert into es.tickets (sha256, key_id, expires_at) values ($1, $2, clock_timestamp() + $3)
             returning expires_at",
        )
        .bind(ticket_sha256)
        .bind(key.map(|key| key.0))
        .bind(lasts)
        .fetch_one(&self.pool)
        .await
        .map_err(|error| unavailable(&error))
    }

    async fn take(&self, ticket_sha256: [u8; 32]) -> Result<Option<Option<KeyId>>, Error> {
        let taken: Option<Option<Uuid>> = sqlx::query_scalar(
            "delete from es.tickets where sha256 = $1 and expires_at > clock_timestamp() returning key_id",
        )
        .bind(ticket_sha256)
        .fetch_optional(&self.pool)
        .await
        .map_err(|error| unavailable(&error))?;
        Ok(taken.map(|key| key.map(KeyId)))
    }
}

fn unavailable(error: &sqlx::Error) -> Error {
    tracing::debug!(%error, "tickets cannot be had");
    Error::unavailable()
}
