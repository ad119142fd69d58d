//! The port [`Numbers`] over sequences: a number is given once, in the order of the questions, and never again,
//! whatever becomes of what it was for.

use application::{
    failure::Failure,
    ports::packages::{Numbered, Numbers},
};
use async_trait::async_trait;
use domain::values::AccountId;
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
            .map_err(|error| no_number(&error))?;
        Ok(number.unsigned_abs())
    }

    /// Whoever comes second sees what the first one was given only in a statement of its own.
    async fn of_reviewer(&self, account: AccountId) -> Result<u64, Failure> {
        let known = async || {
            sqlx::query_scalar("select number from es.reviewers where account_id = $1")
                .bind(account.0)
                .fetch_optional(&self.pool)
                .await
        };
        let numbered = async {
            if let Some(number) = known().await? {
                return Ok(Some(number));
            }
            let given: Option<i64> = sqlx::query_scalar(
                "insert into es.reviewers (account_id) values ($1) on conflict (account_id) do nothing returning number",
            )
            .bind(account.0)
            .fetch_optional(&self.pool)
            .await?;
            if given.is_some() { Ok(given) } else { known().await }
        };
        let number: Option<i64> = numbered.await.map_err(|error: sqlx::Error| no_number(&error))?;
        number.map(i64::unsigned_abs).ok_or_else(Failure::internal)
    }
}

fn no_number(error: &sqlx::Error) -> Failure {
    tracing::warn!(%error, "there is no next number");
    Failure::internal()
}
