//! The port [`Numbers`] over sequences: a number is given once, in the order of the questions, and never again,
//! whatever becomes of what it was for.

use application::{
    failure::Failure,
    ports::packages::{Numbered, Numbers},
};
use async_trait::async_trait;
use sqlx::PgPool;

#[derive(Debug, Clone)]
pub struct PgNumbers {
    pool: PgPool,
}

impl PgNumbers {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

fn sequence(of: Numbered) -> &'static str {
    match of {
        Numbered::Plugin => "es.plugin_numbers",
        Numbered::Publisher => "es.publisher_numbers",
        Numbered::Review => "es.review_numbers",
        Numbered::User => "es.user_numbers",
        Numbered::Operation => "es.operation_numbers",
    }
}

#[async_trait]
impl Numbers for PgNumbers {
    async fn next(&self, of: Numbered) -> Result<u64, Failure> {
        let number: i64 = sqlx::query_scalar("select nextval($1::regclass)")
            .bind(sequence(of))
            .fetch_one(&self.pool)
            .await
            .map_err(|error| {
                tracing::warn!(%error, ?of, "there is no next number");
                Failure::internal()
            })?;
        Ok(number.unsigned_abs())
    }
}
